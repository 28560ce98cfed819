/*
 * signed.h - a signed address (request/signed.c), checked.
 *
 * Pure.  Nothing of an address is used before its signature was found good.
 */
#ifndef AUTH_SIGNED_H
#define AUTH_SIGNED_H

#include "fcgi/auth/token.h"
#include "fcgi/request/request.h"

/* Is one of the keys a secret, by which an address could be signed? */
bool signed_has_key(const struct keys *);

/* NULL if the address is valid now; or why it is not, one constant line. */
const char *signed_wrong(
    const struct request_signed *, const struct token_rules *);

#endif
