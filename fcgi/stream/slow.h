/*
 * slow.h - the streams whose client does not read, for the site's owner.
 *
 * A stream is slow while its socket is full.  All of them are counted.  Some
 * are listed: one that becomes slow takes a free place, and leaves it when it
 * is not slow any more.  Those that are slow for a moment make room soon, so it
 * is those that stay slow who are listed.
 */
#ifndef SLOW_H
#define SLOW_H

#include "fcgi/stream/hub.h"

/* The stream is blocked now, and was not before. */
void slow_begins(struct hub *, struct stream *);
/* It is blocked still: it takes a place if one has become free. */
void slow_goes_on(struct hub *, struct stream *);
/* It is not blocked any more, or it ends. */
void slow_ends(struct hub *, struct stream *);

#endif
