/*
 * mend.c - the line that mends a finding, for each server.
 *
 * A line is here only if tests/web/test_doctor.py has seen it mend, or if
 * deploy/ ships it.  If a server is not recognised, the lines for all servers
 * are told: it is one of them, or its manual has a word like theirs.
 */
#include <string.h>

#include "fcgi/doctor/mend.h"

enum {
	INNER = 1, /* the server that speaks FastCGI or CGI to largesse */
	OUTER = 2  /* one in front of that */
};

#define NGINX	 SERVER_NGINX
#define LIGHTTPD SERVER_LIGHTTPD
#define APACHE	 SERVER_APACHE
#define HAPROXY	 SERVER_HAPROXY
#define ANY	 SERVER_UNKNOWN

/* clang-format off */
static const struct remedy {
	const char *code;
	enum server_kind kind;
	unsigned place;
	const char *where, *line;
} remedies[] = {
	{"buffered", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_buffering off;"},
	{"buffered", NGINX, OUTER, "nginx, beside proxy_pass",
	    "proxy_buffering off;"},
	{"buffered", LIGHTTPD, INNER | OUTER, "lighttpd, for /events",
	    "server.stream-response-body = 2"},
	{"buffered", APACHE, INNER, "Apache, mod_proxy_fcgi",
	    "ProxyPass \"/events\" \"unix:/run/largesse/largesse.sock|"
	    "fcgi://largesse/events\" flushpackets=on"},
	{"buffered", APACHE, INNER, "Apache, mod_fcgid",
	    "FcgidOutputBufferSize 0"},

	{"compressed", NGINX, INNER | OUTER, "nginx, in the location",
	    "gzip off;"},
	{"compressed", APACHE, INNER | OUTER, "Apache, in the VirtualHost",
	    "SetEnvIf Request_URI \"^/events\" no-gzip=1"},
	{"compressed", LIGHTTPD, INNER | OUTER, "lighttpd, for /events",
	    "deflate.mimetypes = ()"},

	{"gathered", ANY, OUTER, "HAProxy, if one is in front, in defaults",
	    "option http-no-delay"},

	{"cached", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_cache off;"},
	{"cached", NGINX, OUTER, "nginx, beside proxy_pass",
	    "proxy_cache off;"},
	{"cached", APACHE, INNER | OUTER, "Apache, in the VirtualHost",
	    "CacheDisable \"/events\""},

	{"cache-control", NGINX, INNER | OUTER, "nginx, in the location",
	    "expires off;"},
	{"cache-control", APACHE, INNER | OUTER, "Apache, in <Location>",
	    "ExpiresActive Off"},

	{"http10", NGINX, OUTER, "nginx, beside proxy_pass",
	    "proxy_http_version 1.1;"},
	{"http10", NGINX, OUTER, "nginx, with it",
	    "proxy_set_header Connection \"\";"},
	{"http10", LIGHTTPD, OUTER, "lighttpd, mod_proxy",
	    "proxy.header = ( \"force-http10\" => \"disable\" )"},
	{"http10", APACHE, OUTER, "Apache, mod_proxy_http: not",
	    "SetEnv force-proxy-request-1.0 1"},

	{"idle", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_read_timeout 60s;"},
	{"idle", NGINX, OUTER, "nginx, beside proxy_pass",
	    "proxy_read_timeout 60s;"},
	{"idle", APACHE, OUTER, "Apache, mod_proxy_http", "ProxyTimeout 60"},
	{"idle", APACHE, INNER, "Apache, mod_fcgid", "FcgidIOTimeout 60"},
	{"idle", LIGHTTPD, INNER | OUTER, "lighttpd",
	    "server.max-write-idle = 360"},
	{"idle", HAPROXY, OUTER, "HAProxy, in defaults",
	    "timeout server 60s"},
	{"idle", HAPROXY, OUTER, "HAProxy, in defaults",
	    "timeout client 60s"},

	{"late-start", NGINX, INNER | OUTER, "nginx, if it has a limit_req",
	    "limit_req zone=... burst=... nodelay;"},

	{"authorization", APACHE, INNER, "Apache, in <Location \"/events\">",
	    "CGIPassAuth On"},
	{"authorization", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_param HTTP_AUTHORIZATION $http_authorization;"},
	{"authorization", NGINX, OUTER, "nginx, beside proxy_pass",
	    "proxy_set_header Authorization $http_authorization;"},
	{"authorization", HAPROXY, OUTER, "HAProxy: take out",
	    "http-request del-header Authorization"},

	{"cookie", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_param HTTP_COOKIE $http_cookie;"},
	{"cookie", NGINX, OUTER, "nginx, beside proxy_pass",
	    "proxy_set_header Cookie $http_cookie;"},
	{"cookie", APACHE, INNER | OUTER, "Apache: take out",
	    "RequestHeader unset Cookie"},
	{"cookie", HAPROXY, OUTER, "HAProxy: take out",
	    "http-request del-header Cookie"},

	{"last-event-id", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_param HTTP_LAST_EVENT_ID $http_last_event_id;"},
	{"last-event-id", NGINX, OUTER, "nginx, beside proxy_pass",
	    "proxy_set_header Last-Event-ID $http_last_event_id;"},
	{"last-event-id", APACHE, INNER | OUTER, "Apache: take out",
	    "RequestHeader unset Last-Event-ID"},
	{"last-event-id", HAPROXY, OUTER, "HAProxy: take out",
	    "http-request del-header Last-Event-ID"},

	{"query", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_param QUERY_STRING $query_string;"},
	{"address", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_param REMOTE_ADDR $remote_addr;"},
	{"path", NGINX, INNER, "nginx, in the place of `location /events`",
	    "location ~ ^/events(?<largesse_path>/.*)?$ {"},
	{"path", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_param PATH_INFO $largesse_path;"},
	{"path", APACHE, INNER, "Apache, in <Location \"/events\">",
	    "ProxyFCGISetEnvIf \"%{REQUEST_URI} =~ m#^/events(/.*)$#\" "
	    "PATH_INFO \"$1\""},

	{"cors", NGINX, INNER | OUTER, "nginx, in the location",
	    "add_header Access-Control-Allow-Origin {};"},
	{"cors", APACHE, INNER | OUTER, "Apache, in <Location \"/events\">",
	    "Header set Access-Control-Allow-Origin {}"},
	{"cors", LIGHTTPD, INNER | OUTER, "lighttpd, mod_setenv",
	    "setenv.add-response-header = "
	    "( \"Access-Control-Allow-Origin\" => \"{}\" )"},
	{"cors", ANY, INNER, "or the responder", "--allow-origin {}"},

	{"http1", NGINX, INNER | OUTER, "nginx",
	    "listen 443 ssl http2;"},
	{"http1", APACHE, INNER | OUTER, "Apache, mod_http2",
	    "Protocols h2 http/1.1"},
	{"http1", LIGHTTPD, INNER | OUTER, "lighttpd, mod_openssl",
	    "ssl.engine = \"enable\""},
	{"http1", HAPROXY, OUTER, "HAProxy",
	    "bind :443 ssl crt ... alpn h2,http/1.1"},
};
/* clang-format on */

static bool
applies(const struct remedy *r, const struct way *w)
{
	bool all = w->inner == SERVER_UNKNOWN;

	if (r->kind == ANY)
		return true;
	if ((r->place & INNER) != 0 && (all || r->kind == w->inner))
		return true;
	if ((r->place & OUTER) == 0 || !w->proxied)
		return false;
	return w->outer == SERVER_UNKNOWN || r->kind == w->outer;
}

void
mend_finding(
    struct report *rp, struct finding *f, const struct way *w, const char *arg)
{
	const char *hole;
	size_t i;

	for (i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		const struct remedy *r = &remedies[i];

		if (strcmp(r->code, f->code) != 0 || !applies(r, w))
			continue;
		hole = arg != NULL ? strstr(r->line, "{}") : NULL;
		if (hole == NULL)
			report_mend(rp, f, r->where, "%s", r->line);
		else
			report_mend(rp, f, r->where, "%.*s%s%s",
			    (int)(hole - r->line), r->line, arg, hole + 2);
	}
}
