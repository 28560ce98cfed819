/*
 * browsers.c - streams that share connections of HTTP/2.
 *
 * nghttp2 does HTTP/2: frames, the compression of headers, the windows.  What
 * it finds is passed to the streams of the crowd.
 */
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "browsers.h"
#include "wire.h"

enum {
	WINDOW = 6 * 1024 * 1024 /* as Chromium has it */
};

struct browser {
	struct crowd *crowd;
	struct stream *first;
	size_t n;
	int fd;
	SSL *ssl;
	nghttp2_session *session; /* after the handshake */
};

static void
browser_watch(struct browser *b, int op, uint32_t events)
{
	crowd_watch(b->crowd, op, b->fd, events, crowd_mark_browser(b));
}

static void
browser_lost(struct browser *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		crowd_end(b->crowd, &b->first[i]);
	epoll_ctl(b->crowd->ep, EPOLL_CTL_DEL, b->fd, NULL);
}

static ssize_t
said(nghttp2_session *session, const uint8_t *buf, size_t len, int flags,
    void *arg)
{
	struct browser *b = arg;
	ssize_t n = wire_send(b->ssl, b->fd, buf, len);

	(void)session, (void)flags;
	if (n >= 0)
		return n;
	return errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK
			       : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static ssize_t
heard(nghttp2_session *session, uint8_t *buf, size_t len, int flags, void *arg)
{
	struct browser *b = arg;
	ssize_t n = wire_recv(b->ssl, b->fd, buf, len);

	(void)session, (void)flags;
	b->crowd->now = tally_now();
	if (n > 0) {
		b->crowd->tally.reads++;
		return n;
	}
	return n < 0 && errno == EAGAIN ? NGHTTP2_ERR_WOULDBLOCK
					: NGHTTP2_ERR_EOF;
}

static int
header_came(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_len, const uint8_t *value,
    size_t value_len, uint8_t flags, void *arg)
{
	struct browser *b = arg;
	struct stream *s =
	    nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	(void)value_len, (void)flags;
	if (s != NULL && s->fd >= 0 && name_len == 7 &&
	    memcmp(name, ":status", 7) == 0)
		crowd_status(b->crowd, s, (uint16_t)atoi((const char *)value));
	return 0;
}

static int
bytes_came(nghttp2_session *session, uint8_t flags, int32_t id,
    const uint8_t *bytes, size_t len, void *arg)
{
	struct browser *b = arg;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void)flags;
	if (s != NULL && s->fd >= 0)
		crowd_bytes(b->crowd, s, (const char *)bytes, len);
	return 0;
}

static int
stream_closed(
    nghttp2_session *session, int32_t id, uint32_t error_code, void *arg)
{
	struct browser *b = arg;
	struct stream *s = nghttp2_session_get_stream_user_data(session, id);

	(void)error_code;
	if (s != NULL)
		crowd_end(b->crowd, s);
	return 0;
}

static nghttp2_session *
session_new(struct browser *b)
{
	nghttp2_settings_entry settings[] = {
	    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
	    {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
	nghttp2_session_callbacks *calls;
	nghttp2_session *session;

	if (nghttp2_session_callbacks_new(&calls) != 0)
		abort();
	nghttp2_session_callbacks_set_send_callback(calls, said);
	nghttp2_session_callbacks_set_recv_callback(calls, heard);
	nghttp2_session_callbacks_set_on_header_callback(calls, header_came);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
	    calls, bytes_came);
	nghttp2_session_callbacks_set_on_stream_close_callback(
	    calls, stream_closed);
	if (nghttp2_session_client_new(&session, calls, b) != 0)
		abort();
	nghttp2_session_callbacks_del(calls);
	nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2);
	nghttp2_session_set_local_window_size(
	    session, NGHTTP2_FLAG_NONE, 0, WINDOW);
	return session;
}

static nghttp2_nv
header(const char *name, const char *value)
{
	nghttp2_nv nv = {.name = (uint8_t *)(uintptr_t)name,
	    .value = (uint8_t *)(uintptr_t)value,
	    .namelen = strlen(name),
	    .valuelen = strlen(value)};

	return nv;
}

static void
browser_asks(struct browser *b)
{
	char target[CROWD_TARGET];
	size_t i;

	b->session = session_new(b);
	for (i = 0; i < b->n; i++) {
		struct stream *s = &b->first[i];
		nghttp2_nv headers[] = {header(":method", "GET"),
		    header(":scheme", "https"),
		    header(":authority", "localhost"),
		    header(":path", crowd_target(b->crowd, s, target)),
		    header("accept", "text/event-stream")};

		if (nghttp2_submit_request(
			b->session, NULL, headers, 5, NULL, s) < 0)
			crowd_end(b->crowd, s);
	}
}

/* Connected: the handshake comes before the requests. */
static void
browser_greets(struct browser *b)
{
	if (b->ssl == NULL)
		b->ssl = wire_new(b->crowd->tls, b->fd, true);
	switch (wire_greet(b->ssl)) {
	case WIRE_OPEN:
		browser_asks(b);
		break;
	case WIRE_WANTS_READ:
		browser_watch(b, EPOLL_CTL_MOD, EPOLLIN);
		break;
	case WIRE_WANTS_WRITE:
		browser_watch(b, EPOLL_CTL_MOD, EPOLLOUT);
		break;
	default:
		browser_lost(b);
	}
}

void
browser_ready(struct browser *b)
{
	if (b->session == NULL) {
		browser_greets(b);
		if (b->session == NULL)
			return;
	}
	if (nghttp2_session_recv(b->session) != 0 ||
	    nghttp2_session_send(b->session) != 0) {
		browser_lost(b);
		return;
	}
	browser_watch(b, EPOLL_CTL_MOD,
	    nghttp2_session_want_write(b->session) ? EPOLLIN | EPOLLOUT
						   : EPOLLIN);
}

void
browser_begin(struct crowd *c, struct stream *first, size_t n)
{
	struct browser *b = calloc(1, sizeof(*b));
	size_t i;

	if (b == NULL)
		abort();
	b->crowd = c;
	b->first = first;
	b->n = n;
	b->fd = crowd_connect(
	    c, (size_t)(first - c->groups[first->group].streams), false);
	for (i = 0; i < n; i++) {
		first[i].fd = b->fd;
		first[i].browser = b;
		c->underway++;
	}
	browser_watch(b, EPOLL_CTL_ADD, EPOLLOUT);
}

void
browser_free(struct browser *b)
{
	if (b->session != NULL)
		nghttp2_session_del(b->session);
	SSL_free(b->ssl);
	close(b->fd);
	free(b);
}
