/*
 * request.h - what a request asks for, read from its parameters.
 *
 * This is the first page of the room request/: from the bytes of a connection
 * to a request that was read and is within every limit below.
 *
 *	gate        bytes -> one whole valid request (FastCGI); gate_parse.c
 *	            is the only file that calls libfcgi
 *	query       a query string or a form, pair by pair
 *	request     parameters -> struct request: topic, user_topic, when, form,
 *	            way, name
 *	signed      a query that ends with its own signature
 *	pattern     topics as a claim or an option lists them
 *	fcgi        the header of a record, both ways
 *	peer        where an answer goes
 *
 * It includes base/ and nothing else.  It does not know who asks (auth/) nor
 * what is answered.  All of it but gate_parse.c is pure: no socket, no clock,
 * no store.
 *
 * Parameters are those of CGI (RFC 3875).  The query is
 * application/x-www-form-urlencoded, as a browser writes it.  Nothing that a
 * peer sends is trusted: a request is within every limit, or it is refused
 * with one line.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/base/conf.h"

enum {
	REQUEST_TOPICS_MAX = CONF_TOPICS_MAX, /* of one request */
	REQUEST_TOPIC_BYTES = 255,	      /* a topic's name, as UTF-8 */
	REQUEST_TOKENS_MORE = 3,     /* of a query, besides the first */
	REQUEST_ID_BYTES = 128,	     /* a Last-Event-ID */
	REQUEST_END_BYTES = 255,     /* the text of `end' or of `endEvent' */
	REQUEST_FORM_BYTES = 65536,  /* of parameters that were posted */
	REQUEST_SIGNED_BYTES = 8192, /* of a query, that were signed */
	REQUEST_SUBJECT_BYTES = 255, /* of the name in a signed query */
	REQUEST_MAC_BYTES = 32
};

/*
 * This is in last_id when the id that came cannot be one of ours: too long,
 * with controls, or not ASCII.  No event has this id, so do not look it up:
 * the place is unknown.  Refusing the request instead would end the browser's
 * EventSource for good.
 */
#define REQUEST_ID_UNKNOWN "?"

enum request_method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_OPTIONS,
	METHOD_OTHER
};

enum request_path {
	PATH_STREAM,
	PATH_HEALTH,
	PATH_METRICS,
	PATH_STATUS,
	PATH_PROBE,
	PATH_UNKNOWN
};

/* Where the stream starts. */
enum request_start {
	START_NOW,
	START_EARLIEST, /* id `earliest` */
	START_ID,	/* last_id, not yet known to be a number or a uid */
	START_LAST,	/* count, at least 1 */
	START_SINCE	/* since_ms, age or time as since_age says */
};

struct request_topic {
	const char *name; /* len bytes of valid UTF-8, no controls */
	size_t len;
	bool prefix; /* `news*`: name is `news`; `*`: name is empty */
};

/* A text of the query; s is NULL when it has none. */
struct request_text {
	const char *s;
	size_t len;
};

/* How a client wants its stream to begin and to end (form.c). */
struct request_form {
	bool said;   /* the query says whether it is bare */
	bool bare;   /* it gets nothing but what was published */
	bool active; /* only if something is going on */
	struct request_text end, end_event; /* the last block: data and type */
};

/*
 * What a client asks for whose way here harms streams (way.c).  Numbers are as
 * they were asked for: the options of serve bound them.
 */
struct request_way {
	uint32_t beat_s; /* 0: it wants comments */
	uint32_t age_s;
	uint32_t pad; /* bytes */
	bool has_age;
	bool poll; /* end as soon as something was sent */
};

/* What a signed query says of itself. */
enum request_said {
	SAID_EXPIRES,
	SAID_IAT,
	SAID_SUB,
	SAID_ISS,
	SAID_AUD,
	SAID_NAMES
};

/*
 * A query with a signature (signed.c).  Nothing of it is true before
 * auth/signed.h has found the signature good.
 */
struct request_signed {
	const char *text; /* len bytes, which were signed; NULL: no query was */
	size_t len;
	uint8_t mac[REQUEST_MAC_BYTES];
	struct {
		const char *s; /* size bytes and a NUL; NULL: it is not said */
		size_t size;
	} said[SAID_NAMES];
	bool said_twice;	       /* one of them */
	int64_t expires_ms, issued_ms; /* since 1970; issued 0: not said */
};

