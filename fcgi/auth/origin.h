/*
 * origin.h - which site's page sent a request, and which CORS headers its
 * browser gets (Fetch, sections 3.2 and 3.5).
 *
 * Pure.  An origin is allowed when the list has the same scheme, host and port.
 * Pages of allowed origins may use cookies.  With `*` in the list, pages of all
 * other sites may read what they have a token for, but without cookies.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "fcgi/base/options.h"
#include "fcgi/request/request.h"

enum origin {
	ORIGIN_OWN, /* a page of our own site, or no page */
	ORIGIN_LISTED,
	ORIGIN_ANY, /* by `*` */
	ORIGIN_FOREIGN
};

enum {
	ORIGIN_BYTES = 255, /* of an origin */
	ORIGIN_HEADERS_SIZE = 640
};

enum origin origin_of(
    const struct option_list *allowed, const struct request *);

/*
 * The header lines of every answer to this request.  A refusal has them too:
 * without them the page would not learn the status.  Returns buf.
 */
const char *origin_headers(const struct option_list *allowed,
    const struct request *, char buf[ORIGIN_HEADERS_SIZE]);

/* What is wrong with an origin of the list, or NULL. */
const char *origin_wrong(const char *origin);

#endif
