/*
 * hub.h - an open stream, and what all streams share: the page to read first.
 *
 * The room stream/ holds open responses and the one way to deliver:
 *
 *	hub.h		struct stream, and the struct hub that one loop owns
 *	wheel, poller	when a connection is to be looked at, and what came
 *	todo.h		which streams are out of step, which are over
 *	say.h, write.h	the bytes that go out to a client
 *	stream.h	one open response: from its first byte to its end
 *	start.h		the place in the log where a response starts
 *	advance.h	sends a stream what comes after its id
 *	revoke.h	ends streams whose topic or subject was taken away
 *	news.h		reads what is new in the log into the window
 *	flush.h		advances the streams that are due, then those behind
 *
 * It includes base/, request/, auth/ (callers.h), window/ and store.h.  It
 * knows no request that is not whole, no POST and no listening socket: those
 * are serve/'s, which also calls the functions here in the order of a turn
 * (serve/loop.c).
 */
#ifndef HUB_H
#define HUB_H

#include "fcgi/auth/callers.h"
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
	struct caller *caller; /* whose it is, or NULL */
	struct stream *todo;   /* the next that is out of step */
	struct store_id id;    /* the newest event begun; with offset 0: sent */
	uint32_t offset;       /* bytes of it that are out, 0 when all are */
	uint32_t index;	       /* in sub */
	uint32_t written;      /* tick of the last bytes out */
	uint32_t ends;	       /* tick at which it has to end; 0: never */
	struct record record;
	uint16_t request_id;
	uint8_t gap;	    /* enum gap_reason to be told, id was asked */
	bool framed : 1;    /* FastCGI; plain CGI otherwise */
	bool blocked : 1;   /* the socket took no more */
	bool wants_out : 1; /* and the poller tells of room */
	bool by_token : 1;  /* `ends` is when its token does */
	bool queued : 1;    /* stands in the list of those out of step */
	bool keep_conn : 1; /* the web server wants to use it again */
	bool left : 1;	    /* a write found that the client has gone */
	bool failed : 1;    /* a write failed, for that or another reason */
};

enum {
	SCRATCH_SIZE = 128 * 1024 /* one read, one opening block */
};

struct hub {
	const struct serve_conf *conf;
	uv_loop_t *loop;
	uv_idle_t idle; /* active while a turn left work behind */
	struct poller poller;
	struct wheel wheel;
	char *scratch; /* SCRATCH_SIZE bytes for whoever is at work */
	bool closing;  /* nobody new: clients are told to come back */

	/* the log, and the newest of it in memory */
	struct store *store;
	struct topics topics;
	struct window window;
	struct pages pages;
	struct burst burst;    /* what the streams of one flush are sent */
	struct store_id head;  /* the window has all up to here */
	struct store_id place; /* where streams of a replaced log go on */

	/* when to read it (news.c) */
	uv_poll_t news;
	uv_timer_t gather;
	bool look;	 /* the log may have news */
	bool due;	 /* and the writer's result is no reason to wait */
	bool look_again; /* it has more than the last turn took */
	bool gathering;	 /* news waits for the gather timer */
	bool read_waits; /* the last read is to be asked again */
	bool answered;	 /* the log has: ask again for the parked */
	bool troubled;	 /* the log cannot be read, and that was told */
	bool revoking;	 /* to be known before anything is sent */
	struct store_id revoked; /* revocations up to here are done */
	uint64_t next_flush;	 /* ns; no sooner, while busy */

	/* the log's head, asked for at most once a turn (start.c) */
	struct store_id turn_head;
	bool turn_head_known;

	/* streams out of step, and connections that are over (todo.c) */
	struct stream *todo, **todo_end;
	bool todo_waits; /* for the store: no use in trying again at once */
	struct conn *over;

	struct callers callers; /* who holds how many streams */
	uint64_t max_streams;	/* in force, which the option may not be */
	uint64_t parked;	/* requests that wait for the log */

	struct counters count;
	struct gauges now;
	uint64_t started_ms;	 /* since 1970 */
	struct tallies *tallies; /* NULL: this process is the only one */
	uint64_t worker;	 /* which of them this is */
	uint32_t measured;	 /* tick at which its memory was measured */
};

/*
 * Opens all of it but the conf, loop, store and callers that are set already;
 * calls event for what the poller saw and look for what the wheel has due,
 * each with arg.  0, or -1 with errno.
 */
int hub_open(struct hub *, poller_event *event, wheel_due *look, void *arg);
/* The connections were closed and freed before. */
void hub_close(struct hub *);

/* There is work for a turn: the poll phase is not to wait. */
void hub_wake(struct hub *);

/* Ends a turn: whatever is left to do wakes the loop for the next. */
void hub_end_turn(struct hub *);

/* A number of ms between half and one and a half times the retry option. */
unsigned hub_retry_ms(const struct hub *);

#endif
