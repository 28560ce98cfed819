/*
 * browsers.h - streams that share connections of HTTP/2, as those of the tabs
 * of a browser do.
 *
 * All streams of a browser begin together.  They do not come back.
 */
#ifndef BROWSERS_H
#define BROWSERS_H

#include "crowd.h"

/* The next of the group: its streams from first on, n of them. */
void browser_begin(struct crowd *, struct stream *first, size_t n);

/* Its descriptor is ready. */
void browser_ready(struct browser *);

/* The connection; its streams are ended by crowd_end. */
void browser_free(struct browser *);

#endif
