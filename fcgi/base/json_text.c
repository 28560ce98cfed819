/*
 * json_text.c - where the parts of a text that is JSON end.
 */
#include <string.h>

#include "fcgi/base/json_text.h"

size_t
json_text_space(const char *s, const char *end)
{
	const char *begin = s;

	while (s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
		s++;
	return (size_t)(s - begin);
}

size_t
json_text_string(const char *s, const char *end)
{
	const char *begin = s;

	for (s++; s < end && *s != '"'; s++)
		if (*s == '\\' && s + 1 < end)
			s++;
	return (size_t)(s - begin) + (s < end);
}

size_t
json_text_value(const char *s, const char *end)
{
	const char *begin = s;
	size_t depth = 0;

	s += json_text_space(s, end);
	do {
		if (*s == '"') {
			s += json_text_string(s, end);
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
	return (size_t)(s - begin);
}
