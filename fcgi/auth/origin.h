/*
 * origin.h - which site's page sends this request, and what its browser is to
 * be told (Fetch, sections 3.2 and 3.5).
 *
 * Pure.  An origin is allowed when it is listed, letter by letter.  Pages of
 * allowed origins may use cookies; `*` lets all others read what they have a
 * token for, without cookies.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "fcgi/base/options.h"
#include "fcgi/request/request.h"

enum origin {
	ORIGIN_OWN, /* our own page, or no page at all */
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
 * The header lines that every answer to this request has, refusals as well,
 * or the page would not learn the status.  Returns buf.
 */
const char *origin_headers(const struct option_list *allowed,
    const struct request *, char buf[ORIGIN_HEADERS_SIZE]);

/* What is wrong with an origin of the list, or NULL. */
const char *origin_wrong(const char *origin);

#endif
