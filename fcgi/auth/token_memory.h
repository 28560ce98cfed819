/*
 * token_memory.h - tokens whose signature was found good not long ago.
 *
 * A publisher sends the same token with each POST, and checking a signature
 * costs more than all else that is done for a request.  The bytes of a good
 * one are kept with its claims; the same bytes are good again, as long as the
 * keys are the same.  Times, issuer and audience are not remembered: whoever
 * recalls claims checks them.
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

/* The claims, to be given back with json_decref; NULL: not known. */
struct json_t *token_recall(
    const struct token_memory *, const char *s, size_t len);

/* Its signature is good, and these are its claims. */
void token_remember(
    struct token_memory *, const char *s, size_t len, struct json_t *claims);

/* The keys have changed, or it is over. */
void token_forget_all(struct token_memory *);

#endif
