/*
 * token.c - a JSON Web Token, checked.
 *
 * What is refused before any signature is checked: a token that is too long,
 * other bytes in the base64, members that stand twice, an `alg` that is none of
 * ours, and a header that asks for what we do not do (`crit`, `b64`, `typ`).
 *
 * Each refusal says its own reason.  The reasons tell which algorithms and ids
 * the keys here have, which is no secret, and nothing of the keys.
 */
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "fcgi/auth/signature.h"
#include "fcgi/auth/token.h"
#include "fcgi/base/base64.h"

/* The three parts of a token. */
struct parts {
	const char *s[3];
	size_t len[3];
};

enum {
	HEADER,
	CLAIMS,
	SIGNATURE
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

/* Why a part is no JSON object without duplicate members. */
static const char *
wrong_json(int part, const json_error_t *error)
{
	static const char *const lines[][2] = {
	    {"token: its header is no JSON object",
		"token: its claims are no JSON object"},
	    {"token: a member of its header stands twice",
		"token: a claim stands twice"},
	    {"token: a number in its header is too large",
		"token: a number in its claims is too large"},
	};
	int code = error != NULL ? (int)json_error_code(error) : -1;

	return lines[code == json_error_duplicate_key	   ? 1
		     : code == json_error_numeric_overflow ? 2
							   : 0][part];
}

/* A part as a JSON object without duplicate members; or NULL, and why. */
static json_t *
decode_part(const struct parts *p, int part, const char **why)
{
	uint8_t bytes[BASE64_BYTES(TOKEN_MAX)];
	ssize_t n = base64url_decode(bytes, p->s[part], p->len[part]);
	json_error_t error;
	json_t *js;

	*why = "token: not three parts in base64url";
	if (n == -1)
		return NULL;
	js = json_loadb(
	    (char *)bytes, (size_t)n, JSON_REJECT_DUPLICATES, &error);
	*why = wrong_json(part, js == NULL ? &error : NULL);
	if (js == NULL || json_is_object(js))
		return js;
	json_decref(js);
	return NULL;
}

static bool
is_text(const json_t *object, const char *name, const char *value)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s != NULL && strcmp(s, value) == 0;
}

/* --- the header --------------------------------------------------------- */

/* KEY_ALGS: none of ours. */
static enum key_alg
alg_of(const json_t *header)
{
	enum key_alg alg;

	for (alg = 0; alg < KEY_ALGS; alg++)
		if (is_text(header, "alg", key_alg_name(alg)))
			break;
	return alg;
}

/* A plain token, or an access token of an OAuth server (RFC 9068). */
static bool
is_typ(const char *s)
{
	static const char media[] = "application/";

	if (strncasecmp(s, media, sizeof(media) - 1) == 0)
		s += sizeof(media) - 1;
	return strcasecmp(s, "JWT") == 0 || strcasecmp(s, "at+jwt") == 0;
}

/* NULL, or what is wrong with it. */
static const char *
check_header(const json_t *header)
{
	const json_t *kid = json_object_get(header, "kid");
	const json_t *typ = json_object_get(header, "typ");
	const json_t *b64 = json_object_get(header, "b64");

	if (alg_of(header) == KEY_ALGS)
		return "token: its alg is none of HS256, RS256 and ES256";
	if (kid != NULL && !json_is_string(kid))
		return "token: its kid is no text";
	if (json_object_get(header, "crit") != NULL)
		return "token: its header asks for what is not known here "
		       "(crit)";
	if (b64 != NULL && !json_is_true(b64))
		return "token: its claims are not in base64url (b64)";
	if (typ != NULL &&
	    (!json_is_string(typ) || !is_typ(json_string_value(typ))))
		return "token: its typ is neither JWT nor at+jwt";
	return NULL;
}

/* --- the signature ------------------------------------------------------ */

/* Has one of the keys for this algorithm this id? */
static bool
kid_known(const struct keys *keys, enum key_alg alg, const char *kid)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (keys->v[i].alg == alg && keys->v[i].kid != NULL &&
		    strcmp(keys->v[i].kid, kid) == 0)
			return true;
	return false;
}

