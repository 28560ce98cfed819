/*
 * crowd.c - groups of streams, opened, read and counted.
 *
 * Every event of every stream is counted and its number checked against the
 * one before it; nothing is sampled.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "browsers.h"
#include "crowd.h"

int
crowd_init(struct crowd *c)
{
	c->buf = malloc(CROWD_READ);
	c->ep = epoll_create1(EPOLL_CLOEXEC);
	return c->buf != NULL && c->ep >= 0 ? 0 : -1;
}

void
crowd_watch(struct crowd *c, int op, int fd, uint32_t events, void *what)
{
	struct epoll_event ev = {.events = events, .data.ptr = what};

	if (epoll_ctl(c->ep, op, fd, &ev) != 0) {
		perror("load: epoll_ctl");
		exit(1);
	}
}

/* Anything from 0 to most, the same in each run. */
static uint64_t
some(uint64_t most)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return most == 0 ? 0 : x % (most + 1);
}

/* How long this stream stays away: as the server said last. */
static uint64_t
away_ms(const struct group *g, const struct stream *s)
{
	if (g->again_ms > 0)
		return some(g->again_ms);
	if (s->feed.after_ms > 0)
		return s->feed.after_ms;
	if (s->feed.retry_ms > 0)
		return s->feed.retry_ms;
	return 3000; /* what browsers wait if the server says nothing */
}

static void
stream_goes_away(struct group *g, struct stream *s)
{
	if (s->feed.status == 0)
		g->unanswered++;
	else if (s->feed.status != 200)
		g->denied++;
	else if (s->feed.away)
		g->turned_away++;
	else
		g->cuts++;
	g->open -= s->open;
	g->connects -= s->open && s->feed.away;
	g->nlive -= s->live;
	s->open = s->live = false;
	s->due_ns = tally_now() + away_ms(g, s) * 1000000;
	g->away[g->naway++] = (uint32_t)(s - g->streams);
}

/* Reset: thousands of TIME_WAITs would use up the ports. */
static void
stream_close(struct stream *s)
{
	struct linger now = {1, 0};

	SSL_free(s->ssl);
	s->ssl = NULL;
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(s->fd);
}

void
crowd_end(struct crowd *c, struct stream *s)
{
	struct group *g = &c->groups[s->group];

	if (s->fd < 0)
		return;
	if (s->feed.status == 0)
		c->underway--;
	if (g->again)
		stream_goes_away(g, s);
	else if (s->feed.status == 0)
		g->refused++;
	else if (s->feed.away) {
		g->open -= s->open;
		g->refused++;
	} else if (s->feed.status == 200)
		g->ended++;
	if (s->browser == NULL)
		stream_close(s);
	s->fd = -1;
}

/* The port is chosen by connect, which knows the other end. */
static void
stream_bind(struct crowd *c, int fd, size_t i)
{
	struct sockaddr_in from = c->source;
	int one = 1;

	from.sin_addr.s_addr = htonl(
	    ntohl(from.sin_addr.s_addr) + (uint32_t)(i / CROWD_AN_ADDRESS));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) {
		perror("load: bind");
		exit(1);
	}
}

int
crowd_connect(struct crowd *c, size_t i, bool small)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, room = 4096;

	if (fd < 0) {
		perror("load: socket");
		exit(1);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (small)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (c->source.sin_family != 0)
		stream_bind(c, fd, i);
	/* If it fails, so does the first send. */
	connect(fd, (struct sockaddr *)&c->peer, sizeof(c->peer));
	return fd;
}

static void
stream_begin(struct crowd *c, struct group *g, size_t i)
{
	struct stream *s = &g->streams[i];

	s->group = (uint32_t)(g - c->groups);
	s->asked = false;
	s->fd = crowd_connect(c, i, g->stall);
	c->underway++;
	crowd_watch(c, EPOLL_CTL_ADD, s->fd, EPOLLOUT, s);
}

const char *
crowd_target(const struct crowd *c, const struct stream *s, char *buf)
{
	const struct group *g = &c->groups[s->group];
	const char *number = strstr(g->target, "%d");

	if (number != NULL)
		snprintf(buf, CROWD_TARGET, "%.*s%zu%s",
		    (int)(number - g->target), g->target,
		    (size_t)(s - g->streams), number + 2);
	else
		snprintf(buf, CROWD_TARGET, "%s", g->target);
	return buf;
}

/* Connected: the request fits any socket buffer. */
static void
stream_ask(struct crowd *c, struct stream *s)
{
	struct group *g = &c->groups[s->group];
	char target[CROWD_TARGET], request[1024];
	const char *id = s->feed.place[0] != '\0' ? s->feed.place : g->id;
	int len;

	len = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Accept: text/event-stream\r\n%s%s%s\r\n",
	    crowd_target(c, s, target), id[0] ? "Last-Event-ID: " : "", id,
	    id[0] ? "\r\n" : "");
	if (wire_send(s->ssl, s->fd, request, (size_t)len) != len) {
		crowd_end(c, s);
		return;
	}
	s->asked = true;
	crowd_watch(c, EPOLL_CTL_MOD, s->fd, EPOLLIN, s);
}

