/*
 * reply.c - every answer that is not a stream.
 */
#include <stdio.h>
#include <string.h>

#include "fcgi/reply/health.h"
#include "fcgi/reply/reply.h"
#include "fcgi/stream/write.h"

static const char *
status_text(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 204:
		return "No Content";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 410:
		return "Gone";
	case 413:
		return "Content Too Large";
	case 415:
		return "Unsupported Media Type";
	case 503:
		return "Service Unavailable";
	case 507:
		return "Insufficient Storage";
	default:
		return "Internal Server Error";
	}
}

/*
 * The header Content-Length.  Without it a web server has to send the body in
 * chunks, and the last chunk is a write and a packet of its own.  The answer to
 * a HEAD has none, because it may stand for a stream, which has no length.
 */
static const char *
length_header(bool head, const struct reply *rp, char buf[48])
{
	if (head || rp->status == 204)
		return "";
	snprintf(buf, 48, "Content-Length: %zu\r\n", rp->len);
	return buf;
}

bool
reply_send(struct hub *hub, const struct peer *peer, const struct reply *rp)
{
	char *buf = hub->scratch, *text = buf + RECORD_HEADER;
	size_t max = RECORD_MAX, body = peer->head ? 0 : rp->len;
	char length[48];
	int n;

	n = snprintf(text, max,
	    "Status: %d %s\r\nContent-Type: %s\r\n"
	    "Cache-Control: no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n%s%s%s\r\n",
	    rp->status, status_text(rp->status),
	    rp->type == NULL ? "text/plain; charset=utf-8" : rp->type,
	    length_header(peer->head, rp, length),
	    rp->headers == NULL ? "" : rp->headers,
	    peer->headers == NULL ? "" : peer->headers);
	if (n < 0 || (size_t)n + body > max)
		return false;
	memcpy(text + n, rp->body, body);
	n += (int)body;
	return stream_say_last(
	    peer->fd, peer->framed, peer->request_id, buf, (size_t)n);
}

bool
reply_line(
    struct hub *hub, const struct peer *peer, int status, const char *line)
{
	char body[512];
	struct reply rp = {.status = status, .body = body};

	rp.len = (size_t)snprintf(body, sizeof(body), "%.500s\n", line);
	return reply_send(hub, peer, &rp);
}

const char *
reply_allow(const struct hub *hub, const struct request *rq)
{
	return rq->posts_query ||
		       (hub->conf->publish && rq->path == PATH_STREAM)
		   ? "Allow: GET, HEAD, OPTIONS, POST\r\n"
		   : "Allow: GET, HEAD, OPTIONS\r\n";
}

bool
reply_405(struct hub *hub, const struct peer *peer, const struct request *rq,
    const char *more)
{
	const char *allow = reply_allow(hub, rq);
	const char *names = allow + strlen("Allow:");
	char body[256];
	struct reply rp = {.status = 405, .headers = allow, .body = body};

	rp.len = (size_t)snprintf(body, sizeof(body),
	    "only%.*s are understood here%s\n", (int)strcspn(names, "\r"),
	    names, more != NULL ? more : "");
	return reply_send(hub, peer, &rp);
}

bool
reply_refusal(
    struct hub *hub, const struct peer *peer, const struct refusal *no)
{
	char body[512];
	struct reply rp = {
	    .status = no->status, .headers = no->headers, .body = body};

	hub->count.denied += no->status == 401 || no->status == 403;
	rp.len = (size_t)snprintf(body, sizeof(body), "%.500s\n", no->line);
	return reply_send(hub, peer, &rp);
}

static bool
reply_busy(struct hub *hub, const struct peer *peer)
{
	static const char line[] = "busy: come back\n";
	char after[32];
	struct reply rp = {.status = 503,
	    .headers = after,
	    .body = line,
	    .len = sizeof(line) - 1};

	snprintf(after, sizeof(after), "Retry-After: %u\r\n",
	    hub_retry_ms(hub) / 1000 + 1);
	return reply_send(hub, peer, &rp);
}

bool
reply_retry(struct hub *hub, const struct peer *peer, bool bare)
{
	char body[CONTROL_BYE_SIZE];
	struct reply rp = {.status = 200,
	    .type = "text/event-stream",
	    .headers = "X-Accel-Buffering: no\r\n",
	    .body = body};

	hub->count.refused++;
	if (bare)
		return reply_busy(hub, peer);
	rp.len = control_bye(body, hub_retry_ms(hub),
	    hub->closing ? tally_reason(END_SHUTDOWN) : "busy");
	return reply_send(hub, peer, &rp);
}

bool
reply_over(struct hub *hub, const struct peer *peer)
{
	struct reply rp = {.status = 204, .body = ""};

	return reply_send(hub, peer, &rp);
}

bool
reply_gone(struct hub *hub, const struct peer *peer, enum gap_reason reason)
{
	char line[80];

	hub->count.gaps++;
	snprintf(line, sizeof(line), "the place asked for is gone: %s",
	    control_gap_word(reason));
	return reply_line(hub, peer, 410, line);
}

bool
reply_head(struct hub *hub, const struct peer *peer)
{
	struct reply head = {.status = 200,
	    .type = "text/event-stream",
	    .headers = "X-Accel-Buffering: no\r\n",
	    .body = ""};

	return reply_send(hub, peer, &head);
}

/* Which promise it does not keep, without names; NULL: it keeps all. */
static const char *
health_trouble(struct hub *hub)
{
	if (hub->closing)
		return "unavailable: shutting down";
	if (health_why(hub) == NULL)
		return NULL;
	if (hub->health == HEALTH_LOG && store_is_newer(hub->store))
		return "unavailable: the log was made by a newer largesse, "
		       "and this one is to be upgraded";
	return hub->health == HEALTH_LOG
		   ? "unavailable: the log is not read"
		   : "unavailable: streams wait for what they are due";
}

bool
reply_health(struct hub *hub, const struct peer *peer)
{
	const char *trouble = health_trouble(hub);

	return trouble == NULL ? reply_line(hub, peer, 200, "ok")
			       : reply_line(hub, peer, 503, trouble);
}
