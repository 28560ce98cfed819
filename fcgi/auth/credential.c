/*
 * credential.c - where in a request a token stands.
 */
#include <string.h>
#include <strings.h>

#include "fcgi/auth/credential.h"

static const char blanks[] = " \t";

/* `Bearer TOKEN`; the scheme is case-blind (RFC 9110, section 11.1). */
static bool
from_header(const char *s, const char **token, size_t *len)
{
	static const char scheme[] = "bearer";
	size_t n = sizeof(scheme) - 1;

	s += strspn(s, blanks);
	if (strncasecmp(s, scheme, n) != 0 ||
	    (s[n] != '\0' && strchr(blanks, s[n]) == NULL))
		return false;
	s += n;
	s += strspn(s, blanks);
	*token = s;
	for (*len = strlen(s); *len > 0 && strchr(blanks, s[*len - 1]);)
		(*len)--;
	return true;
}

/* `a=1; NAME=TOKEN; b=2`; the first of the name, quotes taken off. */
static bool
from_cookie(const char *s, const char *name, const char **token, size_t *len)
{
	size_t name_len = strlen(name), n;

	for (; *s != '\0'; s += n + (s[n] == ';')) {
		s += strspn(s, blanks);
		n = strcspn(s, ";");
		if (n <= name_len || s[name_len] != '=' ||
		    memcmp(s, name, name_len) != 0)
			continue;
		*token = s + name_len + 1;
		*len = n - name_len - 1;
		while (*len > 0 && strchr(blanks, (*token)[*len - 1]))
			(*len)--;
		if (*len > 1 && **token == '"' && (*token)[*len - 1] == '"') {
			(*token)++;
			*len -= 2;
		}
		if (*len > 0)
			return true;
	}
	return false;
}

enum allow_by
credential_find(const struct request *rq, const char *cookie_name,
    const char **s, size_t *len)
{
	if (rq->authorization != NULL && from_header(rq->authorization, s, len))
		return ALLOW_BY_HEADER;
	if (rq->cookie != NULL && from_cookie(rq->cookie, cookie_name, s, len))
		return ALLOW_BY_COOKIE;
	if (rq->access_token == NULL)
		return ALLOW_BY_NOTHING;
	*s = rq->access_token;
	*len = strlen(*s);
	return ALLOW_BY_QUERY;
}
