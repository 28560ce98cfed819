/*
 * hub.h - an open stream, and what all streams share: the page to read first.
 *
 * The room stream/ holds open responses and the one way to deliver:
 *
 *	hub.h		struct stream, and the struct hub that one loop owns
 *	wheel, poller	when to look at a connection, and its events
 *	delay.h		how old events are when they have been sent
 *	slow.h		streams whose client does not read
 *	turn.h		how long a turn of the loop takes, and may
 *	todo.h		streams to advance, connections that are over
 *	write.h		the bytes that go out to a client
 *	stream.h	one open response: from its first byte to its end
 *	start.h		the place in the log where a response starts
 *	advance.h	sends a stream what comes after its id
 *	end.h		ends it when its topics have ended
 *	way.h		what a stream has more on a way that harms it
 *	revoke.h	ends streams that may not be read any more
 *	news.h		reads what is new in the log into the window
 *	flush.h		advances the streams that are due, then those behind
 *
 * It includes base/, request/, auth/ (callers.h), window/ and store.h.  It
 * knows nothing of half requests, POSTs and listening sockets: serve/ has
 * those.  serve/loop.c also calls the functions of this room in the order of a
 * turn.
 */
#ifndef HUB_H
#define HUB_H

#include "fcgi/auth/client/callers.h"
#include "fcgi/auth/client/share.h"
#include "fcgi/base/conf.h"
#include "fcgi/base/tally.h"
#include "fcgi/stream/poller.h"
#include "fcgi/stream/wheel.h"
#include "fcgi/window/burst.h"
#include "fcgi/window/control.h"
#include "fcgi/window/page.h"
#include "fcgi/window/record.h"
#include "fcgi/window/window.h"

/*
 * One open response: a socket, a topic set and the id it has reached.  Nothing
 * is queued for a stream.
 */
struct stream {
	struct conn conn;
	struct sub *sub;
	struct caller *caller; /* who opened it, or NULL */
	struct stream *todo;   /* the next in the list of todo.c */
	struct store_id id;    /* the last event begun; offset 0: it is sent */
	uint64_t cuts;	       /* of the log, that it knows (store_cuts) */
	uint32_t offset;       /* bytes of it that are sent, 0 when all are */
	uint32_t index;	       /* its place in sub */
	uint32_t written;      /* tick of the last bytes sent */
	uint32_t ends;	       /* tick at which it has to end; 0: never */
	uint32_t leaves;       /* the same, because its client wants that */
	uint32_t waits;	       /* for its turn, since the tick before this */
	uint16_t request_id;
	uint16_t beat;	   /* ticks between two beats; 0: comments (way.h) */
	uint16_t pad;	   /* bytes to add after each flush */
	uint16_t pad_left; /* of them, that are still to be sent */
	struct record record;
	uint8_t gap : 4;    /* enum gap_reason still to be told */
	bool revoked : 1;   /* it ends, and nothing more is sent */
	bool framed : 1;    /* FastCGI; plain CGI otherwise */
	bool blocked : 1;   /* the socket took no more */
	bool wants_out : 1; /* the poller tells when it has room again */
	bool by_token : 1;  /* `ends` is the time when its token expires */
	bool queued : 1;    /* is in the list of todo.c */
	bool keep_conn : 1; /* the web server reuses the connection */
	bool unread : 1;    /* its request is still in the socket */
	bool left : 1;	    /* a write found that the client has gone */
	bool failed : 1;    /* a write failed, for this or another reason */
	bool poll : 1;	    /* it ends when something was sent */
	bool late : 1;	    /* a poll that is past its age */
	bool told : 1;	    /* something was sent since it was opened */
	bool owes_pad : 1;  /* something was sent since the last pad */
	bool soon : 1;	 /* after its end the client is wanted back at once */
	bool warned : 1; /* that its token expires */
	bool said : 1;	 /* its last bytes have gone out */
	bool listed : 1; /* is in hub->slow */
};

/* What malloc gives in a chunk of 128 bytes. */
_Static_assert(sizeof(struct stream) <= 120, "a stream takes one chunk more");

enum {
	FRESH_MAX = 512,	  /* events, see delay.h */
	SLOW_KEPT = 32,		  /* streams, see slow.h */
	SCRATCH_SIZE = 128 * 1024 /* one read, one opening block */
};

/* Streams that wait for their turn, the one that waits longest first. */
struct todo {
	struct stream *first, **end;
	uint64_t n;
};

/* A flush that could not be finished in one turn (flush.c). */
struct flush {
	uint64_t began, read_ns; /* ns */
	uint64_t writes;	 /* before it began */
	uint64_t left;		 /* streams of it that still have to be sent */
};

