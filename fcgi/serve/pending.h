/*
 * pending.h - an accepted connection whose request has not come whole.
 */
#ifndef PENDING_H
#define PENDING_H

#include "fcgi/request/peer.h"
#include "fcgi/serve/server.h"

/* Takes over an accepted, non-blocking descriptor, and what it has sent. */
void pending_open(struct server *, int fd);

void pending_event(struct server *, struct pending *, uint32_t epoll_events);
void pending_look(struct server *, struct pending *); /* its time is up */
void pending_close(struct server *, struct pending *);

/* --- one that waits for an answer (publish.c) --------------------------- */

/* It has a request open, as peer says, and will be told by ticket. */
void pending_wait(struct server *, const struct peer *, struct ticket *);
const struct peer *pending_peer(const struct pending *);

/* It was answered, and is of no more use if that did not go out whole. */
void pending_answered(struct server *, struct pending *, bool whole);

void pending_free(struct pending *);

/* --- those whose request waits for the log ------------------------------ */

/*
 * Asks for them again, now that the log may answer; while the log is held,
 * so that what it answered is still good.
 */
void pending_again(struct server *);

#endif