/* Connected: the handshake, if there is one, comes before the request. */
static void
stream_greets(struct crowd *c, struct stream *s)
{
	if (c->tls == NULL) {
		stream_ask(c, s);
		return;
	}
	if (s->ssl == NULL)
		s->ssl = wire_new(c->tls, s->fd, false);
	switch (wire_greet(s->ssl)) {
	case WIRE_OPEN:
		stream_ask(c, s);
		break;
	case WIRE_WANTS_READ:
		crowd_watch(c, EPOLL_CTL_MOD, s->fd, EPOLLIN, s);
		break;
	case WIRE_WANTS_WRITE:
		crowd_watch(c, EPOLL_CTL_MOD, s->fd, EPOLLOUT, s);
		break;
	default:
		crowd_end(c, s);
	}
}

struct delivery {
	struct crowd *crowd;
	struct stream *stream;
};

/* Was this number here before?  Of a group of one stream. */
static bool
seen_before(struct group *g, uint64_t n)
{
	size_t at = (size_t)(n / 8), size;
	uint8_t bit = (uint8_t)(1u << n % 8);

	if (at >= g->seen_size) {
		size = at * 2 + 4096;
		if ((g->seen = realloc(g->seen, size)) == NULL)
			abort();
		memset(g->seen + g->seen_size, 0, size - g->seen_size);
		g->seen_size = size;
	}
	if ((g->seen[at] & bit) != 0)
		return true;
	g->seen[at] |= bit;
	return false;
}

/*
 * Several publish at once, so events come in any order: `last` is how many
 * different numbers have come, and all are there when it is the highest.
 */
static void
delivered_any(
    struct crowd *c, struct group *g, struct stream *s, uint64_t n, uint64_t t)
{
	if (n > 100 * 1000 * 1000) {
		c->faults.strange++;
		return;
	}
	if (seen_before(g, n)) {
		c->tally.repeated++;
		return;
	}
	if (++s->last == g->goal && --g->below == 0)
		g->goal_ns = c->now;
	s->count++;
	tally_event(&c->tally, n, t, c->now);
}

static void
delivered(void *arg, uint64_t n, uint64_t t)
{
	struct delivery *d = arg;
	struct stream *s = d->stream;
	struct crowd *c = d->crowd;
	struct group *g = &c->groups[s->group];
	uint64_t want = s->last != 0 ? s->last + 1 : g->first;
	bool counts = g->live == 0 || (s->live_ns != 0 && t > s->live_ns);

	if (g->any) {
		delivered_any(c, g, s, n, t);
		return;
	}
	if (want != 0 && n > want)
		c->tally.missing += n - want;
	if (want != 0 && n < want) {
		c->tally.repeated++;
		return;
	}
	if (s->last < g->goal && n >= g->goal && --g->below == 0)
		g->goal_ns = c->now;
	if (g->live != 0 && s->live_ns == 0 && n >= g->live)
		s->live_ns = c->now;
	s->last = n;
	s->count++;
	tally_event(&c->tally, n, counts ? t : 0, c->now);
}

static void
stream_opened(struct crowd *c, struct stream *s)
{
	struct group *g = &c->groups[s->group];

	c->underway--;
	if (s->feed.status != 200 || s->feed.away) {
		g->refused += !g->again && s->feed.status != 200;
		crowd_end(c, s);
		return;
	}
	s->open = true;
	g->open++;
	g->connects++;
	g->opened_ns = c->now;
	if (g->stall)
		crowd_watch(c, EPOLL_CTL_DEL, s->fd, 0, NULL);
}

static void
stream_lives(struct crowd *c, struct stream *s)
{
	struct group *g = &c->groups[s->group];

	s->live = true;
	g->nlive++;
	g->lived_ns = c->now;
}

void
crowd_status(struct crowd *c, struct stream *s, uint16_t status)
{
	feed_status(&s->feed, status);
	stream_opened(c, s);
}

void
crowd_bytes(struct crowd *c, struct stream *s, const char *bytes, size_t len)
{
	struct delivery d = {c, s};
	bool was_open = s->feed.status != 0;

	c->tally.bytes += (uint64_t)len;
	feed_bytes(&s->feed, bytes, len, &c->faults, delivered, &d);
	if (!was_open && s->feed.status != 0)
		stream_opened(c, s);
	if (s->fd >= 0 && s->feed.away)
		crowd_end(c, s);
	if (s->fd >= 0 && s->feed.live && !s->live)
		stream_lives(c, s);
	if (s->fd >= 0 && s->feed.state == FEED_OVER)
		crowd_end(c, s);
}

