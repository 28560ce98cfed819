/*
 * absent.c - there is no stream at all: what is there instead?
 */
#include <string.h>

#include "fcgi/doctor/evidence.h"

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
}

static void
add_status_mends(struct report *r, struct finding *f, const struct visit *v)
{
	switch (v->status) {
	case 401:
	case 403:
		report_mend(r, f, "try with what the page sends",
		    "largesse doctor --header 'Cookie: ...' URL");
		break;
	case 404:
		report_mend(r, f, "nginx",
		    "location ~ ^/events(?<largesse_path>/.*)?$ {");
		report_mend(
		    r, f, "lighttpd", "$HTTP[\"url\"] =~ \"^/events(/|$)\" {");
		report_mend(r, f, "Apache", "ProxyPass \"/events\" ...");
		break;
	case 500:
	case 502:
	case 503:
		report_mend(r, f, "is the responder up, and where?",
		    "ss -xlp | grep largesse");
		report_mend(r, f, "may the web server open its socket?",
		    "largesse serve --listen-mode 0660");
		report_mend(r, f, "and so that no restart ends a stream",
		    "include the retry snippet of deploy/");
		break;
	case 504:
		report_mend(r, f, "the responder hangs, or a queue is full",
		    "largesse serve --backlog 1024");
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
judge_status(const struct visit *v, const struct way *w, struct report *r)
{
	size_t len = strcspn(v->text, "\r\n");
	struct finding *f;

	if (len > 100 || v->text[0] == '<') /* a page: the status says enough */
		len = 0;
	f = report_add(r, "status", LEVEL_ERROR, SURE_CERTAIN, gives_up,
	    "status %u from %s%s%.*s", v->status, way_server(w->inner),
	    len > 0 ? ": " : "", (int)len, v->text);
	add_status_mends(r, f, v);
}

void
judge_type(const struct visit *v, struct report *r)
{
	struct finding *f =
	    report_add(r, "content-type", LEVEL_ERROR, SURE_CERTAIN,
		"EventSource gives up for good at any type but "
		"text/event-stream.",
		"status 200, Content-Type: %s",
		v->type[0] != '\0' ? v->type : "(none)");

	report_mend(r, f, "take out what sets it, and leave largesse's own",
	    "Content-Type: text/event-stream");
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
		    "largesse doctor FILE");
		report_mend(r, f,
		    "or where the responder says why: on standard error, and "
		    "as store.why on its own machine "
		    "(deploy/nginx/status.conf)",
		    "curl http://127.0.0.1:8082/events/status");
		return;
	}
	f = report_add(r, "down", LEVEL_ERROR, SURE_LIKELY, waits,
	    "the web server answers in the place of the responder, which "
	    "does not (health: status %u)",
	    h != NULL ? h->status : 0);
	report_mend(r, f, "is it up, and where?", "ss -xlp | grep largesse");
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
		    "let the stream's own path out of what "
		    "redirects",
		    "location ~ ^/events(?<largesse_path>/.*)?$ {");
}
