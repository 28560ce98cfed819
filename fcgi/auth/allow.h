/*
 * allow.h - may this request read or publish these topics?
 *
 * This is the first page of the room auth/: who asks, and what may they do.
 * The room gets a request that was read (request.h) and gives back a yes or
 * a refusal.  It knows no socket and sends nothing.
 *
 *	credential  where in the request a token stands
 *	token       is the token valid?  signature: by this key?
 *	signed      is the signed address valid?
 *	keys        what tokens are signed with: key_files, kind, jwks
 *	origin      which site's page sent the request, and its CORS headers
 *	client/	    address: which client sent it, behind trusted proxies;
 *		    callers: how many streams it has; share: how much work
 *
 * It includes base/, request/ and store/store.h, which has the revocations.
 *
 * Who asks is found out once a request (allow_who).  What that one may do is
 * asked for each topic (allow_topic).  Both return 0, or the HTTP status
 * that refuses, and then the refusal says why in one line.
 *
 *	if ((status = allow_who(a, store, rq, &who, &no)) == 0)
 *		status = allow_topic(a, &who, ALLOW_PUBLISH, &topic, &no);
 *	if (status != 0)
 *		reply_refusal(srv, peer, &no);
 *	allow_who_free(&who);
 *
 * Reading is open to everybody unless there is a key, --trust-user or
 * --handover.
 * Publishing always takes a token with a claim to it.
 */
#ifndef ALLOW_H
#define ALLOW_H

#include "fcgi/auth/refusal.h"
#include "fcgi/base/conf.h"
#include "fcgi/request/request.h"
#include "store/store.h"

enum allow_use {
	ALLOW_SUBSCRIBE,
	ALLOW_PUBLISH,
	ALLOW_USES
};

/*
 * What said who asks.  A signed address has all that is needed, so with one no
 * token is looked at.  Else the first of the others that is there counts.
 */
enum allow_by {
	ALLOW_BY_NOTHING,
	ALLOW_BY_HEADER, /* Authorization: Bearer */
	ALLOW_BY_COOKIE, /* a browser adds it, whichever page asks */
	ALLOW_BY_QUERY,	 /* access_token */
	ALLOW_BY_SIGN,	 /* the whole query is signed */
	ALLOW_BY_SERVER, /* the web server's REMOTE_USER */
	ALLOW_BY_SITE	 /* its application: it has written the query */
};

enum {
	ALLOW_SUBJECT_MAX = 255, /* bytes of a name */
	ALLOW_LOOK_MS = 1000	 /* between two looks at the key files */
};

struct json_t; /* of jansson */

/* Who asks.  Good until allow_who_free, which takes it in any state. */
struct who {
	enum allow_by by;
	char *subject; /* subject_len bytes and a NUL; NULL: unknown */
	size_t subject_len;
	int64_t ends_ms;   /* since 1970; the token expires then.  0: never */
	int64_t issued_ms; /* its iat; 0: not known */
	struct json_t *claims; /* of the token */
	char **revoked;	       /* topics that were revoked for the subject */
	size_t nrevoked;
};

struct allow;

/*
 * Checks the options that say who may do what.  False, and why (size bytes)
 * says what is wrong.
 */
bool allow_check(const struct serve_conf *, char *why, size_t size);

/*
 * Reads the keys.  The options were checked (allow_check) and must live as
 * long as what is returned.  NULL, and why says what is wrong.
 */
struct allow *allow_open(const struct serve_conf *, char *why, size_t size);
void allow_close(struct allow *); /* takes NULL */

/*
 * Reads the key files again.  0, or -1 with why, and the old keys stay.
 * Streams that are open stay open.
 */
int allow_reload(struct allow *, char *why, size_t size);

/*
 * Finds the credential and checks all of it but its topics: form, algorithm,
 * signature, times, issuer, audience, revocation.  A signed address where no
 * key could check it is refused with 400.  Without a credential this
 * returns 0: allow_topic refuses if one is needed.  A cookie from a page of a
 * foreign origin is refused.  When the log cannot be read the status is 503,
 * which a stream answers with reply_retry.
 */
int allow_who(struct allow *, struct store *, const struct request *,
    struct who *, struct refusal *);
void allow_who_free(struct who *);

/* May who do this to this topic, or to all topics with this prefix? */
int allow_topic(const struct allow *, const struct who *, enum allow_use,
    const struct request_topic *, struct refusal *);

/*
 * The whole check of a stream: finds out who asks, replaces `{user}` in its
 * topics by the subject, and checks each topic.
 */
int allow_stream(struct allow *, struct store *, struct request *, struct who *,
    struct refusal *);

#endif
