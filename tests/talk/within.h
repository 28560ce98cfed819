/*
 * within.h - what the files of the peer do for each other.  No test includes
 * it.
 */
#ifndef WITHIN_H
#define WITHIN_H

#include "peer.h"

/* --- after a test -------------------------------------------------------- */

void clients_sweep(void);
void logs_sweep(void);
void servers_stop(void);   /* each with SIGTERM; fails the test if it must */
void servers_sweep(void);  /* kill what is left, remove the directories */
void servers_report(void); /* the end of what they said, to stderr */

/* --- what a client has heard --------------------------------------------- */

/* Are there n bytes that nobody has wanted yet?  Waits for them. */
bool client_peek(struct client *, size_t n, int64_t deadline);
void client_seen(struct client *, size_t n);

/* What nobody has wanted yet, and whether the end came behind it. */
char *client_came(const struct client *);

/* --- requests and processes ---------------------------------------------- */

void request_put(struct bytes *, int id, int flags, const char *method,
    const char *uri, const char *body, va_list);

enum {
	SPAWN_WORDS_MAX = 40
};

/* Adds words up to a NULL behind the n that stand there. */
void spawn_words(const char **word, size_t n, va_list);

/* Starts sv->program with these words; -1 is /dev/null. */
pid_t spawn(struct server *, const char *const *word, int in, int out, int err);
bool spawn_await(pid_t);	       /* until it has ended; not reaped */
char *spawn_content(const char *path); /* of a file, "" if it is not there */

#endif
