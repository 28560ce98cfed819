/*
 * copy.h - carrying a log to another engine, ids and all.
 */
#ifndef COPY_H
#define COPY_H

#include "store/store.h"

/* Called after each batch; upto is as the source prints it. */
typedef void copy_progress(void *arg, uint64_t events, const char *upto);

struct copy_done {
	uint64_t events; /* copied now */
	char upto[STORE_ID_SIZE];
};

/*
 * Copies everything in from, also what is published meanwhile, until to has
 * it all.  What to already has of from is not copied again.  Returns 0, or -1
 * after it has said why.
 */
int copy_run(struct store *from, const char *from_name, struct store *to,
    const char *to_name, copy_progress *, void *arg, struct copy_done *);

#endif
