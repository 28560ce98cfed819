/*
 * status.c - how many streams, how fast, within which limits: the gathering.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "fcgi/reply/reply.h"
#include "fcgi/reply/status.h"
#include "fcgi/serve/workers.h"

#define NOW(name, member, help)                                   \
	{                                                         \
		name, help, offsetof(struct tally, member), false \
	}
#define TOTAL(name, member, help)                                      \
	{                                                              \
		name, help, offsetof(struct tally, count.member), true \
	}

/* clang-format off */
const struct status_line status_lines[] = {
	NOW("streams", streams, "Streams that are open."),
	NOW("pending", pending, "Connections whose request is not whole."),
	NOW("probes", probes, "Probes for the doctor that are open."),
	NOW("writers", writers, "Writers for POST; fewer than workers: away."),
	NOW("posts_waiting", posts_waiting, "POSTs that a writer has."),
	NOW("topics", topics, "Topics and prefixes that are listened to."),
	NOW("subscriptions", subscriptions, "Different sets of topics."),
	NOW("window_events", window_events, "Newest events kept in memory."),
	NOW("window_bytes", window_bytes, "What those take."),
	NOW("resident_bytes", resident_bytes, "Memory of the process."),
	TOTAL("requests", requests, "Whole requests that came."),
	TOTAL("broken", broken, "Connections that did not speak FastCGI."),
	TOTAL("opened", opened, "Streams that were opened."),
	TOTAL("refused", refused, "Streams told to come back later."),
	TOTAL("denied", denied, "Requests refused with 401 or 403."),
	TOTAL("events", events, "Events read from the log as they came."),
	TOTAL("published", published, "Events taken by POST."),
	TOTAL("writer_ends", writer_ends, "Writers that died."),
	TOTAL("deliveries", deliveries, "Events sent, each time counted."),
	TOTAL("sent_bytes", bytes, "Bytes sent on streams."),
	TOTAL("writes", writes, "Writes to streams."),
	TOTAL("blocked", blocked, "Writes that a stream did not take whole."),
	TOTAL("heartbeats", heartbeats, "Comments sent to silent streams."),
	TOTAL("gaps", gaps, "Times a stream was told that its place is gone."),
	{"pages", "Pages of the log read for streams that were behind.",
	    offsetof(struct tally, pages), true},
};
/* clang-format on */

const size_t status_nlines = sizeof(status_lines) / sizeof(status_lines[0]);

/* --- gathering ---------------------------------------------------------- */

static uint64_t
resident_bytes(void)
{
	unsigned long long all, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu %llu", &all, &pages) != 2)
		pages = 0;
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void
tally_take(const struct server *srv, struct tally *t)
{
	t->count = srv->count;
	t->streams = srv->nstreams;
	t->pending = srv->npending;
	t->probes = srv->nprobes;
	t->writers = srv->link.wire != NULL;
	t->posts_waiting = srv->link.waiting;
	t->topics = srv->topics.topics.n;
	t->subscriptions = srv->topics.subs.n;
	t->window_events = srv->window.count;
	t->window_bytes = srv->topics.kept_bytes;
	t->pages = srv->pages.reads;
}

void
tally_publish(struct server *srv)
{
	struct tally *t = &srv->workers->tally[srv->worker];
	uint32_t now = wheel_now(&srv->wheel);

	tally_take(srv, t);
	if (t->resident_bytes != 0 && now - srv->published < 1000 / TICK_MS)
		return;
	srv->published = now;
	t->resident_bytes = resident_bytes();
}

/* All workers' numbers, or this process's if it is the only one. */
static void
gather_tally(struct server *srv, struct status *st)
{
	if (srv->workers != NULL) {
		tally_publish(srv);
		workers_sum(srv->workers, &st->sum);
		st->workers = srv->workers->n;
		return;
	}
	tally_take(srv, &st->sum);
	st->sum.resident_bytes = resident_bytes();
	st->workers = 1;
}

void
status_gather(struct server *srv, struct status *st)
{
	memset(st, 0, sizeof(*st));
	gather_tally(srv, st);
	st->started_ms = srv->started_ms;
	st->now_ms = clock_wall_ms();
	if (st->now_ms < st->started_ms) /* the clock was put back */
		st->now_ms = st->started_ms;
	st->max_streams = srv->max_streams * st->workers;
	st->conf = &srv->conf;
	st->log_id = store_log_id(srv->store);
	store_id_print(srv->store, srv->head, st->head);
	if (!store_healthy(srv->store))
		st->why = store_why(srv->store);
}

/* --- limits ------------------------------------------------------------- */

static const char *
unit(const struct option *o)
{
	if (o->kind == OPTION_AGE || (o->arg && strcmp(o->arg, "MS") == 0))
		return "_ms";
	if (o->kind == OPTION_BYTES)
		return "_bytes";
	return o->arg && strcmp(o->arg, "ROWS") == 0 ? "_rows" : "";
}

bool
status_limit(const struct status *st, size_t i, char name[64], uint64_t *value)
{
	const struct option *o = &serve_options.list[i];
	char *p;

	if (i >= serve_options.n)
		return false;
	*name = '\0';
	if (o->kind != OPTION_UNSIGNED && o->kind != OPTION_AGE &&
	    o->kind != OPTION_BYTES)
		return true;
	snprintf(name, 64, "%s%s", o->name, unit(o));
	for (p = name; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	*value = *(const uint64_t *)((const char *)st->conf + o->offset);
	if (strcmp(o->name, "max-streams") == 0)
		*value = st->max_streams;
	return true;
}

/* --- answering ---------------------------------------------------------- */

bool
status_reply(
    struct server *srv, const struct peer *peer, const struct request *rq)
{
	bool json = rq->path == PATH_STATUS, sent;
	struct reply rp = {.status = 200,
	    .type = json ? "application/json"
			 : "text/plain; version=0.0.4; charset=utf-8",
	    .head = rq->method == METHOD_HEAD};
	struct status st;
	char *text;

	status_gather(srv, &st);
	text = json ? status_json(&st, &rp.len) : status_metrics(&st, &rp.len);
	if (text == NULL)
		return reply_line(srv, peer, 503, "out of memory");
	rp.body = text;
	sent = reply_send(srv, peer, &rp);
	free(text);
	return sent;
}
