/*
 * url.c - what to look at, and in which order.
 *
 * The doctor looks at the stream first, as a page would, then makes a probe.
 * Only if the probe gives cause, it makes more of them, to tell one cause from
 * another.  One visit waits in silence meanwhile, and at the end the ways of
 * largesse.js are tried, all at once, so that they disturb none of the others.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/log.h"
#include "fcgi/doctor/clinic.h"
#include "fcgi/doctor/judge.h"

enum {
	REDIRECTS = 5,
	ABOUT_S = 4,	  /* all but the silence takes about so long */
	HEARTBEAT_S = 15, /* of most responders */
	START_MS = 6000,  /* for a first byte, if nothing holds it back */
	MORE_MS = 20000,  /* after the end of a probe, if something does */
	SMALL_BYTES = 2048,
	LARGE_BYTES = 16384,
	TRY_MS = 12000,	     /* of which three are the stream's own */
	IDLE_MORE_MS = 3000, /* of silence, after the heartbeat */
	IDLE_MAX_MS = 300 * 1000
};

#define POLL "beat=1&poll&age=0"

struct examination {
	const struct doctor *doctor;
	struct clinic *clinic;
	struct progress progress;
	struct evidence e;
	bool elsewhere; /* redirected to another host */
	char *url;	/* of the stream, without a fragment */
	char *mount;	/* without its query, and without a slash at the end */
};

/* --- addresses ---------------------------------------------------------- */

static bool
set_url(struct examination *x, const char *url)
{
	size_t len;

	free(x->url);
	free(x->mount);
	x->url = strndup(url, strcspn(url, "#"));
	x->mount = strndup(url, strcspn(url, "?#"));
	if (x->url == NULL || x->mount == NULL)
		return false;
	len = strlen(x->mount);
	while (len > 0 && x->mount[len - 1] == '/')
		x->mount[--len] = '\0';
	x->e.url = x->url;
	return true;
}

/* Are scheme, host and port the same?  The path does not count. */
static bool
same_origin(const char *a, const char *b)
{
	const char *host = strstr(a, "://");
	size_t len;

	if (host == NULL)
		return false;
	len = (size_t)(host - a) + 3 + strcspn(host + 3, "/?#");
	return strncmp(a, b, len) == 0 && strchr("/?#", b[len]) != NULL;
}

static bool
is_below(const char *url, const char *end)
{
	size_t len = strlen(url), n = strlen(end);

	return len >= n && strcmp(url + len - n, end) == 0;
}

/* --- visits ------------------------------------------------------------- */

static const struct visit *
begin_visit(struct examination *x, struct visit_ask ask)
{
	ask.elsewhere = x->elsewhere;
	return clinic_begin(x->clinic, &ask);
}

static const struct visit *
begin_probe(struct examination *x, unsigned ticks, unsigned long long every_ms,
    unsigned size, bool encodings)
{
	struct visit_ask ask = {.encodings = encodings,
	    .dummies = true,
	    .timeout_ms = (unsigned)(ticks * every_ms) + MORE_MS};
	const struct visit *v;
	char *url = NULL;

	if (asprintf(&url, "%s/probe?ticks=%u&every=%llu&size=%u", x->mount,
		ticks, every_ms, size) == -1)
		return NULL;
	ask.url = url;
	v = begin_visit(x, ask);
	free(url);
	return v;
}

/* Waits for a visit.  NULL could not begin without memory, and is passed on. */
static const struct visit *
wait_visit(struct examination *x, const struct visit *v)
{
	if (v != NULL)
		clinic_wait(x->clinic, v);
	return v;
}

static bool
is_redirect(const struct visit *v)
{
	return v->status >= 300 && v->status < 400 && v->location[0] != '\0';
}

