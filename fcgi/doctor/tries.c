/*
 * tries.c - which of the ways of largesse.js get through.
 *
 * What holds a stream is often not the site's own: it is before the visitor,
 * and he cannot mend it.  largesse.js then goes another way, and the doctor has
 * tried each of them here.
 *
 * Each message has the time at which it was sent.  It is compared with the
 * fastest message of all visits, because on a way that holds the newest event
 * until the next all messages of one stream are equally late.
 */
#include <string.h>

#include "fcgi/doctor/evidence.h"

enum {
	HOW_SIZE = 160,
	TEXT_MAX = 100, /* of what a server says */
	LATE_MS = 600, /* beats come each second: one that waits is 1000 late */
	PADDED_MS = 1600, /* its beats come each second also in a page */
	ANY_MS = 1000000,
	HEAP_MS = 250 /* what came so near the end came with it */
};

static const struct {
	const char *name;
	double late_ms; /* more is too late */
	const char *now;
} ways[TRIES] = {
    {"stream", LATE_MS,
	"Visitors get through with largesse.js in the page, by a stream with "
	"more heartbeats."},
    {"padded", PADDED_MS,
	"Visitors get through with largesse.js in the page, by a stream that "
	"fills the buffer."},
    {"short", LATE_MS,
	"Visitors get through with largesse.js in the page, by short streams."},
    {"post", LATE_MS,
	"Visitors get through with largesse.js in the page, by POST."},
    {"poll", ANY_MS,
	"Visitors get through with largesse.js in the page, by polling."},
};

/* --- times -------------------------------------------------------------- */

static double
delay_of(const struct visit *v, const struct tick *t)
{
	return v->begun_ms + t->came_ms - t->sent_ms;
}

static void
take_fastest(const struct visit *v, const struct tick *t, unsigned n,
    double *fastest, bool *any)
{
	for (; n > 0; n--, t++) {
		if (!*any || delay_of(v, t) < *fastest)
			*fastest = delay_of(v, t);
		*any = true;
	}
}

/* 0 if nothing came at all. */
static double
fastest_of(const struct evidence *e)
{
	double fastest = 0;
	bool any = false;
	size_t i;

	for (i = 0; i < TRIES; i++)
		if (e->tries[i] != NULL)
			take_fastest(e->tries[i], e->tries[i]->beats,
			    e->tries[i]->nbeats, &fastest, &any);
	if (e->probe != NULL)
		take_fastest(e->probe, e->probe->ticks, e->probe->nticks,
		    &fastest, &any);
	return fastest;
}

/* How late the latest was; *n is how many were later than ms. */
static double
count_late(const struct visit *v, double fastest, double ms, unsigned *n)
{
	double late, latest = 0;
	unsigned i;

	for (i = 0, *n = 0; i < v->nbeats; i++) {
		late = delay_of(v, &v->beats[i]) - fastest;
		latest = late > latest ? late : latest;
		*n += late > ms;
	}
	return latest;
}

/* Did each come late, when the next was sent? */
static bool
waits_for_next(const struct visit *v, double fastest)
{
	unsigned i;

	for (i = 0; i + 1 < v->nbeats; i++) {
		double ms = delay_of(v, &v->beats[i]) - fastest -
			    (v->beats[i + 1].sent_ms - v->beats[i].sent_ms);

		if (ms > HEAP_MS || ms < -HEAP_MS)
			return false;
	}
	return i > 0;
}

/* So that ticks, which come close to each other, do not show it. */
static bool
holds_newest(const struct visit *v, double fastest)
{
	unsigned n;

	return v != NULL && v->started &&
	       count_late(v, fastest, LATE_MS, &n) > 0 && n > 1 &&
	       waits_for_next(v, fastest);
}

/* --- why not ------------------------------------------------------------ */

/* An answer that is no stream, or none. */
static void
tell_absent(const struct visit *v, char how[HOW_SIZE])
{
	size_t len = strcspn(v->text, "\r\n");

	if (len > TEXT_MAX || v->text[0] == '<')
		len = 0;
	if (v->status == 200)
		snprintf(how, HOW_SIZE, "no: %.*s in the place of a stream",
		    TEXT_MAX, v->type[0] != '\0' ? v->type : "an answer");
	else if (v->status != 0)
		snprintf(how, HOW_SIZE, "no: status %u%s%.*s", v->status,
		    len > 0 ? ": " : "", (int)len, v->text);
	else if (v->trouble == TROUBLE_TIMEOUT)
		snprintf(how, HOW_SIZE, "no: nothing came in %.0f s",
		    v->end_ms / 1000);
	else
		snprintf(how, HOW_SIZE, "no: %.*s", TEXT_MAX,
		    v->error[0] != '\0' ? v->error : "no answer");
}

/* A stream that did not begin. */
static void
tell_mute(const struct visit *v, char how[HOW_SIZE])
{
	if (v->retry)
		snprintf(how, HOW_SIZE, "no: told to come back%s%s",
		    v->reason[0] != '\0' ? ": " : "", v->reason);
	else if (v->trouble == TROUBLE_TIMEOUT)
		snprintf(how, HOW_SIZE, "no: nothing came in %.0f s",
		    v->end_ms / 1000);
	else
		snprintf(how, HOW_SIZE,
		    "no: cut after %.1f s, before anything came",
		    v->end_ms / 1000);
}

