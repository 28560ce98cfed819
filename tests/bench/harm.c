/*
 * harm.c - strangers who ask the worst that they may, as fast as they can.
 *
 * usage: harm QUESTIONS SOCKET PORT
 *        harm status SOCKET	prints what /status says, and ends
 *
 * QUESTIONS is a file of lines `METHOD TARGET TOKEN BODY`, the last two `-`
 * for none.  Each connection asks the next of them, reads the answer, goes and
 * comes again.  A stream is left after a while.  What is asked over SOCKET
 * (FastCGI, without a web server) comes from another address each time.
 *
 * Commands on stdin, each answered with a JSON object:
 *
 *   harm RAW WEB SECONDS	so many connections over SOCKET, and to PORT
 *   quit
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "tally.h"

enum {
	CONNECTIONS = 256,
	QUESTIONS = 256,
	TEXT = 4096,
	HOLD_NS = 30 * 1000 * 1000 /* before a stream is left */
};

struct question {
	char method[16], target[1024], token[2048], body[256];
};

struct conn {
	int fd;
	bool raw;
	uint64_t began_ns; /* when the first bytes of the answer came, or 0 */
};

struct harm {
	struct question question[QUESTIONS];
	size_t nquestions, next;
	struct sockaddr_un socket;
	struct sockaddr_in web;
	int ep;
	struct conn conn[CONNECTIONS];
	size_t nconns;
	uint64_t asked, answered, failed;
	unsigned address;
};

static void
fail(const char *what, const char *why)
{
	printf("{\"error\":\"%s: %s\"}\n", what, why);
	exit(1);
}

/* --- what is asked ------------------------------------------------------- */

static size_t
put_pair(char *p, const char *name, const char *value)
{
	size_t n = strlen(name), v = strlen(value), len = 0;

	p[len++] = (char)n;
	if (v > 127) {
		p[len++] = (char)(0x80 | v >> 24);
		p[len++] = (char)(v >> 16);
		p[len++] = (char)(v >> 8);
	}
	p[len++] = (char)v;
	memcpy(p + len, name, n);
	memcpy(p + len + n, value, v);
	return len + n + v;
}

static size_t
put_record(char *p, int type, const char *content, size_t len)
{
	const char head[8] = {
	    1, (char)type, 0, 1, (char)(len >> 8), (char)len, 0, 0};

	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), content, len);
	return sizeof(head) + len;
}

/* A request of FastCGI, as a web server would pass it on. */
static size_t
raw_request(struct harm *h, const struct question *q, char *out)
{
	static const char begin[8] = {0, 1, 0, 0, 0, 0, 0, 0};
	const char *query = strchr(q->target, '?');
	char params[2 * TEXT], number[32], token[2100];
	size_t len = 0, n = 0;

	len += put_pair(params + len, "REQUEST_METHOD", q->method);
	len += put_pair(params + len, "REQUEST_URI", q->target);
	len += put_pair(params + len, "SCRIPT_NAME", "/events");
	len += put_pair(params + len, "QUERY_STRING", query ? query + 1 : "");
	h->address = h->address * 1103515245 + 12345;
	snprintf(number, sizeof(number), "198.%u.%u.%u", h->address >> 24,
	    h->address >> 16 & 255, h->address >> 8 & 255);
	len += put_pair(params + len, "REMOTE_ADDR", number);
	len += put_pair(params + len, "LARGESSE_STATUS", "on");
	if (q->token[0] != '-') {
		snprintf(token, sizeof(token), "Bearer %s", q->token);
		len += put_pair(params + len, "HTTP_AUTHORIZATION", token);
	}
	if (q->body[0] != '-') {
		snprintf(number, sizeof(number), "%zu", strlen(q->body));
		len += put_pair(params + len, "CONTENT_LENGTH", number);
	}
	n += put_record(out + n, 1, begin, sizeof(begin));
	n += put_record(out + n, 4, params, len);
	n += put_record(out + n, 4, "", 0);
	if (q->body[0] != '-')
		n += put_record(out + n, 5, q->body, strlen(q->body));
	return n + put_record(out + n, 5, "", 0);
}

static size_t
web_request(const struct question *q, char *out)
{
	bool token = q->token[0] != '-', body = q->body[0] != '-';

	return (size_t)snprintf(out, 4 * TEXT,
	    "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	    "%s%s%sContent-Length: %zu\r\n\r\n%s",
	    q->method, q->target, token ? "Authorization: Bearer " : "",
	    token ? q->token : "", token ? "\r\n" : "",
	    body ? strlen(q->body) : 0, body ? q->body : "");
}

