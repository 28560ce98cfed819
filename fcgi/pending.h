/*
 * pending.h - an accepted connection whose request has not come whole.
 */
#ifndef PENDING_H
#define PENDING_H

#include "fcgi/server.h"

/* Takes over an accepted, non-blocking descriptor, and what it has sent. */
void pending_open(struct server *, int fd);

void pending_event(struct server *, struct pending *, uint32_t epoll_events);
void pending_look(struct server *, struct pending *); /* its time is up */
void pending_close(struct server *, struct pending *);
void pending_free(struct pending *);

#endif