/* The stream, wherever redirects lead.  False without memory. */
static bool
find_stream(struct examination *x)
{
	struct visit_ask ask = {
	    .encodings = true, .until_start = true, .timeout_ms = START_MS};
	const struct visit *v;

	for (;;) {
		ask.url = x->url;
		v = wait_visit(x, begin_visit(x, ask));
		if (v == NULL)
			return false;
		x->e.stream = v;
		if (!is_redirect(v) || x->e.redirects == REDIRECTS)
			return true;
		if (x->e.redirects++ == 0)
			x->e.asked = v;
		if (!same_origin(x->url, v->location))
			x->elsewhere = true;
		if (!set_url(x, v->location))
			return false;
	}
}

static void
ask_health(struct examination *x)
{
	struct visit_ask ask = {.timeout_ms = START_MS};
	char *url = NULL;

	if (asprintf(&url, "%s/health", x->mount) != -1) {
		ask.url = url;
		x->e.health = wait_visit(x, begin_visit(x, ask));
	}
	free(url);
}

/* Two ticks, with a silence between them that no heartbeat breaks. */
static void
begin_silence(struct examination *x)
{
	uint64_t ms = x->doctor->idle_ms;

	if (ms == DOCTOR_IDLE)
		ms = x->e.probe->echo.heartbeat_ms + IDLE_MORE_MS;
	if (ms > IDLE_MAX_MS)
		ms = IDLE_MAX_MS;
	x->e.idle_ms = ms;
	if (ms > 0)
		x->e.silence = begin_probe(x, 2, ms, 0, true);
}

/* How many bytes have to come together before a server passes them on? */
static void
measure_buffer(struct examination *x)
{
	x->e.small_bytes = SMALL_BYTES;
	x->e.large_bytes = LARGE_BYTES;
	x->e.small = wait_visit(x, begin_probe(x, 32, 60, SMALL_BYTES, false));
	if (x->e.small == NULL || judge_buffer(x->e.small, SMALL_BYTES) > 0)
		return;
	x->e.large = wait_visit(x, begin_probe(x, 16, 100, LARGE_BYTES, false));
}

/*
 * Asks for the stream with more parameters: behind its own in the query, or in
 * a form, by POST.
 */
static const struct visit *
begin_try(struct examination *x, const char *more, const char *form)
{
	struct visit_ask ask = {
	    .encodings = true, .form = form, .timeout_ms = TRY_MS};
	const char *query = x->url + strcspn(x->url, "?");
	const struct visit *v;
	char *url = NULL;
	int len;

	if (form != NULL)
		len = asprintf(&url, "%s%s%s", x->mount,
		    is_below(x->mount, "/stream") ? "" : "/stream", query);
	else
		len = asprintf(
		    &url, "%s%c%s", x->url, *query == '\0' ? '?' : '&', more);
	if (len == -1)
		return NULL;
	ask.url = url;
	v = begin_visit(x, ask);
	free(url);
	return v;
}

/*
 * The same address twice, some time apart and as a page asks, for a cache that
 * lets pass what has a cookie or a token.  An answer says when it was made.
 */
static void
ask_twice(struct examination *x)
{
	struct visit_ask ask = {.encodings = true, .timeout_ms = START_MS};
	struct evidence *e = &x->e;
	char *url = NULL;

	e->once = e->tries[TRY_POLL];
	if (e->once != NULL && e->once->nbeats > 0) {
		e->twice = wait_visit(x, begin_try(x, POLL, NULL));
		return;
	}
	if (asprintf(&url, "%s/probe?ticks=2&every=100", x->mount) == -1)
		return;
	ask.url = url;
	e->once = wait_visit(x, begin_visit(x, ask));
	e->twice = wait_visit(x, begin_visit(x, ask));
	free(url);
}

/* As largesse.js asks, but with ends that come soon, and many beats. */
static void
try_ways(struct examination *x)
{
	const struct visit **tries = x->e.tries;
	size_t i;

	tries[TRY_STREAM] = begin_try(x, "beat=1&age=3", NULL);
	tries[TRY_PADDED] = begin_try(x, "beat=1&age=3&pad=2048", NULL);
	tries[TRY_SHORT] = begin_try(x, "beat=1&age=2", NULL);
	tries[TRY_POST] = begin_try(x, NULL, "beat=1&age=3");
	tries[TRY_POLL] = begin_try(x, POLL, NULL);
	for (i = 0; i < TRIES; i++)
		wait_visit(x, tries[i]);
}

