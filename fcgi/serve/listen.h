/*
 * listen.h - the listening socket: descriptor 0, unix:PATH or HOST:PORT.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include "fcgi/serve/server.h"

/* What is wrong with an address for --listen, or NULL. */
const char *listen_check(const char *where);

/* Makes or takes the socket as the options say.  -1: told on stderr. */
int listen_open(struct server *);

/* Waits for connections. */
int listen_start(struct server *);

/* Accepts until there is nobody left, or enough for one turn. */
void listen_accept(struct server *);

/* No more connections; the socket file goes if we made it. */
void listen_close(struct server *);

/* The same for a socket on which listen_start was never called. */
void listen_remove(struct server *);

#endif