/* What has been read for the next flush (flush.c). */
struct ahead {
	uint64_t began;	  /* ns; 0: nothing yet */
	uint64_t read_ns; /* that it took */
	uint64_t events;  /* count.events when it began */
};

/* Times of events that were read and not sent to all yet (delay.h). */
struct fresh {
	int64_t time_ms[FRESH_MAX];
	unsigned n;
};

/* Some of the streams whose client does not read (slow.h). */
struct slow {
	struct stream *of[SLOW_KEPT];
	unsigned n;
	bool changed; /* since it was shown to the other workers */
};

/* What the error log was told of the streams (reply/tell.h). */
struct told {
	uint32_t looked; /* tick of the last look */
	uint32_t ends;	 /* tick of the last line about ends; 0: none */
	uint64_t ended[END_REASONS]; /* as they were then */
	bool full;
};

/* Does it deliver?  The worse is the greater. */
enum health {
	HEALTH_GOOD,
	HEALTH_LATE, /* streams wait too long for their turn */
	HEALTH_LOG   /* the log is not read */
};

struct hub {
	const struct serve_conf *conf;
	uv_loop_t *loop;
	uv_idle_t idle; /* active while a turn left work behind */
	struct turn turn;
	struct poller poller;
	struct wheel wheel;
	char *scratch; /* SCRATCH_SIZE bytes; any step of a turn may use it */
	bool closing;  /* no new streams: clients are told to come back */

	/* the log, and the newest of it in memory */
	struct store *store;
	struct topics topics;
	struct window window;
	struct pages pages;
	struct burst burst;    /* one record for streams at the same place */
	struct store_id head;  /* the window has everything up to here */
	struct store_id place; /* where streams of a replaced log go on */
	uint64_t cuts;	       /* that the window knows (store_cuts) */

	/* when to read it (news.c) */
	uv_poll_t news;
	uv_timer_t gather;
	bool look;	 /* the log may have news */
	bool due;	 /* look now: do not wait for the writer */
	bool look_again; /* the log has more than the last turn read */
	bool gathering;	 /* news waits for the gather timer */
	bool read_waits; /* the last read had no answer yet: read again */
	bool answered;	 /* the log has answers for parked requests */
	bool revoking;	 /* revocations to read before anything is sent */
	uint32_t held;	 /* since the tick before this; 0: it is not */
	struct store_id revoked; /* revocations up to here are done */
	int64_t looked_ms;	 /* steady: the last look that ended well */
	struct flush flush;
	struct ahead ahead;
	struct fresh fresh;
	uint64_t next_flush; /* ns; when busy, no flush before this time */

	/* the log's head, asked for at most once a turn (start.c) */
	struct store_id turn_head;
	bool turn_head_known;

	/* streams to advance, and connections that are over (todo.c) */
	struct todo todo;
	struct todo cold; /* those for whom the log has to be read */
	bool cold_waits;  /* the log cannot be read: try again later */
	struct conn *over;

	struct callers callers; /* how many streams each client has */
	struct shares shares;	/* and how much it makes us do */
	uint64_t max_streams;	/* the limit in force; the option may differ */
	uint64_t parked;	/* requests that wait for the log */

	struct slow slow;

	/* is all well? (reply/health.c) */
	enum health health; /* as it was told */
	bool late;	    /* a stream waited too long for its turn... */
	uint32_t judged;    /* ...when they were looked at, at this tick */
	char why[320];
	struct told told;

	struct counters count;
	struct gauges now;
	uint64_t started_ms;	 /* since 1970 */
	struct tallies *tallies; /* NULL: this process is the only one */
	uint64_t worker;	 /* which of them this is */
	uv_timer_t show;	 /* what we show is written at the latest */
	uint64_t shown_ms;	 /* of the loop's clock: it was written */
	uint32_t measured;	 /* tick at which its memory was measured */
};

/*
 * Opens everything but conf, loop, store and callers, which are set already.
 * Calls event for what the poller saw and look for what the wheel has due, each
 * with arg.  0, or -1 with errno.
 */
int hub_open(struct hub *, poller_event *event, wheel_due *look, void *arg);
/* Call it after all connections were closed and freed. */
void hub_close(struct hub *);

/* There is work for a turn: the poll phase does not wait. */
void hub_wake(struct hub *);

/* Ends a turn.  If work is left, the loop does not wait before the next. */
void hub_end_turn(struct hub *);

/*
 * A random number of ms between half and one and a half times the retry option:
 * clients must not all come back at the same time.
 */
unsigned hub_retry_ms(const struct hub *);

/*
 * The same for a client whose stream ended because it had asked for that: 100
 * to 300 ms.
 */
unsigned hub_soon_ms(void);

#endif
