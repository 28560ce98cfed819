/*
 * allow_self.h - what struct allow is, for the files of allow.h alone.
 *
 *	allow.c        checks the options, keeps the keys
 *	allow_who.c    finds out who asks
 *	allow_topic.c  says what that one may do
 *	allow_stream.c both of these, for a stream
 *
 * Each of them calls only those above it.
 */
#ifndef ALLOW_SELF_H
#define ALLOW_SELF_H

#include "fcgi/auth/allow.h"
#include "fcgi/auth/keys.h"
#include "fcgi/base/conf.h"
#include "fcgi/request/request.h"

struct allow {
	const struct serve_conf *conf;
	struct keys keys;
	bool closed;	   /* a reader must say who it is */
	int64_t looked_ms; /* when the key files were looked at */
};

/*
 * Who asks, for a request that an application handed over: whom it named.
 * Returns what allow_who returns.
 */
int allow_handed_over(const struct allow *, const struct request *,
    struct who *, struct refusal *);

/* May everyone read this? */
bool allow_public(const struct allow *, const struct request_topic *);

#endif
