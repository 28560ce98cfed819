/*
 * publish.c - POST: who may publish, what the body has in it, and the answer.
 *
 * An answer of 201 or 200 says that the events are committed.  503 with
 * Retry-After says that they are not, or it says clearly that nobody knows.  In
 * both cases a publisher that gave a uid may send the same events again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/publish/body.h"
#include "fcgi/publish/publish.h"
#include "fcgi/reply/reply.h"

static const char *const later = "Retry-After: 1\r\n",
			 *const plain_only = "Accept-Encoding: identity\r\n";

static bool
say_line(struct publisher *pub, const struct peer *peer, int status,
    const char *headers, const char *line)
{
	char body[512];
	struct reply rp = {.status = status, .headers = headers, .body = body};

	rp.len = (size_t)snprintf(body, sizeof(body), "%.500s\n", line);
	return reply_send(pub->hub, peer, &rp);
}

/* --- who may publish ---------------------------------------------------- */

/*
 * May the client publish to the topic of each event?  0, or the status of the
 * refusal.
 */
static int
may_all(struct publisher *pub, const struct who *who,
    const struct store_event *events, size_t n, struct refusal *no)
{
	static const struct store_text main_topic = {"main", 4};
	struct request_topic topic = {.prefix = false};
	struct store_text t;
	int status = 0;
	size_t i;

	for (i = 0; status == 0 && i < n; i++) {
		t = events[i].topic.s == NULL ? main_topic : events[i].topic;
		if (i > 0 && t.len == topic.len &&
		    memcmp(t.s, topic.name, t.len) == 0)
			continue; /* the same topic as before */
		topic.name = t.s;
		topic.len = t.len;
		status =
		    allow_topic(pub->allow, who, ALLOW_PUBLISH, &topic, no);
	}
	return status;
}

/*
 * May the client publish at all?  It needs a token; a token in a cookie counts
 * only from our own pages.  A client without a token is refused before its body
 * is read.  A signed address is for reading.
 */
static int
may_publish(struct publisher *pub, const struct request *rq, struct who *who,
    struct refusal *no)
{
	static const struct store_event any = {.time_ms = 0};
	int status;

	memset(who, 0, sizeof(*who));
	if (rq->sign.text != NULL)
		return refusal_set(
		    no, 400, "sign: a signed address is only for reading");
	status = allow_who(pub->allow, pub->hub->store, rq, who, no);
	if (status == 0 && who->by == ALLOW_BY_NOTHING)
		status = may_all(pub, who, &any, 1, no);
	return status;
}

static enum answered
say_no(struct publisher *pub, const struct peer *peer, const struct refusal *no)
{
	return answered(no->status == 503
			    ? say_line(pub, peer, 503, later, no->line)
			    : reply_refusal(pub->hub, peer, no));
}

/* --- the answer --------------------------------------------------------- */

/*
 * Answers {"ids":["1","2"]} with 201, or with 200 when none of the events is
 * new.
 */
static bool
say_ids(struct publisher *pub, const struct peer *peer, const char *result,
    size_t n)
{
	char *body = malloc(n * (STORE_ID_SIZE + 3) + 16), *p = body;
	struct reply rp = {.type = "application/json", .body = body};
	struct handoff_id id;
	size_t i, repeated = 0;
	bool ok;

	if (body == NULL)
		return false;
	p += sprintf(p, "{\"ids\":[");
	for (i = 0; i < n; i++) {
		id = handoff_result_id(result, i);
		repeated += id.repeated != 0;
		*p++ = '"';
		p += store_id_print(pub->hub->store, id.id, p);
		*p++ = '"';
		*p++ = ',';
	}
	p--; /* over the last comma: there is at least one event */
	p += sprintf(p, "]}\n");
	rp.len = (size_t)(p - body);
	rp.status = repeated == n ? 200 : 201;
	pub->hub->count.published += n - repeated;
	ok = reply_send(pub->hub, peer, &rp);
	free(body);
	return ok;
}

static bool
say_unknown(struct publisher *pub, const struct peer *peer)
{
	return say_line(pub, peer, 503, later,
	    "no answer from the writer, it may have written this: "
	    "try again with the same uid");
}

/*
 * Answers a POST whose events the log did not take.  The message of a
 * constraint or a trigger is meant for the publisher.  Messages of other
 * trouble have paths in them, and go to the error log only.
 */
static bool
say_trouble(struct publisher *pub, const struct peer *peer, const char *result,
    const struct handoff_result *head)
{
	char why[256], line[320], name[256];
	size_t path;

	store_show(pub->hub->conf->db, name, sizeof(name));
	path = strlen(name) + 2;
	snprintf(
	    why, sizeof(why), "%.*s", (int)head->why_len, handoff_why(result));
	switch ((enum store_result)head->result) {
	case STORE_REFUSED:
		snprintf(line, sizeof(line), "the log refused it: %s",
		    strlen(why) > path ? why + path : why);
		return say_line(pub, peer, 400, NULL, line);
	case STORE_TAKEN:
		return say_line(pub, peer, 409, NULL,
		    "the uid is that of an event of another topic: "
		    "nothing was published");
	case STORE_BUSY:
		return say_line(pub, peer, 503, later,
		    "the log is busy: nothing was written, try again");
	case STORE_LATER:
		return say_unknown(pub, peer);
	case STORE_FULL:
		log_plain(why);
		return say_line(pub, peer, 507, NULL,
		    "no room in the log: nothing was written");
	default:
		log_plain(why);
		return say_line(pub, peer, 500, NULL,
		    "the log cannot be written: nothing was");
	}
}

bool
publish_answer(
    struct publisher *pub, const struct peer *peer, const char *result)
{
	struct handoff_result head;

