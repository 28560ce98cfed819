/*
 * posting.h - a POST that waits for the writer.
 *
 * The body went to the writer.  All that is kept of the request is whom the
 * answer goes to.
 */
#ifndef POSTING_H
#define POSTING_H

#include "fcgi/serve/answer.h"

/*
 * Keeps a copy of an answer that waits for its ticket, whose result owner is
 * told.  NULL without memory: then nobody is told.
 */
struct answering *posting_begin(const struct answering *, void *owner);

/*
 * Answers with a result, or with none (NULL), and is gone.  False: the
 * connection is of no more use.
 */
bool posting_end(struct answering *, struct publisher *, const char *result);

/* Nobody is there to take the answer any more.  Takes NULL. */
void posting_leave(struct answering *);

#endif
