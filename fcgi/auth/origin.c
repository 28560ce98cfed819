/*
 * origin.c - which site's page sent a request.
 *
 * A browser says in Sec-Fetch-Site whether the page is of our own site, and
 * no page can forge that.  Older browsers, and all browsers without TLS, send
 * only Origin, and for a GET by a page of our own site not even that.
 *
 * Origins are compared as browsers do: scheme, host in lower case and port,
 * where a port that is not written is the usual one of the scheme.
 */
#include <arpa/inet.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth/origin.h"

/* What a page may send, and how many seconds its browser may remember it. */
static const char preflight[] =
    "Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
    "Access-Control-Allow-Headers: Authorization, Cache-Control, "
    "Content-Type, Last-Event-ID\r\n"
    "Access-Control-Max-Age: 7200\r\n";

/* An origin as browsers compare it: SCHEME, HOST in lower case, port. */
struct site {
	char scheme[32];
	char host[ORIGIN_BYTES + 1]; /* an IPv6 address without brackets */
	unsigned port;		     /* 0: of a scheme that has none */
};

static bool
is_any(const char *s)
{
	return strcmp(s, "*") == 0;
}

/*
 * Reads `:PORT` up to the end; nothing, or `:` alone, is the default.  With no
 * more than five digits an origin always has room in a header of ours.
 */
static bool
read_port(struct site *site, const char *s)
{
	static const struct {
		const char *scheme;
		unsigned port;
	} usual[] = {{"http", 80}, {"https", 443}};
	unsigned long n = 0;
	size_t i;

	for (i = 0; i < 2; i++)
		if (strcmp(site->scheme, usual[i].scheme) == 0)
			n = usual[i].port;
	if (s[0] == ':' && s[1] != '\0') {
		if (strspn(s + 1, "0123456789") != strlen(s + 1) ||
		    strlen(s + 1) > 5 || (n = strtoul(s + 1, NULL, 10)) > 65535)
			return false;
	} else if (s[0] != '\0' && s[0] != ':')
		return false;
	site->port = (unsigned)n;
	return true;
}

/* Is a name of digits and dots an address as browsers write it? */
static bool
is_address(const char *name)
{
	const char *last = strrchr(name, '.');
	struct in_addr a;

	last = last != NULL ? last + 1 : name;
	if (*last < '0' || *last > '9')
		return true; /* a name */
	return inet_pton(AF_INET, name, &a) == 1;
}

/*
 * Reads `HOST` or `HOST:PORT`.  A name has the characters that a browser leaves
 * as they are: it writes all others in another way.
 */
static bool
read_host(struct site *site, const char *s)
{
	static const char name[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-._";
	bool bracket = *s == '[';
	struct in6_addr six;
	size_t len, i;

	s += bracket;
	len = bracket ? strcspn(s, "]") : strspn(s, name);
	if (len == 0 || len > ORIGIN_BYTES || (bracket && s[len] != ']'))
		return false;
	for (i = 0; i < len; i++)
		site->host[i] = (char)tolower((unsigned char)s[i]);
	site->host[len] = '\0';
	if (bracket) {
		if (inet_pton(AF_INET6, site->host, &six) != 1)
			return false;
		inet_ntop(AF_INET6, &six, site->host, sizeof(site->host));
	} else if (site->host[0] == '.' || !is_address(site->host))
		return false;
	return read_port(site, s + len + bracket);
}

static bool
read_site(struct site *site, const char *origin)
{
	const char *end = strstr(origin, "://");
	size_t len = end != NULL ? (size_t)(end - origin) : 0, i;

	if (len == 0 || len >= sizeof(site->scheme))
		return false;
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)origin[i]) &&
		    strchr("+-.", origin[i]) == NULL)
			return false;
		else
			site->scheme[i] =
			    (char)tolower((unsigned char)origin[i]);
	site->scheme[len] = '\0';
	return read_host(site, end + 3);
}

static bool
same_site(const struct site *a, const struct site *b)
{
	return a->port == b->port && strcmp(a->scheme, b->scheme) == 0 &&
	       strcmp(a->host, b->host) == 0;
}

