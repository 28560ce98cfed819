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
 *   runs N RATE SECONDS MS	so many rows a second to each of the topics
 *	run/0 to run/N-1, in turn.  Every MS all rows that are due are
 *	committed together.  Each topic has numbers of its own.
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

enum {
	RUNS_ROWS = 1000 /* of one transaction at most */
};

struct publisher {
	struct sink *sink;
	uint64_t next; /* number of the next event */
	size_t len;    /* bytes of data */
	char *data;
	char *many;	    /* the data of SINK_MANY rows */
	char (*topics)[32]; /* that `runs` publishes to */
	uint64_t ntopics;
};

static void
stamp(char *data, size_t len, uint64_t number)
{
	int n = snprintf(data, len, "@n=%llu t=%llu ",
	    (unsigned long long)number, (unsigned long long)tally_now());

	data[n] = 'x'; /* over snprintf's NUL */
}

static void
publish_one(struct publisher *p)
{
	stamp(p->data, p->len, p->next++);
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

static void
answer(const struct publisher *p, uint64_t first, uint64_t began, uint64_t cpu)
{
	printf("{\"first\":%llu,\"last\":%llu,\"began_ns\":%llu,"
	       "\"ended_ns\":%llu,\"cpu_us\":%llu}\n",
	    (unsigned long long)first, (unsigned long long)p->next - 1,
	    (unsigned long long)began, (unsigned long long)tally_now(),
	    (unsigned long long)(tally_cpu_us() - cpu));
	fflush(stdout);
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
	answer(p, first, began, cpu);
}

/* --- many topics at once -------------------------------------------------- */

static void
name_topics(struct publisher *p, uint64_t n)
{
	uint64_t i;

	if (n <= p->ntopics)
		return;
	sink_prepare_many(p->sink);
	p->topics = realloc(p->topics, n * sizeof(*p->topics));
	p->many = realloc(p->many, SINK_MANY * p->len);
	if (p->topics == NULL || p->many == NULL)
		abort();
	for (i = 0; i < SINK_MANY; i++)
		memcpy(p->many + i * p->len, p->data, p->len);
	for (i = p->ntopics; i < n; i++)
		snprintf(p->topics[i], sizeof(*p->topics), "run/%llu",
		    (unsigned long long)i);
	p->ntopics = n;
}

/* Commits rows from to upto of all rows, which go to n topics in turn. */
static void
commit_runs(struct publisher *p, uint64_t from, uint64_t upto, uint64_t n)
{
	const char *topics[SINK_MANY], *data[SINK_MANY];
	size_t i;

	sink_begin(p->sink);
	while (from < upto) {
		for (i = 0; i < SINK_MANY && from < upto; i++, from++) {
			topics[i] = p->topics[from % n];
			data[i] = p->many + i * p->len;
			stamp(p->many + i * p->len, p->len, p->next + from / n);
		}
		sink_put_many(p->sink, i, topics, data, p->len);
	}
	sink_commit(p->sink);
}

/*
 * One process publishes for all runs of its machine, as the file takes one
 * writer at a time.  Who is late commits what is due in larger transactions,
 * but none is so large that its first rows wait long for its last.
 */
static void
publish_runs(
    struct publisher *p, uint64_t n, double rate, double seconds, double ms)
{
	uint64_t began = tally_now(), cpu = tally_cpu_us(), first = p->next,
		 rounds = (uint64_t)(rate * seconds + 0.5), tick, due, upto,
		 done = 0;

	name_topics(p, n);
	for (tick = 1; done < n * rounds; tick++) {
		sleep_until(began + (uint64_t)((double)tick * ms * 1e6));
		due = (uint64_t)((double)(tally_now() - began) / 1e9 * rate *
				 (double)n);
		if (due > n * rounds)
			due = n * rounds;
		for (; done < due; done = upto) {
			upto = due - done > RUNS_ROWS ? done + RUNS_ROWS : due;
			commit_runs(p, done, upto, n);
		}
	}
	p->next += rounds;
	answer(p, first, began, cpu);
}

/* --- commands ------------------------------------------------------------- */

static void
commands(struct publisher *p)
{
	char line[256];
	unsigned long rows, count;
	double rate, seconds, ms;

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
		else if (sscanf(line, "runs %lu %lf %lf %lf", &count, &rate,
			     &seconds, &ms) == 4 &&
			 count > 0 && ms > 0)
			publish_runs(p, count, rate, seconds, ms);
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
