/*
 * probe.h - a short stream of timed ticks, for the doctor.
 *
 * A probe is the same kind of response as a stream.  So a proxy in the way that
 * holds, cuts or changes a stream does the same to a probe.  A probe asks the
 * log for nothing and needs no token.  Therefore everything that it costs is
 * bounded: how many probes there are at once, how long one lasts, how much it
 * sends.
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
	PROBES_SILENT = 16, /* of those that last longer than PROBE_MS */
	PROBE_TICKS = 40,
	PROBE_EVERY_MIN_MS = 20,
	PROBE_EVERY_MS = 2000,
	PROBE_SIZE = 16384,	       /* bytes of one tick */
	PROBE_BYTES = 256 * 1024,      /* bytes of all ticks of a probe */
	PROBE_MS = 15 * 1000,	       /* from the first tick to the last */
	PROBE_SILENCE_MS = 300 * 1000, /* between two, if there are only two */
	PROBE_TEXT_SIZE = 8192	       /* a tick without its padding */
};

/* All open probes. */
struct probes {
	struct hub *hub;
	struct probe *first;
	uv_timer_t timer; /* closed with the loop */
	unsigned silent;  /* probes that last longer than PROBE_MS */
};

void probes_open(struct probes *, struct hub *);
void probes_end(struct probes *);

/* Opens a probe on the peer's descriptor, or answers why not. */
enum answered probe_open(struct probes *, const struct peer *,
    const struct request *, char *const *env);

void probe_event(struct probes *, struct conn *, uint32_t epoll_events);
void probe_free(struct conn *);

/* --- the query and the text of a tick; pure (probe_text.c) -------------- */

struct probe_ask {
	uint64_t ticks, every_ms, size;
};

/* Reads the query.  NULL, or a line that says what is wrong with it. */
const char *probe_ask_read(struct probe_ask *, const char *query);

/*
 * Writes what arrived here of the request, as a JSON object.  It has the texts
 * that cannot be a secret, and of the other texts only the length.  Returns its
 * length.
 */
size_t probe_echo(char buf[PROBE_TEXT_SIZE / 2], char *const *env, bool framed,
    uint64_t heartbeat_ms);

/*
 * Writes a tick of at least size bytes: its number, and the time now.  echo may
 * be NULL.  buf has room for size or PROBE_TEXT_SIZE bytes, whichever is more.
 */
size_t probe_tick(char *buf, uint64_t n, const struct probe_ask *,
    uint64_t sent_ms, const char *echo);

#endif
