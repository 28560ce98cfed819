/*
 * posts.h - events sent by POST, for the tests of publishing.
 */
#ifndef POSTS_H
#define POSTS_H

#include "tests/talk/peer/peer.h"

#define FORM   "application/x-www-form-urlencoded"
#define JSON   "application/json"
#define NDJSON "application/x-ndjson"

/*
 * A log, a key and a token for all topics; nothing runs.  Readers need no
 * token, so that a test is about one thing.  The last of its environment is
 * what switches publishing on.
 */
struct server *ready(void);

#define serve_ready(...)                            \
	({                                          \
		struct server *ready_ = ready();    \
		start(ready_, ##__VA_ARGS__, NULL); \
		ready_;                             \
	})

/* From here on its token is one that `largesse token' makes so. */
void take_token(struct server *, const char *option, const char *topics);

struct client *post(struct server *, const char *type, const char *body);
/* On a connection that is kept. */
void say_post(struct server *, struct client *, const char *body);

/*
 * A POST of a form as bytes: its body comes in records of up to `piece' bytes,
 * and the length that is announced may be another one.
 */
void put_post(struct bytes *, int id, int flags, const struct server *,
    const char *length, const char *body, size_t piece);

/* The answer has this status and n ids, which are returned. */
char **want_ids(struct client *, int status, size_t n);
char *want_id(struct client *, int status); /* one */

/* The newest n rows of the log are those of these ids. */
void want_logged(struct server *, char **ids, size_t n);

/* A number of /status. */
int served(struct server *, const char *name);

/* The answers of so many publishers are still to come. */
#define await_waiting(sv, n) until(served(sv, "pending") > (n))

pid_t writer_of(const struct server *); /* 0: it has none */

#endif
