/*
 * request_self.h - what request.c uses of signed.c, a query that ends with its
 * own signature.
 */
#ifndef REQUEST_SELF_H
#define REQUEST_SELF_H

#include "fcgi/request/query.h"
#include "fcgi/request/request.h"

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
#define SIGNED_ENDS "sign: nothing but lastEventId may stand behind it"

/*
 * Finds the bytes that were signed as the client has sent them.  False without
 * memory.
 */
bool signed_as_sent(struct request *);

#endif