struct request {
	enum request_method method;
	enum request_path path;
	enum request_start start;
	char last_id[REQUEST_ID_BYTES + 1];
	uint64_t count;
	int64_t since_ms; /* an age before now, or ms since 1970 */
	bool since_age;
	struct request_form form;
	struct request_way way;
	size_t ntopics; /* at least 1: `main` when none was given */
	bool named;	/* one was given */
	/* Exact names first, then prefixes, both by their bytes; no repeats. */
	struct request_topic topics[REQUEST_TOPICS_MAX];
	const char *address;	      /* REMOTE_ADDR or "" */
	const char *user;	      /* REMOTE_USER or NULL */
	const char *authorization;    /* HTTP_AUTHORIZATION or NULL */
	const char *cookie;	      /* HTTP_COOKIE, all lines, or NULL */
	const char *origin;	      /* HTTP_ORIGIN or NULL */
	const char *host;	      /* HTTP_HOST or NULL */
	const char *fetch_site;	      /* HTTP_SEC_FETCH_SITE or NULL */
	const char *content_type;     /* [HTTP_]CONTENT_TYPE or NULL */
	const char *content_encoding; /* HTTP_CONTENT_ENCODING or NULL */
	const char *access_token;     /* from the query, or NULL */
	const char *more_tokens[REQUEST_TOKENS_MORE]; /* more of them, NULL */
	const char *protocol;	   /* SERVER_PROTOCOL or NULL */
	const char *forwarded_for; /* X-Forwarded-For, all lines, or NULL */
	const char *preflight;	   /* HTTP_ACCESS_CONTROL_REQUEST_METHOD */
	const char *query;	   /* raw QUERY_STRING, "" if none */
	const char *uri;	   /* REQUEST_URI or NULL */
	struct request_signed sign;
	/*
	 * It was asked for `stream' below the mount, where a POST reads as
	 * well: its body has more parameters.
	 */
	bool posts_query;
	bool event_in_query; /* it has a name that a POST has in its body */
	bool tls;	     /* the web server says that it was asked by TLS */
	/*
	 * The web server says that an application of the site wrote the query,
	 * by the parameter LARGESSE_HANDED_OVER=on, which no client can set.
	 * Then the query may name the reader, and the URI is that by which the
	 * client has asked the application.
	 */
	bool handed_over;
	const char *subject; /* from such a query, subject_len bytes; or NULL */
	size_t subject_len;
	int64_t content_length; /* [HTTP_]CONTENT_LENGTH; -1 when absent */
	char *scratch;		/* decoded names; freed by request_free */
	char *posted;		/* likewise, of the body */
	char *sent;		/* likewise, of the query in the URI */
	char *joined;		/* lines of a header; likewise */
	char *joined_cookies;	/* likewise */
	char *user_topics;	/* likewise, with the user's name in them */
};

/* The body of a request; of a stream that was asked for by POST it is read. */
struct request_body {
	const char *s; /* len bytes, which stay as they are */
	size_t len;
};

/*
 * Reads env, a NULL-terminated array of strings NAME=VALUE that must live as
 * long as the request.  An empty parameter counts as absent.  body may be NULL.
 * Returns 0, or the HTTP status of a refusal (400, 413, 415, 500) and one
 * constant line in *why.  request_free may be called in either case.
 */
int request_read(struct request *, char *const *env,
    const struct request_body *body, size_t max_topics, const char **why);
void request_free(struct request *);

/*
 * An age, or a time: a date and a time of ISO 8601 as 2026-11-22T08:00:00Z, in
 * any of the forms that Python and JavaScript print, or a bare number from 1e9
 * up, seconds since 1970 (from 1e12 up: ms).  A time without an offset is UTC.
 * False, with nothing touched, for anything else.
 */
bool request_since(const char *s, int64_t *ms, bool *age);

/*
 * Is it `event' or `bare', as `start=' and --start have it?  Sets *bare then.
 */
bool request_start_read(const char *s, bool *bare);

/*
 * What is wrong with asking for this way with this form, which is known now;
 * NULL: nothing.
 */
const char *request_way_wrong(const struct request *);

/*
 * Is a name of the query, which is none of ours, almost one?  Returns NULL, or
 * a line that tells the right one.
 */
const char *request_name_wrong(const char *s, size_t len);

/*
 * Reads `name`, `prefix*` or `*`; topic->name points into s.  Returns NULL,
 * or what is wrong with it, *topic untouched.
 */
const char *request_topic(struct request_topic *, const char *s, size_t len);

/* Does a topic have `{user}` in its name, which means whoever asks? */
bool request_wants_user(const struct request *);

/*
 * Replaces `{user}` in all topics (user_topic.c).  Returns NULL, or what is
 * wrong; then the request cannot be used any more.
 */
const char *request_name_user(struct request *, const char *user, size_t len);

/*
 * What is wrong with a topic of --user-topic: it is no topic, or a user could
 * read with it what is another's.  NULL: nothing.
 */
const char *request_user_wrong(const char *s);

/* Can two topics of --user-topic name one topic for two different users? */
bool request_users_meet(const char *a, const char *b);

/*
 * Inserts a topic in its order, unless the request has it.  False: there are
 * max of them.
 */
bool request_insert(struct request *, const struct request_topic *, size_t max);

/* <0, 0, >0: exact names before prefixes, then by their bytes. */
int request_topic_cmp(
    const struct request_topic *, const struct request_topic *);

#endif
