/*
 * watch.c - /status as a stream, for a page that shows it.
 */
#include <sys/epoll.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/env.h"
#include "fcgi/reply/reply.h"
#include "fcgi/reply/status.h"
#include "fcgi/reply/watch.h"
#include "fcgi/stream/todo.h"
#include "fcgi/stream/write.h"

struct watch {
	struct conn conn;
	struct watch *next;  /* in the list of open watches */
	uint32_t ends;	     /* tick at which it is too old */
	uint16_t request_id; /* of FastCGI: a CGI program has no watches */
};

bool
watch_wanted(
    const struct peer *peer, const struct request *rq, char *const *env)
{
	const char *accept = env_value(env, "HTTP_ACCEPT");

	return !rq->named && !peer->head && peer->framed && accept != NULL &&
	       strstr(accept, "text/event-stream") != NULL;
}

static void
watch_end(struct watches *ws, struct watch *w)
{
	struct watch **at = &ws->first;

	if (w->conn.over)
		return;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	ws->hub->now.watches--;
	close(w->conn.fd);
	w->conn.over = true;
	todo_over(ws->hub, &w->conn);
}

/* Its client is told why, and when to come back. */
static void
watch_say_end(
    struct watches *ws, struct watch *w, enum end_reason why, unsigned retry_ms)
{
	char *buf = ws->hub->scratch;

	stream_say_last(w->conn.fd, true, w->request_id, buf,
	    control_bye(buf + RECORD_HEADER, retry_ms, tally_reason(why)));
	watch_end(ws, w);
}

/*
 * It comes back at once.  But if all places are taken, it waits as long as
 * whoever was refused: then each of them has the same chance.
 */
static void
watch_end_old(struct watches *ws, struct watch *w)
{
	bool full = ws->hub->now.watches >= WATCHES_MAX;

	watch_say_end(
	    ws, w, END_AGE, full ? hub_retry_ms(ws->hub) : hub_soon_ms());
}

void
watch_free(struct conn *c)
{
	free(c);
}

/* --- events -------------------------------------------------------------- */

static const char head[] = "event: stream-status\ndata: ";

/* Whatever is shown, the first record has room for all that goes into it. */
_Static_assert(
    CONTROL_HEAD_SIZE + CONTROL_BYE_SIZE + sizeof(head) + STATUS_JSON_MAX <=
	RECORD_MAX,
    "a status may be too long for a watch");

/*
 * Puts the event behind len bytes of a text that has room up to RECORD_MAX.
 * Returns the length of both; 0: there is no memory.
 */
static size_t
put_status(struct hub *hub, char *text, size_t len)
{
	struct status st;
	size_t json_len;
	char *json;

	status_gather(hub, &st);
	json = status_json(&st, true, &json_len); /* with one line end */
	if (json == NULL || len + sizeof(head) + json_len > RECORD_MAX) {
		free(json);
		return 0;
	}
	memcpy(text + len, head, sizeof(head) - 1);
	len += sizeof(head) - 1;
	memcpy(text + len, json, json_len);
	len += json_len;
	text[len++] = '\n';
	free(json);
	return len;
}

/* Sends a text that is in the scratch, behind room for the header. */
static bool
say_text(struct hub *hub, const struct watch *w, size_t len)
{
	char *buf = hub->scratch;

	if (len == 0)
		return false;
	record_header((uint8_t *)buf, w->request_id, (uint16_t)len);
	return stream_say(w->conn.fd, buf, RECORD_HEADER + len);
}

static void
say_status(struct watches *ws)
{
	struct hub *hub = ws->hub;
	size_t len = put_status(hub, hub->scratch + RECORD_HEADER, 0);
	struct watch *w, *next;

	for (w = ws->first; w != NULL; w = next) {
		next = w->next;
		if (!say_text(hub, w, len))
			watch_end(ws, w);
	}
}

static void
end_old(struct watches *ws)
{
	uint32_t now = wheel_now(&ws->hub->wheel);
	struct watch *w, *next;

	for (w = ws->first; w != NULL; w = next) {
		next = w->next;
		if (now >= w->ends)
			watch_end_old(ws, w);
	}
}

static void
on_watch_time(uv_timer_t *timer)
{
	struct watches *ws = timer->data;

	end_old(ws);
	if (ws->first != NULL)
		say_status(ws);
	if (ws->first == NULL)
		uv_timer_stop(&ws->timer);
}

/* --- opening and closing -------------------------------------------------- */

/* Up to a tenth earlier, so that not all of them end at the same moment. */
static uint32_t
ends_at(struct watches *ws)
{
	const struct hub *hub = ws->hub;
	uint32_t age = wheel_ticks(watch_age_ms(hub->conf->max_age_ms));

	return wheel_now(&hub->wheel) + age -
	       ws->opened++ * 2654435761U % (age / 10 + 1);
}

static struct watch *
make_watch(struct watches *ws, const struct peer *peer)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->conn.fd = peer->fd;
	w->conn.kind = CONN_WATCH;
	w->request_id = peer->request_id;
	w->ends = ends_at(ws);
	w->next = ws->first;
	ws->first = w;
	ws->hub->now.watches++;
	return w;
}

/* Begins as a stream does: headers, retry and the first event in one write. */
static bool
say_first(struct hub *hub, const struct watch *w)
{
	char *text = hub->scratch + RECORD_HEADER;
	size_t len = control_head(text, NULL);

	len += control_retry(text + len, hub_retry_ms(hub));
	return say_text(hub, w, put_status(hub, text, len));
}

enum answered
watch_open(struct watches *ws, const struct peer *peer)
{
	const struct peer own = status_peer(peer);
	struct hub *hub = ws->hub;
	struct watch *w;

	if (hub->closing || hub->now.watches >= WATCHES_MAX ||
	    (w = make_watch(ws, peer)) == NULL)
		return answered(reply_retry(hub, &own, false));
	stream_take(peer->fd, peer->unread);
	if (!say_first(hub, w) ||
	    poller_add(&hub->poller, &w->conn, peer->fd) == -1)
		watch_end(ws, w);
	else if (!uv_is_active((uv_handle_t *)&ws->timer))
		uv_timer_start(&ws->timer, on_watch_time, WATCH_MS, WATCH_MS);
	return ANSWERED_STREAM;
}

/*
 * After its request, a web server sends only one thing: that it gives the
 * request up.
 */
void
watch_event(struct watches *ws, struct conn *c, uint32_t events)
{
	(void)events;
	watch_end(ws, (struct watch *)c);
}

void
watches_open(struct watches *ws, struct hub *hub)
{
	ws->hub = hub;
	uv_timer_init(hub->loop, &ws->timer);
	ws->timer.data = ws;
}

/* Each is told to come back. */
void
watches_end(struct watches *ws)
{
	while (ws->first != NULL)
		watch_say_end(
		    ws, ws->first, END_SHUTDOWN, hub_retry_ms(ws->hub));
	uv_timer_stop(&ws->timer);
}
