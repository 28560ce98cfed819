/*
 * sockets.h - makes the listening sockets: descriptor 0, unix:PATH or
 * HOST:PORT.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "fcgi/serve/server.h"

/* What is wrong with an address for --listen, or NULL. */
const char *sockets_check(const char *where);

/*
 * Makes the socket that the options ask for, one for each address of a name, or
 * takes descriptor 0.  0, or -1 after a message on stderr.
 */
int sockets_open(struct server *);

void sockets_close(struct server *);

#endif