static void
stream_read(struct crowd *c, struct stream *s)
{
	ssize_t len;

	/* Full: OpenSSL may have more, which epoll does not know of. */
	do {
		len = wire_recv(s->ssl, s->fd, c->buf, CROWD_READ);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		c->now = tally_now();
		if (len <= 0) {
			crowd_end(c, s);
			return;
		}
		c->tally.reads++;
		crowd_bytes(c, s, c->buf, (size_t)len);
	} while (s->ssl != NULL && len == CROWD_READ && s->fd >= 0);
}

static void
group_begins_browser(struct crowd *c, struct group *g)
{
	struct stream *first = &g->streams[g->begun];
	size_t n = g->n - g->begun < g->share ? g->n - g->begun : g->share, i;

	for (i = 0; i < n; i++)
		first[i].group = (uint32_t)(g - c->groups);
	browser_begin(c, first, n);
	g->begun += n;
}

void
crowd_go_on(struct crowd *c, struct group *g)
{
	size_t due = g->n;

	if (g->rate != 0) {
		due = (size_t)((tally_now() - g->began_ns) * g->rate /
			       1000000000u) +
		      1;
		if (due > g->n)
			due = g->n;
	}
	while (g->begun < due && c->underway < CROWD_UNDERWAY)
		if (g->share > 0)
			group_begins_browser(c, g);
		else
			stream_begin(c, g, g->begun++);
}

bool
crowd_opened(const struct crowd *c, const struct group *g)
{
	if (g->begun < g->n || c->underway > 0)
		return false;
	return !g->again ||
	       (g->open == g->n &&
		   tally_now() - g->opened_ns > CROWD_SETTLE_MS * 1000000ull);
}

/* A stream's address is even, so the last bit can say that it is none. */
void *
crowd_mark_browser(struct browser *b)
{
	return (char *)b + 1;
}

void
crowd_ready(struct crowd *c, void *what)
{
	struct stream *s = what;

	if ((uintptr_t)what & 1)
		browser_ready((void *)((char *)what - 1));
	else if (s->fd < 0)
		return;
	else if (!s->asked)
		stream_greets(c, s);
	else
		stream_read(c, s);
}

void
crowd_goal(struct group *g, uint64_t goal)
{
	size_t i;

	g->goal = goal;
	g->goal_ns = tally_now();
	g->below = 0;
	for (i = 0; i < g->n; i++)
		g->below += g->streams[i].last < goal;
}

void
crowd_close(struct crowd *c, struct group *g)
{
	size_t i;

	g->again = false;
	for (i = 0; i < g->begun; i++) {
		crowd_end(c, &g->streams[i]);
		feed_free(&g->streams[i].feed);
		if (g->share > 0 && i % g->share == 0)
			browser_free(g->streams[i].browser);
	}
	g->n = g->begun = g->open = g->ended = g->nlive = g->naway = 0;
	g->churn = 0;
	free(g->away);
	g->away = NULL;
	free(g->seen);
	g->seen = NULL;
	g->seen_size = 0;
	free(g->streams);
	g->streams = NULL;
}

void
crowd_wake(struct crowd *c, struct group *g)
{
	size_t i;

	for (i = 0; i < g->begun; i++)
		if (g->stall && g->streams[i].fd >= 0)
			crowd_watch(c, EPOLL_CTL_ADD, g->streams[i].fd, EPOLLIN,
			    &g->streams[i]);
	g->stall = false;
}

static void
group_returns(struct crowd *c, struct group *g, uint64_t now)
{
	size_t i = 0;

	while (i < g->naway && c->underway < CROWD_UNDERWAY) {
		struct stream *s = &g->streams[g->away[i]];

		if (s->due_ns > now) {
			i++;
			continue;
		}
		g->away[i] = g->away[--g->naway];
		feed_again(&s->feed);
		stream_begin(c, g, (size_t)(s - g->streams));
	}
}

static void
group_churns(struct crowd *c, struct group *g, uint64_t now)
{
	size_t due = (size_t)((double)(now - g->churn_ns) / 1e9 * g->churn);

	for (; g->churned < due; g->churned++) {
		struct stream *s = &g->streams[some(g->n - 1)];

		if (s->live)
			crowd_end(c, s);
	}
}

void
crowd_turn(struct crowd *c)
{
	uint64_t now = tally_now();
	size_t i;

	for (i = 0; i < c->ngroups; i++) {
		if (c->groups[i].churn > 0)
			group_churns(c, &c->groups[i], now);
		if (c->groups[i].naway > 0)
			group_returns(c, &c->groups[i], now);
	}
}

bool
crowd_is_restless(const struct crowd *c)
{
	size_t i;

	for (i = 0; i < c->ngroups; i++)
		if (c->groups[i].naway > 0 || c->groups[i].churn > 0)
			return true;
	return false;
}

void
crowd_mark(struct crowd *c)
{
	size_t i, j;

	tally_clear(&c->tally);
	memset(&c->faults, 0, sizeof(c->faults));
	for (i = 0; i < c->ngroups; i++)
		for (j = 0; j < c->groups[i].n; j++)
			c->groups[i].streams[j].count = 0;
}
