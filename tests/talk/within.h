/*
 * within.h - what the files of the peer do for each other after a test.  No
 * test includes it.
 */
#ifndef WITHIN_H
#define WITHIN_H

#include "peer.h"

void clients_sweep(void);
void request_put(struct bytes *, int id, int flags, const char *method,
    const char *uri, const char *body, va_list);
bool client_peek(struct client *, size_t n, int64_t deadline);
/* What nobody has wanted yet, and whether the end came behind it. */
char *client_came(const struct client *);
void client_seen(struct client *, size_t n);
void logs_sweep(void);
void servers_stop(void);   /* each with SIGTERM; fails the test if it must */
void servers_sweep(void);  /* kill what is left, remove the directories */
void servers_report(void); /* the end of what they said, to stderr */

#endif
