/*
 * command.c - what the commands have in common: how they print and end, and
 * what they take for a URL.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/command.h"
#include "fcgi/base/log.h"
#include "fcgi/base/utf8.h"

int
command_done(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return STATUS_DONE;
	log_error("standard output", "%s", strerror(errno));
	return STATUS_FAILED;
}

int
command_failed(const char *why)
{
	log_plain(why);
	return STATUS_FAILED;
}

bool
command_on_terminal(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

/* A long line goes out in pieces, each of whole characters. */
static void
print_visible(const char *s, size_t len)
{
	char buf[1024 * UTF8_VISIBLE];
	size_t n, i, shown;

	for (; len > 0; s += n, len -= n) {
		n = len < sizeof(buf) / UTF8_VISIBLE
			? len
			: sizeof(buf) / UTF8_VISIBLE;
		for (i = 0;
		     n < len && i < 3 && ((unsigned char)s[n] & 0xc0) == 0x80;
		     i++)
			n--;
		shown = utf8_visible(buf, sizeof(buf), s, n);
		fwrite(buf, 1, shown, stdout);
	}
}

void
command_print(const char *s, size_t len, bool on_terminal)
{
	const char *end;
	size_t n;

	if (!on_terminal) {
		fwrite(s, 1, len, stdout);
		return;
	}
	for (; len > 0; s += n, len -= n) {
		end = memchr(s, '\n', len);
		n = end == NULL ? len : (size_t)(end - s);
		print_visible(s, n);
		if (end != NULL) {
			putchar('\n');
			n++;
		}
	}
}

void
command_say(const char *line, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, line);
	if (vasprintf(&s, line, ap) == -1)
		s = NULL;
	va_end(ap);
	if (s != NULL && command_on_terminal())
		print_visible(s, strlen(s));
	else
		fputs(s != NULL ? s : "", stdout);
	putchar('\n');
	free(s);
}

bool
command_is_url(const char *s)
{
	return strncmp(s, "http://", 7) == 0 || strncmp(s, "https://", 8) == 0;
}
