/*
 * crowd.h - groups of streams, opened, read and counted.
 *
 * The owner of the crowd waits on its epoll descriptor, and passes what each
 * event points to to crowd_ready.
 */
#ifndef CROWD_H
#define CROWD_H

#include <netinet/in.h>
#include <stdbool.h>
#include "feed.h"
#include "tally.h"
#include "wire.h"

struct browser; /* browsers.h */

enum {
	CROWD_GROUPS = 64,
	CROWD_TARGET = 600,	 /* bytes of a target with its number */
	CROWD_READ = 256 * 1024, /* bytes of one read */
	CROWD_UNDERWAY = 256,	 /* opened, not answered: below any backlog */
	CROWD_SETTLE_MS = 200,	 /* all are open for so long */
	/*
	 * Streams of a group from one address.  connect tries all odd ports
	 * before the even ones or the other way round, 14,116 of each: who is
	 * beyond that waits a long time.
	 */
	CROWD_AN_ADDRESS = 12000
};

struct stream {
	struct feed feed;
	uint64_t last;	  /* number of its last event */
	uint64_t live_ns; /* when it had its group's `live` number */
	uint64_t count;	  /* events received */
	uint64_t due_ns;  /* closed: when it comes back */
	bool open;	  /* counted in its group's open */
	bool live;	  /* counted in its group's nlive */
	bool asked;	  /* its request was sent */
	int fd;		  /* -1 when closed */
	uint32_t group;
	SSL *ssl;		 /* its own; NULL while plain */
	struct browser *browser; /* has its connection, or NULL */
};

struct group {
	struct stream *streams;
	size_t n, begun, open, refused, ended;
	char target[512], id[128];
	uint64_t rate, first, live;
	size_t share;	   /* streams of a connection of HTTP/2; 0: HTTP/1.1 */
	uint64_t within_s; /* `open` is answered then */
	bool stall;
	bool again;	   /* who is cut comes back with its last id */
	uint64_t again_ms; /* after so long at most; 0: as the server says */
	double churn;	   /* streams a second that we cut ourselves */
	uint64_t churn_ns; /* since when */
	size_t churned;
	uint32_t *away; /* who waits to come back */
	size_t naway;
	size_t wanted;	   /* connects that `back` waits for */
	size_t nlive;	   /* streams that got an event on this connection */
	uint64_t lived_ns; /* when the last one became live */
	/*
	 * again: connects that became streams; streams that were cut later;
	 * connects without an answer, with an answer that says to come back,
	 * and with a status at which an EventSource gives up for good.
	 */
	size_t connects, cuts, unanswered, turned_away, denied;
	bool any;      /* numbers come in any order, each once */
	uint8_t *seen; /* a bit for each number, while any */
	size_t seen_size;
	uint64_t began_ns, opened_ns;
	uint64_t goal;	  /* the number that `wait` waits for */
	size_t below;	  /* streams that do not have it yet */
	uint64_t goal_ns; /* when the last one got it */
};

struct crowd {
	struct sockaddr_in peer;
	struct sockaddr_in source; /* the first address; 0: as it comes */
	SSL_CTX *tls;		   /* NULL: plain */
	int ep;
	struct group groups[CROWD_GROUPS];
	size_t ngroups;
	size_t underway; /* asked, not answered */
	struct tally tally;
	struct feed_faults faults;
	uint64_t now; /* when the last read returned */
	char *buf;
};

/* 0, or -1 and errno. */
int crowd_init(struct crowd *);

/* Begins those of a group's streams that are due and not too many at once. */
void crowd_go_on(struct crowd *, struct group *);

/*
 * True when each stream of the group was opened or refused.  If they come back,
 * when all are open, and none was turned away for a while: the answer that
 * turns a stream away begins like any other.
 */
bool crowd_opened(const struct crowd *, const struct group *);

/* The descriptor of this stream or browser is ready: what epoll has of it. */
void crowd_ready(struct crowd *, void *);

/* From now, wait for event number `goal` on all streams of the group. */
void crowd_goal(struct group *, uint64_t goal);

void crowd_close(struct crowd *, struct group *);

/* A group that stalled reads on. */
void crowd_wake(struct crowd *, struct group *);

/* Brings back who is due, and cuts who is to be cut, of all groups. */
void crowd_turn(struct crowd *);

/* Does anybody wait to come back, or to be cut? */
bool crowd_is_restless(const struct crowd *);

/* Forgets what was counted, keeps the streams. */
void crowd_mark(struct crowd *);

/*
 * For browsers.c: a socket that connects (i is the number of its first stream);
 * epoll_ctl, and what epoll is to have of a browser; and what came for a
 * stream.
 */
int crowd_connect(struct crowd *, size_t i, bool small);
void crowd_watch(struct crowd *, int op, int fd, uint32_t events, void *);
void *crowd_mark_browser(struct browser *);
const char *crowd_target(
    const struct crowd *, const struct stream *, char *buf);
void crowd_status(struct crowd *, struct stream *, uint16_t status);
void crowd_bytes(struct crowd *, struct stream *, const char *, size_t len);
void crowd_end(struct crowd *, struct stream *);

#endif
