/*
 * times.c - how a stream arrives: at once, in heaps, late, cut.
 *
 * One cause shows in many ways: what is held back is late as well.  So the
 * worst cause is looked for first, and what follows from it is not told again.
 */
#include <string.h>

#include "fcgi/doctor/evidence.h"
#include "fcgi/doctor/mend.h"

enum {
	LATE_MS = 1500, /* of a first byte; mod_fcgid takes a second */
	HEAP_MS = 20	/* ticks this close to each other came together */
};

bool
judge_late(const struct visit *v)
{
	return v->head_ms > LATE_MS && v->nticks > 0 && !visit_held(v);
}

uint64_t
judge_buffer(const struct visit *v, uint64_t size)
{
	double late[VISIT_TICKS];
	unsigned i, sent = 0;

	if (v->nticks < 2 ||
	    v->ticks[v->nticks - 1].came_ms - v->ticks[0].came_ms <= HEAP_MS)
		return 0;
	visit_lateness(v, late);
	for (i = 0; i < v->nticks; i++)
		sent += v->ticks[i].sent_ms - v->ticks[0].sent_ms <=
			late[0] + HEAP_MS;
	return sent * size;
}

/*
 * If the same comes twice, a cache sent it the second time.  The times of the
 * messages show it, which nothing on the way changes.
 */
static bool
same(const struct visit *a, const struct visit *b)
{
	return a != NULL && b != NULL && visit_made_ms(a) > 0 &&
	       visit_made_ms(a) == visit_made_ms(b);
}

static bool
was_cached(const struct visit *v)
{
	return v != NULL && visit_from_cache(v);
}

static bool
says_cache(const struct evidence *e)
{
	size_t i;

	for (i = 0; i < TRIES; i++)
		if (was_cached(e->tries[i]))
			return true;
	return was_cached(e->stream) || was_cached(e->probe) ||
	       was_cached(e->twice);
}

/* Returns how it shows, or NULL. */
static const char *
cached(const struct evidence *e)
{
	if (same(e->once, e->twice))
		return "asked twice without a cookie, as pages ask, the answer "
		       "was the first one again, with its times";
	if (same(e->probe, e->plain))
		return "the same ticks came twice";
	return says_cache(e) ? "a header of the answer says so" : NULL;
}

bool
times_cached(const struct evidence *e)
{
	return cached(e) != NULL;
}

static void
judge_cached(const char *how, const struct way *w, struct report *r)
{
	mend_finding(r,
	    report_add(r, "cached", LEVEL_ERROR, SURE_CERTAIN,
		"Pages get an old stream out of the cache, and nothing that "
		"is new: events are lost. And the cache reads on after a page "
		"has left, so its stream is not freed.",
		"%s", how),
	    w, NULL);
}

static uint64_t
buffer_of(const struct evidence *e)
{
	uint64_t bytes = 0;

	if (e->small != NULL && e->small->nticks > 1)
		bytes = judge_buffer(e->small, e->small_bytes);
	if (bytes == 0 && e->large != NULL && e->large->nticks > 1)
		bytes = judge_buffer(e->large, e->large_bytes);
	return bytes;
}

static void
judge_buffered(const struct evidence *e, const struct way *w, struct report *r)
{
	double late[VISIT_TICKS], most = visit_lateness(e->probe, late);
	uint64_t bytes = buffer_of(e);
	char size[64] = "all of it was there";
	struct finding *f;

	if (bytes > 0)
		snprintf(size, sizeof(size), "about %llu bytes were together",
		    (unsigned long long)bytes);
	f = report_add(r, "buffered", LEVEL_ERROR, SURE_CERTAIN,
	    "Events come late and in heaps, or not before the stream ends; "
	    "in development, without that server, all was well.",
	    "%u ticks came up to %.1f s late, in heaps: something passed "
	    "nothing on until %s",
	    e->probe->nticks, most / 1000, size);
	mend_finding(r, f, w, NULL);
}

