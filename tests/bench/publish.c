/*
 * publish.c - the publisher of the measurements: numbered, stamped events.
 *
 * usage: publish [-l BYTES] [-n FIRST] sqlite FILE TOPIC
 *        publish [-l BYTES] [-n FIRST] redis SOCKET STREAM TOPIC
 *        publish [-l BYTES] [-n FIRST] post PORT TARGET
 *        publish [-l BYTES] [-n FIRST] bell PATH
 *
 * Commands on stdin, one a line, each answered with a JSON object:
 *
 *   run RATE SECONDS [ROWS]	so many events a second, ROWS in a transaction
 *   burst COUNT [ROWS]		as fast as it goes
 *   quit
 *
 * `t=` is CLOCK_MONOTONIC just before the one call that publishes: the INSERT
 * that commits by itself, the send of the XADD or the POST, the write to the
 * ceiling.  So every delay holds the whole price of publishing (12 to 25 us of
 * SQLite, a request to nginx), and with ROWS over 1 the rest of the transaction
 * too.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include "publish.h"
#include "tally.h"

struct publisher {
	struct sink *sink;
	uint64_t next; /* number of the next event */
	size_t len;    /* bytes of data */
	char *data;
};

static void
publish_one(struct publisher *p)
{
	int n = snprintf(p->data, p->len, "@n=%llu t=%llu ",
	    (unsigned long long)p->next++, (unsigned long long)tally_now());

	p->data[n] = 'x'; /* over snprintf's NUL */
	sink_put(p->sink, p->data, p->len);
}

static void
publish_rows(struct publisher *p, uint64_t rows)
{
	uint64_t i;

	if (rows == 1) {
		publish_one(p);
		return;
	}
	sink_begin(p->sink);
	for (i = 0; i < rows; i++)
		publish_one(p);
	sink_commit(p->sink);
}

static void
sleep_until(uint64_t ns)
{
	struct timespec ts = {
	    (time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};

	while (
	    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* Keeps to the plan: who is late publishes at once until it is made up. */
static void
publish(struct publisher *p, uint64_t count, double rate, uint64_t rows)
{
	uint64_t began = tally_now(), cpu = tally_cpu_us(), first = p->next, i,
		 due;

	for (i = 0; i < count; i += rows) {
		if (rate > 0) {
			due = began + (uint64_t)((double)i * 1e9 / rate);
			if (tally_now() < due)
				sleep_until(due);
		}
		publish_rows(p, count - i < rows ? count - i : rows);
	}
	printf("{\"first\":%llu,\"last\":%llu,\"began_ns\":%llu,"
	       "\"ended_ns\":%llu,\"cpu_us\":%llu}\n",
	    (unsigned long long)first, (unsigned long long)p->next - 1,
	    (unsigned long long)began, (unsigned long long)tally_now(),
	    (unsigned long long)(tally_cpu_us() - cpu));
	fflush(stdout);
}

static void
commands(struct publisher *p)
{
	char line[256];
	unsigned long rows, count;
	double rate, seconds;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		rows = 1;
		if (sscanf(line, "run %lf %lf %lu", &rate, &seconds, &rows) >=
			2 &&
		    rows > 0)
			publish(
			    p, (uint64_t)(rate * seconds + 0.5), rate, rows);
		else if (sscanf(line, "burst %lu %lu", &count, &rows) >= 1 &&
			 rows > 0)
			publish(p, count, 0, rows);
		else if (strcmp(line, "quit\n") == 0)
			return;
		else {
			puts("{\"error\":\"no such command\"}");
			fflush(stdout);
		}
	}
}

static struct sink *
sink_open(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[0], "sqlite") == 0)
		return sink_sqlite(argv[1], argv[2]);
	if (argc == 4 && strcmp(argv[0], "redis") == 0)
		return sink_redis(argv[1], argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[0], "post") == 0)
		return sink_post(argv[1], argv[2]);
	if (argc == 2 && strcmp(argv[0], "bell") == 0)
		return sink_bell(argv[1]);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct publisher p = {.next = 1, .len = 100};
	int c;

	while ((c = getopt(argc, argv, "l:n:")) != -1) {
		if (c == 'l')
			p.len = strtoul(optarg, NULL, 10);
		else if (c == 'n')
			p.next = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (p.len < 64 || p.len > 4096)
		return 2;
	p.data = malloc(p.len);
	p.sink = sink_open(argc - optind, argv + optind);
	if (p.data == NULL || p.sink == NULL)
		return 2;
	memset(p.data, 'x', p.len);
	p.data[p.len - 1] = '$';
	/* Sleeps of 30 us must not become 80. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	commands(&p);
	return 0;
}
