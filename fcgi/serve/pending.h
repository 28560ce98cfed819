/*
 * pending.h - an accepted connection until its request is whole and answered.
 */
#ifndef PENDING_H
#define PENDING_H

#include "fcgi/serve/server.h"

struct pending;

/*
 * Takes over an accepted, non-blocking descriptor, and reads what has come.
 * kept: it has had an answer already, and its peer may ask again or not.
 */
void pending_open(struct server *, int fd, bool kept);

/* Bytes have come, or the peer has gone (epoll's events). */
void pending_event(struct server *, struct pending *, uint32_t events);
void pending_look(struct server *, struct pending *); /* its time is up */
void pending_close(struct server *, struct pending *);
void pending_free(struct pending *);

/*
 * Goes on with the requests in the list, those that wait longest first, until
 * the time of the step is over.  The caller holds the log, so that what it
 * answered is still good.
 */
void pending_again(struct server *, struct parked_list *);

/* A link_result: takes the writer's result for a pending connection. */
void pending_result(void *srv, void *pending, const char *result);

#endif
