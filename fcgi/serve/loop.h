/*
 * loop.h - the loop of the process, and a whole turn of it.
 */
#ifndef LOOP_H
#define LOOP_H

#include "fcgi/serve/server.h"

/*
 * Makes the loop and everything that runs in it; the log is open already.  0,
 * or -1 with errno.
 */
int loop_open(struct server *);

/*
 * Runs the loop until a signal, or until the one stream of plain CGI is over.
 */
void loop_run(struct server *);

/* Tells every stream to come back, and frees all that the loop had. */
void loop_close(struct server *);

#endif
