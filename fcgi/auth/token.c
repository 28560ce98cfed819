/*
 * token.c - a JSON Web Token, checked.
 *
 * libjwt 1.10 leaves some checks to its caller, and they are made here before
 * it sees the token: the length (libjwt decodes on the stack), other bytes in
 * the base64, an `alg` that is not the key's, members that stand twice, and
 * `crit`.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <jwt.h>

#include "fcgi/base/base64.h"
#include "fcgi/auth/token.h"

/* The three parts of a token. */
struct parts {
	const char *s[3];
	size_t len[3];
};

static bool
split_token(const char *s, size_t len, struct parts *p)
{
	const char *end = s + len, *dot;
	int i;

	for (i = 0; i < 3; i++) {
		dot = memchr(s, '.', (size_t)(end - s));
		if ((dot == NULL) != (i == 2))
			return false;
		p->s[i] = s;
		p->len[i] = (size_t)((dot != NULL ? dot : end) - s);
		if (p->len[i] == 0)
			return false;
		s += p->len[i] + (dot != NULL);
	}
	return true;
}

/* A part as a JSON object without duplicate members, or NULL. */
static json_t *
decode_part(const struct parts *p, int i)
{
	uint8_t bytes[BASE64_BYTES(TOKEN_MAX)];
	ssize_t n = base64url_decode(bytes, p->s[i], p->len[i]);
	json_t *js = NULL;

	if (n > 0)
		js = json_loadb(
		    (char *)bytes, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	if (js != NULL && !json_is_object(js)) {
		json_decref(js);
		js = NULL;
	}
	return js;
}

static bool
is_text(const json_t *object, const char *name, const char *value)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s != NULL && strcmp(s, value) == 0;
}

/* --- the signature ------------------------------------------------------ */

static bool
key_fits(const struct key *k, const json_t *header)
{
	const json_t *kid = json_object_get(header, "kid");

	return is_text(header, "alg", key_alg_name(k->alg)) &&
	       (k->kid == NULL || kid == NULL ||
		   is_text(header, "kid", k->kid));
}

static bool
signed_by(const char *token, const struct key *k)
{
	static const jwt_alg_t algs[] = {[KEY_HS256] = JWT_ALG_HS256,
	    [KEY_RS256] = JWT_ALG_RS256,
	    [KEY_ES256] = JWT_ALG_ES256};
	jwt_t *jwt = NULL;
	bool ok;

	ok = jwt_decode(&jwt, token, k->bytes, (int)k->len) == 0 &&
	     jwt_get_alg(jwt) == algs[k->alg];
	jwt_free(jwt);
	return ok;
}

/* NULL, or what is wrong with it. */
static const char *
check_header(const json_t *header)
{
	const json_t *kid = json_object_get(header, "kid");

	if (!is_text(header, "alg", "HS256") &&
	    !is_text(header, "alg", "RS256") &&
	    !is_text(header, "alg", "ES256"))
		return "token: its alg is none of HS256, RS256 and ES256";
	if (kid != NULL && !json_is_string(kid))
		return "token: its kid is no text";
	if (json_object_get(header, "crit") != NULL)
		return "token: its header asks for what is not known here";
	return NULL;
}

static const char *
check_signature(
    const char *token, const json_t *header, const struct keys *keys)
{
	bool tried = false;
	size_t i;

	for (i = 0; i < keys->n; i++) {
		if (!key_fits(&keys->v[i], header))
			continue;
		if (signed_by(token, &keys->v[i]))
			return NULL;
		tried = true;
	}
	return tried ? "token: its signature is not by a key known here"
		     : "token: no key here is for its alg and kid";
}

/* --- the claims --------------------------------------------------------- */

int
token_time(const json_t *claims, const char *name, int64_t *ms)
{
	static const double most = 1e12; /* seconds: no clock goes so far */
	const json_t *v = json_object_get(claims, name);
	double s = json_number_value(v);

	if (v == NULL)
		return 0;
	if (!json_is_number(v))
		return -1;
	s = s > most ? most : s < -most ? -most : s;
	*ms = (int64_t)(s * 1000);
	return 1;
}

static const char *
check_token_times(const json_t *claims, const struct token_rules *rules)
{
	int64_t exp = 0, nbf = 0, iat = 0;
	int has_exp = token_time(claims, "exp", &exp);
	int has_nbf = token_time(claims, "nbf", &nbf);

	if (has_exp == -1 || has_nbf == -1 ||
	    token_time(claims, "iat", &iat) == -1)
		return "token: exp, nbf and iat are seconds since 1970";
	if (has_exp == 1 && rules->now_ms >= exp + rules->leeway_ms)
		return "token: expired";
	if (has_nbf == 1 && rules->now_ms < nbf - rules->leeway_ms)
		return "token: not valid yet";
	return NULL;
}

/* `aud` is a text or an array of them. */
static bool
is_audience(const json_t *claims, const char *audience)
{
	const json_t *aud = json_object_get(claims, "aud"), *one;
	size_t i;

	json_array_foreach(aud, i,
	    one) if (json_is_string(one) &&
		     strcmp(json_string_value(one), audience) == 0) return true;
	return is_text(claims, "aud", audience);
}

static const char *
check_claims(const json_t *claims, const struct token_rules *rules)
{
	const char *wrong = check_token_times(claims, rules);

	if (wrong != NULL)
		return wrong;
	if (rules->issuer != NULL && !is_text(claims, "iss", rules->issuer))
		return "token: of another issuer";
	if (rules->audience != NULL && !is_audience(claims, rules->audience))
		return "token: for another audience";
	return NULL;
}

static json_t *
claims_of(const char *token, const struct parts *p,
    const struct token_rules *rules, const char **why)
{
	json_t *header = decode_part(p, 0), *claims = NULL;

	*why = "token: its header is no JSON object";
	if (header != NULL && (*why = check_header(header)) == NULL)
		*why = check_signature(token, header, rules->keys);
	json_decref(header);
	if (*why != NULL)
		return NULL;
	claims = decode_part(p, 1);
	*why = "token: its claims are no JSON object";
	if (claims == NULL || (*why = check_claims(claims, rules)) == NULL)
		return claims;
	json_decref(claims);
	return NULL;
}

/* The signature was valid before.  NULL: unknown, or another check fails. */
static json_t *
recall_valid(const char *s, size_t len, const struct token_rules *rules,
    const char **why)
{
	json_t *claims = token_recall(rules->memory, s, len);

	if (claims == NULL || (*why = check_claims(claims, rules)) == NULL)
		return claims;
	json_decref(claims);
	return NULL;
}

json_t *
token_read(const char *s, size_t len, const struct token_rules *rules,
    const char **why)
{
	uint8_t bytes[BASE64_BYTES(TOKEN_MAX)];
	char token[TOKEN_MAX + 1];
	struct parts p;
	json_t *claims;

	if (rules->memory != NULL &&
	    (claims = recall_valid(s, len, rules, why)) != NULL)
		return claims;
	*why = "token: longer than 8192 bytes";
	if (len > TOKEN_MAX)
		return NULL;
	*why = "token: not three parts in base64url";
	if (!split_token(s, len, &p) ||
	    base64url_decode(bytes, p.s[1], p.len[1]) == -1 ||
	    base64url_decode(bytes, p.s[2], p.len[2]) == -1)
		return NULL;
	memcpy(token, s, len);
	token[len] = '\0';
	claims = claims_of(token, &p, rules, why);
	if (claims != NULL && rules->memory != NULL)
		token_remember(rules->memory, s, len, claims);
	return claims;
}
