/*
 * write.c - the one place that writes to a client's descriptor.
 *
 * A write never waits.  What the socket did not take is not kept.  Only the
 * length of the record that it belongs to is kept, and the bytes are found
 * again in the window or the log.
 */
#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "fcgi/stream/slow.h"
#include "fcgi/stream/write.h"

enum {
	TAKE_BYTES = 4096 /* at once */
};

bool
stream_say(int fd, const void *bytes, size_t len)
{
	ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n == -1 && errno == ENOTSOCK)
		n = write(fd, bytes, len);
	return n == (ssize_t)len;
}

void
stream_take(int fd, size_t len)
{
	char buf[TAKE_BYTES];
	ssize_t n = 1;

	for (; len > 0 && n > 0; len -= n > 0 ? (size_t)n : 0)
		n = recv(fd, buf, len < sizeof(buf) ? len : sizeof(buf),
		    MSG_DONTWAIT);
}

bool
stream_say_last(int fd, bool framed, uint16_t request_id, char *buf, size_t len)
{
	if (!framed)
		return stream_say(fd, buf + RECORD_HEADER, len);
	record_header((uint8_t *)buf, request_id, (uint16_t)len);
	len += RECORD_HEADER;
	record_end((uint8_t *)buf + len, request_id);
	return stream_say(fd, buf, len + RECORD_END_SIZE);
}

static void
set_blocked(struct hub *hub, struct stream *s)
{
	uint32_t stall = wheel_ticks(hub->conf->stall_ms);
	uint32_t now = wheel_now(&hub->wheel);

	if (!s->blocked)
		slow_begins(hub, s);
	s->blocked = true;
	hub->count.blocked++;
	if (stall > 0 && s->conn.due > now + stall)
		wheel_set(&hub->wheel, &s->conn, now + stall);
	if (s->wants_out)
		return;
	s->wants_out = true;
	if (poller_out(&hub->poller, &s->conn, s->conn.fd, true) == -1)
		s->failed = true;
}

void
stream_want_no_room(struct hub *hub, struct stream *s)
{
	s->wants_out = false;
	poller_out(&hub->poller, &s->conn, s->conn.fd, false);
}

bool
stream_put_last(struct hub *hub, struct stream *s, char *buf, size_t len)
{
	uint8_t *record = (uint8_t *)buf;
	size_t from = len > 0 ? 0 : RECORD_HEADER;
	ssize_t n;

	if (!s->framed) {
		n = len > 0 ? write(s->conn.fd, buf + RECORD_HEADER, len) : 0;
	} else {
		record_header(record, s->request_id, (uint16_t)len);
		record_end(record + RECORD_HEADER + len, s->request_id);
		len += RECORD_HEADER + RECORD_END_SIZE - from;
		n = send(
		    s->conn.fd, buf + from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (n == (ssize_t)len)
		return true;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		set_blocked(hub, s);
	else
		s->failed = true;
	return false;
}

static ssize_t
write_pieces(struct stream *s, struct iovec *iov, int n)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};

	return s->framed
		   ? sendmsg(s->conn.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)
		   : writev(s->conn.fd, iov, n);
}

/*
 * After a write of a header of head_len bytes and content of len bytes: wrote
 * bytes were taken, or it is -1 with errno.  Returns how much content went out.
 */
static size_t
wrote_some(struct hub *hub, struct stream *s, ssize_t wrote, size_t head_len,
    size_t len)
{
	size_t sent;

	if (wrote == -1) {
		if (errno == EAGAIN || errno == EINTR) {
			set_blocked(hub, s);
			return 0;
		}
		s->failed = true;
		s->left = errno == EPIPE || errno == ECONNRESET;
		return 0;
	}
	sent = s->framed ? record_sent(&s->record, head_len, len, (size_t)wrote)
			 : (size_t)wrote;
	s->written = wheel_now(&hub->wheel);
	hub->count.bytes += sent;
	if (sent < len)
		set_blocked(hub, s);
	return sent;
}

size_t
stream_put(
    struct hub *hub, struct stream *s, struct iovec *iov, int n, size_t len)
{
	uint8_t head[RECORD_HEADER];
	size_t head_len = 0;
	ssize_t wrote;

	if (s->framed)
		head_len = record_frame(&s->record, s->request_id, len, head);
	iov[0] = (struct iovec){head, head_len};
	wrote = head_len > 0 ? write_pieces(s, iov, n + 1)
			     : write_pieces(s, iov + 1, n);
	iov[0] = (struct iovec){NULL, 0};
	hub->count.writes++;
	return wrote_some(hub, s, wrote, head_len, len);
}

size_t
stream_put_record(
    struct hub *hub, struct stream *s, const uint8_t *record, size_t len)
{
	ssize_t wrote = send(s->conn.fd, record, RECORD_HEADER + len,
	    MSG_DONTWAIT | MSG_NOSIGNAL);

	hub->count.writes++;
	return wrote_some(hub, s, wrote, RECORD_HEADER, len);
}

size_t
stream_put_text(struct hub *hub, struct stream *s, const char *text, size_t len)
{
	struct iovec iov[2];
	size_t part, sent, done = 0;

	while (done < len) {
		part = len - done;
		if (s->framed && part > record_room(&s->record))
			part = record_room(&s->record);
		iov[1].iov_base = (void *)(uintptr_t)(text + done);
		iov[1].iov_len = part;
		sent = stream_put(hub, s, iov, 1, part);
		done += sent;
		if (sent < part)
			break;
	}
	return done;
}

bool
stream_put_control(
    struct hub *hub, struct stream *s, const char *text, size_t len)
{
	size_t done = stream_put_text(hub, s, text, len);

	if (done < len && (done > 0 || s->record.header_left > 0))
		s->failed = true;
	return done == len;
}
