/*
 * log.c - messages on stderr, one line each.
 *
 * There is no state: a caller that may be quiet says so with each line.  errno
 * stays as it was, so a caller may log first and use errno after that.
 */
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/base/utf8.h"

enum {
	LINE_SIZE = 1024
};

/* As syslog(3) counts them. */
enum level {
	LEVEL_ERROR = 3,
	LEVEL_WARNING = 4,
	LEVEL_INFO = 6
};

/*
 * Is stderr the journal?  systemd says in the environment which file it has
 * made of it.  Whoever sends stderr elsewhere may not know of that, so the file
 * is compared.
 */
static bool
is_journal(void)
{
	const char *said = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat sb;

	return said != NULL &&
	       sscanf(said, "%" SCNuMAX ":%" SCNuMAX, &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &sb) == 0 && sb.st_dev == dev &&
	       sb.st_ino == ino;
}

static void
put_log_line(enum level level, const char *line)
{
	char buf[LINE_SIZE];
	int saved = errno, n;

	n = is_journal() ? snprintf(buf, sizeof(buf), "<%d>", (int)level) : 0;
	n += snprintf(buf + n, sizeof(buf) - (size_t)n, "largesse: ");
	n += (int)utf8_visible(
	    buf + n, sizeof(buf) - (size_t)n - 1, line, strlen(line));
	buf[n++] = '\n';
	if (write(STDERR_FILENO, buf, (size_t)n) < 0) {
		/* There is nobody else to tell. */
	}
	errno = saved;
}

void
log_plain(const char *line)
{
	put_log_line(LEVEL_ERROR, line);
}

void
log_doubt(const char *line)
{
	if (line != NULL)
		put_log_line(LEVEL_WARNING, line);
}

static void
put_reason(enum level level, const char *what, const char *why, va_list ap)
{
	char line[LINE_SIZE];
	int saved = errno;
	int n = snprintf(line, sizeof(line), "%s: ", what);

	if (n >= 0 && (size_t)n < sizeof(line))
		vsnprintf(line + n, sizeof(line) - (size_t)n, why, ap);
	errno = saved;
	put_log_line(level, line);
}

void
log_error(const char *what, const char *why, ...)
{
	va_list ap;

	va_start(ap, why);
	put_reason(LEVEL_ERROR, what, why, ap);
	va_end(ap);
}

void
log_warning(bool quiet, const char *what, const char *why, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, why);
	put_reason(LEVEL_WARNING, what, why, ap);
	va_end(ap);
}

void
log_info(bool quiet, const char *what, const char *why, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, why);
	put_reason(LEVEL_INFO, what, why, ap);
	va_end(ap);
}
