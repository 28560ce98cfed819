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
	VISIT_TEXT = 256
};

enum trouble {
	TROUBLE_NONE,	 /* it came to its end, or we had enough */
	TROUBLE_NAME,	 /* no such host */
	TROUBLE_CONNECT, /* nobody there */
	TROUBLE_TLS,
	TROUBLE_CUT,	 /* the connection ended before the response */
	TROUBLE_TIMEOUT, /* our own: it took too long */
	TROUBLE_OTHER
};

/* A tick of a probe: when it was sent and came, by two different clocks. */
struct tick {
	uint64_t n;
	double sent_ms; /* since 1970, by the responder's */
	double came_ms; /* since the visit began */
};

/* What of the request arrived at the responder, by its own account. */
struct echo {
	bool heard;
	bool cgi; /* one process a stream */
	uint64_t heartbeat_ms, forwarded_for;
	char protocol[16], software[32], via[VISIT_TEXT], forwarded_proto[16];
	/* bytes of it; 0: it did not */
	uint64_t query, path, address, last_event_id, authorization, cookie;
	uint64_t accept, accept_encoding, origin;
};

struct visit {
	bool done;
	enum trouble trouble;
	char error[VISIT_TEXT]; /* of trouble, in words */

	unsigned status; /* 0: no answer came */
	unsigned http;	 /* 10, 11, 20, 30 */
	char server[VISIT_TEXT], via[VISIT_TEXT], type[VISIT_TEXT];
	char encoding[VISIT_TEXT], cache_control[VISIT_TEXT];
	char allow_origin[VISIT_TEXT], location[1024];
	bool from_cache; /* Age or X-Cache says so */

	double head_ms, body_ms, end_ms; /* since it began; 0: never */
	size_t bytes;			 /* of the body, decoded */
	char text[VISIT_TEXT];		 /* its beginning, when no stream */

	bool stream;  /* 200 and text/event-stream */
	bool started; /* stream-start came */
	bool retry;   /* retry: came */
	struct tick ticks[VISIT_TICKS];
	unsigned nticks, of; /* came, and announced */
	struct echo echo;
};

/* A line of the headers. */
void visit_header(struct visit *, const char *line, size_t len);
/* A block of its stream, which was whole at this time. */
void visit_block(struct visit *, const char *text, double now_ms);

/* Has it all that it can have: its last tick? */
bool visit_full(const struct visit *);

/*
 * How late each tick came, in ms, against the one that came fastest: clocks
 * differ, but alike for all.  Returns the largest.
 */
double visit_lateness(const struct visit *, double late[VISIT_TICKS]);

/* Were most of the ticks kept back until many came in one heap? */
bool visit_held(const struct visit *);

/* Did ticks that were sent apart come together, again and again? */
bool visit_gathered(const struct visit *);

#endif
