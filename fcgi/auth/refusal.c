/*
 * refusal.c - why a request is refused: a status and one line.
 */
#include <stdarg.h>
#include <stdio.h>

#include "fcgi/auth/refusal.h"

int
refusal_set(struct refusal *no, int status, const char *fmt, ...)
{
	va_list ap;

	no->status = status;
	no->later = false;
	no->headers = status == 401
			  ? "WWW-Authenticate: Bearer realm=\"largesse\"\r\n"
			  : NULL;
	va_start(ap, fmt);
	vsnprintf(no->line, sizeof(no->line), fmt, ap);
	va_end(ap);
	return status;
}

int
refusal_token(struct refusal *no, const char *why)
{
	refusal_set(no, 401, "%s", why);
	no->headers = "WWW-Authenticate: Bearer realm=\"largesse\", "
		      "error=\"invalid_token\"\r\n";
	return 401;
}

int
refusal_memory(struct refusal *no)
{
	return refusal_set(no, 500, "out of memory");
}
