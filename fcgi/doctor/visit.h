/*
 * visit.h - what came of one request, and when.
 *
 * The request is made as a browser's EventSource makes it.  A visit is plain
 * data, and all that the judge sees of the network.  These functions are pure.
 */
#ifndef DOCTOR_VISIT_H
#define DOCTOR_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VISIT_TICKS = 40,
	VISIT_BEATS = 8,
	VISIT_TEXT = 256
};

enum trouble {
	TROUBLE_NONE,	 /* it ended, or the doctor had enough */
	TROUBLE_NAME,	 /* no such host */
	TROUBLE_CONNECT, /* nobody there */
	TROUBLE_TLS,
	TROUBLE_CUT,	 /* the connection ended before the response */
	TROUBLE_TIMEOUT, /* it took longer than we wait */
	TROUBLE_OTHER
};

/* A tick of a probe, or a beat of a stream: when it was sent, and came. */
struct tick {
	uint64_t n;
	double sent_ms; /* since 1970, by the responder's clock */
	double came_ms; /* since the visit began, by ours */
};

/* What the responder says that it got of the request. */
struct echo {
	bool heard;
	bool cgi; /* one process a stream */
	uint64_t heartbeat_ms, forwarded_for;
	char protocol[16], software[32], via[VISIT_TEXT], forwarded_proto[16];
	/* bytes that arrived; 0: it did not arrive */
	uint64_t query, path, address, last_event_id, authorization, cookie;
	uint64_t accept, accept_encoding, origin;
};

struct visit {
	bool done;
	bool connected;	 /* something took the connection */
	double begun_ms; /* by our clock, so that visits can be compared */
	enum trouble trouble;
	char error[VISIT_TEXT]; /* of trouble, in words */

	unsigned status; /* 0: no answer came */
	unsigned http;	 /* 10, 11, 20, 30 */
	char server[VISIT_TEXT], via[VISIT_TEXT], type[VISIT_TEXT];
	char encoding[VISIT_TEXT], cache_control[VISIT_TEXT];
	char allow_origin[VISIT_TEXT], location[1024];
	bool expires; /* the header Expires is there */
	bool hit;     /* X-Cache says so */
	double age_s; /* as the header Age says; 0: it is not there */

	double head_ms, body_ms, end_ms; /* since it began; 0: never */
	size_t bytes;			 /* of the body, decoded */
	char text[VISIT_TEXT];		 /* its beginning, when no stream */

	bool stream;	 /* 200 and text/event-stream */
	bool started;	 /* stream-start came */
	bool retry;	 /* retry: came */
	bool ended;	 /* stream-retry came: this end was meant */
	char reason[16]; /* of it */
	unsigned beat_s; /* as stream-start says; 0: it does not */
	struct tick beats[VISIT_BEATS]; /* the first is stream-start */
	unsigned nbeats;
	struct tick ticks[VISIT_TICKS];
	unsigned nticks, of; /* came, and announced */
	struct echo echo;
};

/* A line of the headers. */
void visit_header(struct visit *, const char *line, size_t len);
/* A block of the stream, and when the last of it came. */
void visit_block(struct visit *, const char *text, double now_ms);

/*
 * Does a header say that a cache had the answer before it was asked?  What
 * fills its buffer first may say an Age as well, of the time that took.
 */
bool visit_from_cache(const struct visit *);

/* When the first message was sent, by the responder's clock; 0: unknown. */
double visit_made_ms(const struct visit *);

/* Has the last tick come? */
bool visit_full(const struct visit *);

/*
 * How much later than the fastest tick each tick came, in ms.  The two clocks
 * may differ, but they differ by the same for all.  Returns the largest.
 */
double visit_lateness(const struct visit *, double late[VISIT_TICKS]);

/* Were most of the ticks kept back until many came in one heap? */
bool visit_held(const struct visit *);

/* Did ticks that were sent apart come together, again and again? */
bool visit_gathered(const struct visit *);

#endif
