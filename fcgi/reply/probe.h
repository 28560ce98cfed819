/*
 * probe.h - a short stream of timed ticks, for the doctor.
 *
 * A probe is the same kind of response as a stream, so whatever in the way
 * holds, cuts or changes a stream does it to a probe too.  It knows nothing
 * of the log and needs no token, so it is bounded in all it can cost: how
 * many there are at once, how long one lasts, what it sends.
 *
 *	GET /events/probe?ticks=N&every=MS&size=BYTES
 *
 *	event: stream-probe
 *	data: {"n":1,"of":20,"sent":1700000000000,"echo":{...}}
 */
#ifndef PROBE_H
#define PROBE_H

#include "fcgi/request/peer.h"
#include "fcgi/request/request.h"
#include "fcgi/stream/hub.h"

enum {
	PROBES_MAX = 24,    /* at once */
	PROBES_SILENT = 16, /* of them that last longer than PROBE_MS */
	PROBE_TICKS = 40,
	PROBE_EVERY_MIN_MS = 20,
	PROBE_EVERY_MS = 2000,
	PROBE_SIZE = 16384,	       /* bytes of a tick */
	PROBE_BYTES = 256 * 1024,      /* of all of them */
	PROBE_MS = 15 * 1000,	       /* from the first to the last */
	PROBE_SILENCE_MS = 300 * 1000, /* between two, if there are but two */
	PROBE_TEXT_SIZE = 8192	       /* a tick's own text */
};

/* All that are open. */
struct probes {
	struct hub *hub;
	struct probe *first;
	uv_timer_t timer; /* closed with the loop */
	unsigned silent;  /* those that last longer than PROBE_MS */
};

void probes_open(struct probes *, struct hub *);
void probes_end(struct probes *);

/* Takes over the peer's descriptor, or refuses. */
enum answered probe_open(struct probes *, const struct peer *,
    const struct request *, char *const *env);

void probe_event(struct probes *, struct conn *, uint32_t epoll_events);
void probe_free(struct conn *);

/* --- what is asked and said; pure (probe_text.c) ------------------------ */

struct probe_ask {
	uint64_t ticks, every_ms, size;
};

/* Reads the query.  NULL, or what is wrong with it in a line. */
const char *probe_ask_read(struct probe_ask *, const char *query);

/*
 * What of the request arrived here, as a JSON object: texts that are no
 * secret, and of the others the length.  Returns its length.
 */
size_t probe_echo(char buf[PROBE_TEXT_SIZE / 2], char *const *env, bool framed,
    uint64_t heartbeat_ms);

/*
 * A tick of at least size bytes, its place among the others and the time now;
 * echo may be NULL.  buf holds size or PROBE_TEXT_SIZE, whatever is more.
 */
size_t probe_tick(char *buf, uint64_t n, const struct probe_ask *,
    uint64_t sent_ms, const char *echo);

#endif
