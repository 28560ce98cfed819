/*
 * server.h - the one struct of the process, and who owns what in it.
 *
 * One thread and one loop own everything here, so nothing is locked.  One
 * turn of the loop (server_turn, after the poll phase has noted what came):
 *
 *	1. accept and gate: new requests become streams or replies (poll)
 *	2. news: read the log once, encode, extend the window
 *	3. advance the streams of subscriptions that are due
 *	4. advance those behind, in turn, until the turn's budget is spent
 *	5. sweep: free what is over
 *
 * Timers (the wheel's, gathering) only note what is to be done in the turn.
 */
#ifndef SERVER_H
#define SERVER_H

#include "fcgi/window/burst.h"
#include "fcgi/auth/callers.h"
#include "fcgi/publish/link.h"
#include "fcgi/window/page.h"
#include "fcgi/stream/poller.h"
#include "fcgi/base/reason.h"
#include "fcgi/base/conf.h"
#include "fcgi/stream/wheel.h"
#include "fcgi/window/window.h"

struct allow;
struct gate_reader;
struct workers;
struct pending;

enum {
	SCRATCH_SIZE = 128 * 1024 /* one read, one opening block */
};

/* Totals since the start. */
struct counters {
	uint64_t requests, opened, events, deliveries, bytes, writes;
	uint64_t blocked, heartbeats, refused, denied, broken, gaps;
	uint64_t published, writer_ends;
	uint64_t ended[END_REASONS];
};

struct server {
	struct serve_conf conf;
	uv_loop_t loop;
	struct poller poller;
	struct wheel wheel;
	struct gate_reader *reader;
	char *scratch; /* SCRATCH_SIZE bytes for whoever is at work */

	/* news and the window (hub.c) */
	struct store *store;
	struct topics topics;
	struct window window;
	struct pages pages;
	struct burst burst;    /* what the streams of one flush are sent */
	struct store_id head;  /* the window has all up to here */
	struct store_id place; /* where streams of a replaced log go on */
	uv_poll_t news;
	uv_timer_t gather;
	bool look;		   /* the log may have news */
	bool due;		   /* and is not to wait for our writer */
	bool look_again;	   /* it has more than the last turn took */
	bool revoking;		   /* to be known before anything is sent */
	struct store_id revoked;   /* revocations up to here are done */
	bool gathering;		   /* news waits for the gather timer */
	uint64_t next_flush;	   /* ns; no sooner, while busy */
	struct store_id turn_head; /* the log's head, asked for this turn */
	bool turn_head_known;

	/* streams out of step: behind, or just open (hub.c) */
	struct stream *todo, **todo_end;
	bool troubled;	 /* the log cannot be read, and that was told */
	bool todo_waits; /* for the store: no use in trying again at once */
	bool read_waits; /* the same, for reading the news */
	bool answered;	 /* the log has: ask again for the parked */
	struct pending *parked; /* requests that the log is to answer first */
	struct conn *over;	/* to be freed when the turn ends */

	/* who may (allow.c), and who holds what (callers.c) */
	struct allow *allow;
	struct callers callers;

	/* doors (listen.c, server.c) */
	uv_poll_t listener;
	uv_timer_t listen_pause;
	int listen_fd;
	char *socket_path; /* to be removed at the end, or NULL */
	uv_check_t check;
	uv_idle_t idle; /* active while a turn left work behind */
	uv_signal_t sigterm, sigint, sighup;
	uv_timer_t closed_time; /* the last moment, once closing */
	bool closing;		/* nobody new: they are told to come back */
	bool plain;		/* plain CGI: one stream, and over with it */

	/* for the doctor (probe.c) */
	struct probe *probes;
	uv_timer_t probe_timer;
	unsigned nprobes, nprobes_silent;

	struct writer_link link; /* to whom POSTs are handed (publish.c) */

	uint64_t nstreams, max_streams, npending;
	uint64_t started_ms; /* since 1970 */
	struct counters count;
	struct workers *workers; /* NULL: this process is the only one */
	uint64_t worker;	 /* which of them this is */
	uint32_t published;	 /* tick at which its memory was measured */
};

/*
 * Opens all but the listening socket; conf is filled in.  -1, and why was
 * said: nothing is to be closed, the process ends.
 */
int server_open(struct server *);
/* Tells every stream to come back, and gives back all there is. */
void server_close(struct server *);

/* Would what the options name open?  -1, and why was said. */
int server_check(struct server *);

/* There is work for a turn: let the poll phase not wait. */
void server_wake(struct server *);

/* A number of ms between half and one and a half times the retry option. */
unsigned server_retry(const struct server *);

#endif
