/*
 * tally.c - delays in a histogram, and the last stream of every event.
 *
 * A step of the histogram grows with the delay: there are 64 steps for each
 * power of two, from 1 ns to 36 minutes.  So every percentile is exact to
 * 1.6 %.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "store/clock.h"
#include "tally.h"

/* Numbers further than this from the first are summed, not remembered. */
enum {
	EVENTS_MAX = 4 * 1000 * 1000
};

uint64_t
tally_now(void)
{
	return (uint64_t)clock_steady_ns();
}

uint64_t
tally_cpu_us(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000u +
	       (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

static size_t
step_of(uint64_t ns)
{
	unsigned power;

	if (ns < TALLY_FINE)
		return (size_t)ns;
	power = 63 - (unsigned)__builtin_clzll(ns) - 5; /* 1 for 64 to 127 */
	if (power >= TALLY_POWERS)
		return (size_t)TALLY_POWERS * TALLY_FINE - 1;
	return (size_t)power * TALLY_FINE +
	       (size_t)(ns >> (power - 1)) % TALLY_FINE;
}

/* The middle of a step. */
static double
step_ns(size_t step)
{
	size_t power = step / TALLY_FINE;
	double fine = (double)(step % TALLY_FINE);

	if (power == 0)
		return fine;
	return (TALLY_FINE + fine + 0.5) * (double)((uint64_t)1 << (power - 1));
}

static struct tally_event *
event_at(struct tally *t, uint64_t n)
{
	size_t at, room;

	if (t->nevents == 0)
		t->lowest = n;
	if (n < t->lowest || n - t->lowest >= EVENTS_MAX)
		return NULL;
	at = (size_t)(n - t->lowest);
	if (at >= t->room) {
		room = at * 2 + 1024;
		t->events = realloc(t->events, room * sizeof(*t->events));
		if (t->events == NULL)
			abort();
		memset(t->events + t->room, 0,
		    (room - t->room) * sizeof(*t->events));
		t->room = room;
	}
	if (at >= t->nevents)
		t->nevents = at + 1;
	return &t->events[at];
}

void
tally_event(struct tally *t, uint64_t n, uint64_t sent, uint64_t now)
{
	struct tally_event *e;
	uint64_t delay;

	t->deliveries++;
	if (t->first_ns == 0)
		t->first_ns = now;
	t->last_ns = now;
	if (sent == 0)
		return;
	delay = now > sent ? now - sent : 0;
	t->delays++;
	t->histogram[step_of(delay)]++;
	if (delay > t->max_ns)
		t->max_ns = delay;
	if (delay > 100000000u)
		t->over_100ms++;
	e = event_at(t, n);
	if (e == NULL)
		return;
	e->count++;
	if (delay / 1000 > e->last_us)
		e->last_us = (uint32_t)(delay / 1000);
}

void
tally_clear(struct tally *t)
{
	struct tally_event *events = t->events;
	size_t room = t->room;

	memset(t, 0, sizeof(*t));
	t->events = events;
	t->room = room;
	if (events != NULL)
		memset(events, 0, room * sizeof(*events));
}

static double
percentile_ms(const struct tally *t, double part)
{
	uint64_t want = (uint64_t)(part * (double)t->delays), sum = 0;
	size_t i;

	for (i = 0; i < (size_t)TALLY_POWERS * TALLY_FINE; i++) {
		sum += t->histogram[i];
		if (sum > want)
			return step_ns(i) / 1e6;
	}
	return (double)t->max_ns / 1e6;
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
print_last_streams(const struct tally *t, size_t streams, FILE *out)
{
	uint32_t *last = malloc((t->nevents + 1) * sizeof(*last));
	size_t i, n = 0;

	if (last == NULL)
		abort();
	for (i = 0; i < t->nevents; i++)
		if (t->events[i].count == streams)
			last[n++] = t->events[i].last_us;
	qsort(last, n, sizeof(*last), by_value);
	fprintf(out, ",\"events_to_all\":%zu", n);
	if (n > 0)
		fprintf(out, ",\"last_p50_ms\":%.3f,\"last_max_ms\":%.3f",
		    last[n / 2] / 1e3, last[n - 1] / 1e3);
	free(last);
}

/* Steps joined four by four: the plot needs no more. */
static void
print_histogram(const struct tally *t, FILE *out)
{
	uint64_t sum = 0;
	bool some = false;
	size_t i;

	fputs(",\"histogram\":[", out);
	for (i = 0; i < (size_t)TALLY_POWERS * TALLY_FINE; i++) {
		sum += t->histogram[i];
		if (i % 4 != 3 || sum == 0)
			continue;
		fprintf(out, "%s[%.4g,%llu]", some ? "," : "",
		    step_ns(i - 1) / 1e6, (unsigned long long)sum);
		sum = 0;
		some = true;
	}
	fputs("]", out);
}

void
tally_print(const struct tally *t, size_t streams, FILE *out)
{
	fprintf(out,
	    "\"deliveries\":%llu,\"bytes\":%llu,\"reads\":%llu,"
	    "\"first_ns\":%llu,\"last_ns\":%llu,"
	    "\"missing\":%llu,\"repeated\":%llu",
	    (unsigned long long)t->deliveries, (unsigned long long)t->bytes,
	    (unsigned long long)t->reads, (unsigned long long)t->first_ns,
	    (unsigned long long)t->last_ns, (unsigned long long)t->missing,
	    (unsigned long long)t->repeated);
	if (t->delays == 0)
		return;
	fprintf(out,
	    ",\"p50_ms\":%.4f,\"p90_ms\":%.4f,\"p99_ms\":%.4f,"
	    "\"p999_ms\":%.4f,\"max_ms\":%.4f,\"over_100ms\":%llu",
	    percentile_ms(t, 0.5), percentile_ms(t, 0.9),
	    percentile_ms(t, 0.99), percentile_ms(t, 0.999),
	    (double)t->max_ns / 1e6, (unsigned long long)t->over_100ms);
	print_last_streams(t, streams, out);
	print_histogram(t, out);
}
