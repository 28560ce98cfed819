/*
 * token.h - a JSON Web Token (RFC 7519), checked.
 *
 * Pure.  A token is checked with keys that are for its algorithm, and with no
 * other.  No claim is used before its signature was found good.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "fcgi/auth/keys.h"

enum {
	TOKEN_MAX = 8192, /* bytes */
	TOKEN_TRIES = 8	  /* keys that are tried for one token */
};

struct json_t;

struct token_rules {
	const struct keys *keys;
	const char *issuer, *audience; /* NULL: any */
	int64_t leeway_ms;
	int64_t max_age_ms; /* it has to expire within; 0: it need not */
	int64_t now_ms;	    /* since 1970 */
};

/*
 * The claims of a token that is valid now, to be given back with json_decref.
 * NULL, and why is one constant line.
 */
struct json_t *token_read(
    const char *s, size_t len, const struct token_rules *, const char **why);

/*
 * Does what was issued (if that is known) and expires at these times, in ms
 * since 1970, live longer than the rules allow?
 */
bool token_lives_too_long(
    int64_t exp, int64_t iat, bool has_iat, const struct token_rules *);

/*
 * A time among the claims (exp, nbf, iat) in ms since 1970, cut to a range in
 * which sums do not overflow.  1; 0 if there is none; -1 if it is no time.
 */
int token_time(const struct json_t *claims, const char *name, int64_t *ms);

#endif