/*
 * The stream had no answer.  Is there any?  Whatever holds a stream back, it
 * passes health on, which is short and ends.  The probe is under way meanwhile.
 */
static bool
does_hang(struct examination *x)
{
	const struct evidence *e = &x->e;

	if (e->stream->status != 0 || e->probe == NULL)
		return false;
	ask_health(x);
	return e->health != NULL && e->health->status == 0 &&
	       e->probe->status == 0;
}

static void
probe_stream(struct examination *x)
{
	struct evidence *e = &x->e;
	bool odd;

	e->probe = begin_probe(x, 20, 100, 0, true);
	e->hangs = does_hang(x);
	if (e->hangs)
		return;
	wait_visit(x, e->probe);
	if (e->probe == NULL || e->probe->nticks == 0)
		return;
	begin_silence(x);
	odd = visit_held(e->probe) || visit_gathered(e->probe);
	if (odd || e->probe->encoding[0] != '\0')
		e->plain = wait_visit(x, begin_probe(x, 20, 100, 0, false));
	if (odd && e->plain != NULL && visit_held(e->plain))
		measure_buffer(x);
	if (judge_late(e->probe))
		e->again = wait_visit(x, begin_probe(x, 1, 100, 0, true));
}

/* The silence lasts longest; nearly all else is done meanwhile. */
static unsigned long long
about_seconds(const struct examination *x)
{
	uint64_t ms = x->doctor->idle_ms;

	if (ms == DOCTOR_IDLE)
		ms = x->e.idle_ms > 0 ? x->e.idle_ms
				      : HEARTBEAT_S * 1000 + IDLE_MORE_MS;
	return ABOUT_S + (ms < ABOUT_S * 1000 ? ABOUT_S : ms / 1000);
}

static void
begin_step(struct examination *x, const char *what)
{
	progress_step(&x->progress, about_seconds(x), what);
}

static void
examine_stream(struct examination *x)
{
	begin_step(x, "a stream of ticks whose times are known");
	probe_stream(x);
	if (x->e.hangs)
		return;
	if (x->e.stream->status != 401 && x->e.stream->status != 403) {
		begin_step(x, "the ways of largesse.js");
		try_ways(x);
	}
	if (x->e.probe != NULL && x->e.probe->nticks > 0)
		ask_twice(x);
	begin_step(x, "is a silent stream cut?");
	wait_visit(x, x->e.silence);
}

/* Does the doctor ask with what could be a login? */
static bool
has_credential(const struct examination *x)
{
	return http_has_header(x->doctor, "Authorization") ||
	       http_has_header(x->doctor, "Cookie") ||
	       strstr(x->url, "access_token=") != NULL ||
	       strstr(x->url, "sign=") != NULL;
}

static bool
examine_url(struct examination *x, struct report *r)
{
	begin_step(x, "the stream, as a page asks");
	if (!set_url(x, x->doctor->subject) || !find_stream(x))
		return false;
	if (judge_doubtful(x->e.stream))
		ask_health(x);
	if (judge_usable(x->e.stream))
		examine_stream(x);
	x->e.credential = has_credential(x);
	judge_evidence(&x->e, r);
	return !r->failed;
}

bool
doctor_url(const struct doctor *doctor, struct report *r)
{
	struct examination x = {.doctor = doctor, .e.origin = doctor->origin};
	bool done = false;

	progress_begin(&x.progress, doctor->json);
	x.clinic = clinic_open(doctor, &x.progress);
	if (x.clinic != NULL)
		done = examine_url(&x, r);
	progress_end(&x.progress);
	if (!done)
		log_error(doctor->subject, "no memory");
	clinic_close(x.clinic);
	free(x.url);
	free(x.mount);
	return done;
}
