/*
 * process.h - all parts of a serving process come to be, and go.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "fcgi/serve/server.h"

/*
 * Opens all but the listening socket; conf is filled in.  -1, and why was
 * said: nothing is to be closed, the process ends.
 */
int process_open(struct server *);

/* Tells every stream to come back, and gives back all there is. */
void process_close(struct server *);

/* Would what the options name open?  -1, and why was said. */
int process_check(struct server *);

#endif
