/*
 * process.h - opens and closes all parts of a serving process.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "fcgi/serve/server.h"

/*
 * Opens everything but the listening socket; conf is filled in.  If something
 * is wrong with the log, whatever it is, and the log may be waited for, it is
 * opened as soon as it can be.  0, or -1 after a message: then there is nothing
 * to close, and the process ends.
 */
int process_open(struct server *);

/* Tells every stream to come back, and closes all parts. */
void process_close(struct server *);

/* Can the parts that the options name be opened?  0, or -1 after a message. */
int process_check(struct server *);

#endif
