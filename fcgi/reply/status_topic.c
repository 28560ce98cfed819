/*
 * status_topic.c - how many streams a topic has, for whoever publishes to it.
 *
 * A producer that costs money may pause while nobody listens.  To ask costs a
 * look at a few counters, and nothing is counted that was not counted anyway.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/json.h"
#include "fcgi/reply/reply.h"
#include "fcgi/reply/status.h"

int
status_topic_allowed(struct hub *hub, struct allow *allow,
    const struct request *rq, struct refusal *no)
{
	struct who who;
	int status = allow_who(allow, hub->store, rq, &who, no);

	if (status == 0 &&
	    (who.by == ALLOW_BY_NOTHING || who.by == ALLOW_BY_SERVER ||
		who.by == ALLOW_BY_SITE))
		status = 404;
	if (status == 0)
		status =
		    allow_topic(allow, &who, ALLOW_PUBLISH, &rq->topics[0], no);
	else if (status != 503)
		status = 404; /* the token is not valid */
	allow_who_free(&who);
	return status;
}

/* Of all workers.  Of the others it may be too large (listeners.h). */
static uint64_t
listeners(const struct hub *hub, const struct request_topic *topic)
{
	uint64_t n = topics_listeners(&hub->topics, topic->name, topic->len);

	if (hub->tallies != NULL)
		n += listeners_others(hub->tallies->listeners, hub->worker,
		    topic->name, topic->len);
	return n;
}

/* The text, which the caller frees, with a line end; NULL without memory. */
static char *
make_text(const struct hub *hub, const struct request_topic *topic, size_t *len)
{
	json_t *j = json_object();
	char *text;

	json_object_set_new(j, "topic", json_stringn(topic->name, topic->len));
	json_object_set_new(
	    j, "streams", json_integer((json_int_t)listeners(hub, topic)));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	*len = text != NULL ? strlen(text) : 0;
	if (text != NULL)
		text[(*len)++] = '\n'; /* takes the place of the NUL */
	return text;
}

bool
status_topic_reply(
    struct hub *hub, const struct peer *peer, const struct request *rq)
{
	struct reply rp = {.status = 200, .type = "application/json"};
	char *text;

	if (rq->ntopics != 1 || rq->topics[0].prefix)
		return reply_line(
		    hub, peer, 400, "topic: one exact name, without `*'");
	text = make_text(hub, &rq->topics[0], &rp.len);
	return status_send(hub, peer, &rp, text);
}
