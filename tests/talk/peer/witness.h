/*
 * witness.h - streams that more than one file of claims uses.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include "tests/talk/peer/peer.h"

/* A stream that is there before any harm is done, and must be there after. */
struct witness {
	struct server *sv;
	struct client *c;
};
struct witness serve_witness(void);

/* It goes on, and a new one can be had. */
void want_alive(struct witness *);

/* Returns when the responder has read the row with this id. */
void await_head(struct server *, int id);

/* A log whose n rows have their own id as data, and were read. */
struct server *serve_numbered(int n);

/* Row by row all that the log has behind id, as its own tool has it. */
void want_all_after(struct client *, struct server *, int64_t id);

/* The gap, which says that this was asked, and all behind its id. */
void want_gap_and_the_rest(struct client *, struct server *, const char *asked);

/* --- requests in bytes -------------------------------------------------- */

struct bytes request(int id, int flags, const char *method, const char *uri);
void say_and_free(struct client *, struct bytes);

#endif
