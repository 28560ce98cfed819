/*
 * absent.c - there is no stream at all: what is there instead?
 */
#include <string.h>

#include "fcgi/doctor/evidence.h"
#include "fcgi/doctor/mend.h"

#define PATH_CHARS                                              \
	"/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789-_.~"
#define HOST_ENDS "/?#'\"\\<>\n\r "

static const char gives_up[] =
    "EventSource gives up for good at any status but 200: the page gets "
    "nothing, and does not try again.";

void
judge_trouble(const struct visit *v, struct report *r)
{
	static const char nothing[] =
	    "A browser gets no further either: the page gets nothing, and "
	    "tries again every few seconds.";
	struct finding *f;

	if (v->trouble == TROUBLE_TLS) {
		f = report_add(r, "tls", LEVEL_ERROR, SURE_CERTAIN,
		    "A browser refuses the certificate, and EventSource has "
		    "nobody to ask whether to go on.",
		    "no TLS connection: %s", v->error);
		report_mend(r, f, "a certificate that browsers trust",
		    "certbot certonly --webroot -d HOST");
		report_mend(r, f, "to look further now",
		    "largesse doctor --insecure URL");
		return;
	}
	f = report_add(r, "unreachable", LEVEL_ERROR, SURE_CERTAIN, nothing,
	    "%s: %s",
	    v->trouble == TROUBLE_NAME	    ? "no such host"
	    : v->trouble == TROUBLE_CONNECT ? "nobody answers"
	    : v->trouble == TROUBLE_CUT	    ? "closed without an answer"
					    : "no answer",
	    v->error);
	if (v->trouble == TROUBLE_CUT)
		report_mend(r, f, "nginx, if it is out of connections",
		    "worker_connections 17500;");
	if (v->trouble == TROUBLE_CONNECT)
		report_mend(r, f,
		    "does a web server listen there? On its machine",
		    "sudo ss -ltnp");
}

/* The web server is there, and the responder is not, or does not answer. */
static void
mend_responder(struct report *r, struct finding *f)
{
	report_mend(r, f, "is the responder up? On its machine",
	    "systemctl status largesse.service largesse.socket");
	report_mend(r, f, "why it is not", "sudo journalctl -u largesse -n 20");
	report_mend(r, f, "when that is mended",
	    "sudo systemctl reset-failed 'largesse.*'; "
	    "sudo systemctl restart largesse");
	report_mend(r, f, "without systemd: is it up, and where?",
	    "ss -xlp | grep largesse");
	report_mend_other(f);
}

/* Something took the connection, and nothing more came. */
void
judge_hangs(const struct visit *v, struct report *r)
{
	struct finding *f = report_add(r, "hangs", LEVEL_ERROR, SURE_LIKELY,
	    "A browser waits as long as the web server does, often for "
	    "minutes, and gets nothing.",
	    "something takes the connection, but no answer comes within %.0f "
	    "s, nor from health: the web server is there, and the responder "
	    "hangs or cannot start",
	    v->end_ms / 1000);

	mend_responder(r, f);
}

/* The address that the snippets of deploy/ serve, on the same host. */
static void
mend_path(struct report *r, struct finding *f, const char *url)
{
	const char *host = strstr(url, "://");
	size_t len = host == NULL ? 0 : strcspn(host + 3, HOST_ENDS);

	if (host != NULL && (strncmp(host + 3 + len, "/events", 7) != 0 ||
				strchr("?#", host[3 + len + 7]) == NULL))
		report_mend(r, f, "the path of the snippets is /events",
		    "largesse doctor '%.*s/events'",
		    (int)(host + 3 - url + len), url);
}

/* A site that is not the first of its web server has to be asked by name. */
static void
mend_name(struct report *r, struct finding *f, const char *url)
{
	static const char *const local[] = {"localhost", "127.", "[::1]"};
	const char *host = strstr(url, "://"), *port;
	size_t i;

	for (i = 0; host != NULL && i < sizeof(local) / sizeof(local[0]); i++)
		if (strncmp(host + 3, local[i], strlen(local[i])) == 0) {
			port = host + 3 + strlen(local[i]);
			port += strspn(port, "0123456789.");
			report_mend(r, f,
			    "if the web server has several sites: the name of "
			    "yours",
			    "largesse doctor '%.*s://NAME%.*s/events'",
			    (int)(host - url), url,
			    *port == ':' ? (int)strcspn(port, HOST_ENDS) : 0,
			    port);
			report_mend_other(f);
		}
}

