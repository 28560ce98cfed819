/*
 * pending.h - an accepted connection until its request is whole and answered.
 */
#ifndef PENDING_H
#define PENDING_H

#include "fcgi/serve/server.h"

struct pending;

/* Takes over an accepted, non-blocking descriptor, and reads what has come. */
void pending_open(struct server *, int fd);

void pending_event(struct server *, struct pending *); /* bytes have come */
void pending_look(struct server *, struct pending *);  /* its time is up */
void pending_close(struct server *, struct pending *);
void pending_free(struct pending *);

/*
 * Asks the log again for the requests that wait for it.  The caller holds the
 * log, so that what it answered is still good.
 */
void pending_again(struct server *);

/* A link_result: takes the writer's result for a pending connection. */
void pending_result(void *srv, void *pending, const char *result);

#endif
