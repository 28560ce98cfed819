/*
 * probe.c - a short stream of timed ticks, for the doctor.
 *
 * The wheel's tick is a quarter of a second, too coarse here: all probes share
 * one timer of their own, which runs only while there are any.  A tick that
 * the socket does not take whole ends its probe; nothing is kept for later.
 */
#include <sys/epoll.h>

#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "fcgi/stream/hub.h"
#include "fcgi/reply/probe.h"
#include "fcgi/reply/reply.h"
#include "fcgi/stream/stream.h"

struct probe {
	struct conn conn;
	struct probe *next; /* of all that are open */
	struct probe_ask ask;
	uint64_t sent;	  /* ticks */
	uint64_t next_ms; /* of the loop's clock: the next one */
	uint16_t request_id;
	bool framed;
};

static bool
is_silent(const struct probe_ask *ask)
{
	return (ask->ticks - 1) * ask->every_ms > PROBE_MS;
}

static void
probe_end(struct server *srv, struct probe *p)
{
	struct probe **at = &srv->probes;

	if (p->conn.fd == -1)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	srv->nprobes--;
	srv->nprobes_silent -= is_silent(&p->ask);
	close(p->conn.fd);
	p->conn.fd = -1;
	hub_over(srv, &p->conn);
}

void
probe_free(struct conn *c)
{
	free(c);
}

/* --- ticks -------------------------------------------------------------- */

/*
 * The next tick, after len bytes that stand in the scratch already, and with
 * the last one the end.
 */
static bool
say_tick(struct server *srv, struct probe *p, size_t len, const char *echo)
{
	char *text = srv->scratch + RECORD_HEADER;

	p->sent++;
	len += probe_tick(text + len, p->sent, &p->ask, clock_wall_ms(), echo);
	if (!p->framed)
		return stream_say(p->conn.fd, text, len);
	record_header((uint8_t *)srv->scratch, p->request_id, (uint16_t)len);
	len += RECORD_HEADER;
	if (p->sent == p->ask.ticks) {
		record_end((uint8_t *)srv->scratch + len, p->request_id);
		len += RECORD_END_SIZE;
	}
	return stream_say(p->conn.fd, srv->scratch, len);
}

static void on_timer(uv_timer_t *);

static void
arm(struct server *srv)
{
	uint64_t now = uv_now(&srv->loop), first = UINT64_MAX;
	const struct probe *p;

	for (p = srv->probes; p != NULL; p = p->next)
		if (p->next_ms < first)
			first = p->next_ms;
	if (srv->probes != NULL)
		uv_timer_start(&srv->probe_timer, on_timer,
		    first > now ? first - now : 0, 0);
}

static void
on_timer(uv_timer_t *timer)
{
	struct server *srv = timer->data;
	struct probe *p, *next;

	for (p = srv->probes; p != NULL; p = next) {
		next = p->next;
		if (p->next_ms > uv_now(&srv->loop))
			continue;
		p->next_ms += p->ask.every_ms;
		if (!say_tick(srv, p, 0, NULL) || p->sent == p->ask.ticks)
			probe_end(srv, p);
	}
	arm(srv);
}

/* --- opening and closing ------------------------------------------------ */

static struct probe *
make_probe(
    struct server *srv, const struct peer *peer, const struct probe_ask *ask)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->conn.fd = peer->fd;
	p->conn.kind = CONN_PROBE;
	p->request_id = peer->request_id;
	p->framed = peer->framed;
	p->ask = *ask;
	p->next_ms = uv_now(&srv->loop) + ask->every_ms;
	p->next = srv->probes;
	srv->probes = p;
	srv->nprobes++;
	srv->nprobes_silent += is_silent(ask);
	return p;
}

/* As a stream begins: headers, retry and the first event in one write. */
static bool
say_opening(
    struct server *srv, struct probe *p, const char *headers, char *const *env)
{
	char echo[PROBE_TEXT_SIZE / 2], *text = srv->scratch + RECORD_HEADER;
	size_t len = stream_head(text, headers);

	len += control_bye(text + len, server_retry(srv));
	probe_echo(echo, env, p->framed, srv->conf.heartbeat_ms);
	return say_tick(srv, p, len, echo);
}

enum answered
probe_open(struct server *srv, const struct peer *peer,
    const struct request *rq, char *const *env)
{
	struct probe_ask ask;
	const char *wrong = probe_ask_read(&ask, rq->query);
	struct probe *p;

	if (wrong != NULL)
		return reply_line(srv, peer, 400, wrong) ? ANSWERED_REPLY
							 : ANSWERED_FAILED;
	if (srv->closing || srv->nprobes >= PROBES_MAX ||
	    (is_silent(&ask) && srv->nprobes_silent >= PROBES_SILENT) ||
	    (p = make_probe(srv, peer, &ask)) == NULL)
		return reply_retry(srv, peer) ? ANSWERED_REPLY
					      : ANSWERED_FAILED;
	if (!say_opening(srv, p, peer->headers, env) || p->sent == ask.ticks ||
	    (poller_add(&srv->poller, &p->conn, peer->fd) == -1 && p->framed))
		probe_end(srv, p);
	arm(srv);
	return ANSWERED_STREAM;
}

/* A web server says no more, but that it gives the request up. */
void
probe_event(struct server *srv, struct conn *c, uint32_t events)
{
	struct probe *p = (struct probe *)c;

	if (p->framed || (events & (EPOLLERR | EPOLLHUP)) != 0)
		probe_end(srv, p);
}

void
probes_open(struct server *srv)
{
	uv_timer_init(&srv->loop, &srv->probe_timer);
	srv->probe_timer.data = srv;
}

void
probes_end(struct server *srv)
{
	while (srv->probes != NULL)
		probe_end(srv, srv->probes);
	uv_timer_stop(&srv->probe_timer);
}
