/*
 * listen.h - the listening socket: descriptor 0, unix:PATH or HOST:PORT.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include "fcgi/serve/server.h"

/* What is wrong with an address for --listen, or NULL. */
const char *listen_check(const char *where);

/*
 * Makes the socket that the options ask for, or takes descriptor 0.  0, or -1
 * after a message on stderr.
 */
int listen_open(struct server *);

/* Starts to watch the socket for connections. */
int listen_start(struct server *);

/* Accepts connections until none is left, or until it is enough for a turn. */
void listen_accept(struct server *, bool all);

/*
 * Stops accepting, closes the socket, and removes the socket file if we made
 * it.
 */
void listen_close(struct server *);

/* The same for a socket on which listen_start was never called. */
void listen_remove(struct server *);

#endif
