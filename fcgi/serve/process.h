/*
 * process.h - opens and closes all parts of a serving process.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "fcgi/serve/server.h"

/*
 * Opens everything but the listening socket; conf is filled in.  If the log is
 * away and may be waited for, it is opened as soon as it is there.  0, or -1
 * after a message: then there is nothing to close, and the process ends.
 */
int process_open(struct server *);

/*
 * Something of the log is wrong at the start.  True: look again, for somebody
 * may be moving or making it at this moment, and nobody would start us again.
 * *until_ms is 0 at the first call.  It waits a moment, for a second in all.
 */
bool process_again(const struct server *, int64_t *until_ms);

/* Tells every stream to come back, and closes all parts. */
void process_close(struct server *);

/* Can the parts that the options name be opened?  0, or -1 after a message. */
int process_check(struct server *);

#endif
