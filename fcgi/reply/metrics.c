/*
 * metrics.c - /metrics: Prometheus's text format 0.0.4.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/reply/status.h"

static void
family(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP largesse_%s %s\n# TYPE largesse_%s %s\n", name, help,
	    name, type);
}

static void
gauge(FILE *f, const char *name, const char *help, uint64_t value)
{
	family(f, name, "gauge", help);
	fprintf(f, "largesse_%s %" PRIu64 "\n", name, value);
}

/*
 * Writes the value of a label, with the characters escaped that would end it.
 */
static void
put_label(FILE *f, const char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '\n')
			fputs("\\n", f);
		else {
			if (*s == '"' || *s == '\\')
				putc('\\', f);
			putc(*s, f);
		}
}

/* Prometheus wants seconds: a number of microseconds gets another name. */
static void
put_line(FILE *f, const struct tally *t, const struct tally_line *line)
{
	size_t len = strlen(line->name);
	char name[64];

	if (len > 3 && strcmp(line->name + len - 3, "_us") == 0) {
		snprintf(name, sizeof(name), "%.*s_seconds", (int)(len - 3),
		    line->name);
		family(f, name, "gauge", line->help);
		fprintf(f, "largesse_%s %.6f\n", name,
		    (double)tally_number(t, line) / 1e6);
		return;
	}
	snprintf(name, sizeof(name), "%s%s", line->name,
	    line->total ? "_total" : "");
	family(f, name, line->total ? "counter" : "gauge", line->help);
	fprintf(f, "largesse_%s %" PRIu64 "\n", name, tally_number(t, line));
}

static void
put_ended(FILE *f, const struct counters *count)
{
	int i;

	family(f, "ended_total", "counter", "Streams that ended, and why.");
	for (i = 0; i < END_REASONS; i++)
		fprintf(f, "largesse_ended_total{reason=\"%s\"} %" PRIu64 "\n",
		    tally_reason((enum end_reason)i), count->ended[i]);
}

/* Counted by how long it took: see tally.h. */
struct histogram {
	const char *name, *help;
	const uint64_t *le; /* of all buckets but the last */
	const uint64_t *of;
	size_t n;
	double unit; /* of le and of sum, in seconds */
	uint64_t sum;
};

/* A histogram counts in each bucket all that was not longer. */
static void
put_histogram(FILE *f, const struct histogram *h)
{
	uint64_t n = 0;
	size_t i;

	family(f, h->name, "histogram", h->help);
	for (i = 0; i < h->n - 1; i++) {
		n += h->of[i];
		fprintf(f, "largesse_%s_bucket{le=\"%g\"} %" PRIu64 "\n",
		    h->name, (double)h->le[i] * h->unit, n);
	}
	n += h->of[i];
	fprintf(f,
	    "largesse_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n"
	    "largesse_%s_sum %.6f\n"
	    "largesse_%s_count %" PRIu64 "\n",
	    h->name, n, h->name, (double)h->sum * h->unit, h->name, n);
}

static void
put_histograms(FILE *f, const struct counters *count)
{
	const struct histogram turns = {"turn_seconds", "Turns of the loop.",
	    tally_le_us, count->turns, TURN_BUCKETS, 1e-6, count->turns_us};
	const struct histogram delays = {"delay_seconds",
	    "Events, by their age when the streams had been sent them.",
	    delay_le_ms, count->delays, DELAY_BUCKETS, 1e-3, count->delays_ms};

	put_histogram(f, &turns);
	put_histogram(f, &delays);
}

static void
put_limits(FILE *f, const struct status *st)
{
	char name[64];
	uint64_t value;
	size_t i;

	family(f, "limit", "gauge", "An option in force; 0 may be no limit.");
	for (i = 0; status_limit(st, i, name, &value); i++)
		if (*name != '\0')
			fprintf(f, "largesse_limit{name=\"%s\"} %" PRIu64 "\n",
			    name, value);
}

/*
 * Another engine may have ids that are not numbers.  Such an id cannot be a
 * metric, and is left out.
 */
static void
put_store(FILE *f, const struct status *st)
{
	gauge(f, "store_healthy",
	    "1: the log is read, and streams are sent what they are due.",
	    st->why == NULL);
	if (st->why != NULL) {
		family(f, "store_trouble", "gauge", "Why it is not well.");
		fputs("largesse_store_trouble{why=\"", f);
		put_label(f, st->why);
		fputs("\"} 1\n", f);
	}
	if (st->size.known && st->size.bytes > 0)
		gauge(f, "log_bytes", "The files of the log, on the disk.",
		    st->size.bytes);
	if (st->size.known && st->size.oldest_ms != STORE_NO_TIME) {
		family(f, "log_oldest_timestamp_seconds", "gauge",
		    "The time of the oldest event, since 1970.");
		fprintf(f, "largesse_log_oldest_timestamp_seconds %.3f\n",
		    (double)st->size.oldest_ms / 1000);
	}
	if (st->head[strspn(st->head, "0123456789")] != '\0')
		return;
	family(f, "head_id", "gauge", "The id of the newest event.");
	fprintf(f, "largesse_head_id %s\n", st->head);
}

static void
put_metrics(FILE *f, const struct status *st)
{
	size_t i;

	family(f, "build_info", "gauge", "The version that runs.");
	fprintf(f, "largesse_build_info{version=\"%s\"} 1\n", VERSION);
	family(f, "start_time_seconds", "gauge", "Since 1970.");
	fprintf(f, "largesse_start_time_seconds %.3f\n",
	    (double)st->started_ms / 1000);
	gauge(f, "uptime_seconds", "Since the start.",
	    (st->now_ms - st->started_ms) / 1000);
	gauge(f, "workers", "Processes whose numbers these are.", st->workers);
	put_store(f, st);
	for (i = 0; i < tally_nlines; i++)
		put_line(f, &st->sum, &tally_lines[i]);
	put_ended(f, &st->sum.count);
	put_histograms(f, &st->sum.count);
	put_limits(f, st);
}

char *
status_metrics(const struct status *st, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (f == NULL)
		return NULL;
	put_metrics(f, st);
	if (ferror(f) | fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}