static bool
allows_any(const struct option_list *allowed)
{
	size_t i;

	for (i = 0; i < allowed->n; i++)
		if (is_any(allowed->v[i]))
			return true;
	return false;
}

/* Is it listed by its own name?  `*` does not count. */
static bool
is_listed(const struct option_list *allowed, const char *origin)
{
	struct site asks, listed;
	size_t i;

	if (origin == NULL || !read_site(&asks, origin))
		return false;
	for (i = 0; i < allowed->n; i++)
		if (read_site(&listed, allowed->v[i]) &&
		    same_site(&listed, &asks))
			return true;
	return false;
}

/*
 * Is this origin the host that was asked?  The scheme of Host is that of the
 * page, except that a page without TLS is not the site that was asked with TLS.
 * The other way round it may be: a proxy in front may have taken the TLS off.
 */
static bool
is_host(const struct request *rq)
{
	struct site page, asked;

	if (rq->host == NULL || !read_site(&page, rq->origin))
		return false;
	memcpy(asked.scheme, page.scheme, sizeof(asked.scheme));
	if (!read_host(&asked, rq->host))
		return false;
	if (rq->tls && strcmp(page.scheme, "https") != 0)
		return false;
	return same_site(&page, &asked);
}

static bool
is_own_page(const struct request *rq)
{
	if (rq->fetch_site != NULL)
		return strcmp(rq->fetch_site, "same-origin") == 0 ||
		       strcmp(rq->fetch_site, "none") == 0;
	return rq->origin == NULL || is_host(rq);
}

enum origin
origin_of(const struct option_list *allowed, const struct request *rq)
{
	if (is_listed(allowed, rq->origin))
		return ORIGIN_LISTED;
	if (is_own_page(rq))
		return ORIGIN_OWN;
	return rq->origin != NULL && allows_any(allowed) ? ORIGIN_ANY
							 : ORIGIN_FOREIGN;
}

const char *
origin_headers(const struct option_list *allowed, const struct request *rq,
    char buf[ORIGIN_HEADERS_SIZE])
{
	bool more = rq->method == METHOD_OPTIONS && rq->preflight != NULL;

	buf[0] = '\0';
	if (allowed->n == 0)
		return buf;
	if (is_listed(allowed, rq->origin))
		snprintf(buf, ORIGIN_HEADERS_SIZE,
		    "Access-Control-Allow-Origin: %s\r\n"
		    "Access-Control-Allow-Credentials: true\r\n"
		    "Vary: Origin\r\n%s",
		    rq->origin, more ? preflight : "");
	else if (rq->origin != NULL && allows_any(allowed))
		snprintf(buf, ORIGIN_HEADERS_SIZE,
		    "Access-Control-Allow-Origin: *\r\nVary: Origin\r\n%s",
		    more ? preflight : "");
	else
		snprintf(buf, ORIGIN_HEADERS_SIZE, "Vary: Origin\r\n");
	return buf;
}

/* Of these no page ever has an origin. */
static bool
is_no_page(const struct site *site)
{
	static const char *const schemes[] = {
	    "about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"};
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strcmp(schemes[i], site->scheme) == 0)
			return true;
	return false;
}

const char *
origin_wrong(const char *origin)
{
	const char *host = strstr(origin, "://"), *s;
	struct site site;

	if (is_any(origin))
		return NULL;
	if (strcmp(origin, "null") == 0)
		return "that is any page in a sandbox, of any site";
	for (s = origin; *s != '\0'; s++)
		if ((unsigned char)*s > 127)
			return "browsers write such a name in ASCII: give its "
			       "form that begins with xn--";
	if (strchr(origin, '*') != NULL)
		return "`*` stands alone, for every site; name each site";
	if (host == NULL || host == origin || host[3] == '\0')
		return "an origin is SCHEME://HOST or SCHEME://HOST:PORT";
	if (strchr(host, '@') != NULL)
		return "an origin has no user name";
	if (host[3 + strcspn(host + 3, "/?#")] != '\0')
		return "an origin ends before the path, without a `/`";
	if (strlen(origin) > ORIGIN_BYTES || !read_site(&site, origin))
		return "not an origin";
	return is_no_page(&site) ? "no page has an origin of this scheme"
				 : NULL;
}
