/*
 * signature.h - the signature of a token, checked and made (RFC 7518, 3).
 *
 * Pure.  The key says which algorithm it is.
 */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include "fcgi/auth/keys.h"

enum {
	SIGNATURE_MAX = KEYS_RSA_MAX / 8 /* bytes */
};

/* Is this the signature of the text by this key? */
bool signature_good(const struct key *, const char *text, size_t len,
    const uint8_t *signature, size_t signature_len);

/* Signs with a secret or a private key.  How many bytes, or 0 if it failed. */
size_t signature_make(const struct key *, const char *text, size_t len,
    uint8_t signature[SIGNATURE_MAX]);

#endif
