/*
 * url.c - what to look at, in which order.
 *
 * The stream first, as any page would; then a probe; then, only where that
 * gives cause, what tells one cause from another.  A silence is waited for
 * meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/doctor/judge.h"
#include "fcgi/base/log.h"

enum {
	REDIRECTS = 5,
	START_MS = 6000, /* for a first byte, where nothing is held back */
	MORE_MS = 20000, /* for what is: a probe's end, and more */
	SMALL_BYTES = 2048,
	LARGE_BYTES = 16384,
	IDLE_MORE_MS = 3000, /* than the heartbeat */
	IDLE_MAX_MS = 300 * 1000
};

struct examination {
	const struct doctor *doctor;
	struct clinic *clinic;
	struct evidence e;
	char *url;   /* of the stream, without a fragment */
	char *mount; /* without its query, and without a slash at the end */
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

/* As far as the path: the same scheme, host and port. */
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

/* --- visits ------------------------------------------------------------- */

static const struct visit *
begin(struct examination *x, const char *url, bool encodings, bool dummies,
    bool until_start, unsigned timeout_ms)
{
	struct visit_ask ask = {.url = url,
	    .encodings = encodings,
	    .dummies = dummies,
	    .until_start = until_start,
	    .timeout_ms = timeout_ms};

	return clinic_begin(x->clinic, &ask);
}

static const struct visit *
begin_probe(struct examination *x, unsigned ticks, unsigned long long every_ms,
    unsigned size, bool encodings)
{
	const struct visit *v;
	char *url = NULL;

	if (asprintf(&url, "%s/probe?ticks=%u&every=%llu&size=%u", x->mount,
		ticks, every_ms, size) == -1)
		return NULL;
	v = begin(x, url, encodings, true, false,
	    (unsigned)(ticks * every_ms) + MORE_MS);
	free(url);
	return v;
}

/* Waits for a visit that was begun.  NULL was not, for want of memory. */
static const struct visit *
ended(struct examination *x, const struct visit *v)
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
	const struct visit *v;

	for (;;) {
		v = ended(x, begin(x, x->url, true, false, true, START_MS));
		if (v == NULL)
			return false;
		x->e.stream = v;
		if (!is_redirect(v) || x->e.redirects == REDIRECTS)
			return true;
		if (x->e.redirects++ == 0)
			x->e.asked = v;
		if (!same_origin(x->url, v->location))
			clinic_elsewhere(x->clinic);
		if (!set_url(x, v->location))
			return false;
	}
}

static void
ask_health(struct examination *x)
{
	char *url = NULL;

	if (asprintf(&url, "%s/health", x->mount) != -1)
		x->e.health =
		    ended(x, begin(x, url, false, false, false, START_MS));
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

/* How much has to come together before something passes it on. */
static void
measure_buffer(struct examination *x)
{
	x->e.small_bytes = SMALL_BYTES;
	x->e.large_bytes = LARGE_BYTES;
	x->e.small = ended(x, begin_probe(x, 32, 60, SMALL_BYTES, false));
	if (x->e.small == NULL || judge_buffer(x->e.small, SMALL_BYTES) > 0)
		return;
	x->e.large = ended(x, begin_probe(x, 16, 100, LARGE_BYTES, false));
}

static void
probe(struct examination *x)
{
	struct evidence *e = &x->e;
	bool odd;

	e->probe = ended(x, begin_probe(x, 20, 100, 0, true));
	if (e->probe == NULL || e->probe->nticks == 0)
		return;
	begin_silence(x);
	odd = visit_held(e->probe) || visit_gathered(e->probe);
	if (odd || e->probe->encoding[0] != '\0')
		e->plain = ended(x, begin_probe(x, 20, 100, 0, false));
	if (odd && e->plain != NULL && visit_held(e->plain))
		measure_buffer(x);
	if (judge_late(e->probe))
		e->again = ended(x, begin_probe(x, 1, 100, 0, true));
	ended(x, e->silence);
}

static bool
examine(struct examination *x, struct report *r)
{
	if (!set_url(x, x->doctor->subject) || !find_stream(x))
		return false;
	if (x->e.stream->stream && !x->e.stream->started)
		ask_health(x);
	if (judge_usable(x->e.stream))
		probe(x);
	judge(&x->e, r);
	return !r->failed;
}

bool
doctor_url(const struct doctor *doctor, struct report *r)
{
	struct examination x = {.doctor = doctor, .e.origin = doctor->origin};
	bool done = false;

	x.clinic = clinic_open(doctor);
	if (x.clinic != NULL)
		done = examine(&x, r);
	if (!done)
		log_error(doctor->subject, "no memory");
	clinic_close(x.clinic);
	free(x.url);
	free(x.mount);
	return done;
}
