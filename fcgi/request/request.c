/*
 * request.c - what a request asks for, read from its parameters.
 *
 * There are two kinds of mistakes.  A mistake in the URL was made by a person
 * or a program: the request is refused with a reason.  A Last-Event-ID comes
 * from the browser by itself, and a refusal ends its EventSource for good: so
 * any value is taken, at worst as an id that no log has.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/base/env.h"
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "fcgi/request/request_self.h"

enum {
	COUNT_MAX = 1000000000
};

/* What the query says about the start.  Of the same name the last counts. */
struct asked {
	const char *id;
	size_t id_len;
	uint64_t last;
	int64_t since_ms;
	bool has_last, has_since, since_age;
};

static enum request_method
read_method(const char *s)
{
	if (s == NULL)
		return METHOD_OTHER;
	if (strcmp(s, "GET") == 0)
		return METHOD_GET;
	if (strcmp(s, "HEAD") == 0)
		return METHOD_HEAD;
	if (strcmp(s, "POST") == 0)
		return METHOD_POST;
	if (strcmp(s, "OPTIONS") == 0)
		return METHOD_OPTIONS;
	return METHOD_OTHER;
}

static enum request_path
path_named(const char *s, size_t len)
{
	static const struct {
		const char *name;
		enum request_path path;
	} paths[] = {
	    {"health", PATH_HEALTH},
	    {"metrics", PATH_METRICS},
	    {"status", PATH_STATUS},
	    {"probe", PATH_PROBE},
	    {"stream", PATH_STREAM},
	};
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (strlen(paths[i].name) == len &&
		    memcmp(paths[i].name, s, len) == 0)
			return paths[i].path;
	return PATH_UNKNOWN;
}

/*
 * What is below the mount, where PATH_INFO has the whole path: Caddy and H2O
 * pass it with an empty SCRIPT_NAME, as a server does that has us at its root.
 * The mount is SCRIPT_NAME, and `/events' if that is empty.  Nothing but these
 * is taken off, so a wrong path stays one.  Whatever PATH_INFO is else, it is
 * below the mount already: `/events/events' of nginx is no stream.
 */
static const char *
below_mount(const char *info, const char *uri, const char *mount)
{
	size_t len;

	mount = mount != NULL ? mount : "/events";
	len = strlen(mount);
	if (info == NULL || uri == NULL || strlen(info) != strcspn(uri, "?#") ||
	    strncmp(info, uri, strlen(info)) != 0 ||
	    strncmp(info, mount, len) != 0)
		return info;
	return info[len] == '\0' ? "/" : info[len] == '/' ? info + len : info;
}

/*
 * PATH_INFO is the path below the place where the web server has us.  Without
 * PATH_INFO that place is unknown, and the last segment of the URI decides.  A
 * web server may pass a URI with a fragment, which is no part of the path.
 */
static void
read_path(struct request *r, const char *info, const char *uri)
{
	const char *start;
	size_t len;

	r->path = PATH_STREAM;
	if (info != NULL && info[0] == '/' && info[1] != '\0') {
		r->path = path_named(info + 1, strlen(info + 1));
		r->posts_query = r->path == PATH_STREAM;
	} else if (info != NULL) {
		if (strcmp(info, "/") != 0)
			r->path = PATH_UNKNOWN;
	} else if (uri != NULL) {
		len = strcspn(uri, "?#");
		start = memrchr(uri, '/', len);
		start = start != NULL ? start + 1 : uri;
		r->path = path_named(start, uri + len - start);
		r->posts_query = r->path == PATH_STREAM;
		if (r->path == PATH_UNKNOWN)
			r->path = PATH_STREAM;
	}
}

static int
read_length(const char *s, int64_t *length, const char **why)
{
	*length = -1;
	if (s == NULL)
		return 0;
	if (s[strspn(s, "0123456789")] != '\0') {
		*why = "Content-Length: not a number";
		return 400;
	}
	for (*length = 0; *s != '\0'; s++)
		if (__builtin_mul_overflow(*length, 10, length) ||
		    __builtin_add_overflow(*length, *s - '0', length)) {
			*why = "Content-Length: too large";
			return 413;
		}
	return 0;
}

