/*
 * status_reply.c - the answer to GET and HEAD of /status and /metrics, and who
 * gets it.
 *
 * A web server in front decides by the path as it reads it, and we by the path
 * as we are given it.  The two are not always the same: HAProxy does not decode
 * it, lighttpd cuts it at a `#`.  So what is not for strangers is refused here,
 * unless the web server says with a parameter that this request may have it.  A
 * client cannot set a parameter: the names of all that it sends begin with
 * HTTP_.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/env.h"
#include "fcgi/reply/reply.h"
#include "fcgi/reply/status.h"

bool
status_open(char *const *env)
{
	const char *s = env_value(env, "LARGESSE_STATUS");

	return s != NULL && strcmp(s, "on") == 0;
}

bool
status_send(
    struct hub *hub, const struct peer *peer, struct reply *rp, char *text)
{
	bool sent;

	if (text == NULL)
		return reply_line(hub, peer, 503, "out of memory");
	rp->body = text;
	sent = reply_send(hub, peer, rp);
	free(text);
	return sent;
}

struct peer
status_peer(const struct peer *peer)
{
	struct peer own = *peer;

	own.headers = NULL;
	return own;
}

bool
status_reply(struct hub *hub, const struct peer *peer, const struct request *rq)
{
	const struct peer own = status_peer(peer);
	bool json = rq->path == PATH_STATUS;
	struct reply rp = {.status = 200,
	    .type = json ? "application/json"
			 : "text/plain; version=0.0.4; charset=utf-8"};
	struct status st;
	char *text;

	if (json && rq->named)
		return status_topic_reply(hub, peer, rq);
	status_gather(hub, &st);
	text = json ? status_json(&st, false, &rp.len)
		    : status_metrics(&st, &rp.len);
	return status_send(hub, &own, &rp, text);
}
