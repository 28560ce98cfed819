/*
 * token_memory.h - tokens whose signature was checked not long ago.
 *
 * A publisher sends the same token with each POST, and checking its signature
 * costs more than everything else that is done for the request.  So the bytes
 * of a valid token are kept with its claims.  The same bytes are valid again
 * as long as the keys are the same.  Times, issuer and audience can become
 * wrong later: whoever recalls claims checks these again.
 */
#ifndef TOKEN_MEMORY_H
#define TOKEN_MEMORY_H

#include <stddef.h>

enum {
	TOKEN_MEMORY_SLOTS = 64, /* a token has its place in one of them */
	TOKEN_MEMORY_MAX = 1024	 /* bytes of a token that is remembered */
};

struct json_t;

/* All zero at first. */
struct token_memory {
	struct {
		char *token; /* len bytes; NULL: nothing is here */
		size_t len;
		struct json_t *claims;
	} slots[TOKEN_MEMORY_SLOTS];
};

/* The claims, to be given back with json_decref; NULL: not remembered. */
struct json_t *token_recall(
    const struct token_memory *, const char *s, size_t len);

/* Remembers a token whose signature is valid, and its claims. */
void token_remember(
    struct token_memory *, const char *s, size_t len, struct json_t *claims);

/* When the keys have changed, and at the end. */
void token_forget_all(struct token_memory *);

#endif
