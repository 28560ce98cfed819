/*
 * without.c - what the static build answers where libjwt is missing.
 *
 * Debian has no libjwt that can be linked statically.  So `make static` leaves
 * out the files that need it (STATIC_OUT in the Makefile), and the functions
 * here take their place: each refuses and says why.  None of them may look as
 * if it worked: a responder that is given keys does not start.
 */
#include <stdio.h>

#include "fcgi/auth/token.h"

#define NO_JWT "this program was built without libjwt"

int __wrap_keys_read(struct keys *, const struct option_list *,
    const struct option_list *, char *, size_t);
int __real_keys_read(struct keys *, const struct option_list *,
    const struct option_list *, char *, size_t);

/* The linker makes every caller of keys_read call this function. */
int
__wrap_keys_read(struct keys *keys, const struct option_list *key_files,
    const struct option_list *jwks_files, char *why, size_t size)
{
	if (key_files->n + jwks_files->n == 0)
		return __real_keys_read(keys, key_files, jwks_files, why, size);
	keys->n = 0;
	snprintf(why, size, "tokens: " NO_JWT);
	return -1;
}

struct json_t *
token_read(const char *s, size_t len, const struct token_rules *rules,
    const char **why)
{
	(void)s, (void)len, (void)rules;
	*why = NO_JWT;
	return NULL;
}

int
token_time(const struct json_t *claims, const char *name, int64_t *ms)
{
	(void)claims, (void)name, (void)ms;
	return 0;
}
