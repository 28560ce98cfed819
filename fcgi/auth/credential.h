/*
 * credential.h - where in a request a token stands.
 *
 * Pure.  First the header Authorization, then the cookie, then the query.  The
 * first of these places that has a token counts: if what it has is refused, the
 * others are not tried.
 *
 * A cookie and a query may have several tokens in one place.  A browser sends a
 * cookie of the host and one of the domain under one name, the older one first.
 * So the first one that is good counts.
 */
#ifndef CREDENTIAL_H
#define CREDENTIAL_H

#include "fcgi/auth/allow.h"

enum {
	CREDENTIALS_MAX = 4 /* of one place that are looked at */
};

struct credentials {
	enum allow_by by; /* the place */
	size_t n;	  /* 1 or more, unless it is ALLOW_BY_NOTHING */
	struct {
		const char *s; /* len bytes of the request */
		size_t len;
	} v[CREDENTIALS_MAX];
};

/*
 * Finds the tokens, which are not checked here.  `Bearer` alone is an empty
 * token.  An Authorization of another scheme is for the web server and is
 * passed over.  So is a cookie without a value, which a site sets to remove it.
 */
void credentials_find(
    struct credentials *, const struct request *, const char *cookie_name);

#endif
