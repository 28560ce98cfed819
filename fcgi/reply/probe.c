/*
 * probe.c - a short stream of timed ticks, for the doctor.
 *
 * A tick of the wheel is a quarter of a second, which is too coarse for probes.
 * So all probes share one timer of their own, which runs only while a probe is
 * open.  If the socket does not take a whole tick, the probe ends; nothing is
 * kept to be sent later.
 */
#include <sys/epoll.h>

#include <stdlib.h>
#include <unistd.h>

#include "fcgi/reply/probe.h"
#include "fcgi/reply/reply.h"
#include "fcgi/stream/todo.h"
#include "fcgi/stream/write.h"

struct probe {
	struct conn conn;
	struct probe *next; /* in the list of open probes */
	struct probe_ask ask;
	uint64_t sent;	  /* ticks */
	uint64_t next_ms; /* time of the next tick, by the loop's clock */
	uint16_t request_id;
	bool framed;
};

static bool
is_silent(const struct probe_ask *ask)
{
	return (ask->ticks - 1) * ask->every_ms > PROBE_MS;
}

static void
probe_end(struct probes *ps, struct probe *p)
{
	struct probe **at = &ps->first;

	if (p->conn.over)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	ps->hub->now.probes--;
	ps->silent -= is_silent(&p->ask);
	close(p->conn.fd);
	p->conn.over = true;
	todo_over(ps->hub, &p->conn);
}

void
probe_free(struct conn *c)
{
	free(c);
}

/* --- ticks -------------------------------------------------------------- */

/*
 * Sends the next tick, after len bytes that are in the scratch already.  The
 * last tick ends the request.
 */
static bool
say_tick(struct hub *hub, struct probe *p, size_t len, const char *echo)
{
	char *text = hub->scratch + RECORD_HEADER;

	p->sent++;
	len += probe_tick(text + len, p->sent, &p->ask, clock_wall_ms(), echo);
	if (!p->framed || p->sent == p->ask.ticks)
		return stream_say_last(
		    p->conn.fd, p->framed, p->request_id, hub->scratch, len);
	record_header((uint8_t *)hub->scratch, p->request_id, (uint16_t)len);
	return stream_say(p->conn.fd, hub->scratch, RECORD_HEADER + len);
}

static void on_probe_time(uv_timer_t *);

/* Sets the timer for the probe whose tick comes next. */
static void
set_timer(struct probes *ps)
{
	uint64_t now = uv_now(ps->hub->loop), first = UINT64_MAX;
	const struct probe *p;

	for (p = ps->first; p != NULL; p = p->next)
		if (p->next_ms < first)
			first = p->next_ms;
	if (ps->first != NULL)
		uv_timer_start(&ps->timer, on_probe_time,
		    first > now ? first - now : 0, 0);
}

static void
on_probe_time(uv_timer_t *timer)
{
	struct probes *ps = timer->data;
	struct probe *p, *next;

	for (p = ps->first; p != NULL; p = next) {
		next = p->next;
		if (p->next_ms > uv_now(ps->hub->loop))
			continue;
		p->next_ms += p->ask.every_ms;
		if (!say_tick(ps->hub, p, 0, NULL) || p->sent == p->ask.ticks)
			probe_end(ps, p);
	}
	set_timer(ps);
}

/* --- opening and closing ------------------------------------------------ */

static struct probe *
make_probe(
    struct probes *ps, const struct peer *peer, const struct probe_ask *ask)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->conn.fd = peer->fd;
	p->conn.kind = CONN_PROBE;
	p->request_id = peer->request_id;
	p->framed = peer->framed;
	p->ask = *ask;
	p->next_ms = uv_now(ps->hub->loop) + ask->every_ms;
	p->next = ps->first;
	ps->first = p;
	ps->hub->now.probes++;
	ps->silent += is_silent(ask);
	return p;
}

/* Begins as a stream does: headers, retry and the first event in one write. */
static bool
say_opening(
    struct hub *hub, struct probe *p, const char *headers, char *const *env)
{
	char echo[PROBE_TEXT_SIZE / 2], *text = hub->scratch + RECORD_HEADER;
	size_t len = control_head(text, headers);

	len += control_retry(text + len, hub_retry_ms(hub));
	probe_echo(echo, env, p->framed, hub->conf->heartbeat_ms);
	return say_tick(hub, p, len, echo);
}

static bool
is_full(const struct probes *ps, const struct probe_ask *ask)
{
	return ps->hub->closing || ps->hub->now.probes >= PROBES_MAX ||
	       (is_silent(ask) && ps->silent >= PROBES_SILENT);
}

enum answered
probe_open(struct probes *ps, const struct peer *peer, const struct request *rq,
    char *const *env)
{
	struct hub *hub = ps->hub;
	struct probe_ask ask;
	const char *wrong = probe_ask_read(&ask, rq->query);
	struct probe *p;

	if (wrong != NULL)
		return answered(reply_line(hub, peer, 400, wrong));
	if (is_full(ps, &ask) || (p = make_probe(ps, peer, &ask)) == NULL)
		return answered(reply_retry(hub, peer, false));
	stream_take(peer->fd, peer->unread);
	if (!say_opening(hub, p, peer->headers, env) || p->sent == ask.ticks ||
	    (poller_add(&hub->poller, &p->conn, peer->fd) == -1 && p->framed))
		probe_end(ps, p);
	set_timer(ps);
	return ANSWERED_STREAM;
}

/*
 * After its request, a web server sends only one thing: that it gives the
 * request up.
 */
void
probe_event(struct probes *ps, struct conn *c, uint32_t events)
{
	struct probe *p = (struct probe *)c;

	if (p->framed || (events & (EPOLLERR | EPOLLHUP)) != 0)
		probe_end(ps, p);
}

void
probes_open(struct probes *ps, struct hub *hub)
{
	ps->hub = hub;
	uv_timer_init(hub->loop, &ps->timer);
	ps->timer.data = ps;
}

void
probes_end(struct probes *ps)
{
	while (ps->first != NULL)
		probe_end(ps, ps->first);
	uv_timer_stop(&ps->timer);
}
