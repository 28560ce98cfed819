/*
 * sandbox.h - what a process that serves may still ask of the kernel.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "fcgi/serve/server.h"

enum sandbox_role {
	SANDBOX_LOOP,  /* streams and requests, one or many */
	SANDBOX_PARENT /* of several workers */
};

/*
 * From here on this process cannot make an io_uring.  Call it before the loop
 * is made: newer versions of libuv (1.50 of Debian 13) make a ring with it, and
 * end the process when sandbox_enter forbids that later.  With --no-sandbox
 * nothing happens.
 */
void sandbox_refuse_rings(struct server *);

/*
 * From here on this process asks for nothing but what serving takes; whatever
 * it starts is bound by the same.  All that the options name is open already.
 * With --no-sandbox nothing happens.  Where the kernel has no seccomp it says
 * so, once, and goes on.
 */
void sandbox_enter(struct server *, enum sandbox_role);

/* The same for the writer, which has opened the log of this name. */
void sandbox_enter_writer(const char *db);

#endif
