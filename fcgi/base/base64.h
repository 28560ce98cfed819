/*
 * base64.h - base64url without padding, as in JOSE (RFC 7515, section 2).
 *
 * Strict: each string of bytes has exactly one text.  Otherwise somebody could
 * change the text of a token and its signature would still be valid.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The most bytes that a text of this length is decoded to. */
#define BASE64_BYTES(len) ((len) / 4 * 3 + 2)

/*
 * Decodes into to, which has BASE64_BYTES(len).  Returns how many bytes, or -1
 * if it is no base64url: other characters, padding, or bits that are left over.
 */
ssize_t base64url_decode(uint8_t *to, const char *s, size_t len);

/* The length of the text of so many bytes, with its NUL. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* Encodes into to, which has BASE64_SIZE(len).  Returns the text's length. */
size_t base64url_encode(char *to, const uint8_t *bytes, size_t len);

#endif
