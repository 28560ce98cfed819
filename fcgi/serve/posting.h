/*
 * posting.h - a POST that waits for the writer.
 *
 * The body is with the writer.  Of the request only the receiver of the answer
 * is kept.
 */
#ifndef POSTING_H
#define POSTING_H

#include "fcgi/serve/answer.h"

/*
 * Keeps a copy of an answer that waits for its ticket, and makes owner the
 * owner of the ticket: owner is told the result.  NULL without memory: then
 * nobody is told.
 */
struct answering *posting_begin(const struct answering *, void *owner);

/*
 * Sends the answer for a result, or for a lost one (NULL), and frees the
 * answer.  False: the connection cannot be used any more.
 */
bool posting_end(struct answering *, struct publisher *, const char *result);

/* The client has gone: frees the answer.  Takes NULL. */
void posting_leave(struct answering *);

#endif