/* The web server answers, and has nothing of largesse there. */
static void
mend_absent(struct report *r, struct finding *f, const struct evidence *e,
    const struct way *w)
{
	size_t n;

	mend_path(r, f, e->url);
	n = f->nmends;
	mend_like(r, f, "not-largesse", w, NULL);
	if (n > 0 && f->nmends > n)
		f->mends[n].other = true;
	mend_name(r, f, e->url);
}

static void
add_status_mends(struct report *r, struct finding *f, const struct evidence *e,
    const struct way *w)
{
	switch (e->stream->status) {
	case 401:
	case 403:
		report_mend(r, f, "try with what the page sends",
		    "largesse doctor --header 'Cookie: ...' URL");
		break;
	case 404:
		mend_absent(r, f, e, w);
		break;
	case 500:
	case 502:
	case 503:
		mend_responder(r, f);
		report_mend(r, f, "may the web server open its socket?",
		    "largesse serve --listen-mode 0660");
		report_mend_other(f);
		report_mend(r, f, "and so that no restart ends a stream",
		    "include the retry snippet of deploy/");
		report_mend_other(f);
		break;
	case 504:
		mend_responder(r, f);
		report_mend(r, f, "if its queue is full",
		    "largesse serve --backlog 1024");
		report_mend_other(f);
		break;
	case 429:
		report_mend(r, f, "nginx, for streams",
		    "limit_req zone=... burst=... nodelay;");
		break;
	default:
		break;
	}
}

void
judge_status(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct visit *v = e->stream;
	size_t len = strcspn(v->text, "\r\n");
	const char *means = "";
	struct finding *f;

	if (len > 100 || v->text[0] == '<') /* a page: the status says enough */
		len = 0;
	if (len == 0 && (v->status == 502 || v->status == 503))
		means = ": the web server is there, the responder is not";
	else if (len == 0 && v->status == 504)
		means = ": the web server is there, the responder does not "
			"answer";
	f = report_add(r, "status", LEVEL_ERROR, SURE_CERTAIN, gives_up,
	    "status %u from %s%s%s%.*s", v->status, way_server(w->inner), means,
	    len > 0 ? ": " : "", (int)len, v->text);
	add_status_mends(r, f, e, w);
}

/* Does the text begin as a stream of largesse does? */
static bool
is_stream_text(const char *s)
{
	return strncmp(s, "retry:", 6) == 0 || strncmp(s, "event:", 6) == 0 ||
	       strncmp(s, "id:", 3) == 0 ||
	       strstr(s, "\nevent: stream-") != NULL;
}

/* Is it largesse all the same?  Then its stream or its health says so. */
static bool
is_largesse(const struct evidence *e)
{
	const struct visit *h = e->health;

	return is_stream_text(e->stream->text) ||
	       (h != NULL && h->status == 200 && strcmp(h->text, "ok\n") == 0);
}

void
judge_no_stream(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct visit *v = e->stream;
	const char *type = v->type[0] != '\0' ? v->type : "(none)";
	struct finding *f;

	if (is_largesse(e)) {
		f = report_add(r, "content-type", LEVEL_ERROR, SURE_CERTAIN,
		    "EventSource gives up for good at any type but "
		    "text/event-stream.",
		    "status 200, Content-Type: %s", type);
		report_mend(r, f,
		    "take out what sets it, and leave largesse's own",
		    "Content-Type: text/event-stream");
		return;
	}
	f = report_add(r, "not-largesse", LEVEL_ERROR, SURE_LIKELY, gives_up,
	    "status 200, Content-Type: %s from %s: this is not largesse, but "
	    "another page of the site. The snippet is not included here, or "
	    "the path is another.",
	    type, way_server(w->inner));
	mend_absent(r, f, e, w);
}

bool
judge_lost(const struct visit *v)
{
	static const char line[] = "no such page here";

	return v->status == 404 && strncmp(v->text, line, strlen(line)) == 0;
}

