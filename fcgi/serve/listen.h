/*
 * listen.h - accepts connections from the listening sockets.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include "fcgi/serve/server.h"

/* Starts to watch the sockets for connections. */
int listen_start(struct server *);

/*
 * Accepts the connections that wait on each of the sockets, up to a bound, even
 * if the turn has had its time: the process is closing.
 */
void listen_accept(struct server *);

/* The other workers see how many connections this one has. */
void listen_say(struct server *);

/*
 * Stops accepting, closes the sockets, and removes the socket file if we made
 * it.
 */
void listen_close(struct server *);

/* The same for sockets on which listen_start was never called. */
void listen_remove(struct server *);

#endif