/* --- connections ---------------------------------------------------------- */

static void
ask(struct harm *h, struct conn *c)
{
	const struct question *q = &h->question[h->next++ % h->nquestions];
	const struct sockaddr *to =
	    c->raw ? (struct sockaddr *)&h->socket : (struct sockaddr *)&h->web;
	socklen_t size = c->raw ? sizeof(h->socket) : sizeof(h->web);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	char out[4 * TEXT];
	size_t len = c->raw ? raw_request(h, q, out) : web_request(q, out);

	c->began_ns = 0;
	c->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		fail("socket", strerror(errno));
	/* A backlog that is full makes a web server wait as well. */
	if (connect(c->fd, to, size) == -1 ||
	    send(c->fd, out, len, MSG_NOSIGNAL) != (ssize_t)len ||
	    epoll_ctl(h->ep, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		h->failed++;
	h->asked++;
}

static void
again(struct harm *h, struct conn *c)
{
	close(c->fd);
	ask(h, c);
}

static void
read_answer(struct harm *h, struct conn *c)
{
	static char buf[256 * 1024];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0 && c->began_ns == 0) {
		c->began_ns = tally_now();
		h->answered++;
	}
	if (n == 0 || (n == -1 && errno != EAGAIN))
		again(h, c);
}

static void
leave_streams(struct harm *h)
{
	uint64_t now = tally_now();
	size_t i;

	for (i = 0; i < h->nconns; i++)
		if (h->conn[i].began_ns != 0 &&
		    now - h->conn[i].began_ns > HOLD_NS)
			again(h, &h->conn[i]);
}

static void
do_harm(struct harm *h, size_t raw, size_t web, double seconds)
{
	uint64_t until = tally_now() + (uint64_t)(seconds * 1e9);
	struct epoll_event ev[64];
	size_t i;
	int j, n;

	h->asked = h->answered = h->failed = 0;
	h->nconns = raw + web;
	h->ep = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < h->nconns; i++) {
		h->conn[i].raw = i < raw;
		ask(h, &h->conn[i]);
	}
	while (tally_now() < until) {
		n = epoll_wait(h->ep, ev, 64, 5);
		for (j = 0; j < n; j++)
			read_answer(h, ev[j].data.ptr);
		leave_streams(h);
	}
	for (i = 0; i < h->nconns; i++)
		close(h->conn[i].fd);
	close(h->ep);
	printf("{\"asked\":%llu,\"answered\":%llu,\"failed\":%llu}\n",
	    (unsigned long long)h->asked, (unsigned long long)h->answered,
	    (unsigned long long)h->failed);
}

static void
read_questions(struct harm *h, const char *path)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		fail(path, strerror(errno));
	while (h->nquestions < QUESTIONS) {
		struct question *q = &h->question[h->nquestions];

		if (fscanf(f, "%15s %1023s %2047s %255s", q->method, q->target,
			q->token, q->body) != 4)
			break;
		h->nquestions++;
	}
	fclose(f);
	if (h->nquestions == 0)
		fail(path, "no questions");
}

/* As the web server's own configuration asks: status is for its owner. */
static int
print_status(struct harm *h)
{
	struct question q = {"GET", "/events/status", "-", "-"};
	char out[4 * TEXT], in[TEXT];
	size_t len = raw_request(h, &q, out);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n;

	if (fd == -1 ||
	    connect(fd, (struct sockaddr *)&h->socket, sizeof(h->socket)) ==
		-1 ||
	    send(fd, out, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail("status", strerror(errno));
	while ((n = recv(fd, in, sizeof(in), 0)) > 0)
		fwrite(in, 1, (size_t)n, stdout);
	return close(fd);
}

int
main(int argc, char **argv)
{
	static struct harm h;
	size_t raw, web;
	double seconds;
	char line[256];

	if (argc != 4 && argc != 3)
		fail("usage", "harm QUESTIONS SOCKET PORT");
	setvbuf(stdout, NULL, _IOLBF, 0);
	h.socket.sun_family = AF_UNIX;
	snprintf(h.socket.sun_path, sizeof(h.socket.sun_path), "%s", argv[2]);
	if (argc == 3)
		return print_status(&h);
	read_questions(&h, argv[1]);
	h.web = (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)atoi(argv[3])),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (strcmp(line, "quit\n") == 0)
			break;
		if (sscanf(line, "harm %zu %zu %lf", &raw, &web, &seconds) !=
			3 ||
		    raw + web > CONNECTIONS)
			fail("not a command", "harm RAW WEB SECONDS");
		do_harm(&h, raw, web, seconds);
	}
	return 0;
}
