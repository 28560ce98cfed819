/*
 * subject.c - an address that was typed without http://.
 *
 * People type `localhost/events' and `example.org/events', as they would into
 * a browser.  A file of that name goes first, and so does a directory that is
 * named like the host.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/doctor/doctor.h"
#include "store/store.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"

/* How long a host at the beginning is; 0: there is none. */
static size_t
host_length(const char *s)
{
	size_t len;

	if (*s != '[')
		return *s == '.' || *s == '-' ? 0
					      : strspn(s, LETTERS DIGITS ".-");
	len = 1 + strspn(s + 1, DIGITS "abcdefABCDEF:.");
	return s[len] == ']' ? len + 1 : 0;
}

/* A colon and digits, or nothing. */
static size_t
port_length(const char *s)
{
	size_t digits = *s == ':' ? strspn(s + 1, DIGITS) : 0;

	return digits > 0 && digits <= 5 ? digits + 1 : 0;
}

static bool
is_local(const char *s, size_t host)
{
	return *s == '[' || strncmp(s, "127.", 4) == 0 ||
	       (host == 9 && strncasecmp(s, "localhost", host) == 0);
}

static bool
exists(const char *path, size_t len)
{
	char *s = strndup(path, len);
	struct stat st;
	bool found = s == NULL || lstat(s, &st) == 0;

	free(s);
	return found;
}

/*
 * `events.db' is a file that is not there yet, and so is `data/events.db'.  So
 * a host has a port, or a path behind it and a dot or the name localhost.
 */
static bool
is_typed_host(const char *s, size_t host, size_t port)
{
	const char *path = s + host + port;

	if (host == 0 || strchr("/?", *path) == NULL || /* or the end */
	    (*path == '\0' && port == 0) || exists(s, strlen(s)) ||
	    exists(s, host))
		return false;
	return port > 0 || is_local(s, host) || memchr(s, '.', host) != NULL;
}

char *
doctor_address(const char *subject)
{
	size_t host = host_length(subject);
	size_t port = host > 0 ? port_length(subject + host) : 0;
	bool tls = port == 0
		       ? !is_local(subject, host)
		       : port == 4 && memcmp(subject + host, ":443", port) == 0;
	char *url = NULL;

	if (store_is_remote(subject) || !is_typed_host(subject, host, port))
		return NULL;
	return asprintf(&url, "http%s://%s", tls ? "s" : "", subject) == -1
		   ? NULL
		   : url;
}
