/*
 * answer.c - turns a whole request into a stream or a reply.
 *
 * A request goes one way: first auth/ finds out who asks and what the client
 * may do, then stream/, reply/ or publish/ answers.
 */
#include "fcgi/auth/allow.h"
#include "fcgi/reply/reply.h"
#include "fcgi/reply/status.h"
#include "fcgi/serve/answer.h"
#include "fcgi/stream/start.h"

/*
 * How long the client may stay; 0: for ever.  A token that has expired already
 * gives one ms.
 */
static uint64_t
life(const struct who *who)
{
	int64_t left;

	if (who->ends_ms == 0)
		return 0;
	left = who->ends_ms - clock_wall_ms();
	if (left > WHEEL_FAR_MS)
		return 0;
	return left > 0 ? (uint64_t)left : 1;
}

/* Tells the client of a stream to come back. */
static enum answered
send_away(struct server *srv, const struct peer *peer, const struct request *rq)
{
	return answered(reply_retry(&srv->hub, peer, rq->form.bare));
}

/*
 * The log cannot answer now.  Let the request wait for the log, or tell the
 * client to come back.
 */
static enum answered
wait_or_retry(struct server *srv, const struct peer *peer,
    const struct request *rq, bool later)
{
	if (later && peer->may_wait)
		return ANSWERED_WAIT;
	return send_away(srv, peer, rq);
}

/* The client of this request has made us work since it began. */
static void
spend(struct server *srv, const struct request *rq, uint64_t began)
{
	struct address address = callers_address(&srv->hub.callers, rq);
	uint64_t now = uv_hrtime();

	share_spend(&srv->hub.shares, &address, now, now - began);
}

/* Has it had more than its share of our work? */
static bool
over_share(const struct server *srv, const struct request *rq)
{
	struct address address = callers_address(&srv->hub.callers, rq);

	return share_over(&srv->hub.shares, &address, uv_hrtime());
}

/* Finds the place of a stream; the time is its client's. */
static enum store_result
seek_start(struct server *srv, const struct request *rq,
    struct start_come *come, struct stream_start *start)
{
	uint64_t began = uv_hrtime();
	enum store_result r = start_find(&srv->hub, rq, come, start);

	if (rq->start != START_NOW || rq->form.active)
		spend(srv, rq, began);
	return r;
}

/* Opens a stream for a client that may read what it asks for. */
static enum answered
open_stream(struct server *srv, struct answering *a, const struct request *rq,
    const struct who *who)
{
	const struct peer *peer = &a->peer;
	struct stream_start start = {.fd = peer->fd,
	    .request_id = peer->request_id,
	    .framed = peer->framed,
	    .keep_conn = peer->keep_conn,
	    .unread = peer->unread > 0,
	    .headers = peer->headers,
	    .came_ms = peer->came_ms,
	    .lives_ms = life(who),
	    .request = rq};
	enum store_result r;
	bool cold;

	do
		r = seek_start(srv, rq, &a->come, &start);
	while (r == STORE_AGAIN && srv->plain);
	if (r == STORE_AGAIN && peer->may_wait)
		return ANSWERED_TURN;
	if (r == STORE_LATER)
		return wait_or_retry(srv, peer, rq, true);
	if (r == STORE_OK && start.over)
		return answered(reply_over(&srv->hub, peer));
	if (r == STORE_OK && rq->form.bare && start.gap != GAP_NONE)
		return answered(reply_gone(&srv->hub, peer, start.gap));
	cold = store_id_cmp(start.id, srv->hub.head) < 0;
	if (r != STORE_OK || callers_join(&srv->hub.callers, rq, who->subject,
				 who->subject_len, cold, &start.caller) == -1)
		return send_away(srv, peer, rq);
	stream_open(&srv->hub, &start);
	return ANSWERED_STREAM;
}

/*
 * Is there no room for a stream?  This is asked first, so that a request over
 * the limit does not cost a look at its token.
 */
static bool
over_limit(const struct server *srv, const struct request *rq)
{
	return srv->hub.closing ||
	       srv->hub.now.streams >= srv->hub.max_streams ||
	       callers_full(&srv->hub.callers, rq) || over_share(srv, rq);
}

/* Answers GET, and HEAD with the same refusals. */
static enum answered
answer_stream(struct server *srv, struct answering *a, struct request *rq)
{
	const struct peer *peer = &a->peer;
	bool head = rq->method == METHOD_HEAD;
	uint64_t began = uv_hrtime();
	enum answered done;
	struct refusal no;
	struct who who;
	int status;

	if (!head && over_limit(srv, rq))
		return send_away(srv, peer, rq);
	/* All who ask in one poll phase see one state of the log (loop.c). */
	store_hold(srv->hub.store);
	if (head && over_share(srv, rq)) /* what GET would be told */
		return answered(reply_head(&srv->hub, peer));
	status = allow_stream(srv->allow, srv->hub.store, rq, &who, &no);
	if (status != 0)
		spend(srv, rq, began);
	if (status == 503)
		done = wait_or_retry(srv, peer, rq, no.later);
	else if (status != 0)
		done = answered(reply_refusal(&srv->hub, peer, &no));
	else
		done = head ? answered(reply_head(&srv->hub, peer))
			    : open_stream(srv, a, rq, &who);
	allow_who_free(&who);
	return done;
}

