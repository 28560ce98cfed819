/*
 * client.c - one connection to the responder, and what comes back on it.
 *
 * No byte is passed over.  A record that is not whole, or not of version 1,
 * fails the test.  The output and the end of the client's own request are kept
 * where want.c looks for them.  Any other record waits for want_record.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

static struct client *clients;

static int
dial_unix(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
dial_port(int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
dial(const struct server *sv)
{
	return sv->port != 0 ? dial_port(sv->port) : dial_unix(sv->socket);
}

bool
can_connect(const struct server *sv)
{
	int fd = dial(sv);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

struct client *
client_of(int fd)
{
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	c->fd = fd;
	c->id = 1;
	c->retry = -1;
	put(&c->out, "", 0);
	put(&c->head, "", 0);
	c->next = clients;
	clients = c;
	return c;
}

struct client *
join(struct server *sv)
{
	int fd = dial(sv);

	if (fd < 0)
		talk_fail("connect to %s (port %d): %s", sv->socket, sv->port,
		    strerror(errno));
	return client_of(fd);
}

bool
say(struct client *c, const struct bytes *b)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n =
		    send(c->fd, b->s + done, b->len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return false;
		if (n < 0)
			talk_fail("the program takes no more than %zu of %zu "
				  "bytes: %s",
			    done, b->len, strerror(errno));
		done += (size_t)n;
	}
	return true;
}

void
leave(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->closed = true;
}

void
clients_sweep(void)
{
	while (clients != NULL) {
		struct client *c = clients;

		clients = c->next;
		leave(c);
		bytes_free(&c->raw);
		bytes_free(&c->odd);
		bytes_free(&c->out);
		bytes_free(&c->head);
		bytes_free(&c->last_id);
		for (size_t i = 0; i < 3; i++)
			bytes_free(&c->field[i]);
		free(c);
	}
}

static struct client *
ask_with(struct server *sv, const char *method, const char *uri,
    const char *body, va_list ap)
{
	struct client *c = join(sv);
	struct bytes b = {0};

	request_put(&b, c->id, 0, method, uri, body, ap);
	say(c, &b);
	bytes_free(&b);
	return c;
}

struct client *
get(struct server *sv, const char *uri, ...)
{
	struct client *c;
	va_list ap;

	va_start(ap, uri);
	c = ask_with(sv, "GET", uri, NULL, ap);
	va_end(ap);
	return c;
}

struct client *
ask(struct server *sv, const char *method, const char *uri, const char *body,
    ...)
{
	struct client *c;
	va_list ap;

	va_start(ap, body);
	c = ask_with(sv, method, uri, body, ap);
	va_end(ap);
	return c;
}

static void
take_end(struct client *c, const uint8_t *content, size_t len)
{
	if (len != 8)
		talk_fail("END_REQUEST of %zu bytes", len);
	if (c->ended)
		talk_fail("END_REQUEST a second time");
	c->ended = true;
	c->app_status = (uint32_t)content[0] << 24 |
			(uint32_t)content[1] << 16 | (uint32_t)content[2] << 8 |
			content[3];
	c->protocol_status = content[4];
}

/* One whole record at r, of len bytes without its padding. */
static void
take_record(struct client *c, const uint8_t *r, size_t len)
{
	int id = r[2] << 8 | r[3];

	if (r[1] == R_STDERR)
		fprintf(
		    stderr, "STDERR: %.*s\n", (int)len, (const char *)r + 8);
	if (id == c->id && (r[1] == R_STDOUT || r[1] == R_STDERR)) {
		if (c->ended)
			talk_fail("output after END_REQUEST");
		if (r[1] == R_STDOUT)
			put(&c->out, r + 8, len);
	} else if (id == c->id && r[1] == R_END) {
		take_end(c, r + 8, len);
	} else {
		put(&c->odd, r, 8 + len);
	}
}

/* Unpacks the whole records among the bytes heard. */
static void
take_records(struct client *c)
{
	size_t at = 0;

	while (c->raw.len - at >= 8) {
		const uint8_t *r = (const uint8_t *)c->raw.s + at;
		size_t len = (size_t)(r[4] << 8 | r[5]), whole = 8 + len + r[6];

		if (r[0] != 1)
			talk_fail("a record of version %d: %s", r[0],
			    shown((const char *)r, c->raw.len - at));
		if (c->raw.len - at < whole)
			break;
		take_record(c, r, len);
		at += whole;
	}
	bytes_cut(&c->raw, at);
}

static bool
await_readable(const struct client *c, int64_t deadline)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	int64_t left = deadline - now_ms();

	return poll(&p, 1, left > 0 ? (int)left : 0) > 0;
}

bool
hear(struct client *c, int64_t deadline)
{
	static char buf[65536];
	ssize_t n;

	if (c->closed || !await_readable(c, deadline))
		return false;
	n = read(c->fd, buf, sizeof(buf));
	if (n <= 0) {
		c->closed = true;
		if (c->raw.len > 0 && !c->may_be_cut)
			talk_fail("closed in the middle of a record: %s",
			    shown(c->raw.s, c->raw.len));
		return false;
	}
	if (c->plain) {
		put(&c->out, buf, (size_t)n);
	} else {
		put(&c->raw, buf, (size_t)n);
		take_records(c);
	}
	return true;
}

struct record
want_record(struct client *c)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	struct record r;
	const uint8_t *s;

	while (c->odd.len == 0)
		if (!hear(c, deadline))
			talk_fail("wanted a record; came nothing%s",
			    c->closed ? " but the end" : "");
	s = (const uint8_t *)c->odd.s;
	r.type = s[1];
	r.id = s[2] << 8 | s[3];
	r.len = (size_t)(s[4] << 8 | s[5]);
	r.content = memcpy(keep(r.len + 1), s + 8, r.len);
	bytes_cut(&c->odd, 8 + r.len);
	return r;
}
