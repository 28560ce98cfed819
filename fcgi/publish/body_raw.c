/*
 * body_raw.c - JSON values that are passed on as they were written.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/publish/body_plain.h"
#include "fcgi/publish/body_raw.h"

/* --- numbers ------------------------------------------------------------ */

static const char digits[] = "0123456789";

/* Is this, from its first byte to its last, a number (RFC 8259, section 6)? */
static bool
is_json_number(const char *s, size_t len)
{
	const char *end = s + len;
	size_t n;

	s += *s == '-';
	n = strspn(s, digits);
	if (n == 0 || (n > 1 && *s == '0'))
		return false;
	s += n;
	if (s < end && *s == '.') {
		s++;
		if ((n = strspn(s, digits)) == 0)
			return false;
		s += n;
	}
	if (s < end && (*s == 'e' || *s == 'E')) {
		s++;
		s += *s == '+' || *s == '-';
		if ((n = strspn(s, digits)) == 0)
			return false;
		s += n;
	}
	return s == end;
}

/* The byte after a string, s standing on its first quote. */
static char *
pass_string(char *s, const char *end)
{
	for (s++; s < end && *s != '"'; s++)
		if (*s == '\\' && s + 1 < end)
			s++;
	return s < end ? s + 1 : s;
}

char *
body_raw_copy(const char *text, size_t len)
{
	char *copy = malloc(len + 1), *s, *end;
	size_t n;

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	end = copy + len;
	for (s = copy; s < end; s += n) {
		n = 1;
		if (*s == '"') {
			n = (size_t)(pass_string(s, end) - s);
		} else if (*s == '-' || (*s >= '0' && *s <= '9')) {
			n = strspn(s, "0123456789+-.eE");
			if (is_json_number(s, n)) {
				memset(s, ' ', n);
				*s = '0';
			}
		}
	}
	return copy;
}

/* --- values ------------------------------------------------------------- */

char *
body_raw_end(char *s, const char *end)
{
	size_t depth = 0;

	s = body_plain_space(s, end);
	do {
		if (*s == '"') {
			s = pass_string(s, end);
		} else if (*s == '{' || *s == '[') {
			depth++;
			s++;
		} else if (*s == '}' || *s == ']') {
			depth--;
			s++;
		} else if (depth > 0) {
			s++;
		} else {
			/* true, false, null or a number */
			while (s < end && strchr(" \t\r\n,]}", *s) == NULL)
				s++;
		}
	} while (depth > 0 && s < end);
	return s;
}

struct store_text
body_raw_member(char *s, const char *end, const char *name)
{
	struct plain_text t = {0};
	char *value;

	s = body_plain_space(s, end) + 1;
	for (;;) {
		s = body_plain_space(s, end);
		t.s = s + 1;
		s = pass_string(s, end);
		t.len = (size_t)(s - t.s) - 1;
		value = body_plain_space(s, end) + 1; /* after the colon */
		value = body_plain_space(value, end);
		s = body_raw_end(value, end);
		if (body_plain_is(&t, name))
			return (struct store_text){value, (size_t)(s - value)};
		s = body_plain_space(s, end) + 1; /* after the comma */
	}
}
