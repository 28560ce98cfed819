/*
 * credential.h - where in a request the token stands.
 *
 * Pure.  Authorization, then the cookie, then the query: the first that is
 * there counts, and when it is no good the others are not tried.
 */
#ifndef CREDENTIAL_H
#define CREDENTIAL_H

#include "fcgi/auth/allow.h"

/*
 * Sets s and len to the token, not yet known to be one.  `Bearer` alone is
 * an empty token; an Authorization of another scheme is the web server's
 * business; a cookie without a value is one that was taken away.
 */
enum allow_by credential_find(const struct request *, const char *cookie_name,
    const char **s, size_t *len);

#endif
