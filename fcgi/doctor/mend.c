/*
 * mend.c - the line that mends a finding, for each server.
 *
 * A line is here only if a test has seen it mend (tests/web/test_doctor.py,
 * tests/long/test_fronts.py), or if deploy/ ships it.
 *
 * The server in front is told first: the inner one is what the site has set up
 * for largesse.  If a server is not recognised, the lines for all servers are
 * told: it is one of them, or its manual has a word like theirs.  nginx has the
 * first place in the table, as the one that is met most.
 */
#include <string.h>

#include "fcgi/doctor/mend.h"

enum {
	INNER = 1, /* the server that speaks FastCGI or CGI to largesse */
	OUTER = 2, /* one in front of that */
	STOCK = 4  /* it harms as it comes, with nothing set wrong */
};

#define NGINX	 SERVER_NGINX
#define LIGHTTPD SERVER_LIGHTTPD
#define APACHE	 SERVER_APACHE
#define HAPROXY	 SERVER_HAPROXY
#define VARNISH	 SERVER_VARNISH
#define SQUID	 SERVER_SQUID
#define CADDY	 SERVER_CADDY
#define H2O	 SERVER_H2O
#define ANY	 SERVER_UNKNOWN

/* clang-format off */
static const struct remedy {
	const char *code;
	enum server_kind kind;
	unsigned place;
	const char *where, *line;
} remedies[] = {
	{"not-largesse", NGINX, INNER, "nginx, in the server { } of the site",
	    "include snippets/largesse.conf;"},
	{"not-largesse", LIGHTTPD, INNER, "lighttpd, in a shell",
	    "sudo lighty-enable-mod largesse"},
	{"not-largesse", APACHE, INNER, "Apache, in a shell",
	    "sudo a2enconf largesse"},

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

	{"buffered", VARNISH, OUTER, "Varnish, first in vcl_backend_response",
	    "if (bereq.url ~ \"^/events\") { set beresp.do_stream = true; "
	    "set beresp.uncacheable = true; return (deliver); }"},

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

	{"cached", VARNISH, OUTER, "Varnish, first in vcl_recv",
	    "if (req.url ~ \"^/events\") { return (pass); }"},
	{"cached", SQUID, OUTER, "Squid",
	    "acl largesse urlpath_regex ^/events"},
	{"cached", SQUID, OUTER, "Squid, and after it",
	    "cache deny largesse"},

	{"cache-control", NGINX, INNER | OUTER, "nginx, in the location",
	    "expires off;"},
	{"cache-control", APACHE, INNER | OUTER, "Apache, in <Location>",
	    "ExpiresActive Off"},

	{"cache-header", NGINX, INNER | OUTER,
	    "nginx: take out `add_header Cache-Control`, or, if it has to stay "
	    "in the server { }, put into the location",
	    "add_header Cache-Control \"no-store, no-transform\";"},
	{"cache-header", APACHE, INNER | OUTER,
	    "Apache: take out what sets Cache-Control, or, in <Location "
	    "\"/events\">",
	    "Header set Cache-Control \"no-store, no-transform\""},
	{"cache-header", LIGHTTPD, INNER | OUTER,
	    "lighttpd: take out what sets Cache-Control, or, for /events",
	    "setenv.set-response-header = ( \"Cache-Control\" => "
	    "\"no-store, no-transform\" )"},

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

	{"idle", VARNISH, OUTER, "Varnish, in the backend",
	    ".between_bytes_timeout = 60s;"},

	{"late-start", NGINX, INNER | OUTER, "nginx, if it has a limit_req",
	    "limit_req zone=... burst=... nodelay;"},

	{"authorization", APACHE, INNER | STOCK, "Apache, in <Location \"/events\">",
	    "CGIPassAuth On"},
	{"authorization", NGINX, INNER, "nginx, beside fastcgi_pass",
	    "fastcgi_param HTTP_AUTHORIZATION $http_authorization;"},
	{"authorization", NGINX, OUTER, "nginx, beside proxy_pass",
	    "proxy_set_header Authorization $http_authorization;"},
	{"authorization", HAPROXY, OUTER, "HAProxy: take out",
	    "http-request del-header Authorization"},

	{"authorization", SQUID, OUTER | STOCK, "Squid, at the end of cache_peer",
	    "login=PASSTHRU"},

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

	{"mount", NGINX, INNER, "nginx, in the place of its location",
	    "location ~ ^{}(?<largesse_path>/.*)?$ {"},
	{"mount", NGINX, INNER, "nginx, with it, beside fastcgi_pass",
	    "fastcgi_param PATH_INFO $largesse_path;"},
	{"mount", CADDY, INNER, "Caddy, in transport fastcgi { }",
	    "env SCRIPT_NAME {}"},
	{"mount", APACHE, INNER, "Apache, in <Location \"{}\">",
	    "ProxyFCGISetEnvIf \"%{REQUEST_URI} =~ m#^{}(/.*)$#\" "
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
	{"http1", APACHE, INNER | OUTER,
	    "Apache: not by its own HTTP/2, which lets streams wait; nginx in "
	    "front of it, to the browser",
	    "listen 443 ssl http2;"},
	{"http1", APACHE, INNER | OUTER,
	    "or one stream for all tabs of a browser, in the page",
	    "<script src=\"largesse.js\"></script>"},
	{"http1", LIGHTTPD, INNER | OUTER, "lighttpd, mod_openssl",
	    "ssl.engine = \"enable\""},
	{"http2", APACHE, INNER | OUTER, "Apache, in the <VirtualHost>",
	    "Protocols http/1.1"},
	{"http2", APACHE, INNER | OUTER,
	    "if HTTP/2 has to be: nginx in front of it, to the browser",
	    "listen 443 ssl http2;"},
	{"http1", HAPROXY, OUTER, "HAProxy",
	    "bind :443 ssl crt ... alpn h2,http/1.1"},
};
/* clang-format on */

/* How likely a line is; 0: it is of another server. */
enum rank {
	RANK_NONE,
	RANK_STOCK,
	RANK_OUTER, /* the server in front, known or not */
	RANK_INNER,
	RANK_ANY,   /* one of all, because the inner one is not known */
	RANK_SECOND /* two of one kind can look like one */
};

static enum rank
rank_of(const struct remedy *r, const struct way *w)
{
	bool known = w->outer != SERVER_UNKNOWN;

	if ((r->place & STOCK) != 0 &&
	    (((r->place & INNER) != 0 && r->kind == w->inner) ||
		((r->place & OUTER) != 0 && r->kind == w->outer)))
		return RANK_STOCK;
	if (w->proxied && (r->place & OUTER) != 0 &&
	    (known ? r->kind == w->outer : r->kind != ANY))
		return RANK_OUTER;
	if ((r->place & INNER) != 0 && r->kind == w->inner)
		return r->kind == ANY ? RANK_ANY : RANK_INNER;
	if (r->kind == ANY ||
	    ((r->place & INNER) != 0 && w->inner == SERVER_UNKNOWN))
		return RANK_ANY;
	return !w->proxied && r->kind == w->inner ? RANK_SECOND : RANK_NONE;
}

/* Adds a line with arg in the place of each {}. */
static void
add_line(struct report *rp, struct finding *f, const struct remedy *r,
    enum rank rank, const char *arg)
{
	char line[512] = "", where[256];
	size_t len = 0, n;
	const char *s = r->line;

	while (*s != '\0' && len < sizeof(line)) {
		n = arg != NULL && strncmp(s, "{}", 2) == 0 ? 0 : 1;
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%.*s",
		    n == 0 ? (int)strlen(arg) : 1, n == 0 ? arg : s);
		s += n == 0 ? 2 : 1;
	}
	snprintf(where, sizeof(where), "%s%s",
	    rank == RANK_SECOND ? "if another one is in front: " : "",
	    r->where);
	report_mend(rp, f, where, "%s", line);
}

void
mend_like(struct report *rp, struct finding *f, const char *code,
    const struct way *w, const char *arg)
{
	const struct remedy *r,
	    *end = remedies + sizeof(remedies) / sizeof(remedies[0]);
	const struct remedy *first = NULL;
	enum rank rank;

	for (rank = RANK_STOCK; rank <= RANK_SECOND; rank++)
		for (r = remedies; r < end; r++) {
			if (strcmp(r->code, code) != 0 || rank_of(r, w) != rank)
				continue;
			add_line(rp, f, r, rank, arg);
			first = first == NULL ? r : first;
			if (rank == RANK_SECOND || r->kind != first->kind ||
			    rank_of(first, w) != rank)
				report_mend_other(f);
		}
}

void
mend_finding(
    struct report *rp, struct finding *f, const struct way *w, const char *arg)
{
	mend_like(rp, f, f->code, w, arg);
}