/*
 * The keys that are tried for a token; at most max of them.  Its kid decides
 * if it is the id of a key.  With another kid, the keys without an id are
 * tried; without a kid, all keys.
 */
static size_t
find_keys(const struct keys *keys, enum key_alg alg, const char *kid,
    const struct key **found, size_t max)
{
	bool known = kid != NULL && kid_known(keys, alg, kid);
	size_t i, n = 0;

	for (i = 0; i < keys->n && n < max; i++) {
		const struct key *k = &keys->v[i];

		if (k->alg != alg)
			continue;
		if (known && (k->kid == NULL || strcmp(k->kid, kid) != 0))
			continue;
		if (kid != NULL && !known && k->kid != NULL)
			continue;
		found[n++] = k;
	}
	return n;
}

static const char *
check_signature(
    const struct parts *p, const json_t *header, const struct keys *keys)
{
	const char *kid = json_string_value(json_object_get(header, "kid"));
	const char *text = p->s[HEADER];
	size_t len = (size_t)(p->s[SIGNATURE] - 1 - text), i, n;
	uint8_t bytes[BASE64_BYTES(TOKEN_MAX)];
	ssize_t signature_len =
	    base64url_decode(bytes, p->s[SIGNATURE], p->len[SIGNATURE]);
	const struct key *found[TOKEN_TRIES + 1];

	n = find_keys(keys, alg_of(header), kid, found, TOKEN_TRIES + 1);
	if (signature_len == -1)
		return "token: not three parts in base64url";
	if (n == 0)
		return kid == NULL ? "token: no key here is for its alg"
				   : "token: no key here is for its alg and "
				     "its kid";
	for (i = 0; i < n && i < TOKEN_TRIES; i++)
		if (signature_good(
			found[i], text, len, bytes, (size_t)signature_len))
			return NULL;
	if (n > TOKEN_TRIES)
		return "token: its signature is by none of the first 8 keys "
		       "for its alg, and it has no kid that says which key";
	return "token: its signature is not by a key known here";
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

/*
 * From when the token was issued, or from now if it does not say when, or says
 * a time that has not come: to write a later iat makes no life longer.
 */
bool
token_lives_too_long(
    int64_t exp, int64_t iat, bool has_iat, const struct token_rules *rules)
{
	int64_t from = has_iat && iat < rules->now_ms ? iat : rules->now_ms;

	return rules->max_age_ms > 0 &&
	       exp - from > rules->max_age_ms + rules->leeway_ms;
}

static const char *
check_token_times(const json_t *claims, const struct token_rules *rules)
{
	int64_t exp = 0, nbf = 0, iat = 0;
	int has_exp = token_time(claims, "exp", &exp);
	int has_nbf = token_time(claims, "nbf", &nbf);
	int has_iat = token_time(claims, "iat", &iat);

	if (has_exp == -1 || has_nbf == -1 || has_iat == -1)
		return "token: exp, nbf and iat are seconds since 1970";
	if (has_exp == 1 && rules->now_ms >= exp + rules->leeway_ms)
		return "token: expired";
	if (has_nbf == 1 && rules->now_ms < nbf - rules->leeway_ms)
		return "token: not valid yet";
	if (rules->max_age_ms > 0 && has_exp == 0)
		return "token: it has no exp, and --max-token-age is set";
	if (has_exp == 1 && token_lives_too_long(exp, iat, has_iat == 1, rules))
		return "token: good for longer than --max-token-age";
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

json_t *
token_read(const char *s, size_t len, const struct token_rules *rules,
    const char **why)
{
	struct parts p;
	json_t *header, *claims;

	*why = "token: longer than 8192 bytes";
	if (len > TOKEN_MAX)
		return NULL;
	*why = "token: not three parts in base64url";
	if (!split_token(s, len, &p))
		return NULL;
	if ((header = decode_part(&p, HEADER, why)) == NULL)
		return NULL;
	if ((*why = check_header(header)) == NULL)
		*why = check_signature(&p, header, rules->keys);
	json_decref(header);
	if (*why != NULL || (claims = decode_part(&p, CLAIMS, why)) == NULL)
		return NULL;
	if ((*why = check_claims(claims, rules)) == NULL)
		return claims;
	json_decref(claims);
	return NULL;
}
