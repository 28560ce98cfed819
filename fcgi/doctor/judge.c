/*
 * judge.c - from what was seen to what is wrong.
 *
 * If there is no stream, it says what is there instead, for nothing can be
 * said of how events arrive.  If there is one, a probe tells how.
 */
#include "fcgi/doctor/judge.h"
#include "fcgi/doctor/mend.h"

bool
judge_doubtful(const struct visit *v)
{
	return v->stream ? !v->started : v->status == 200;
}

bool
judge_usable(const struct visit *v)
{
	if (v->trouble == TROUBLE_TIMEOUT || v->stream)
		return true;
	return v->status == 401 || v->status == 403;
}

/*
 * The server that speaks with the browser is Apache, and it does so by HTTP/2.
 * It serves six requests of a new connection, and each stream is one.
 */
static void
judge_http2(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct way face = {.inner = SERVER_APACHE};
	enum server_kind front = w->proxied ? w->outer : w->inner;

	if (e->probe->http != 20 || front != SERVER_APACHE)
		return;
	mend_finding(r,
	    report_add(r, "http2", LEVEL_WARNING, SURE_CERTAIN,
		"Of a new connection Apache serves six requests at a time, and "
		"a stream is one of them for as long as it is open. The "
		"seventh waits, also one for a page.",
		"HTTP/2 to the browser, by Apache"),
	    &face, NULL);
}

static void
judge_notes(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct visit *p = e->probe;

	if (p->http < 20)
		mend_finding(r,
		    report_add(r, "http1", LEVEL_NOTE, SURE_CERTAIN,
			"A browser opens at most six streams to a host, over "
			"all tabs, and the seventh hangs with all else from "
			"there.  With HTTP/2, which wants https, there are "
			"a hundred and more.",
			"HTTP/%u.%u to the browser", p->http / 10,
			p->http % 10),
		    w, NULL);
	if (p->echo.cgi)
		report_add(r, "cgi", LEVEL_NOTE, SURE_CERTAIN,
		    "Each stream is a process: good for a handful.",
		    "largesse runs as plain CGI");
}

/* --- all of it ---------------------------------------------------------- */

/* The probe brought no tick: why? */
static void
judge_no_probe(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct visit *p = e->probe;

	if (p->stream && p->started)
		mend_finding(r,
		    report_add(r, "path", LEVEL_ERROR, SURE_CERTAIN,
			"/events/health and the others answer as /events "
			"does: monitoring sees a stream.",
			"/events/probe answered as a stream: the path behind "
			"/events did not arrive"),
		    w, NULL);
	else if (p->stream && p->retry)
		report_add(r, "probes", LEVEL_WARNING, SURE_LIKELY,
		    "The doctor cannot see more; try again in a minute.",
		    "too many probes are under way");
	else if (p->trouble == TROUBLE_TIMEOUT || p->stream)
		mend_finding(r,
		    report_add(r, "buffered", LEVEL_ERROR, SURE_LIKELY,
			"Nothing arrives, or not before the stream ends.",
			"of a stream of ticks nothing came in %.1f s%s%s",
			p->end_ms / 1000, p->error[0] != '\0' ? ": " : "",
			p->error),
		    w, NULL);
	else if (p->trouble != TROUBLE_NONE)
		judge_trouble(p, r);
	else
		report_add(r, "probe", LEVEL_WARNING, SURE_LIKELY,
		    "The doctor cannot see more: let the web server pass on "
		    "what is below /events too.",
		    "/events/probe: status %u, %s", p->status, p->type);
}

static void
summarize_probe(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct visit *p = e->probe;
	double late[VISIT_TICKS], most = visit_lateness(p, late);

	report_summary(r,
	    "HTTP/%u.%u, %s%s%s, largesse behind %s; first byte after "
	    "%.0f ms, %u ticks, none later than %.0f ms",
	    p->http / 10, p->http % 10, w->proxied ? way_server(w->outer) : "",
	    w->proxied ? " in front of " : "", way_server(w->inner),
	    p->echo.cgi ? "CGI" : "FastCGI", p->head_ms, p->nticks, most);
}

/*
 * A probe comes through, and the stream itself said nothing.  If the newest
 * event is held until the next, its first one was, and that is told.
 */
static void
judge_dumb(const struct evidence *e, struct report *r)
{
	const struct visit *s = e->stream;

	if (s->started || (s->status != 0 && s->status != 200) ||
	    tries_hold_newest(e))
		return;
	report_add(r, "dumb", LEVEL_ERROR, SURE_PERHAPS, "A page gets nothing.",
	    "the stream did not begin within %.0f s, though a probe beside it "
	    "did%s%s",
	    s->end_ms / 1000, s->error[0] != '\0' ? ": " : "", s->error);
}

static void
judge_probe(const struct evidence *e, const struct way *w, struct report *r)
{
	bool held = judge_times(e, w, r);

	summarize_probe(e, w, r);
	judge_http10(e, w, r);
	judge_stripped(e, w, r);
	if (!held) {
		judge_dumb(e, r);
		judge_late_start(e, w, r);
		judge_cut(e->probe, r);
	}
	if (!report_has(r, "cached")) {
		judge_cache_control(e, w, r);
		judge_silence(e, w, r);
	}
	judge_cors(e, w, r);
	judge_http2(e, w, r);
	judge_notes(e, w, r);
}

/* The visit that says most about the servers in the way. */
static const struct visit *
best_visit(const struct evidence *e)
{
	if (e->probe != NULL && e->probe->status != 0)
		return e->probe;
	return e->stream;
}

static void
judge_stream(const struct evidence *e, struct report *r)
{
	const struct visit *s = e->stream;
	struct way w = way_of(best_visit(e));
	/* Whether there is a stream behind a certificate is not seen. */
	bool works = judge_usable(s) || s->trouble == TROUBLE_TLS;

	if (e->redirects > 0) {
		judge_redirect(e, works, r);
		if (!works)
			return;
	}
	if (e->hangs)
		judge_hangs(s, r);
	else if (s->trouble != TROUBLE_NONE && s->trouble != TROUBLE_TIMEOUT &&
		 !s->stream)
		judge_trouble(s, r);
	else if (s->status != 0 && s->status != 200) {
		if (judge_unasked(e))
			judge_token(e, r);
		else if (judge_lost(s))
			judge_mount(e, &w, r);
		else
			judge_status(e, &w, r);
		if (e->probe != NULL && e->probe->nticks > 0)
			judge_probe(e, &w, r);
	} else if (s->status == 200 && !s->stream)
		judge_no_stream(e, &w, r);
	else if (s->stream && !s->started && s->retry &&
		 s->trouble == TROUBLE_NONE)
		judge_comes_back(e, r);
	else if (e->probe != NULL && e->probe->nticks == 0)
		judge_no_probe(e, &w, r);
	else if (e->probe != NULL)
		judge_probe(e, &w, r);
}

void
judge_evidence(const struct evidence *e, struct report *r)
{
	judge_stream(e, r);
	judge_tries(e, r);
}
