/*
 * share.h - how much work each client makes us do, and its share of it.
 *
 * Pure.  To read old parts of the log, and to refuse a token, takes time that
 * other clients wait for.  This time is counted for the client's address, which
 * may take a part of the last SHARE_SECONDS (--address-share).  Then it has had
 * its share, and has to come back later.
 *
 * A few hundred addresses are known at a time.  When there are more, those who
 * have had least are forgotten.
 */
#ifndef SHARE_H
#define SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/auth/client/address.h"

enum {
	SHARE_SECONDS = 4,	  /* the share is of so much time */
	SHARE_MOST_NS = 10000000, /* that one thing counts */
	SHARE_SETS = 128,
	SHARE_WAYS = 4
};

struct share {
	struct address address;
	uint64_t spent_ns, at_ns; /* as it was at that time */
};

struct shares {
	struct share share[SHARE_SETS][SHARE_WAYS];
	uint64_t percent; /* of the time; 0: no address has a limit */
	uint32_t seed;
};

void shares_open(struct shares *, uint64_t percent, uint32_t seed);

/*
 * The address has made us work for so many ns until now (ns, growing). Whatever
 * one thing is, it takes no longer than SHARE_MOST_NS.  If it did, the disk was
 * slow, or the process had no time, and that is not the client's doing.
 */
void share_spend(
    struct shares *, const struct address *, uint64_t now, uint64_t ns);

/* Has the address had more than its share? */
bool share_over(const struct shares *, const struct address *, uint64_t now);

#endif
