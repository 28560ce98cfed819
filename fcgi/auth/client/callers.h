/*
 * callers.h - who has how many streams.
 *
 * All streams of one subject and address share one struct caller.  A stream
 * without a subject has none, unless the streams of an address are counted or
 * named, or while the log is read for it.
 */
#ifndef CALLERS_H
#define CALLERS_H

#include "fcgi/auth/client/address.h"
#include "fcgi/base/conf.h"
#include "fcgi/base/hash.h"

struct caller {
	struct hash_node node; /* first: see hash.h */
	uint32_t streams;
	struct address address; /* all zero when it is not needed */
	uint16_t len;
	char subject[]; /* len bytes */
};

struct callers {
	struct hash_table table;
	uint64_t max; /* streams of one address; 0: any number */
	bool named;   /* the address of each is wanted (--status-addresses) */
	struct network *trusted;
	size_t ntrusted;
};

/* -1, and why (which takes size bytes): no memory, or a wrong option. */
int callers_open(
    struct callers *, const struct serve_conf *, char *why, size_t size);
void callers_close(struct callers *);

/* Does the client of this request have as many streams as it may have? */
bool callers_full(const struct callers *, const struct request *);

/* The address by which the client of this request is counted. */
struct address callers_address(const struct callers *, const struct request *);

/*
 * Counts one stream more for this subject (NULL: unknown) and this client.
 * cold: its address is needed for its share (share.h), also when the streams of
 * an address are not counted.  Sets *caller, which may be NULL.  -1 without
 * memory.
 */
int callers_join(struct callers *, const struct request *, const char *subject,
    size_t len, bool cold, struct caller **caller);

/* Is the caller needed for anything but its share? */
bool callers_counts(const struct callers *, const struct caller *);

/* Counts one stream less.  Takes NULL. */
void callers_leave(struct callers *, struct caller *);

#endif
