/*
 * latency.c - how long from a commit to its receipt, through a web server.
 *
 * usage: latency HOST:PORT FILE [EVENTS [PAUSE_MS]]
 *
 * Holds one stream of the topic `latency`, commits one row after the other
 * and prints a line for each kind of publisher: median, 99th percentile and
 * worst.  It asserts nothing.  The system is to be idle: between two events
 * it waits PAUSE_MS (20) and as much again at random, lest the clock of a
 * poll be met in step.
 *
 * What must stay true: the clock starts after the commit.  A connected
 * publisher's is over when sqlite3_step returns.  Of the sqlite3 program we
 * see it by a second statement that prints a line to a terminal (a pipe would
 * keep it until the end); both that line and the event have to wake us up.
 *
 *	cc -O2 -o latency tests/bench/latency.c -lsqlite3
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <err.h>
#include <netdb.h>
#include <poll.h>
#include <pty.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	WAIT_MS = 20000,
	EVENTS_MAX = 1000000
};

struct bench {
	const char *path; /* of the log */
	int stream;	  /* the open response */
	char buf[65536];  /* its newest bytes, always a string */
	size_t len;
	long events, pause_ms;
	double *ms;    /* commit to receipt, of each event */
	double *whole; /* from the start of the program; sqlite3 only */
};

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int
dial(char *address)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
	char *port = strrchr(address, ':');
	int fd, rc;

	if (port == NULL)
		errx(2, "%s: not HOST:PORT", address);
	*port++ = '\0';
	if ((rc = getaddrinfo(address, port, &hints, &ai)) != 0)
		errx(1, "%s: %s", address, gai_strerror(rc));
	fd = socket(ai->ai_family, ai->ai_socktype, 0);
	if (fd == -1 || connect(fd, ai->ai_addr, ai->ai_addrlen) == -1)
		err(1, "%s:%s", address, port);
	freeaddrinfo(ai);
	return fd;
}

/* Reads what is there.  The oldest half gives way when there is no room. */
static void
take(struct bench *b)
{
	size_t half = sizeof(b->buf) / 2;
	ssize_t n;

	if (b->len > half) {
		memmove(b->buf, b->buf + b->len - half, half);
		b->len = half;
	}
	n = recv(b->stream, b->buf + b->len, sizeof(b->buf) - 1 - b->len, 0);
	if (n <= 0)
		errx(1, "the stream ended: %.*s", (int)b->len, b->buf);
	b->len += n;
	b->buf[b->len] = '\0';
}

/* Whatever is in the buffer has been seen. */
static void
forget(struct bench *b)
{
	b->len = 0;
	b->buf[0] = '\0';
}

/* Waits until the text has come; says when. */
static double
receive(struct bench *b, const char *text)
{
	struct pollfd p = {.fd = b->stream, .events = POLLIN};

	while (strstr(b->buf, text) == NULL) {
		if (poll(&p, 1, WAIT_MS) <= 0)
			errx(1, "not received: %s", text);
		take(b);
	}
	return now_ms();
}

static void
subscribe(struct bench *b, char *address)
{
	static const char get[] = "GET /events?topic=latency HTTP/1.1\r\n"
				  "Host: localhost\r\n\r\n";

	b->stream = dial(address);
	if (write(b->stream, get, sizeof(get) - 1) != sizeof(get) - 1)
		err(1, "write");
	receive(b, "event: stream-start");
}

static void
rest(const struct bench *b)
{
	long us = b->pause_ms * 1000;

	usleep(us + (us > 0 ? random() % us : 0));
}

/* --- a publisher that stays connected ----------------------------------- */

static void
must(sqlite3 *db, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
		errx(1, "sqlite: %s", sqlite3_errmsg(db));
}

