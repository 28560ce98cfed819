/*
 * reply.c - every answer that is not a stream.
 */
#include <stdio.h>
#include <string.h>

#include "fcgi/window/control.h"
#include "fcgi/window/record.h"
#include "fcgi/reply/reply.h"
#include "fcgi/stream/stream.h"

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
 * How long the body is.  Without it a web server has to send one in chunks,
 * the last of which is a write and a packet of its own.  What answers a HEAD
 * may stand for a stream, which has no length.
 */
static const char *
length_header(const struct reply *rp, char buf[48])
{
	if (rp->head || rp->status == 204)
		return "";
	snprintf(buf, 48, "Content-Length: %zu\r\n", rp->len);
	return buf;
}

/* Cuts what stands from buf + RECORD_HEADER on into records, in place. */
static size_t
frame(uint8_t *buf, size_t len, uint16_t id)
{
	record_header(buf, id, (uint16_t)len);
	record_end(buf + RECORD_HEADER + len, id);
	return RECORD_HEADER + len + RECORD_END_SIZE;
}

bool
reply_send(struct server *srv, const struct peer *peer, const struct reply *rp)
{
	char *buf = srv->scratch, *text = buf + RECORD_HEADER;
	size_t max = RECORD_MAX, body = rp->head ? 0 : rp->len;
	char length[48];
	int n;

	n = snprintf(text, max,
	    "Status: %d %s\r\nContent-Type: %s\r\n"
	    "Cache-Control: no-store\r\n%s%s%s\r\n",
	    rp->status, status_text(rp->status),
	    rp->type == NULL ? "text/plain; charset=utf-8" : rp->type,
	    length_header(rp, length), rp->headers == NULL ? "" : rp->headers,
	    peer->headers == NULL ? "" : peer->headers);
	if (n < 0 || (size_t)n + body > max)
		return false;
	memcpy(text + n, rp->body, body);
	n += (int)body;
	if (!peer->framed)
		return stream_say(peer->fd, text, (size_t)n);
	return stream_say(
	    peer->fd, buf, frame((uint8_t *)buf, (size_t)n, peer->request_id));
}

bool
reply_line(
    struct server *srv, const struct peer *peer, int status, const char *line)
{
	char body[512];
	struct reply rp = {.status = status, .body = body};

	rp.len = (size_t)snprintf(body, sizeof(body), "%.500s\n", line);
	return reply_send(srv, peer, &rp);
}

const char *
reply_allow(const struct server *srv, const struct request *rq)
{
	return srv->conf.publish && rq->path == PATH_STREAM
		   ? "Allow: GET, HEAD, OPTIONS, POST\r\n"
		   : "Allow: GET, HEAD, OPTIONS\r\n";
}

bool
reply_405(struct server *srv, const struct peer *peer, const struct request *rq,
    const char *line)
{
	struct reply rp = {.status = 405,
	    .headers = reply_allow(srv, rq),
	    .body = line,
	    .len = strlen(line)};

	return reply_send(srv, peer, &rp);
}

bool
reply_refusal(struct server *srv, const struct peer *peer,
    const struct refusal *no, bool head)
{
	char body[512];
	struct reply rp = {.status = no->status,
	    .headers = no->headers,
	    .body = body,
	    .head = head};

	srv->count.denied += no->status == 401 || no->status == 403;
	rp.len = (size_t)snprintf(body, sizeof(body), "%.500s\n", no->line);
	return reply_send(srv, peer, &rp);
}

bool
reply_retry(struct server *srv, const struct peer *peer)
{
	char body[CONTROL_BYE_SIZE];
	struct reply rp = {.status = 200,
	    .type = "text/event-stream",
	    .headers = "X-Accel-Buffering: no\r\n",
	    .body = body};

	srv->count.refused++;
	rp.len = control_bye(body, server_retry(srv));
	return reply_send(srv, peer, &rp);
}
