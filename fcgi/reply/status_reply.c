/*
 * status_reply.c - the answer to GET and HEAD of /status and /metrics.
 */
#include <stdlib.h>

#include "fcgi/reply/reply.h"
#include "fcgi/reply/status.h"

bool
status_reply(struct hub *hub, const struct peer *peer, const struct request *rq)
{
	bool json = rq->path == PATH_STATUS, sent;
	struct reply rp = {.status = 200,
	    .type = json ? "application/json"
			 : "text/plain; version=0.0.4; charset=utf-8",
	    .head = rq->method == METHOD_HEAD};
	struct status st;
	char *text;

	status_gather(hub, &st);
	text = json ? status_json(&st, &rp.len) : status_metrics(&st, &rp.len);
	if (text == NULL)
		return reply_line(hub, peer, 503, "out of memory");
	rp.body = text;
	sent = reply_send(hub, peer, &rp);
	free(text);
	return sent;
}
