/*
 * engine.h - what an engine of the event log provides, and may use.
 *
 * Private to store/.  An engine puts struct store first in a struct of its own
 * and fills in ops; the promises are those of store.h.  door.c calls the
 * functions, engine.c, id.c and shell.c have what both engines do alike.  One
 * engine knows nothing of the other.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "store/store.h"

/* The functions of an engine, each as the function of store.h is declared. */
typedef enum store_result store_read_fn(struct store *, struct store_id after,
    const struct store_topic *, size_t n, size_t limit, store_each *, void *arg,
    struct store_span *);
typedef enum store_result store_seek_fn(
    struct store *, struct store_seek *, struct store_id *);
/*
 * The newest event at or before *id, and its time or STORE_NO_TIME.  False,
 * with both untouched, when there is none or it is not known now.
 */
typedef bool store_place_fn(
    struct store *, struct store_id *id, int64_t *time_ms);
typedef enum store_result store_end_fn(
    struct store *, struct store_text topic, struct store_id *end);
typedef enum store_news store_news_fn(struct store *, struct store_id *);
typedef enum store_result store_revocations_fn(struct store *,
    struct store_id *after, size_t limit, store_each_revoked *, void *arg);
typedef enum store_result store_revoked_fn(struct store *,
    struct store_text subject, int64_t issued_ms, store_each_revoked *,
    void *arg);
typedef enum store_result store_append_fn(
    struct store *, struct store_event *, size_t n);
typedef void store_append_all_fn(struct store *, struct store_batch *, size_t);
typedef enum store_result store_numbers_fn(struct store *, uint64_t *n);
typedef enum store_result store_removed_fn(struct store *, struct store_id *);
typedef enum store_result store_copy_begin_fn(struct store *,
    const struct store_origin *, struct store_copied *, store_each *newest,
    void *arg);
typedef enum store_result store_copy_in_fn(
    struct store *, const struct store_copy *);

struct store_ops {
	void (*close)(struct store *);
	store_read_fn *read;
	store_seek_fn *seek;
	store_place_fn *place;
	store_end_fn *end;
	void (*hold)(struct store *, bool);
	void (*wait)(struct store *); /* NULL: as hold, false */
	void (*set_poll)(struct store *, unsigned ms);
	store_news_fn *news;
	store_revocations_fn *revocations;
	store_revoked_fn *revoked;
	store_append_fn *append;
	store_append_all_fn *append_all;
	void (*rest)(struct store *); /* NULL: it holds nothing */
	int (*set_synchronous)(struct store *, bool on);
	void (*size)(struct store *, struct store_size *); /* or NULL */
	store_numbers_fn *numbers;
	store_removed_fn *removed;
	store_copy_begin_fn *copy_begin;
	store_copy_in_fn *copy_in;
};

enum {
	STORE_BAD_MS = 2000,  /* trouble that is shorter is not told */
	STORE_QUIET_MS = 1000 /* without trouble: a broken log is whole again */
};

#define STORE_TIME_MAX INT64_C(253402300799999) /* the end of the year 9999 */

/* What door.c answers from without asking the engine is kept here. */
struct store {
	const struct store_ops *ops;
	bool dashed;		 /* ids are printed hi-lo, not as one number */
	bool answered;		 /* see store_answered */
	int fd;			 /* what a reader's loop waits for */
	char log_id[40];	 /* empty: no log was seen so far */
	uint32_t life;		 /* how often the log was another one */
	struct store_id revoked; /* the newest revocation, or 0 */
	uint64_t cuts;		 /* see store_cuts */
	int64_t bad_since_ms;	 /* steady clock; 0 while all is well */
	int64_t broken_ms;	 /* last trouble that does not just pass */
	int64_t seen_ms;	 /* see store_seen_ms */
	int64_t sized_ms;	 /* steady clock; when size was asked for */
	struct store_size size;
	uint64_t event_max; /* see store_set_event_max; 0: no limit */
	char why[256];
	bool newer;	   /* why: a newer largesse has made the log */
	char doubt[512];   /* see store_doubt */
	bool warned;	   /* warning was set once, and is not set again */
	char warning[256]; /* see store_warning; empty: none */
	bool warning_told;
};

/* For ids as Redis writes them, where no store of it is open. */
extern const struct store store_dashed;

/* The check of an event (id.c); 0: it has none, as its time is not known. */
uint32_t store_id_check(struct store_id, int64_t time_ms);

/*
 * Every message about a log whose schema is newer than this program has these
 * words.  They are for people; what a program goes by is the member newer.
 */
#define STORE_NEWER "made by a newer largesse"

/* Sets why, in the manner of printf: that of a newer log is over. */
void store_set_why(struct store *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Beside such a message. */
void store_set_newer(struct store *);

/*
 * For store_warning.  False: one that was not told yet is in the way; again
 * later.
 */
bool store_warn(struct store *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The log cannot be read now; bad_since_ms is 0 again when it can. */
void store_set_bad(struct store *);
/*
 * The same of a log that is broken.  One part may be broken and others not, so
 * a read that ended well does not end this at once.
 */
void store_set_broken(struct store *);
/* A read of the log has ended well, or a look found it as it was. */
void store_set_seen(struct store *);

/* What came of a batch; why is the store's, unless all is well. */
void store_set_result(
    const struct store *, struct store_batch *, enum store_result);

/* Does topic match any of n wanted ones?  n 0 wants all. */
bool store_topic_match(
    const struct store_topic *, size_t n, const char *topic, size_t len);

/*
 * The path s as one word of a shell (shell.c), for a command that a person may
 * paste.  A path that cannot be typed, or has no room, becomes `<FILE>', at
 * which a shell stops.
 */
void shell_quote(char *buf, size_t size, const char *s);

/* The same for a word that is no path. */
void shell_quote_word(char *buf, size_t size, const char *s);

/* --- SQLite's, of several files --- */
struct store *sqlite_open(
    const char *path, enum store_mode, int wait_ms, char *why, size_t size);
int sqlite_init(
    const char *path, const struct store_keep *keep, char *why, size_t size);
int sqlite_watch(
    const char *path, const struct store_watch *, char *why, size_t size);
int sqlite_unwatch(const char *path, const char *table, char *why, size_t size);
int sqlite_watched(const char *path, void (*each)(void *arg, const char *line),
    void *arg, char *why, size_t size);
int64_t sqlite_prune(
    const char *path, const struct store_keep *keep, char *why, size_t size);
int64_t sqlite_fold(
    const char *path, const struct store_fold *, char *why, size_t size);
int sqlite_check(
    const char *path, const struct store_check *, char *summary, size_t size);

/* --- Redis's --- */
struct store *redis_open(
    const char *path, enum store_mode, int wait_ms, char *why, size_t size);
int redis_init(
    const char *path, const struct store_keep *keep, char *why, size_t size);
int64_t redis_prune(
    const char *path, const struct store_keep *keep, char *why, size_t size);
int redis_check(
    const char *path, const struct store_check *, char *summary, size_t size);

#endif