static void
tell_late(
    const struct visit *v, double fastest, double latest, char how[HOW_SIZE])
{
	if (v->nbeats > 0 && v->beats[0].came_ms > v->end_ms - HEAP_MS)
		snprintf(how, HOW_SIZE, "no: held until its end");
	else if (waits_for_next(v, fastest))
		snprintf(
		    how, HOW_SIZE, "no: the newest event waits for the next");
	else
		snprintf(how, HOW_SIZE, "no: events come up to %.1f s late",
		    latest / 1000);
}

static void
tell_no_end(const struct visit *v, char how[HOW_SIZE])
{
	snprintf(how, HOW_SIZE,
	    v->trouble == TROUBLE_TIMEOUT ? "no: its end did not come in %.0f s"
					  : "no: cut after %.1f s",
	    v->end_ms / 1000);
}

/* --- one, and all ------------------------------------------------------- */

static bool
judge_try(
    const struct visit *v, enum tried which, double fastest, char how[HOW_SIZE])
{
	double latest;
	unsigned n;

	latest = count_late(v, fastest, ways[which].late_ms, &n);
	if (!v->stream)
		tell_absent(v, how);
	else if (!v->started)
		tell_mute(v, how);
	else if (n > 1 || (n > 0 && v->nbeats < 3)) /* one is a hiccup */
		tell_late(v, fastest, latest, how);
	else if (v->nbeats == 0)
		snprintf(how, HOW_SIZE,
		    "no: its parameters did not arrive, or largesse there is "
		    "older");
	else if (!v->ended)
		tell_no_end(v, how);
	else {
		snprintf(how, HOW_SIZE,
		    n == 0 && latest > LATE_MS ? "works, up to %.1f s late"
					       : "works",
		    latest / 1000);
		return true;
	}
	return false;
}

/* No two polls of largesse.js are alike, and no cache keeps a POST. */
static bool
is_cacheable(enum tried which)
{
	return which != TRY_POST && which != TRY_POLL;
}

/* What holds or cuts streams has a word of the way around it. */
static void
tell_meanwhile(struct report *r, const char *now)
{
	static const char *const codes[] = {
	    "buffered", "compressed", "newest", "dumb", "idle", "cut"};
	size_t i, j;

	for (i = 0; i < r->n; i++)
		for (j = 0; j < sizeof(codes) / sizeof(codes[0]); j++)
			if (r->findings[i].level == LEVEL_ERROR &&
			    strcmp(r->findings[i].code, codes[j]) == 0)
				r->findings[i].now = now;
}

static void
note_untried(struct report *r)
{
	struct finding *f = report_add(r, "untried", LEVEL_NOTE, SURE_CERTAIN,
	    "The doctor cannot say by which ways visitors get through.",
	    "the stream needs a token, so the ways of largesse.js were not "
	    "tried");

	report_mend(r, f, "pass it with",
	    "largesse doctor --header 'Authorization: Bearer ...' URL");
}

bool
tries_hold_newest(const struct evidence *e)
{
	double fastest = fastest_of(e);

	return holds_newest(e->tries[TRY_STREAM], fastest) &&
	       holds_newest(e->tries[TRY_SHORT], fastest);
}

static void
judge_newest(const struct evidence *e, struct report *r)
{
	if (!tries_hold_newest(e) || report_has(r, "buffered") ||
	    report_has(r, "compressed"))
		return;
	report_add(r, "newest", LEVEL_ERROR, SURE_LIKELY,
	    "The newest event is not seen before something comes after it: "
	    "another event, or the heartbeat.",
	    "what was sent a second apart came when the next was sent: "
	    "something passes on all but the last");
}

void
judge_tries(const struct evidence *e, struct report *r)
{
	double fastest = fastest_of(e);
	char how[HOW_SIZE];
	size_t i, best = TRIES;
	bool works;

	if ((e->stream->status == 401 || e->stream->status == 403) &&
	    !judge_unasked(e)) /* or that is told already */
		note_untried(r);
	judge_newest(e, r);
	for (i = 0; i < TRIES; i++) {
		if (e->tries[i] == NULL)
			continue;
		works = judge_try(e->tries[i], (enum tried)i, fastest, how);
		if (works && is_cacheable((enum tried)i) && times_cached(e)) {
			works = false;
			snprintf(how, sizeof(how),
			    "no: out of a cache when it is asked for again");
		}
		report_add_way(r, ways[i].name, works, "%s", how);
		if (works && best == TRIES)
			best = i;
	}
	if (best < TRIES)
		tell_meanwhile(r, ways[best].now);
	else if (r->nways > 0 && !report_sick(r))
		report_add(r, "ways", LEVEL_ERROR, SURE_LIKELY,
		    "A page gets nothing, whatever it has in it.",
		    "none of the ways of largesse.js gets through");
}
