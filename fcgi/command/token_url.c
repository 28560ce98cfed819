/*
 * token_url.c - a signed address: the query of a stream, and its signature.
 *
 * All but letters, digits and -._~ is written as %XX, so no web server on the
 * way has a reason to write it in another way.
 *
 * What stands for the subject is {sub} in a claim and {user} in a query.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/auth/signature.h"
#include "fcgi/base/bytes.h"
#include "fcgi/command/token_url.h"

const char *
token_url_wrong(const char *base)
{
	const char *s;

	if (*base == '\0')
		return "not the address of a stream";
	if (strpbrk(base, "?#") != NULL)
		return "the address of the stream has to stand there without a "
		       "query: all of the query is signed";
	for (s = base; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return "a blank or a control character in it";
	return NULL;
}

static bool
append_text(struct bytes *b, const char *s)
{
	return bytes_add(b, s, strlen(s)) == 0;
}

/* `NAME=VALUE`, behind a `&` unless it is the first. */
static bool
add_pair(struct bytes *b, size_t first, const char *name, const char *value)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
	char coded[4];
	bool ok = (b->len == first || append_text(b, "&")) &&
		  append_text(b, name) && append_text(b, "=");

	for (; ok && *value != '\0'; value++) {
		if (strchr(plain, *value) != NULL)
			ok = bytes_add(b, value, 1) == 0;
		else {
			snprintf(coded, sizeof(coded), "%%%02X",
			    (unsigned char)*value);
			ok = append_text(b, coded);
		}
	}
	return ok;
}

/* A topic; each {sub} in it becomes {user}. */
static bool
add_topic_pair(struct bytes *b, size_t first, const char *topic)
{
	static const char in_claim[] = "{sub}", in_query[] = "{user}";
	struct bytes name = {0};
	const char *at;
	bool ok = true;

	for (; ok && (at = strstr(topic, in_claim)) != NULL;
	     topic = at + strlen(in_claim))
		ok = bytes_add(&name, topic, (size_t)(at - topic)) == 0 &&
		     append_text(&name, in_query);
	ok = ok && append_text(&name, topic) &&
	     add_pair(b, first, "topic", name.s);
	bytes_free(&name);
	return ok;
}

/* Nothing for a value of NULL. */
static bool
add_maybe(struct bytes *b, size_t first, const char *name, const char *value)
{
	return value == NULL || add_pair(b, first, name, value);
}

/* What is signed. */
static bool
add_signed(struct bytes *b, const struct token_url *u)
{
	size_t first = b->len, i;
	char expires[24], issued[24];
	bool ok = true;

	for (i = 0; ok && i < u->topics->n; i++)
		ok = add_topic_pair(b, first, u->topics->v[i]);
	snprintf(expires, sizeof(expires), "%" PRId64, u->expires);
	snprintf(issued, sizeof(issued), "%" PRId64, u->issued);
	return ok && add_pair(b, first, "expires", expires) &&
	       add_maybe(b, first, "sub", u->subject) &&
	       add_maybe(b, first, "iat", u->subject != NULL ? issued : NULL) &&
	       add_maybe(b, first, "iss", u->issuer) &&
	       add_maybe(b, first, "aud", u->audience);
}

static bool
add_signature(struct bytes *b, size_t first, const struct key *secret)
{
	uint8_t mac[SIGNATURE_MAX];
	size_t n = signature_make(secret, b->s + first, b->len - first, mac), i;
	char digits[3];
	bool ok = n > 0 && append_text(b, "&sign=");

	for (i = 0; ok && i < n; i++) {
		snprintf(digits, sizeof(digits), "%02x", mac[i]);
		ok = append_text(b, digits);
	}
	return ok;
}

char *
token_url(const struct token_url *u, const struct key *secret)
{
	struct bytes b = {0};
	size_t first = strlen(u->base) + 1;

	if (append_text(&b, u->base) && append_text(&b, "?") &&
	    add_signed(&b, u) && add_signature(&b, first, secret))
		return b.s;
	bytes_free(&b);
	return NULL;
}
