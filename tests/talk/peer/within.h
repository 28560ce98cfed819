/*
 * within.h - what the files of the peer share with each other.  No test
 * includes it.
 */
#ifndef WITHIN_H
#define WITHIN_H

#include "tests/talk/peer/peer.h"

/* --- after a test -------------------------------------------------------- */

void clients_sweep(void);
void logs_sweep(void);
void servers_stop(void);   /* each with SIGTERM; fails the test if it must */
void servers_sweep(void);  /* kill what is left, remove the directories */
void servers_report(void); /* the end of what they said, to stderr */

/* --- the log's engines (log/sqlite.c, log/redis.c) ----------------------- */

struct log_engine {
	const char *name;
	char *(*name_log)(const struct server *); /* what init is to make */
	/* n rows in one transaction.  The last one's id. */
	int64_t (*append)(struct server *, const struct row *, size_t n);
	int64_t (*count)(struct server *);
	int64_t (*next)(struct server *, int64_t id);
	void (*remove_before)(struct server *, int64_t id);
	/* n revocations and then a row, unless it is NULL; likewise. */
	void (*revoke)(struct server *, const struct revocation *, size_t n,
	    const struct row *);
	char *(*shown)(const struct server *); /* in messages about it */
	void (*share)(struct server *);	       /* with other users */
	const struct log_hand *hand;
	const struct log_harm *harm;
};

/* What people do to a log by hand (log/sqlite_hand.c, log/redis_hand.c). */
struct log_hand {
	/* A publisher's own transaction, to be ended one way or the other. */
	void *(*begin)(struct server *);
	void (*add)(void *, const struct row *);
	void (*end)(void *, bool commit);
	struct ran (*tool)(
	    struct server *, const char *topic, const char *data);
	struct logged *(*all)(struct server *, size_t *n);
};

/* What may befall a log (log/sqlite_harm.c, log/redis_harm.c). */
struct log_harm {
	void (*lose)(struct server *); /* it is out of reach... */
	void (*find)(struct server *); /* ...and back again */
	void (*remove)(struct server *);
	void (*replace)(struct server *, struct server *by); /* mv */
	void (*copy)(struct server *, struct server *to);
	void (*restore)(struct server *, struct server *from); /* in place */
	void (*rewind)(struct server *, const struct row *);
	void (*schema)(struct server *, int);
	void (*only_read)(struct server *);
	const char *(*refuses)(struct server *);
	void (*hold)(struct server *); /* whoever writes has to wait... */
	void (*let_go)(struct server *);
	void (*shut)(struct server *); /* ...and so has whoever reads */
	void (*reopen)(struct server *);
};

extern const struct log_engine log_sqlite, log_redis;
extern const struct log_hand log_sqlite_hand, log_redis_hand;
extern const struct log_harm log_sqlite_harm, log_redis_harm;

int64_t sqlite_insert(sqlite3 *, const struct row *);
sqlite3_stmt *sqlite_prepared(sqlite3 *, const char *statement);

/* The redis-server of this process, and what is said to it. */
struct redis_server *redis_own(void);
int64_t redis_tell(const char *fmt, ...); /* fails if it is refused */
void redis_run(void);			  /* it runs, and nothing is held */

const struct log_engine *log_engine(void);
void redis_end(void);

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
