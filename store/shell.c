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

void
shell_quote(char *buf, size_t size, const char *s)
{
	bool done = can_be_typed(s) && size > 16;

	snprintf(buf, size, "%s", *s == '-' ? "./" : "");
	if (done && *s != '\0' && s[strspn(s, PLAIN)] == '\0')
		done = (size_t)snprintf(buf + strlen(buf), size - strlen(buf),
			   "%s", s) < size - (*s == '-' ? 2 : 0);
	else if (done)
		done = put_quoted(buf, size, s);
	if (!done)
		snprintf(buf, size, "<FILE>");
}
