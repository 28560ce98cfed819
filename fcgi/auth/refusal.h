/*
 * refusal.h - why a request is refused: a status and one line.
 *
 * The line goes to the client and to the log.  A token is never in it.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stdbool.h>

struct refusal {
	int status;	     /* 400: nothing here can check the signature;
				401: bring a token; 403: this one is not enough;
				500: no memory; 503: the log cannot be read */
	char line[384];	     /* UTF-8 without controls */
	const char *headers; /* WWW-Authenticate with its CR LF, or NULL */
	bool later;	     /* 503, but the log may answer in a moment */
};

/* Fills the refusal in and returns its status. */
int refusal_set(struct refusal *, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* 401, for a token that is not valid. */
int refusal_token(struct refusal *, const char *why);

/* 500. */
int refusal_memory(struct refusal *);

#endif
