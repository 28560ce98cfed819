/*
 * allow.h - may this request read or publish these topics?
 *
 * Who asks is found out once a request (allow_who), what it may do is asked
 * for each topic (allow_topic).  Both answer 0, or the HTTP status that
 * refuses, and then the refusal says why in one line.  A token is never in
 * that line, nor in any other.
 *
 *	if ((status = allow_who(a, store, rq, &who, &no)) == 0)
 *		status = allow_topic(a, &who, ALLOW_PUBLISH, &topic, &no);
 *	if (status != 0)
 *		reply_refusal(srv, peer, &no);
 *	who_free(&who);
 *
 * Reading is open to all unless a key or --trust-user is set; publishing
 * always takes a token with a claim to it.
 */
#ifndef ALLOW_H
#define ALLOW_H

#include "fcgi/request/request.h"
#include "fcgi/base/conf.h"
#include "store/store.h"

enum allow_use {
	ALLOW_SUBSCRIBE,
	ALLOW_PUBLISH,
	ALLOW_USES
};

/* Where the credential stood.  The first of these that is there counts. */
enum allow_by {
	ALLOW_BY_NOTHING,
	ALLOW_BY_HEADER, /* Authorization: Bearer */
	ALLOW_BY_COOKIE, /* a browser sends it unasked, whoever's page asks */
	ALLOW_BY_QUERY,	 /* access_token */
	ALLOW_BY_SERVER	 /* the web server's REMOTE_USER */
};

/* Why not: goes out with reply_refusal (reply.h). */
struct refusal {
	int status;	/* 401: ask for a token; 403: this one is too little;
			   500: out of memory */
	char line[384]; /* UTF-8, no controls */
	const char *headers; /* WWW-Authenticate with its CR LF, or NULL */
	bool later;	     /* 503, but the log may answer in a moment */
};

enum {
	ALLOW_SUBJECT_MAX = 255, /* bytes of a name */
	ALLOW_LOOK_MS = 1000	 /* between two looks at the key files */
};

struct json_t; /* of jansson */

/* Who asks.  Good until who_free, which takes it in any state. */
struct who {
	enum allow_by by;
	char *subject; /* subject_len bytes and a NUL; NULL: nobody's */
	size_t subject_len;
	int64_t ends_ms; /* since 1970: good for nothing then; 0: no end */
	struct json_t *claims; /* of the token */
	char **revoked; /* topics that were taken away from the subject */
	size_t nrevoked;
};

struct allow;

/*
 * Do the options that say who may what make sense?  False, and why (which
 * takes size bytes) says what is wrong.
 */
bool allow_check(const struct serve_conf *, char *why, size_t size);

/*
 * Reads the keys.  The options were checked, and must outlive it.  NULL, and
 * why says what is wrong.
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
 * signature, times, issuer, audience, revocation.  No credential at all is no
 * refusal: what asks for one says so.  A cookie that a page of a foreign
 * origin sends is refused.  STORE_BUSY and the like are a 503, which a stream
 * answers with reply_retry.
 */
int allow_who(struct allow *, struct store *, const struct request *,
    struct who *, struct refusal *);
void who_free(struct who *);

/* May it do this to this topic, or to all topics with this prefix? */
int allow_topic(const struct allow *, const struct who *, enum allow_use,
    const struct request_topic *, struct refusal *);

/*
 * The whole check of a stream: who asks, `{user}` in its topics replaced by
 * the subject, and all of the topics.
 */
int allow_stream(struct allow *, struct store *, struct request *, struct who *,
    struct refusal *);

#endif
