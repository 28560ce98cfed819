/*
 * callers.h - whose streams these are: who holds how many of them.
 *
 * A stream has one pointer here, shared by all streams of one subject and
 * address, or none if there is nothing to know: no subject, and no limit for
 * an address.
 */
#ifndef CALLERS_H
#define CALLERS_H

#include "fcgi/auth/address.h"
#include "fcgi/base/conf.h"

struct caller {
	struct caller *next; /* of the same hash */
	uint32_t hash;
	uint32_t streams;
	struct address address; /* all zero where they are not counted */
	uint16_t len;
	char subject[]; /* len bytes */
};

struct callers {
	struct caller **table;
	uint32_t mask, n; /* size less 1, a power of two */
	uint32_t seed;
	uint64_t max; /* streams of one address; 0: any number */
	struct network *trusted;
	size_t ntrusted;
};

/* -1, and why (which takes size bytes): no memory, or a wrong option. */
int callers_open(
    struct callers *, const struct serve_conf *, char *why, size_t size);
void callers_close(struct callers *);

/* Has the client of this request as many streams as it may have? */
bool callers_full(const struct callers *, const struct request *);

/*
 * A stream more of this subject (NULL: nobody's) and client.  Sets *caller,
 * maybe to NULL; -1 without memory.
 */
int callers_join(struct callers *, const struct request *, const char *subject,
    size_t len, struct caller **caller);

/* And one less.  Takes NULL. */
void callers_leave(struct callers *, struct caller *);

#endif
