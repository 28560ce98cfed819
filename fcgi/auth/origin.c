/*
 * origin.c - which site's page sent a request.
 *
 * A browser says in Sec-Fetch-Site whether the page is of our own site, and
 * no page can forge that.  Older browsers, and all browsers without TLS, send
 * only Origin, and for a GET by a page of our own site not even that.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fcgi/auth/origin.h"
#include "fcgi/base/utf8.h"

/* What a page may send, and how many seconds its browser may remember it. */
static const char preflight[] =
    "Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
    "Access-Control-Allow-Headers: Authorization, Cache-Control, "
    "Content-Type, Last-Event-ID\r\n"
    "Access-Control-Max-Age: 7200\r\n";

static bool
list_has(const struct option_list *allowed, const char *origin)
{
	size_t i;

	for (i = 0; i < allowed->n; i++)
		if (strcmp(allowed->v[i], origin) == 0)
			return true;
	return false;
}

/* Is it listed by its own name?  `*` does not count. */
static bool
is_listed(const struct option_list *allowed, const char *origin)
{
	return origin != NULL && strcmp(origin, "*") != 0 &&
	       list_has(allowed, origin);
}

/*
 * Is this origin the host that was asked?  Some web servers remove the port
 * from Host.  Then the port of the origin does not count either, as it does
 * not for cookies.
 */
static bool
is_host(const char *origin, const char *host)
{
	const char *at = strstr(origin, "://"), *port;
	size_t len;

	if (at == NULL || host == NULL)
		return false;
	at += 3;
	if (strcasecmp(at, host) == 0)
		return true;
	port = strrchr(at, ':');
	len = strlen(host);
	return port != NULL && strchr(port, ']') == NULL &&
	       (host[0] == '[' ? host[len - 1] == ']'
			       : strchr(host, ':') == NULL) &&
	       (size_t)(port - at) == len && strncasecmp(at, host, len) == 0;
}

static bool
is_own_page(const struct request *rq)
{
	if (rq->fetch_site != NULL)
		return strcmp(rq->fetch_site, "same-origin") == 0 ||
		       strcmp(rq->fetch_site, "none") == 0;
	return rq->origin == NULL || is_host(rq->origin, rq->host);
}

enum origin
origin_of(const struct option_list *allowed, const struct request *rq)
{
	if (is_listed(allowed, rq->origin))
		return ORIGIN_LISTED;
	if (is_own_page(rq))
		return ORIGIN_OWN;
	return rq->origin != NULL && list_has(allowed, "*") ? ORIGIN_ANY
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
	else if (rq->origin != NULL && list_has(allowed, "*"))
		snprintf(buf, ORIGIN_HEADERS_SIZE,
		    "Access-Control-Allow-Origin: *\r\nVary: Origin\r\n%s",
		    more ? preflight : "");
	else
		snprintf(buf, ORIGIN_HEADERS_SIZE, "Vary: Origin\r\n");
	return buf;
}

const char *
origin_wrong(const char *origin)
{
	const char *host = strstr(origin, "://");

	if (strcmp(origin, "*") == 0)
		return NULL;
	if (strcmp(origin, "null") == 0)
		return "that is any page in a sandbox, of any site";
	if (host == NULL || host == origin || host[3] == '\0')
		return "an origin is SCHEME://HOST or SCHEME://HOST:PORT";
	if (host[3 + strcspn(host + 3, "/?#")] != '\0')
		return "an origin ends before the path, without a `/`";
	if (strlen(origin) > ORIGIN_BYTES ||
	    origin[strcspn(origin, " \t\"<>")] != '\0' ||
	    !utf8_clean(origin, strlen(origin)))
		return "not an origin";
	return NULL;
}
