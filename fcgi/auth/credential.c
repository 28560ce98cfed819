/*
 * credential.c - where in a request a token stands.
 */
#include <string.h>
#include <strings.h>

#include "fcgi/auth/credential.h"

static const char blanks[] = " \t";

static void
add_credential(struct credentials *c, const char *s, size_t len)
{
	if (c->n == CREDENTIALS_MAX)
		return;
	c->v[c->n].s = s;
	c->v[c->n++].len = len;
}

/* `Bearer TOKEN`; the scheme is case-blind (RFC 9110, section 11.1). */
static void
from_header(struct credentials *c, const char *s)
{
	static const char scheme[] = "bearer";
	size_t n = sizeof(scheme) - 1;

	s += strspn(s, blanks);
	if (strncasecmp(s, scheme, n) != 0 ||
	    (s[n] != '\0' && strchr(blanks, s[n]) == NULL))
		return;
	s += n;
	s += strspn(s, blanks);
	for (n = strlen(s); n > 0 && strchr(blanks, s[n - 1]);)
		n--;
	add_credential(c, s, n);
}

/* The value of a cookie; quotes are taken off. */
static void
add_cookie(struct credentials *c, const char *s, size_t len)
{
	while (len > 0 && strchr(blanks, s[len - 1]))
		len--;
	if (len > 1 && *s == '"' && s[len - 1] == '"') {
		s++;
		len -= 2;
	}
	if (len > 0)
		add_credential(c, s, len);
}

/* `a=1; NAME=TOKEN; b=2`; all of the name. */
static void
from_cookie(struct credentials *c, const char *s, const char *name)
{
	size_t name_len = strlen(name), n;

	for (; *s != '\0'; s += n + (s[n] == ';')) {
		s += strspn(s, blanks);
		n = strcspn(s, ";");
		if (n > name_len && s[name_len] == '=' &&
		    memcmp(s, name, name_len) == 0)
			add_cookie(c, s + name_len + 1, n - name_len - 1);
	}
}

static void
from_query(struct credentials *c, const struct request *rq)
{
	size_t i;

	if (rq->access_token != NULL)
		add_credential(c, rq->access_token, strlen(rq->access_token));
	for (i = 0; i < REQUEST_TOKENS_MORE; i++)
		if (rq->more_tokens[i] != NULL)
			add_credential(
			    c, rq->more_tokens[i], strlen(rq->more_tokens[i]));
}

void
credentials_find(
    struct credentials *c, const struct request *rq, const char *cookie_name)
{
	c->n = 0;
	c->by = ALLOW_BY_HEADER;
	if (rq->authorization != NULL)
		from_header(c, rq->authorization);
	if (c->n > 0)
		return;
	c->by = ALLOW_BY_COOKIE;
	if (rq->cookie != NULL)
		from_cookie(c, rq->cookie, cookie_name);
	if (c->n > 0)
		return;
	c->by = ALLOW_BY_QUERY;
	from_query(c, rq);
	if (c->n == 0)
		c->by = ALLOW_BY_NOTHING;
}
