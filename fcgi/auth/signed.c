/*
 * signed.c - a signed address, checked.
 *
 * It is checked as a token without a kid is: with the secrets one after the
 * other, and with no more than TOKEN_TRIES of them.
 */
#include <string.h>

#include "fcgi/auth/signature.h"
#include "fcgi/auth/signed.h"

bool
signed_has_key(const struct keys *keys)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (keys->v[i].alg == KEY_HS256)
			return true;
	return false;
}

static const char *
check_mac(const struct request_signed *sign, const struct keys *keys)
{
	size_t i, tries = 0;

	for (i = 0; i < keys->n; i++) {
		if (keys->v[i].alg != KEY_HS256)
			continue;
		if (tries++ == TOKEN_TRIES)
			return "sign: the signature is by none of the first 8 "
			       "secrets, and no other is tried";
		if (signature_good(&keys->v[i], sign->text, sign->len,
			sign->mac, sizeof(sign->mac)))
			return NULL;
	}
	return "sign: the signature is not that of what stands before it, by a "
	       "secret known here";
}

/* Does the address say this name?  NULL: it need not say any. */
static bool
says(
    const struct request_signed *sign, enum request_said what, const char *name)
{
	const char *s = sign->said[what].s;

	return name == NULL ||
	       (s != NULL && sign->said[what].size == strlen(name) &&
		   memcmp(s, name, strlen(name)) == 0);
}

const char *
signed_wrong(const struct request_signed *sign, const struct token_rules *rules)
{
	const char *wrong = check_mac(sign, rules->keys);

	if (wrong != NULL)
		return wrong;
	if (rules->now_ms >= sign->expires_ms + rules->leeway_ms)
		return "sign: expired";
	if (token_lives_too_long(sign->expires_ms, sign->issued_ms,
		sign->said[SAID_IAT].s != NULL, rules))
		return "sign: good for longer than --max-token-age";
	if (!says(sign, SAID_ISS, rules->issuer))
		return "sign: of another issuer (iss)";
	if (!says(sign, SAID_AUD, rules->audience))
		return "sign: for another audience (aud)";
	return NULL;
}
