/*
 * way.c - which servers are between the client and the responder.
 */
#include <string.h>
#include <strings.h>

#include "fcgi/doctor/way.h"

static const struct known {
	const char *name;
	enum server_kind kind;
} kinds[] = {
    {"nginx", SERVER_NGINX},
    {"openresty", SERVER_NGINX},
    {"angie", SERVER_NGINX},
    {"lighttpd", SERVER_LIGHTTPD},
    {"apache", SERVER_APACHE},
    {"haproxy", SERVER_HAPROXY},
    {"varnish", SERVER_VARNISH},
    {"squid", SERVER_SQUID},
    {"caddy", SERVER_CADDY},
    {"h2o", SERVER_H2O},
    {"cloudflare", SERVER_CDN},
    {"cloudfront", SERVER_CDN},
    {"akamai", SERVER_CDN},
    {"envoy", SERVER_CDN},
    {"google", SERVER_CDN},
    {"vercel", SERVER_CDN},
    {"netlify", SERVER_CDN},
    {"fly/", SERVER_CDN},
    {"awselb", SERVER_CDN},
};

/* Server and SERVER_SOFTWARE begin with the name. */
static enum server_kind
kind_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncasecmp(name, kinds[i].name, strlen(kinds[i].name)) ==
		    0)
			return kinds[i].kind;
	return SERVER_UNKNOWN;
}

/* Via has it anywhere: `1.1 host (squid/5.7)', `1.1 varnish (Varnish/7.1)'. */
static enum server_kind
kind_in(const char *via)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcasestr(via, kinds[i].name) != NULL)
			return kinds[i].kind;
	return SERVER_UNKNOWN;
}

const char *
way_server(enum server_kind kind)
{
	static const char *const names[] = {"an unknown server", "nginx",
	    "lighttpd", "Apache", "HAProxy", "Varnish", "Squid", "Caddy", "H2O",
	    "an unknown server"};

	return names[kind];
}

/*
 * Caddy passes X-Forwarded-For and X-Forwarded-Proto by FastCGI as well, with
 * the one address that it has seen.
 */
static bool
says_of_itself(const struct echo *echo, enum server_kind inner)
{
	return inner == SERVER_CADDY && echo->forwarded_for <= 1 &&
	       echo->via[0] == '\0';
}

/* Does anything in the request or in the answer say that there are two? */
static bool
is_proxied(const struct visit *v, enum server_kind inner)
{
	const struct echo *echo = &v->echo;

	if (v->via[0] != '\0' || echo->via[0] != '\0' ||
	    (v->http > 10 && strcmp(echo->protocol, "HTTP/1.0") == 0))
		return true;
	return !says_of_itself(echo, inner) &&
	       (echo->forwarded_for > 0 || echo->forwarded_proto[0] != '\0');
}

/*
 * The client reads a server's name in Server, the responder reads one in
 * SERVER_SOFTWARE.  If both are known and differ there are two servers.  A name
 * that is not known, or none, is what the administrator of the one server has
 * made of it.  HAProxy and Apache pass on the Server header of the inner one,
 * so that two look like one; then what they added to the request shows them.
 */
struct way
way_of(const struct visit *v)
{
	const struct echo *echo = &v->echo;
	enum server_kind face = kind_of(v->server), via = kind_in(v->via);
	struct way w = {0};

	if (via == SERVER_UNKNOWN)
		via = kind_in(echo->via);
	w.inner = echo->heard && echo->software[0] != '\0'
		      ? kind_of(echo->software)
		      : face;
	w.proxied = is_proxied(v, w.inner);
	if (via != SERVER_UNKNOWN)
		w.outer = via;
	else if (face != SERVER_UNKNOWN && face != w.inner) {
		w.proxied = true;
		w.outer = face;
	}
	return w;
}
