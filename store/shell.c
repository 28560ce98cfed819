/*
 * shell.c - a name as one word of a command line, to be pasted.
 */
#include <stdio.h>
#include <string.h>

#include "store/engine.h"

#define PLAIN                                                            \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"_./:@%+,-"

/* A control character cannot be typed, and a line end would end the line. */
static bool
can_be_typed(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* In single quotes all is taken as it is, but for the quote itself. */
static bool
put_quoted(char *to, size_t size, const char *s)
{
	size_t len = strlen(to);

	for (to[len++] = '\''; *s != '\0' && len + 6 < size; s++)
		if (*s == '\'') {
			memcpy(to + len, "'\\''", 4);
			len += 4;
		} else
			to[len++] = *s;
	to[len++] = '\'';
	to[len] = '\0';
	return *s == '\0';
}

/* The word s, after what is in buf already.  False: it has no room there. */
static bool
add_word(char *buf, size_t size, const char *s)
{
	size_t len = strlen(buf);

	if (!can_be_typed(s) || size < 16)
		return false;
	if (*s == '\0' || s[strspn(s, PLAIN)] != '\0')
		return put_quoted(buf, size, s);
	return (size_t)snprintf(buf + len, size - len, "%s", s) < size - len;
}

void
shell_quote(char *buf, size_t size, const char *s)
{
	snprintf(buf, size, "%s", *s == '-' ? "./" : "");
	if (!add_word(buf, size, s))
		snprintf(buf, size, "<FILE>");
}

void
shell_quote_word(char *buf, size_t size, const char *s)
{
	*buf = '\0';
	if (!add_word(buf, size, s))
		snprintf(buf, size, "<WORD>");
}
