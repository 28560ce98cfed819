/*
 * engine.h - what an engine of the event log provides to store.c.
 *
 * Private to store/.  An engine puts struct store first in a struct of its
 * own and fills in ops; the promises are those of store.h.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "store/store.h"

struct store_ops {
	void (*close)(struct store *);
	const char *(*log_id)(const struct store *);
	enum store_result (*read)(struct store *, struct store_id after,
	    const struct store_topic *, size_t n, size_t limit, store_each *,
	    void *arg, struct store_span *);
	enum store_result (*seek)(
	    struct store *, const struct store_seek *, struct store_id *);
	void (*hold)(struct store *, bool);
	bool (*answered)(const struct store *); /* NULL: never STORE_LATER */
	int (*fd)(const struct store *);
	void (*set_poll)(struct store *, unsigned ms);
	enum store_news (*news)(struct store *, struct store_id *);
	bool (*healthy)(const struct store *);
	enum store_result (*revocations)(struct store *, struct store_id *after,
	    size_t limit, store_each_revoked *, void *arg);
	bool (*revocations_after)(const struct store *, struct store_id);
	enum store_result (*revoked)(struct store *, struct store_text subject,
	    int64_t issued_ms, store_each_revoked *, void *arg);
	enum store_result (*append)(
	    struct store *, struct store_event *, size_t n);
	void (*append_all)(struct store *, struct store_batch *, size_t n);
	int (*set_synchronous)(struct store *, bool on);
	enum store_result (*numbers)(struct store *, uint64_t *n);
	enum store_result (*copy_begin)(struct store *,
	    const struct store_origin *, struct store_copied *,
	    store_each *newest, void *arg);
	enum store_result (*copy_in)(struct store *, const struct store_copy *);
};

struct store {
	const struct store_ops *ops;
	bool dashed; /* ids are printed hi-lo, not as one number */
	char why[256];
};

/* Sets why, in the manner of printf. */
void store_set_why(struct store *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What came of a batch; why is the store's, unless all is well. */
void store_set_result(
    const struct store *, struct store_batch *, enum store_result);

/* Does topic match any of n wanted ones?  n 0 wants all. */
bool store_topic_match(
    const struct store_topic *, size_t n, const char *topic, size_t len);

/* --- SQLite's, of several files --- */
struct store *sqlite_open(
    const char *path, enum store_mode, char *why, size_t size);
int sqlite_init(
    const char *path, const struct store_keep *keep, char *why, size_t size);
int sqlite_watch(
    const char *path, const struct store_watch *, char *why, size_t size);
int sqlite_unwatch(const char *path, const char *table, char *why, size_t size);
int sqlite_watched(const char *path, void (*each)(void *arg, const char *line),
    void *arg, char *why, size_t size);
int64_t sqlite_prune(
    const char *path, const struct store_keep *keep, char *why, size_t size);
int sqlite_check(
    const char *path, const struct store_check *, char *summary, size_t size);

/* --- Redis's --- */
struct store *redis_open(
    const char *path, enum store_mode, char *why, size_t size);
int redis_init(
    const char *path, const struct store_keep *keep, char *why, size_t size);
int64_t redis_prune(
    const char *path, const struct store_keep *keep, char *why, size_t size);
int redis_check(
    const char *path, const struct store_check *, char *summary, size_t size);

#endif
