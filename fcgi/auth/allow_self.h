/*
 * allow_self.h - allow's insides, shared by its three rooms: allow.c has the
 * options and a stream's whole check, allow_who.c finds who asks,
 * allow_topic.c what that one may.
 */
#ifndef ALLOW_SELF_H
#define ALLOW_SELF_H

#include "fcgi/auth/allow.h"
#include "fcgi/auth/keys.h"
#include "fcgi/auth/token_memory.h"

struct allow {
	const struct serve_conf *conf;
	struct keys keys;
	struct token_memory memory; /* of these keys */
	bool closed;		    /* readers have to be somebody */
	int64_t looked_ms;	    /* when the key files were looked at */
};

/* Fills the refusal in and returns its status. */
int refuse(struct refusal *, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* 401 for a token that is no good. */
int refuse_token(struct refusal *, const char *why);

int refuse_memory(struct refusal *);

/* May everyone read this? */
bool allow_public(const struct allow *, const struct request_topic *);

#endif
