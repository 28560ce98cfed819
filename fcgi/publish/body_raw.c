/*
 * body_raw.c - JSON values that are passed on as they were written.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/json_text.h"
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
			n = json_text_string(s, end);
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
	return s + json_text_value(s, end);
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
		s += json_text_string(s, end);
		t.len = (size_t)(s - t.s) - 1;
		value = body_plain_space(s, end) + 1; /* after the colon */
		value = body_plain_space(value, end);
		s = body_raw_end(value, end);
		if (body_plain_is(&t, name))
			return (struct store_text){value, (size_t)(s - value)};
		s = body_plain_space(s, end) + 1; /* after the comma */
	}
}
