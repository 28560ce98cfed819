/*
 * signed.c - a signed address: a query that ends with its own signature.
 *
 *	topic=run%2F7&expires=1795812504&sign=HEX
 *
 * HEX is the HMAC-SHA256 of the bytes before `&sign=`.  A language writes a
 * `/`, a blank or a `~` in its own way, so the bytes are taken as they were
 * sent and never encoded again.
 *
 * Whoever asks can change what stands behind the signature.  So only the id at
 * which a client goes on may stand there: some clients append it to their URL.
 *
 * Everything that is signed has a `=` in it, because `expires=` has to be
 * there.  What is signed of a token is base64url and a dot and never has one.
 * So no token is good as an address, and no address as a token, although both
 * are signed with one key.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/utf8.h"
#include "fcgi/request/request_self.h"

/* About the year 5000: a larger number is one of milliseconds. */
static const int64_t seconds_max = 99999999999;

bool
signed_says(struct request *r, const struct query_pair *pair)
{
	static const char *const names[SAID_NAMES] = {
	    "expires", "iat", "sub", "iss", "aud"};
	struct request_signed *sign = &r->sign;
	size_t i;

	for (i = 0; i < SAID_NAMES; i++)
		if (query_is(pair, names[i])) {
			sign->said_twice |= sign->said[i].s != NULL;
			sign->said[i].s = pair->value;
			sign->said[i].size = pair->value_len;
			return true;
		}
	return false;
}

/* Digits and nothing else. */
static bool
read_seconds(const char *s, size_t size, int64_t *ms)
{
	int64_t n = 0;
	size_t i;

	for (i = 0; i < size && n <= seconds_max; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (s[i] - '0');
	}
	*ms = n * 1000;
	return size > 0 && n <= seconds_max;
}

/* 64 digits and the end of the pair. */
static bool
read_mac(const char *s, uint8_t mac[REQUEST_MAC_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned high, low;
	size_t i;

	if (strspn(s, digits) != 2 * REQUEST_MAC_BYTES)
		return false;
	for (i = 0; i < REQUEST_MAC_BYTES; i++) {
		high = (unsigned)hex_digit(s[2 * i]);
		low = (unsigned)hex_digit(s[2 * i + 1]);
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return s[2 * i] == '\0' || s[2 * i] == '&';
}

/* NULL, or what is wrong with what the query says of itself. */
static const char *
check_said(struct request_signed *sign)
{
	const char *sub = sign->said[SAID_SUB].s;
	size_t len = sign->said[SAID_SUB].size;

	if (sign->said_twice)
		return "sign: expires, sub, iat, iss or aud stands twice "
		       "before it";
	if (sign->said[SAID_EXPIRES].s == NULL)
		return "sign: expires is missing, which has to stand before it";
	if (!read_seconds(sign->said[SAID_EXPIRES].s,
		sign->said[SAID_EXPIRES].size, &sign->expires_ms))
		return "expires: not in seconds since 1970";
	if (sign->said[SAID_IAT].s != NULL &&
	    !read_seconds(sign->said[SAID_IAT].s, sign->said[SAID_IAT].size,
		&sign->issued_ms))
		return "iat: not in seconds since 1970";
	if (sub != NULL &&
	    (len == 0 || len > REQUEST_SUBJECT_BYTES || !utf8_clean(sub, len)))
		return "sub: not a name of 1 to 255 bytes";
	return NULL;
}

const char *
signed_read(struct request *r, const struct query_pair *pair)
{
	static const char name[] = "sign=";
	struct request_signed *sign = &r->sign;
	const char *raw = r->query + (pair->name - r->scratch);
	const char *wrong;

	if (strncmp(raw, name, strlen(name)) != 0 ||
	    !read_mac(raw + strlen(name), sign->mac))
		return "sign: not the 64 hex digits, in lower case, of an "
		       "HMAC-SHA256";
	if ((wrong = check_said(sign)) != NULL)
		return wrong;
	if (r->access_token != NULL)
		return "access_token: a signed address takes no token";
	if (raw - 1 - r->query > REQUEST_SIGNED_BYTES)
		return "sign: more than 8192 bytes stand before it";
	sign->text = r->query;
	sign->len = (size_t)(raw - 1 - r->query);
	return NULL;
}

/* --- as the client has sent it ------------------------------------------- */

static bool
same_pair(const struct query_pair *a, const struct query_pair *b)
{
	return a->name_len == b->name_len && a->value_len == b->value_len &&
	       memcmp(a->name, b->name, a->name_len) == 0 &&
	       memcmp(a->value, b->value, a->value_len) == 0;
}

/*
 * Decodes both.  Where in b is the signature, if b has the names and values of
 * a and no others?  0: it has not.
 */
static size_t
sign_in_same(char *a, char *b)
{
	struct query qa = {a, a + strlen(a)}, qb = {b, b + strlen(b)};
	struct query_pair pa, pb;
	size_t at = 0;

	while (query_next(&qa, &pa)) {
		if (!query_next(&qb, &pb) || !same_pair(&pa, &pb))
			return 0;
		if (query_is(&pb, "sign"))
			at = (size_t)(pb.name - b);
	}
	return query_next(&qb, &pb) ? 0 : at;
}

/*
 * lighttpd passes on a query that it has written anew, `~` for %7E and %2F for
 * %2f, and in REQUEST_URI the query that was sent.  But after a rewrite the
 * query in REQUEST_URI is that of another request.  So it counts only if it
 * says the same.
 */
bool
signed_as_sent(struct request *r)
{
	const char *sent = r->uri != NULL ? strchr(r->uri, '?') : NULL;
	char *a, *b;
	size_t at = 0;

	if (r->sign.text == NULL || sent == NULL)
		return true;
	sent++;
	a = strdup(r->query);
	b = strndup(sent, strcspn(sent, "#"));
	if (a != NULL && b != NULL && (at = sign_in_same(a, b)) > 0) {
		r->sign.text = sent;
		r->sign.len = at - 1;
	}
	free(a);
	free(b);
	return a != NULL && b != NULL;
}
