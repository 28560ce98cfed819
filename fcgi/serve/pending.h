/*
 * pending.h - an accepted connection until its request is whole and answered.
 */
#ifndef PENDING_H
#define PENDING_H

#include "fcgi/serve/server.h"

struct pending;

/* Takes over an accepted, non-blocking descriptor, and what it has sent. */
void pending_open(struct server *, int fd);

void pending_event(struct server *, struct pending *); /* something came */
void pending_look(struct server *, struct pending *);  /* its time is up */
void pending_close(struct server *, struct pending *);
void pending_free(struct pending *);

/*
 * Asks again for the requests that wait for the log, now that it may answer;
 * while the log is held, so that what it answered is still good.
 */
void pending_again(struct server *);

/* The writer's result for a pending connection: a link_result. */
void pending_result(void *srv, void *pending, const char *result);

#endif