/* Answers methods other than GET and HEAD. */
static enum answered
answer_other(
    struct server *srv, const struct peer *peer, const struct request *rq)
{
	struct reply options = {
	    .status = 204, .headers = reply_allow(&srv->hub, rq), .body = ""};

	if (rq->method == METHOD_OPTIONS)
		return answered(reply_send(&srv->hub, peer, &options));
	return answered(reply_405(&srv->hub, peer, rq, NULL));
}

/* Only GET opens a probe. */
static enum answered
answer_probe(struct server *srv, const struct peer *peer,
    const struct request *rq, char *const *env)
{
	if (rq->method == METHOD_HEAD)
		return answered(reply_head(&srv->hub, peer));
	return probe_open(&srv->probes, peer, rq, env);
}

static enum answered
answer_get(struct server *srv, struct answering *a, struct request *rq,
    char *const *env)
{
	const struct peer *peer = &a->peer;

	switch (rq->path) {
	case PATH_HEALTH:
		return answered(reply_health(&srv->hub, peer));
	case PATH_STREAM:
		return answer_stream(srv, a, rq);
	case PATH_STATUS:
		if (watch_wanted(peer, rq, env))
			return watch_open(&srv->watches, peer);
		return answered(status_reply(&srv->hub, peer, rq));
	case PATH_METRICS:
		return answered(status_reply(&srv->hub, peer, rq));
	default:
		return answer_probe(srv, peer, rq, env);
	}
}

/* Is there such a page for this request? */
static bool
is_page(const struct request *rq, char *const *env)
{
	if (rq->path == PATH_STATUS || rq->path == PATH_METRICS)
		return status_open(env);
	return rq->path != PATH_UNKNOWN;
}

/*
 * One line for every page that is not here, whoever asks and with whatever
 * token: the owner reads where the status is, and a stranger learns nothing.
 * The doctor knows it by its first words (absent.c).
 */
static bool
reply_no_page(struct server *srv, const struct peer *peer)
{
	return reply_line(&srv->hub, peer, 404,
	    srv->plain ? "no such page here"
		       : "no such page here; status and metrics are on a port "
			 "of their own: status.conf");
}

/*
 * A page that is not open to this request.  Of one topic, /status tells how
 * many streams it has also to those who publish to it.
 */
static enum answered
answer_closed(struct server *srv, struct answering *a, struct request *rq)
{
	const struct peer *peer = &a->peer;
	uint64_t began = uv_hrtime();
	struct refusal no;
	int status = 404;

	if (rq->path == PATH_STATUS && rq->named &&
	    (rq->method == METHOD_GET || rq->method == METHOD_HEAD) &&
	    !over_share(srv, rq)) {
		status = status_topic_allowed(&srv->hub, srv->allow, rq, &no);
		if (status != 0)
			spend(srv, rq, began);
	}
	if (status == 0)
		return answered(status_topic_reply(&srv->hub, peer, rq));
	if (status == 404)
		return answered(reply_no_page(srv, peer));
	if (status == 503 && no.later && peer->may_wait)
		return ANSWERED_WAIT;
	return answered(reply_refusal(&srv->hub, peer, &no));
}

static enum answered
answer_post(struct server *srv, struct answering *a, struct request *rq)
{
	uint64_t began = uv_hrtime(), denied = srv->hub.count.denied;
	enum answered done;

	if (over_share(srv, rq))
		return answered(publish_busy(&srv->pub, &a->peer));
	done = publish(&srv->pub, &a->peer, rq, &a->ticket);
	if (srv->hub.count.denied != denied)
		spend(srv, rq, began);
	return done;
}

static enum answered
answer_request(struct server *srv, struct answering *a, struct request *rq,
    char *const *env)
{
	const struct peer *peer = &a->peer;

	if (!is_page(rq, env))
		return answer_closed(srv, a, rq);
	if (rq->method == METHOD_POST && rq->posts_query)
		return answer_stream(srv, a, rq);
	if (rq->method == METHOD_POST && rq->path == PATH_STREAM)
		return answer_post(srv, a, rq);
	if (rq->method != METHOD_GET && rq->method != METHOD_HEAD)
		return answer_other(srv, peer, rq);
	return answer_get(srv, a, rq, env);
}

enum answered
answer(struct server *srv, struct answering *a, char *const *env, bool too_long)
{
	const struct request_body body = {a->peer.body, a->peer.body_len};
	enum answered done;
	struct request rq;
	const char *why, *wrong;
	int status;

	srv->hub.count.requests++;
	if (a->peer.may_wait && !srv->plain && turn_spent(&srv->hub.turn))
		return ANSWERED_TURN;
	status = request_read(&rq, env, &body, srv->conf.max_topics, &why);
	a->peer.head = rq.method == METHOD_HEAD;
	a->peer.headers =
	    origin_headers(&srv->conf.allow_origin, &rq, a->headers);
	if (!rq.form.said)
		rq.form.bare = srv->bare;
	if (status == 0 && too_long) {
		status = 413;
		why = "the request body is over the limit";
	} else if (status == 0 && (wrong = request_way_wrong(&rq)) != NULL) {
		status = 400;
		why = wrong;
	}
	done = status != 0
		   ? answered(reply_line(&srv->hub, &a->peer, status, why))
		   : answer_request(srv, a, &rq, env);
	request_free(&rq);
	return done;
}
