/*
 * kind.h - is this a secret, or key material in a form that we do not take?
 *
 * Whatever is no PEM file of public keys would be a secret for HS256.  If the
 * file is a public key in another form, everybody who knows that key could
 * make tokens.  So such a file is recognised, and refused at the start.
 *
 * A secret may be any bytes, also random ones: what is recognised has marks
 * that random bytes do not have by chance.
 */
#ifndef KIND_H
#define KIND_H

#include <stdbool.h>
#include <stddef.h>

/* Is it text with a PEM block? */
bool kind_is_pem(const unsigned char *bytes, size_t len);

/*
 * NULL if all blocks of this PEM text are public keys, or else what one of them
 * is, and what to give instead.
 */
const char *kind_of_pem(const unsigned char *bytes, size_t len);

/*
 * NULL if these bytes look like no key material; or else what they are, and
 * what to give instead.
 */
const char *kind_of_bytes(const unsigned char *bytes, size_t len);

/* The same for bytes that are no text: binary.c. */
const char *kind_of_binary(const unsigned char *bytes, size_t len);

#endif