static void
connected(struct bench *b, const char *synchronous)
{
	static const char insert[] =
	    "INSERT INTO events(topic, data) VALUES('latency', ?)";
	sqlite3 *db;
	sqlite3_stmt *st;
	char data[64], want[80];
	double committed;

	must(NULL, sqlite3_open_v2(b->path, &db, SQLITE_OPEN_READWRITE, NULL));
	sqlite3_busy_timeout(db, WAIT_MS);
	must(db, sqlite3_exec(db, synchronous, NULL, NULL, NULL));
	must(db, sqlite3_prepare_v2(db, insert, -1, &st, NULL));
	for (long i = 0; i < b->events; i++) {
		rest(b);
		snprintf(data, sizeof(data), "%.0f", now_ms() * 1e6);
		snprintf(want, sizeof(want), "data: %s\n\n", data);
		must(db, sqlite3_bind_text(st, 1, data, -1, SQLITE_STATIC));
		must(db, sqlite3_step(st));
		committed = now_ms();
		must(db, sqlite3_reset(st));
		b->ms[i] = receive(b, want) - committed;
		forget(b);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* --- one sqlite3 process per INSERT ------------------------------------- */

static pid_t
run_sqlite3(const struct bench *b, const char *data, int *terminal)
{
	char sql[256];
	pid_t pid;

	snprintf(sql, sizeof(sql),
	    "INSERT INTO events(topic, data) VALUES('latency', '%s');"
	    "SELECT 'committed';",
	    data);
	if ((pid = forkpty(terminal, NULL, NULL, NULL)) == -1)
		err(1, "forkpty");
	if (pid == 0) {
		execlp("sqlite3", "sqlite3", "-cmd", ".timeout 5000", b->path,
		    sql, (char *)NULL);
		err(127, "sqlite3");
	}
	return pid;
}

/* When the program's line and when the event came, whichever is first. */
static void
race(struct bench *b, int terminal, const char *want, double *committed,
    double *received)
{
	struct pollfd p[2] = {{.fd = terminal, .events = POLLIN},
	    {.fd = b->stream, .events = POLLIN}};
	char line[256];
	double now;

	*committed = *received = 0;
	while (*committed == 0 || *received == 0) {
		if (poll(p, 2, WAIT_MS) <= 0)
			errx(1, "neither commit nor event: %s", want);
		now = now_ms();
		if (p[1].revents) {
			take(b);
			if (*received == 0 && strstr(b->buf, want) != NULL)
				*received = now;
		}
		if (p[0].revents) {
			ssize_t n = read(terminal, line, sizeof(line) - 1);

			if (n <= 0)
				errx(1, "sqlite3 ended without a commit");
			line[n] = '\0';
			if (strstr(line, "committed") != NULL)
				*committed = now;
			else
				errx(1, "sqlite3: %s", line);
			p[0].fd = -1;
		}
	}
}

static void
by_program(struct bench *b)
{
	char data[64], want[80];
	double start, committed, received;
	int terminal;
	pid_t pid;

	for (long i = 0; i < b->events; i++) {
		rest(b);
		start = now_ms();
		snprintf(data, sizeof(data), "%.0f", start * 1e6);
		snprintf(want, sizeof(want), "data: %s\n\n", data);
		pid = run_sqlite3(b, data, &terminal);
		race(b, terminal, want, &committed, &received);
		b->ms[i] = received > committed ? received - committed : 0;
		b->whole[i] = received - start;
		forget(b);
		waitpid(pid, NULL, 0);
		close(terminal);
	}
}

/* --- the report --------------------------------------------------------- */

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
report(const struct bench *b, double *ms, const char *what)
{
	long n = b->events;

	qsort(ms, n, sizeof(*ms), by_size);
	printf("%-34s n %ld  median %.2f ms  p99 %.2f ms  worst %.2f ms\n",
	    what, n, ms[n / 2], ms[(n * 99 - 1) / 100], ms[n - 1]);
	fflush(stdout);
}

int
main(int argc, char *argv[])
{
	struct bench b = {.events = 1000, .pause_ms = 20};

	if (argc < 3 || argc > 5)
		errx(2, "usage: latency HOST:PORT FILE [EVENTS [PAUSE_MS]]");
	b.path = argv[2];
	if (argc > 3)
		b.events = atol(argv[3]);
	if (argc > 4)
		b.pause_ms = atol(argv[4]);
	if (b.events < 1 || b.events > EVENTS_MAX || b.pause_ms < 0)
		errx(2, "usage: latency HOST:PORT FILE [EVENTS [PAUSE_MS]]");
	b.ms = calloc(b.events, sizeof(*b.ms));
	b.whole = calloc(b.events, sizeof(*b.whole));
	if (b.ms == NULL || b.whole == NULL)
		err(1, NULL);
	subscribe(&b, argv[1]);
	connected(&b, "PRAGMA synchronous = NORMAL");
	report(&b, b.ms, "connected publisher, NORMAL");
	connected(&b, "PRAGMA synchronous = FULL");
	report(&b, b.ms, "connected publisher, FULL");
	by_program(&b);
	report(&b, b.ms, "one sqlite3 an INSERT");
	report(&b, b.whole, "one sqlite3 an INSERT, with its start");
	free(b.ms);
	free(b.whole);
	close(b.stream);
	return 0;
}