/* largesse answers, but it was not asked for its stream. */
void
judge_mount(const struct evidence *e, const struct way *w, struct report *r)
{
	const char *path = strstr(e->url, "://");
	char mount[128] = "/events";
	size_t len;
	struct finding *f = report_add(r, "mount", LEVEL_ERROR, SURE_CERTAIN,
	    gives_up,
	    "largesse itself answers: 404, no such page here. The address is "
	    "not that of the stream, or %s does not say where the stream is: "
	    "PATH_INFO is to be what comes after that, or SCRIPT_NAME is it.",
	    way_server(w->inner));

	mend_path(r, f, e->url);
	path = path == NULL ? NULL : strpbrk(path + 3, "/?#");
	len = path == NULL ? 0 : strcspn(path, "?#");
	/* It stands in lines that are pasted. */
	if (len > 1 && strspn(path, PATH_CHARS) >= len)
		snprintf(mount, sizeof(mount), "%.*s", (int)len, path);
	mend_finding(r, f, w, mount);
}

bool
judge_unasked(const struct evidence *e)
{
	return e->stream->status == 401 && !e->credential && e->probe != NULL &&
	       e->probe->nticks > 0;
}

void
judge_token(const struct evidence *e, struct report *r)
{
	const char *text = e->stream->text;
	struct finding *f = report_add(r, "token", LEVEL_NOTE, SURE_CERTAIN,
	    "A page with a token gets its stream. The way was looked at by a "
	    "probe, which asks for none; the stream itself and the ways of "
	    "largesse.js were not tried.",
	    "this stream is not public, and the doctor has no token: %.*s",
	    (int)strcspn(text, "\r\n"), text);

	report_mend(r, f, "to look with one",
	    "largesse doctor --header 'Authorization: Bearer TOKEN' '%.*s'",
	    (int)strcspn(e->url, "'\"\\<>\n\r "), e->url);
	report_mend(r, f, "this prints one, where the key is",
	    "largesse token --key-file FILE --subscribe TOPIC");
	report_mend(r, f,
	    "or to look at a topic of largesse serve --public, which needs "
	    "none",
	    "largesse doctor '%.*s?topic=TOPIC'",
	    (int)strcspn(e->url, "?'\"\\<>\n\r "), e->url);
}

/* The answer is a stream, but all it says is when to come back. */
void
judge_comes_back(const struct evidence *e, struct report *r)
{
	static const char waits[] = "Pages wait and knock again; they get "
				    "nothing until it is over.";
	const struct visit *h = e->health;
	struct finding *f;

	if (h != NULL && h->status == 200 && !h->stream) {
		f = report_add(r, "busy", LEVEL_WARNING, SURE_LIKELY, waits,
		    "the responder is well, but sends this stream away: it "
		    "has as many as it may have");
		report_mend(
		    r, f, "the responder", "largesse serve --max-streams N");
		report_mend(r, f, "and descriptors for them", "LimitNOFILE=N");
		return;
	}
	if (h != NULL && h->text[0] != '\0' && h->text[0] != '<') {
		f = report_add(r, "unhealthy", LEVEL_ERROR, SURE_CERTAIN, waits,
		    "the responder says: %.*s", (int)strcspn(h->text, "\n"),
		    h->text);
		report_mend(r, f,
		    "what is wrong with the log: look at it, as the user of "
		    "the responder",
		    "sudo -u largesse largesse doctor FILE");
		report_mend(r, f, "or where the responder says why",
		    "sudo journalctl -u largesse -n 20");
		report_mend(r, f,
		    "or, on its own machine, in store.why "
		    "(deploy/nginx/status.conf)",
		    "curl http://127.0.0.1:8082/events/status");
		return;
	}
	f = report_add(r, "down", LEVEL_ERROR, SURE_LIKELY, waits,
	    "the web server is there, the responder is not: the web server "
	    "answers in its place (health: status %u)",
	    h != NULL ? h->status : 0);
	mend_responder(r, f);
}

void
judge_redirect(const struct evidence *e, bool works, struct report *r)
{
	struct finding *f = report_add(r, "redirect",
	    works ? LEVEL_WARNING : LEVEL_ERROR, SURE_CERTAIN,
	    works ? "Each reconnect takes a round trip more, and a client "
		    "that sends a token loses it on the way to another "
		    "host."
		  : "EventSource follows, finds no stream there, and gives "
		    "up for good.",
	    "status %u leads to %s", e->asked->status, e->asked->location);

	if (works)
		report_mend(r, f, "in the page", "new EventSource(\"%.*s\")",
		    (int)strcspn(e->url, "\"\\<>\n\r "), e->url);
	else
		report_mend(r, f,
		    "let /events out of what redirects, and include the "
		    "snippet before it",
		    "include snippets/largesse.conf;");
}
