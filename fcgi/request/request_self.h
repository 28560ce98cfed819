/*
 * request_self.h - what request.c uses of signed.c, a query that ends with its
 * own signature, of handed.c, a query that an application wrote, of form.c and
 * of way.c.
 */
#ifndef REQUEST_SELF_H
#define REQUEST_SELF_H

#include "fcgi/request/query.h"
#include "fcgi/request/request.h"

/* Is it one of the names under which clients send back their last id? */
bool request_is_last_id(const struct query_pair *);

/*
 * Takes a pair that says how the stream begins and ends.  False: it is none.
 * *wrong is NULL, or what is wrong with it.
 */
bool form_read_pair(
    struct request *, const struct query_pair *, const char **wrong);

/*
 * Takes a pair that says what the way to the client needs.  As form_read_pair.
 */
bool way_read_pair(
    struct request *, const struct query_pair *, const char **wrong);

/* Does way_read_pair take it? */
bool way_is_pair(const struct query_pair *);

/* Is the body of this request a form, or of no type? */
bool way_is_form(const struct request *);

/*
 * Keeps what a query says of itself (SAID_...).  False: the pair is none of
 * that.  It counts if a signature follows.
 */
bool signed_says(struct request *, const struct query_pair *);

/*
 * Takes the signature, which this pair is, and what was said before it.  NULL,
 * or what is wrong.
 */
const char *signed_read(struct request *, const struct query_pair *);
#define SIGNED_ENDS                                                         \
	"sign: nothing but lastEventId, beat, age, poll and pad may stand " \
	"behind it"

/*
 * Finds the bytes that were signed as the client has sent them.  False without
 * memory.
 */
bool signed_as_sent(struct request *);

/* Does the web server say that an application wrote the query? */
bool handed_over(char *const *env);

/* Takes a pair that only an application may write.  False: it is none. */
bool handed_read_pair(struct request *, const struct query_pair *);

/*
 * Where the client was, as its own query says, if it was handed over.  1:
 * *place is the pair, good until request_free.  0: it does not say.  -1: no
 * memory.
 */
int handed_place(struct request *, struct query_pair *place);

#endif