/* Returns NULL, or what is wrong with the topic. */
static const char *
add_topic(struct request *r, const char *s, size_t len, size_t max)
{
	struct request_topic topic;
	const char *wrong = request_topic(&topic, s, len);

	if (max > REQUEST_TOPICS_MAX)
		max = REQUEST_TOPICS_MAX;
	if (wrong == NULL && !request_insert(r, &topic, max))
		wrong = "topic: too many of them";
	return wrong;
}

/* Digits and nothing else.  More than COUNT_MAX counts as COUNT_MAX. */
static bool
read_count(const char *s, size_t len, uint64_t *count)
{
	uint64_t n = 0;

	if (len == 0 || strspn(s, "0123456789") != len)
		return false;
	for (; *s != '\0' && n < COUNT_MAX; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	*count = n < COUNT_MAX ? n : COUNT_MAX;
	return true;
}

/* Is it a name that a POST has in its body? */
static bool
is_of_body(const struct query_pair *pair)
{
	return query_is(pair, "topic") || query_is(pair, "event") ||
	       query_is(pair, "data") || query_is(pair, "uid");
}

/* Keeps the first few of several tokens: the first that is good counts. */
static void
add_token(struct request *r, const char *s)
{
	size_t i = 0;

	if (r->access_token == NULL) {
		r->access_token = s;
		return;
	}
	while (i < REQUEST_TOKENS_MORE && r->more_tokens[i] != NULL)
		i++;
	if (i < REQUEST_TOKENS_MORE)
		r->more_tokens[i] = s;
}

bool
request_is_last_id(const struct query_pair *pair)
{
	return query_is(pair, "lastEventId") ||
	       query_is(pair, "last_event_id") || query_is(pair, "lastEventID");
}

/* Takes a pair that only the address of a stream has. */
static const char *
read_stream_pair(struct request *r, const struct query_pair *pair)
{
	const char *wrong = NULL;

	if (query_is(pair, "sign"))
		return r->posted == NULL
			   ? signed_read(r, pair)
			   : "sign: it stands in the address, not in the body";
	if (handed_read_pair(r, pair) || form_read_pair(r, pair, &wrong) ||
	    way_read_pair(r, pair, &wrong) || signed_says(r, pair))
		return wrong;
	return request_name_wrong(pair->name, pair->name_len);
}

/* Takes one pair of the query.  Returns NULL, or what is wrong with it. */
static const char *
read_query_pair(struct request *r, struct asked *asked,
    const struct query_pair *pair, size_t max_topics)
{
	const char *s = pair->value;
	size_t len = pair->value_len;

	r->event_in_query |= is_of_body(pair);
	if (r->sign.text != NULL && !request_is_last_id(pair) &&
	    !way_is_pair(pair))
		return SIGNED_ENDS;
	if (query_is(pair, "topic"))
		return add_topic(r, s, len, max_topics);
	if (r->posted != NULL && is_of_body(pair))
		return "event, data, uid: a POST to `stream' publishes "
		       "nothing, it reads; publish without `stream'";
	if (request_is_last_id(pair)) {
		if (len > 0) {
			asked->id = s;
			asked->id_len = len;
		}
	} else if (query_is(pair, "last")) {
		if (!read_count(s, len, &asked->last))
			return "last: not a number of events";
		asked->has_last = true;
	} else if (query_is(pair, "since")) {
		if (strlen(s) != len ||
		    !request_since(s, &asked->since_ms, &asked->since_age))
			return "since: neither an age like 10m nor a time "
			       "like 2026-11-22T08:00:00Z";
		asked->has_since = true;
	} else if (query_is(pair, "access_token")) {
		if (strlen(s) != len)
			return "access_token: not a token";
		if (len > 0)
			add_token(r, s);
	} else if (r->path == PATH_STREAM) {
		return read_stream_pair(r, pair);
	} else
		handed_read_pair(r, pair);
	return NULL;
}

/* An id that cannot be one of ours becomes REQUEST_ID_UNKNOWN. */
static void
read_last_id(struct request *r, const char *s, size_t len)
{
	size_t i;

	if (len == 8 && memcmp(s, "earliest", 8) == 0) {
		r->start = START_EARLIEST;
		return;
	}
	r->start = START_ID;
	for (i = 0; i < len && s[i] >= 0x20 && s[i] <= 0x7e; i++)
		;
	if (i < len || len > REQUEST_ID_BYTES) {
		strcpy(r->last_id, REQUEST_ID_UNKNOWN);
		return;
	}
	memcpy(r->last_id, s, len);
	r->last_id[len] = '\0';
}

/*
 * The header goes before the query: a browser that reconnects sends the URL of
 * its first request, with an id that is old by then.
 */
static void
decide_start(struct request *r, const struct asked *asked, const char *header)
{
	if (header != NULL)
		read_last_id(r, header, strlen(header));
	else if (asked->id != NULL)
		read_last_id(r, asked->id, asked->id_len);
	else if (asked->has_last) {
		/* `last=0`: none of the newest, so the stream starts now. */
		r->start = asked->last > 0 ? START_LAST : START_NOW;
		r->count = asked->last;
	} else if (asked->has_since) {
		r->start = START_SINCE;
		r->since_ms = asked->since_ms;
		r->since_age = asked->since_age;
	}
}

/* Takes all pairs of a text, in its copy: *own, of len bytes. */
static int
read_pairs(struct request *r, struct asked *asked, char **own, const char *text,
    size_t len, size_t max_topics, const char **why)
{
	struct query_pair pair;
	struct query query;
	const char *wrong;

	*own = malloc(len + 1);
	if (*own == NULL) {
		*why = "out of memory";
		return 500;
	}
	if (len > 0)
		memcpy(*own, text, len);
	(*own)[len] = '\0';
	query.at = *own;
	query.end = *own + len;
	while (query_next(&query, &pair)) {
		wrong = read_query_pair(r, asked, &pair, max_topics);
		if (wrong != NULL) {
			*why = wrong;
			return 400;
		}
	}
	return 0;
}

/*
 * Takes the parameters in the body of a POST that reads.  A page of another
 * site can post such a body without asking first, but so it can GET.  Of a
 * request that was handed over the body is the client's, and the application
 * has decided what it reads: only the query counts.
 */
static int
read_posted(struct request *r, struct asked *asked,
    const struct request_body *body, size_t max_topics, const char **why)
{
	if (body == NULL || !r->posts_query || r->method != METHOD_POST ||
	    r->handed_over)
		return 0;
	if (body->len > REQUEST_FORM_BYTES) {
		*why = "the parameters of a stream are over 64 KiB";
		return 413;
	}
	if (body->len > 0 && !way_is_form(r)) {
		*why = "the body has to be a form: "
		       "application/x-www-form-urlencoded";
		return 415;
	}
	return read_pairs(
	    r, asked, &r->posted, body->s, body->len, max_topics, why);
}

static int
read_query(struct request *r, const char *last_event_id,
    const struct request_body *body, size_t max_topics, const char **why)
{
	struct asked asked = {0};
	struct query_pair pair;
	int found, status;

	status = read_pairs(r, &asked, &r->scratch, r->query, strlen(r->query),
	    max_topics, why);
	if (status == 0)
		status = read_posted(r, &asked, body, max_topics, why);
	if (status != 0)
		return status;
	found = handed_place(r, &pair);
	if (found == 1) {
		asked.id = pair.value;
		asked.id_len = pair.value_len;
	}
	decide_start(r, &asked, last_event_id);
	if (found == -1 || !signed_as_sent(r)) {
		*why = "out of memory";
		return 500;
	}
	return 0;
}

/*
 * Web servers pass a header that came in two lines in one of two ways: joined
 * by a comma, or as two parameters of one name (nginx before 1.23).  Where only
 * one value can be true, two different ones are refused: what a client or a
 * second line of a configuration adds could be taken for what the web server
 * has checked.  Joined by a comma they are no valid value.
 */
static const char *
twice(char *const *env)
{
	static const struct {
		const char *name, *why;
	} once[] = {
	    {"REMOTE_USER", "REMOTE_USER: two of them, which differ"},
	    {"REMOTE_ADDR", "REMOTE_ADDR: two of them, which differ"},
	    {"HTTP_AUTHORIZATION", "Authorization: two of them, which differ"},
	    {"HTTP_ORIGIN", "Origin: two of them, which differ"},
	    {"HTTP_HOST", "Host: two of them, which differ"},
	    {"HTTP_SEC_FETCH_SITE",
		"Sec-Fetch-Site: two of them, which differ"},
	};
	size_t i;

	for (i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		if (env_differs(env, once[i].name))
			return once[i].why;
	return NULL;
}

/*
 * Some headers may come in several lines, and mean the same as one line with
 * all of them (RFC 9110, section 5.3; RFC 9113, section 8.2.3).  The first line
 * of X-Forwarded-For may be the client's own, and the first line with a cookie
 * of the name an old one.  Sets *value; *joined is NULL or to be freed.  -1
 * without memory.
 */
static int
join_lines(char *const *env, const char *name, char between, char **joined,
    const char **value)
{
	size_t n = 0, len = 0;
	char *const *e;
	const char *s;
	char *to;

	for (e = env; *e != NULL; e++)
		if ((s = env_named(e, name)) != NULL && *s != '\0') {
			*value = s;
			len += strlen(s) + 1;
			n++;
		}
	if (n < 2)
		return 0;
	*value = *joined = to = malloc(len);
	if (to == NULL)
		return -1;
	for (e = env; *e != NULL; e++)
		if ((s = env_named(e, name)) != NULL && *s != '\0') {
			if (to != *joined)
				*to++ = between;
			to = stpcpy(to, s);
		}
	return 0;
}

static int
join_all(struct request *r, char *const *env)
{
	return join_lines(env, "HTTP_X_FORWARDED_FOR", ',', &r->joined,
		   &r->forwarded_for) == -1 ||
		       join_lines(env, "HTTP_COOKIE", ';', &r->joined_cookies,
			   &r->cookie) == -1
		   ? -1
		   : 0;
}

/* What the body is: some web servers say it only as a header. */
static const char *
content_value(char *const *env, const char *header)
{
	const char *s = env_value(env, header + strlen("HTTP_"));

	return s != NULL ? s : env_value(env, header);
}

static bool
is_tls(char *const *env)
{
	const char *https = env_value(env, "HTTPS");
	const char *scheme = env_value(env, "REQUEST_SCHEME");

	return (https != NULL && strcasecmp(https, "on") == 0) ||
	       (scheme != NULL && strcmp(scheme, "https") == 0);
}

int
request_read(struct request *r, char *const *env,
    const struct request_body *body, size_t max_topics, const char **why)
{
	const char *wrong, *uri;
	int status;

	memset(r, 0, sizeof(*r));
	r->method = read_method(env_value(env, "REQUEST_METHOD"));
	r->uri = env_value(env, "REQUEST_URI");
	r->address = env_value(env, "REMOTE_ADDR");
	r->user = env_value(env, "REMOTE_USER");
	r->authorization = env_value(env, "HTTP_AUTHORIZATION");
	r->origin = env_value(env, "HTTP_ORIGIN");
	r->host = env_value(env, "HTTP_HOST");
	r->fetch_site = env_value(env, "HTTP_SEC_FETCH_SITE");
	r->content_type = content_value(env, "HTTP_CONTENT_TYPE");
	r->content_encoding = env_value(env, "HTTP_CONTENT_ENCODING");
	r->protocol = env_value(env, "SERVER_PROTOCOL");
	r->preflight = env_value(env, "HTTP_ACCESS_CONTROL_REQUEST_METHOD");
	r->query = env_value(env, "QUERY_STRING");
	r->tls = is_tls(env);
	r->handed_over = handed_over(env);
	/* The URI is that of the application then, whatever its name is. */
	uri = r->handed_over ? NULL : r->uri;
	read_path(r,
	    below_mount(env_value(env, "PATH_INFO"), uri,
		env_value(env, "SCRIPT_NAME")),
	    uri);
	if (r->address == NULL)
		r->address = "";
	if (r->query == NULL)
		r->query = "";
	status = read_length(
	    content_value(env, "HTTP_CONTENT_LENGTH"), &r->content_length, why);
	if (status == 0 && (wrong = twice(env)) != NULL) {
		*why = wrong;
		status = 400;
	}
	if (status == 0 && join_all(r, env) == -1) {
		*why = "out of memory";
		status = 500;
	}
	if (status == 0)
		status = read_query(r, env_value(env, "HTTP_LAST_EVENT_ID"),
		    body, max_topics, why);
	r->named = r->ntopics > 0;
	if (!r->named) {
		r->topics[0] = (struct request_topic){"main", 4, false};
		r->ntopics = 1;
	}
	return status;
}

void
request_free(struct request *r)
{
	free(r->scratch);
	free(r->posted);
	free(r->sent);
	free(r->user_topics);
	free(r->joined);
	free(r->joined_cookies);
	r->scratch = r->posted = r->sent = r->user_topics = NULL;
	r->joined = r->joined_cookies = NULL;
}
