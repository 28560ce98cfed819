/*
 * base64.h - base64url without padding, as JOSE has it (RFC 7515, section 2).
 *
 * Strict: one text for one string of bytes, or a token could be changed
 * without its signature noticing.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The most bytes that a text of this length stands for. */
#define BASE64_BYTES(len) ((len) / 4 * 3 + 2)

/*
 * Decodes into to, which has BASE64_BYTES(len).  Returns how many bytes, or
 * -1 for what is no base64url: other characters, padding, bits left over.
 */
ssize_t base64url_decode(uint8_t *to, const char *s, size_t len);

#endif
