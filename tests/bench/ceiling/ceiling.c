/*
 * ceiling.c - the least that a FastCGI responder can do.
 *
 * usage: ceiling [-g MS] SOCKET BELL
 *
 * It answers a POST with the ids of its events, and every other request with an
 * endless event stream.  It has one log of encoded events in memory and one
 * cursor for each stream.  All that a stream must get next goes out as one
 * record in one send, and streams at the same place share the record.  (With
 * one record for each event nginx makes half as many deliveries.)  It looks for
 * a Last-Event-ID and parses nothing else.  It has no log on disk, no topics
 * and no heartbeats.  So it is no rival of largesse: it shows the most that the
 * web server in front of it can do.
 *
 * Events come as lines on connections to BELL.  With -g the next flush waits
 * until the web server should be done with the last one: as long as the last
 * one took, and at most MS.  The first flush after a pause goes out at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "store/clock.h"
#include "tests/bench/ceiling/ceiling.h"

enum {
	EVENTS_A_TURN = 512,
	SEND_COST_NS = 10000 /* of a send, to the web server mostly */
};

/* What an epoll event is about, when it is not a stream. */
static int door_mark, bell_mark, feeder_mark;

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t
now_ns(void)
{
	return (uint64_t)clock_steady_ns();
}

void
ceiling_watch(struct ceiling *c, int op, int fd, uint32_t events, void *what)
{
	struct epoll_event ev = {.events = events, .data.ptr = what};

	if (epoll_ctl(c->ep, op, fd, &ev) != 0)
		fail("ceiling: epoll_ctl");
}

static void
door_open(struct ceiling *c)
{
	struct stream *s;
	int fd;

	while ((fd = accept4(
		    c->door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		s = calloc(1, sizeof(*s));
		if (s == NULL || c->nstreams == STREAMS_MAX)
			fail("ceiling: streams");
		s->fd = fd;
		s->slot = c->nstreams;
		c->streams[c->nstreams++] = s;
		ceiling_watch(c, EPOLL_CTL_ADD, fd, EPOLLIN, s);
	}
}

/* --- the log ------------------------------------------------------------ */

static void
log_open(struct ceiling *c)
{
	int fd = memfd_create("ceiling", MFD_CLOEXEC);
	char *p = mmap(NULL, 2ul * LOG_SIZE, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || ftruncate(fd, LOG_SIZE) != 0 || p == MAP_FAILED ||
	    mmap(p, LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		fd, 0) == MAP_FAILED ||
	    mmap(p + LOG_SIZE, LOG_SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		fail("ceiling: log");
	close(fd);
	c->log = p;
	c->places = calloc(LOG_EVENTS, sizeof(*c->places));
	if (c->places == NULL)
		fail("ceiling: places");
}

void
ceiling_add(struct ceiling *c, const char *data, size_t len)
{
	char *p = c->log + c->head % LOG_SIZE;
	int n;

	c->places[c->events % LOG_EVENTS] = c->head;
	c->events++;
	n = sprintf(p, "id: %llu\ndata: ", (unsigned long long)c->events);
	memcpy(p + n, data, len);
	memcpy(p + n + len, "\n\n", 2);
	c->head += (size_t)n + len + 2;
	c->due = true;
}

/* Lines from the publisher, as many as there are. */
static void
bell_read(struct ceiling *c, int fd)
{
	char buf[65536], *s = buf, *nl;
	ssize_t n;

	memcpy(buf, c->half, c->half_len);
	n = recv(
	    fd, buf + c->half_len, sizeof(buf) - c->half_len, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		close(fd);
		c->bell = -1;
	}
	if (n <= 0)
		return;
	n += (ssize_t)c->half_len;
	while ((nl = memchr(s, '\n', (size_t)(buf + n - s))) != NULL) {
		ceiling_add(c, s, (size_t)(nl - s));
		s = nl + 1;
	}
	c->half_len = (size_t)(buf + n - s);
	memcpy(c->half, s, c->half_len);
}

/* Sends to all, and says when the next flush may be. */
static void
flush(struct ceiling *c)
{
	uint64_t began = now_ns(), took, gather;
	uint32_t i = 0;

	gather = c->nstreams * (uint64_t)SEND_COST_NS;
	while (i < c->nstreams) {
		struct stream *s = c->streams[i];

		if (s->asked && !s->full && !stream_send(c, s))
			stream_close(c, s);
		else
			i++;
	}
	took = now_ns() - began;
	if (gather > c->gather_ns)
		gather = c->gather_ns;
	if (gather > 0 && gather < 2 * took)
		gather = 2 * took;
	c->next_ns = began + gather;
	c->due = false;
}

/* --- the loop ----------------------------------------------------------- */

static int
listen_at(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    chmod(path, 0666) != 0 || listen(fd, 4096) != 0)
		fail(path);
	return fd;
}

static void
dispatch(struct ceiling *c, int bell, struct epoll_event *ev)
{
	if (ev->data.ptr == &door_mark)
		door_open(c);
	else if (ev->data.ptr == &bell_mark) {
		c->bell = accept4(bell, NULL, NULL, SOCK_CLOEXEC);
		if (c->bell >= 0)
			ceiling_watch(
			    c, EPOLL_CTL_ADD, c->bell, EPOLLIN, &feeder_mark);
	} else if (ev->data.ptr == &feeder_mark)
		bell_read(c, c->bell);
	else
		stream_event(c, ev->data.ptr, ev->events);
}

/* -1 for ever, 0 now; sleeps less than a millisecond are worth having. */
static int
wait_turn(struct ceiling *c, struct epoll_event *events)
{
	struct timespec ts;
	uint64_t now = now_ns(), left;

	if (!c->due)
		return epoll_wait(c->ep, events, EVENTS_A_TURN, -1);
	left = c->next_ns > now ? c->next_ns - now : 0;
	ts.tv_sec = (time_t)(left / 1000000000u);
	ts.tv_nsec = (long)(left % 1000000000u);
	return epoll_pwait2(c->ep, events, EVENTS_A_TURN, &ts, NULL);
}

int
main(int argc, char **argv)
{
	static struct ceiling c;
	struct epoll_event events[EVENTS_A_TURN];
	int bell, opt, i, n;

	while ((opt = getopt(argc, argv, "g:")) != -1) {
		if (opt != 'g')
			return 2;
		c.gather_ns = strtoull(optarg, NULL, 10) * 1000000u;
	}
	if (argc - optind != 2)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	log_open(&c);
	c.ep = epoll_create1(EPOLL_CLOEXEC);
	c.door = listen_at(argv[optind]);
	bell = listen_at(argv[optind + 1]);
	ceiling_watch(&c, EPOLL_CTL_ADD, c.door, EPOLLIN, &door_mark);
	ceiling_watch(&c, EPOLL_CTL_ADD, bell, EPOLLIN, &bell_mark);
	for (;;) {
		n = wait_turn(&c, events);
		for (i = 0; i < n; i++)
			dispatch(&c, bell, &events[i]);
		if (c.due && now_ns() >= c.next_ns)
			flush(&c);
	}
}
