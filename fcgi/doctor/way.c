/*
 * way.c - which servers are between the client and the responder.
 */
#include <string.h>
#include <strings.h>

#include "fcgi/doctor/way.h"

static enum server_kind
kind_of(const char *name)
{
	static const struct {
		const char *begins;
		enum server_kind kind;
	} kinds[] = {
	    {"nginx", SERVER_NGINX},
	    {"openresty", SERVER_NGINX},
	    {"angie", SERVER_NGINX},
	    {"lighttpd", SERVER_LIGHTTPD},
	    {"apache", SERVER_APACHE},
	    {"haproxy", SERVER_HAPROXY},
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncasecmp(
			name, kinds[i].begins, strlen(kinds[i].begins)) == 0)
			return kinds[i].kind;
	return SERVER_UNKNOWN;
}

const char *
way_server(enum server_kind kind)
{
	static const char *const names[] = {
	    "an unknown server", "nginx", "lighttpd", "Apache", "HAProxy"};

	return names[kind];
}

/*
 * The client reads a server's name in Server, the responder reads one in
 * SERVER_SOFTWARE.  If they differ there are two servers.  HAProxy and Apache
 * pass on the Server header of the inner one, so that two look like one; then
 * what they added to the request shows them.
 */
struct way
way_of(const struct visit *v)
{
	const struct echo *echo = &v->echo;
	struct way w = {0};
	enum server_kind face = kind_of(v->server);

	w.inner = echo->heard && echo->software[0] != '\0'
		      ? kind_of(echo->software)
		      : face;
	w.proxied = v->via[0] != '\0' || echo->via[0] != '\0' ||
		    echo->forwarded_for > 0 || echo->forwarded_proto[0] ||
		    (v->http > 10 && strcmp(echo->protocol, "HTTP/1.0") == 0);
	if (face != w.inner || (v->server[0] == '\0' && echo->software[0])) {
		w.proxied = true;
		w.outer = face;
	}
	return w;
}