static void
judge_compressed(
    const struct evidence *e, const struct way *w, bool held, struct report *r)
{
	struct finding *f = report_add(r, "compressed",
	    held ? LEVEL_ERROR : LEVEL_WARNING, SURE_CERTAIN,
	    held ? "The compressor waits for more to compress: events come "
		   "late and in heaps."
		 : "Each stream costs the server a compressor, 50 to 200 KB.",
	    "Content-Encoding: %s%s", e->probe->encoding,
	    held ? ", and ticks that come late only with it" : "");

	mend_finding(r, f, w, NULL);
}

/* A short wait counts only if both probes, which differ, saw it. */
static void
judge_gathered(const struct evidence *e, const struct way *w, struct report *r)
{
	double late[VISIT_TICKS], most = visit_lateness(e->probe, late);

	if (e->plain == NULL || !visit_gathered(e->probe) ||
	    !visit_gathered(e->plain))
		return;
	mend_finding(r,
	    report_add(r, "gathered", LEVEL_WARNING, SURE_LIKELY,
		"Each event waits a fraction of a second for the next.",
		"ticks sent 100 ms apart came two and three together, up to "
		"%.0f ms late",
		most),
	    w, NULL);
}

bool
judge_times(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct visit *p = e->probe;
	bool held = visit_held(p);
	bool plain_held = e->plain == NULL ? held : visit_held(e->plain);
	const char *how = cached(e);

	if (how != NULL) {
		judge_cached(how, w, r);
		return true;
	}
	if (p->encoding[0] != '\0')
		judge_compressed(e, w, held && !plain_held, r);
	if (held && plain_held)
		judge_buffered(e, w, r);
	else if (!held)
		judge_gathered(e, w, r);
	return held;
}

void
judge_late_start(
    const struct evidence *e, const struct way *w, struct report *r)
{
	struct finding *f;

	if (e->again == NULL || !judge_late(e->again))
		return;
	f = report_add(r, "late-start", LEVEL_WARNING, SURE_LIKELY,
	    "Each reconnect begins with a silence of this length.",
	    "the first byte came after %.1f s, again after %.1f s; what "
	    "followed was on time",
	    e->probe->head_ms / 1000, e->again->head_ms / 1000);
	mend_finding(r, f, w, NULL);
}

/* Fewer ticks came than were announced: cut, though it was not silent. */
void
judge_cut(const struct visit *p, struct report *r)
{
	if (visit_full(p) || p->nticks == 0)
		return;
	report_add(r, "cut", LEVEL_ERROR, SURE_LIKELY,
	    "Streams end though events flow; each comes back and goes on "
	    "where it was, at the price of a reconnect.",
	    "after %.1f s and %u of %u ticks the connection ended%s%s",
	    p->end_ms / 1000, p->nticks, p->of, p->error[0] != '\0' ? ": " : "",
	    p->error);
}

void
judge_silence(const struct evidence *e, const struct way *w, struct report *r)
{
	const struct visit *s = e->silence;
	double beat_s = (double)e->probe->echo.heartbeat_ms / 1000, cut_s;
	struct finding *f;

	if (s == NULL || visit_full(s) || s->trouble == TROUBLE_TIMEOUT ||
	    (s->nticks == 0 && s->stream && s->retry))
		return;
	cut_s = (s->end_ms - (s->nticks > 0 ? s->ticks[0].came_ms : 0)) / 1000;
	if (cut_s > beat_s + 1) {
		report_add(r, "idle-limit", LEVEL_NOTE, SURE_LIKELY,
		    "No stream is silent for so long: the heartbeat comes "
		    "before.",
		    "a silence of %.0f s is cut; the heartbeat comes every "
		    "%.0f s",
		    cut_s, beat_s);
		return;
	}
	f = report_add(r, "idle", LEVEL_ERROR, SURE_LIKELY,
	    "Each stream is cut in every silence, before the heartbeat can "
	    "break it, and comes back: a reconnect every few seconds.",
	    "a silent stream was cut after %.1f s; the heartbeat comes every "
	    "%.1f s",
	    cut_s, beat_s);
	mend_finding(r, f, w, NULL);
	if (cut_s >= 2)
		report_mend(r, f, "or the responder",
		    "largesse serve --heartbeat %.0f", cut_s / 2);
}