	if (result == NULL)
		return say_unknown(pub, peer);
	handoff_result_head(result, &head);
	if (head.result == STORE_OK)
		return say_ids(pub, peer, result, head.n);
	return say_trouble(pub, peer, result, &head);
}

/* --- a request ---------------------------------------------------------- */

/* Plain CGI has no writer: writes the events itself. */
static enum answered
write_self(struct publisher *pub, const struct peer *peer, struct body *body)
{
	struct store_batch batch = {.events = body->events, .n = body->n};
	struct bytes result = {0};
	struct store *log;
	bool whole = false;

	log = store_open(
	    pub->hub->conf->db, STORE_WRITE, batch.why, sizeof(batch.why));
	if (log == NULL) {
		log_plain(batch.why);
		return answered(publish_busy(pub, peer));
	}
	store_append_all(log, &batch, 1);
	if (handoff_put_result(&result, &batch) == 0)
		whole = publish_answer(pub, peer, result.s);
	bytes_free(&result);
	store_close(log);
	return answered(whole);
}

bool
publish_busy(struct publisher *pub, const struct peer *peer)
{
	return say_line(
	    pub, peer, 503, later, "too busy: nothing was written, try again");
}

/*
 * Hands the events to the writer.  The client may publish to all their topics.
 */
static enum answered
hand_over(struct publisher *pub, const struct peer *peer, struct body *body,
    struct ticket **ticket)
{
	if (!peer->framed)
		return write_self(pub, peer, body);
	*ticket = pub->hub->closing ? NULL : link_hand(&pub->link, body);
	if (*ticket == NULL)
		return answered(publish_busy(pub, peer));
	return ANSWERED_LATER;
}

/*
 * Is the body all that the client has sent, and as it sent it?  What was cut on
 * its way may still be JSON, and must not be published; a topic in the query
 * would be passed over, and the event would go to `main`.  0, or the status and
 * what is wrong.
 */
static int
body_wrong(const struct peer *peer, const struct request *rq, const char **why)
{
	if (rq->content_encoding != NULL &&
	    strcasecmp(rq->content_encoding, "identity") != 0) {
		*why = "Content-Encoding: the body has to come as it is, "
		       "neither compressed nor encoded";
		return 415;
	}
	if (rq->event_in_query) {
		*why = "topic, event, data and uid of a POST are in its body, "
		       "not in the query";
		return 400;
	}
	if (rq->content_length == -1 ||
	    (uint64_t)rq->content_length == peer->body_len)
		return 0;
	*why = (uint64_t)rq->content_length > peer->body_len
		   ? "the body is shorter than its Content-Length: "
		     "nothing was published"
		   : "the body is longer than its Content-Length: "
		     "nothing was published";
	return 400;
}

static enum answered
take_body(struct publisher *pub, const struct peer *peer,
    const struct request *rq, const struct who *who, struct ticket **ticket)
{
	struct body_limits limits = {.max_events = pub->hub->conf->max_batch,
	    .max_event_bytes = pub->hub->conf->max_event_bytes};
	struct body body = {0};
	enum answered done;
	struct refusal no;
	const char *why;
	int status = body_wrong(peer, rq, &why);

	if (status != 0)
		return answered(say_line(
		    pub, peer, status, status == 415 ? plain_only : NULL, why));
	status = body_read(
	    &body, rq->content_type, peer->body, peer->body_len, &limits);
	if (status != 0)
		done = answered(reply_line(pub->hub, peer, status, body.why));
	else if (may_all(pub, who, body.events, body.n, &no) != 0)
		done = say_no(pub, peer, &no);
	else
		done = hand_over(pub, peer, &body, ticket);
	body_free(&body);
	return done;
}

enum answered
publish(struct publisher *pub, const struct peer *peer,
    const struct request *rq, struct ticket **ticket)
{
	enum answered done;
	struct refusal no;
	struct who who;

	if (!pub->hub->conf->publish)
		return answered(reply_405(pub->hub, peer, rq,
		    ": publishing is not switched on "
		    "(serve --publish or LARGESSE_PUBLISH=1)"));
	if (may_publish(pub, rq, &who, &no) == 0)
		done = take_body(pub, peer, rq, &who, ticket);
	else if (no.later && peer->may_wait)
		done = ANSWERED_WAIT;
	else
		done = say_no(pub, peer, &no);
	allow_who_free(&who);
	return done;
}

int
publish_open(struct publisher *pub, struct hub *hub, struct allow *allow,
    bool start, link_result *result, void *arg)
{
	pub->hub = hub;
	pub->allow = allow;
	return link_open(&pub->link, hub, start, result, arg);
}

const char *
publish_wrong(const struct serve_conf *conf)
{
	if (strcmp(conf->synchronous, "full") != 0 &&
	    strcmp(conf->synchronous, "normal") != 0)
		return "--synchronous: neither full nor normal";
	if (conf->publish && conf->key_file.n == 0 && conf->jwks_file.n == 0)
		return "--publish: takes a token: give a --key-file";
	return NULL;
}

bool
publish_can(const struct serve_conf *conf, int wait_ms, char *why, size_t size)
{
	struct store_batch nothing = {.n = 0, .result = STORE_ERROR};
	struct store *log;
	char no[512] = "";

	log = store_open_within(conf->db, STORE_WRITE, wait_ms, no, sizeof(no));
	if (log != NULL) {
		store_append_all(log, &nothing, 1);
		snprintf(no, sizeof(no), "%s", nothing.why);
		store_close(log);
	}
	snprintf(why, size, "--publish: %s", no);
	return nothing.result == STORE_OK || nothing.result == STORE_BUSY;
}
