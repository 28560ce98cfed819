/*
 * credential.h - where in a request a token stands.
 *
 * Pure.  First the header Authorization, then the cookie, then the query.  The
 * first one that is there counts: if it is refused, the others are not tried.
 */
#ifndef CREDENTIAL_H
#define CREDENTIAL_H

#include "fcgi/auth/allow.h"

/*
 * Sets s and len to the token, which is not checked here.  `Bearer` alone is
 * an empty token.  An Authorization of another scheme is for the web server
 * and is passed over.  So is a cookie without a value, which a site sets to
 * remove it.
 */
enum allow_by credential_find(const struct request *, const char *cookie_name,
    const char **s, size_t *len);

#endif
