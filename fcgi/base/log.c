/*
 * log.c - messages on stderr, one line each.
 *
 * There is no state: a caller that may be quiet says so with each line.  errno
 * stays as it was, so a caller may log first and use errno after that.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/base/utf8.h"

enum {
	LINE_SIZE = 1024
};

void
log_plain(const char *line)
{
	char buf[LINE_SIZE] = "largesse: ";
	size_t n = strlen(buf);
	int saved = errno;

	n += utf8_visible(buf + n, sizeof(buf) - n - 1, line, strlen(line));
	buf[n++] = '\n';
	if (write(STDERR_FILENO, buf, n) < 0) {
		/* There is nobody else to tell. */
	}
	errno = saved;
}

void
log_doubt(const char *line)
{
	if (line != NULL)
		log_plain(line);
}

static void
put_reason(const char *what, const char *why, va_list ap)
{
	char line[LINE_SIZE];
	int saved = errno;
	int n = snprintf(line, sizeof(line), "%s: ", what);

	if (n >= 0 && (size_t)n < sizeof(line))
		vsnprintf(line + n, sizeof(line) - (size_t)n, why, ap);
	errno = saved;
	log_plain(line);
}

void
log_error(const char *what, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	put_reason(what, why, ap);
	va_end(ap);
}

void
log_info(bool quiet, const char *what, const char *why, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, why);
	put_reason(what, why, ap);
	va_end(ap);
}
