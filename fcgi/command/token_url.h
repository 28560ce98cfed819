/*
 * token_url.h - a signed address, for `largesse token --url`.
 */
#ifndef TOKEN_URL_H
#define TOKEN_URL_H

#include <stdint.h>

#include "fcgi/auth/keys.h"

struct token_url {
	const char *base; /* of the stream, such as /events */
	const struct option_list *topics;
	int64_t expires, issued;		 /* seconds since 1970 */
	const char *subject, *issuer, *audience; /* or NULL */
};

/* NULL, or what is wrong with the address of a stream. */
const char *token_url_wrong(const char *base);

/* The address, to be freed.  NULL without memory. */
char *token_url(const struct token_url *, const struct key *secret);

#endif
