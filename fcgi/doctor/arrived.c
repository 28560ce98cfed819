/*
 * arrived.c - which parts of a request reached the responder, and which parts
 * of its answer reached the client.
 */
#include <string.h>

#include "fcgi/doctor/evidence.h"
#include "fcgi/doctor/mend.h"

void
judge_stripped(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct echo *echo = &e->probe->echo;
	const struct {
		uint64_t arrived;
		const char *code, *what, *effect;
	} sent[] = {
	    {echo->query, "query", "the query did not arrive",
		"Every stream is of the topic `main` and starts from now, "
		"whatever the page asks for."},
	    {echo->last_event_id, "last-event-id",
		"the header Last-Event-ID did not arrive",
		"After each break events are missing: the stream goes on "
		"from now, not from where it was."},
	    {echo->authorization, "authorization",
		"the header Authorization did not arrive",
		"Clients that send their token in a header are refused."},
	    {echo->cookie, "cookie", "the header Cookie did not arrive",
		"A page that is logged in by a cookie is a stranger here."},
	    {echo->address, "address", "the client's address did not arrive",
		"All the world is one address: a limit for each address is "
		"one for all."},
	};
	size_t i;

	for (i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		if (sent[i].arrived == 0)
			mend_finding(r,
			    report_add(r, sent[i].code,
				i == 4 ? LEVEL_WARNING : LEVEL_ERROR,
				SURE_CERTAIN, sent[i].effect, "%s",
				sent[i].what),
			    w, NULL);
}

void
judge_http10(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct visit *p = e->probe;

	if (p->http <= 10)
		mend_finding(r,
		    report_add(r, "http10", LEVEL_WARNING, SURE_CERTAIN,
			"A stream that was cut and one that ended look the "
			"same, and a connection serves one request.",
			"the answer came in HTTP/1.0"),
		    w, NULL);
	else if (strcmp(p->echo.protocol, "HTTP/1.0") == 0)
		mend_finding(r,
		    report_add(r, "http10", LEVEL_WARNING, SURE_CERTAIN,
			"A stream that was cut and one that ended look the "
			"same to the server in front.",
			"asked in HTTP/%u.%u, the server before largesse was "
			"asked in HTTP/1.0",
			p->http / 10, p->http % 10),
		    w, NULL);
}

void
judge_cache_control(
    const struct evidence *e, const struct way *w, struct report *r)
{
	const char *cc = e->probe->cache_control;
	struct finding *f;

	if (strstr(cc, "no-store") != NULL &&
	    strstr(cc, "no-transform") != NULL &&
	    strstr(cc, "max-age") == NULL && strstr(cc, "public") == NULL)
		return;
	f = report_add(r, "cache-control", LEVEL_WARNING, SURE_CERTAIN,
	    "A cache or a proxy on the way to the browser may keep the stream, "
	    "or compress it.",
	    "Cache-Control: %s, where largesse sends no-store, no-transform",
	    cc[0] != '\0' ? cc : "(none)");
	/* What makes an Expires changes Cache-Control with it. */
	mend_like(r, f, e->probe->expires ? "cache-control" : "cache-header", w,
	    NULL);
}

void
judge_cors(const struct evidence *e, const struct way *w, struct report *r)
{
	const char *allowed = e->probe->allow_origin;

	if (e->origin == NULL || strcmp(allowed, "*") == 0 ||
	    strcmp(allowed, e->origin) == 0)
		return;
	mend_finding(r,
	    report_add(r, "cors", LEVEL_ERROR, SURE_CERTAIN,
		"A page of that origin gets nothing: its browser throws the "
		"answer away, and EventSource gives up for good.",
		"asked for a page of %s, Access-Control-Allow-Origin is %s",
		e->origin, allowed[0] != '\0' ? allowed : "not there"),
	    w, e->origin);
}
