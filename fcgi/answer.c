/*
 * answer.c - a whole request becomes a stream or a reply.
 */
#include "fcgi/answer.h"
#include "fcgi/probe.h"
#include "fcgi/reply.h"
#include "fcgi/start.h"
#include "fcgi/status.h"

static enum answered
said(bool whole)
{
	return whole ? ANSWERED_REPLY : ANSWERED_FAILED;
}

static enum answered
answer_health(struct server *srv, const struct peer *peer)
{
	bool well = store_healthy(srv->store) && !srv->closing;

	return said(reply_line(srv, peer, well ? 200 : 503,
	    well	   ? "ok"
	    : srv->closing ? "shutting down"
			   : store_why(srv->store)));
}

static enum answered
answer_stream(
    struct server *srv, const struct peer *peer, const struct request *rq)
{
	struct stream_start start = {.fd = peer->fd,
	    .request_id = peer->request_id,
	    .framed = peer->framed,
	    .keep_conn = peer->keep_conn,
	    .request = rq};

	if (srv->closing || srv->nstreams >= srv->max_streams ||
	    start_find(srv, rq, &start) != STORE_OK)
		return said(reply_retry(srv, peer));
	stream_open(srv, &start);
	return ANSWERED_STREAM;
}

static enum answered
answer_method(
    struct server *srv, const struct peer *peer, const struct request *rq)
{
	struct reply head = {.status = 200,
	    .type = "text/event-stream",
	    .headers = "X-Accel-Buffering: no\r\n",
	    .body = "",
	    .head = true};
	struct reply options = {.status = 204,
	    .headers = "Allow: GET, HEAD, OPTIONS\r\n",
	    .body = ""};

	switch (rq->method) {
	case METHOD_GET:
		return answer_stream(srv, peer, rq);
	case METHOD_HEAD:
		return said(reply_send(srv, peer, &head));
	case METHOD_OPTIONS:
		return said(reply_send(srv, peer, &options));
	default:
		return said(reply_line(
		    srv, peer, 405, "only GET and HEAD are understood here"));
	}
}

/* Only GET makes one: the rest is as for a stream. */
static enum answered
answer_probe(struct server *srv, const struct peer *peer,
    const struct request *rq, char *const *env)
{
	if (rq->method == METHOD_GET)
		return probe_open(srv, peer, rq, env);
	return answer_method(srv, peer, rq);
}

/* A page to be read, and nothing else. */
static enum answered
answer_status(
    struct server *srv, const struct peer *peer, const struct request *rq)
{
	if (rq->method == METHOD_GET || rq->method == METHOD_HEAD)
		return said(status_reply(srv, peer, rq));
	return answer_method(srv, peer, rq);
}

static enum answered
answer_request(struct server *srv, const struct peer *peer,
    const struct request *rq, char *const *env)
{
	switch (rq->path) {
	case PATH_STREAM:
		return answer_method(srv, peer, rq);
	case PATH_HEALTH:
		return answer_health(srv, peer);
	case PATH_STATUS:
	case PATH_METRICS:
		return answer_status(srv, peer, rq);
	case PATH_PROBE:
		return answer_probe(srv, peer, rq, env);
	default:
		return said(reply_line(srv, peer, 404, "no such page here"));
	}
}

enum answered
answer(struct server *srv, const struct peer *peer, char *const *env,
    bool too_long)
{
	enum answered done;
	struct request rq;
	const char *why;
	int status;

	srv->count.requests++;
	status = request_read(&rq, env, srv->conf.max_topics, &why);
	if (status == 0 && too_long) {
		status = 413;
		why = "the request body is over the limit";
	}
	done = status != 0 ? said(reply_line(srv, peer, status, why))
			   : answer_request(srv, peer, &rq, env);
	request_free(&rq);
	return done;
}
