/*
 * test_crowd.c - the client of the measurements: what it takes for an open
 * stream, and when it comes back.
 *
 * The test is the server.  It answers one connection at a time, so each step
 * of the crowd is waited for and none is timed.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/cm.h"

#include "tests/bench/crowd.h"

#define HEAD                                                     \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
	"Connection: close\r\n\r\n"
#define BYE   "retry: 1\nevent: stream-retry\ndata: {\"retry\":1}\n\n"
#define START "retry: 2\nevent: stream-start\nid: 7-abcd\ndata: {}\n\n"

enum {
	WAIT_MS = 30000 /* that something comes; mostly it is there at once */
};

struct scene {
	struct crowd crowd;
	struct group *group;
	int listener;
	char request[1024];
};

static void
scene_open(struct scene *s, size_t streams, bool again)
{
	socklen_t len = sizeof(s->crowd.peer);

	memset(s, 0, sizeof(*s));
	s->crowd.peer.sin_family = AF_INET;
	s->crowd.peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    bind(s->listener, (struct sockaddr *)&s->crowd.peer, len), 0);
	assert_int_equal(listen(s->listener, 16), 0);
	getsockname(s->listener, (struct sockaddr *)&s->crowd.peer, &len);
	assert_int_equal(crowd_init(&s->crowd), 0);
	s->group = &s->crowd.groups[s->crowd.ngroups++];
	s->group->n = streams;
	s->group->again = again;
	snprintf(s->group->target, sizeof(s->group->target), "/events");
	s->group->streams = calloc(streams, sizeof(*s->group->streams));
	s->group->away = calloc(streams, sizeof(*s->group->away));
	crowd_go_on(&s->crowd, s->group);
}

static void
scene_close(struct scene *s)
{
	crowd_close(&s->crowd, s->group);
	free(s->crowd.tally.events);
	free(s->crowd.buf);
	close(s->crowd.ep);
	close(s->listener);
}

static void
turn(struct scene *s)
{
	struct epoll_event events[16];
	int i, n = epoll_wait(s->crowd.ep, events, 16, 1);

	for (i = 0; i < n; i++)
		crowd_ready(&s->crowd, events[i].data.ptr);
	crowd_turn(&s->crowd);
}

/* The next connection, whose request is read; -1: none came. */
static int
next_request(struct scene *s)
{
	struct pollfd p = {.fd = s->listener, .events = POLLIN};
	size_t len = 0;
	ssize_t n;
	int fd, i;

	for (i = 0; i < WAIT_MS && poll(&p, 1, 0) == 0; i++)
		turn(s);
	if ((fd = accept(s->listener, NULL, NULL)) == -1)
		return -1;
	for (i = 0; i < WAIT_MS; i++) {
		turn(s);
		n = recv(fd, s->request + len, sizeof(s->request) - 1 - len,
		    MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
		s->request[len] = '\0';
		if (strstr(s->request, "\r\n\r\n") != NULL)
			return fd;
	}
	close(fd);
	return -1;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

/* Answers the next connection with this, and ends it. */
static void
answer(struct scene *s, const char *text)
{
	int fd = next_request(s);

	assert_int_not_equal(fd, -1);
	say(fd, text);
	close(fd);
}

/* Turns until the number is there. */
static void
wants(struct scene *s, const size_t *number, size_t value)
{
	int i;

	for (i = 0; i < WAIT_MS && *number != value; i++)
		turn(s);
	assert_int_equal(*number, value);
}

static void
test_a_stream_that_was_turned_away_is_opened_later(void **state)
{
	struct scene s;
	int fd;

	(void)state;
	scene_open(&s, 1, true);
	answer(&s, HEAD BYE);
	wants(&s, &s.group->turned_away, 1);
	assert_int_equal(s.group->open, 0);
	assert_int_equal(s.group->connects, 0);
	assert_false(crowd_opened(&s.crowd, s.group));
	fd = next_request(&s);
	assert_int_not_equal(fd, -1);
	say(fd, HEAD START);
	wants(&s, &s.group->nlive, 1);
	assert_int_equal(s.group->open, 1);
	assert_int_equal(s.group->connects, 1);
	assert_int_equal(s.group->turned_away, 1);
	assert_int_equal(s.group->cuts, 0);
	close(fd);
	scene_close(&s);
}

/* Until then it looks like any other stream. */
static void
test_turned_away_after_its_headers(void **state)
{
	struct scene s;
	int fd;

	(void)state;
	scene_open(&s, 1, true);
	fd = next_request(&s);
	assert_int_not_equal(fd, -1);
	say(fd, HEAD);
	wants(&s, &s.group->open, 1);
	assert_false(crowd_opened(&s.crowd, s.group));
	say(fd, BYE);
	wants(&s, &s.group->turned_away, 1);
	assert_int_equal(s.group->open, 0);
	assert_int_equal(s.group->connects, 0);
	assert_int_equal(s.group->cuts, 0);
	close(fd);
	scene_close(&s);
}

static void
test_a_stream_that_ended_comes_back_with_its_id(void **state)
{
	struct scene s;
	int fd;

	(void)state;
	scene_open(&s, 1, true);
	answer(&s, HEAD START BYE);
	wants(&s, &s.group->cuts, 1);
	assert_int_equal(s.group->connects, 1);
	assert_int_equal(s.group->turned_away, 0);
	fd = next_request(&s);
	assert_non_null(strstr(s.request, "\r\nLast-Event-ID: 7-abcd\r\n"));
	close(fd);
	scene_close(&s);
}

static void
test_a_status_is_not_an_open_stream(void **state)
{
	struct scene s;
	int fd;

	(void)state;
	scene_open(&s, 1, true);
	answer(&s, "HTTP/1.1 503 no\r\nContent-Length: 0\r\n"
		   "Retry-After: 1\r\n\r\n");
	wants(&s, &s.group->denied, 1);
	assert_int_equal(s.group->open, 0);
	assert_int_equal(s.group->turned_away, 0);
	assert_int_equal(s.group->streams[0].feed.after_ms, 1000);
	fd = next_request(&s);
	assert_int_not_equal(fd, -1);
	close(fd);
	scene_close(&s);
}

static void
test_all_are_open_when_none_was_turned_away_for_a_while(void **state)
{
	struct scene s;
	int fd;

	(void)state;
	scene_open(&s, 1, true);
	fd = next_request(&s);
	say(fd, HEAD START);
	wants(&s, &s.group->open, 1);
	s.group->opened_ns = tally_now();
	assert_false(crowd_opened(&s.crowd, s.group));
	s.group->opened_ns -= 1000000000;
	assert_true(crowd_opened(&s.crowd, s.group));
	close(fd);
	scene_close(&s);
}

static void
test_who_does_not_come_back_is_refused(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s, 1, false);
	answer(&s, HEAD BYE);
	wants(&s, &s.group->refused, 1);
	assert_int_equal(s.group->open, 0);
	assert_true(crowd_opened(&s.crowd, s.group));
	scene_close(&s);
}

static void
test_streams_come_from_the_address_that_is_asked_for(void **state)
{
	struct scene s;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	int fd;

	(void)state;
	scene_open(&s, 1, true);
	s.crowd.source.sin_family = AF_INET;
	inet_pton(AF_INET, "127.0.9.1", &s.crowd.source.sin_addr);
	answer(&s, HEAD BYE);
	fd = next_request(&s);
	assert_int_not_equal(fd, -1);
	getpeername(fd, (struct sockaddr *)&from, &len);
	assert_string_equal(inet_ntoa(from.sin_addr), "127.0.9.1");
	close(fd);
	scene_close(&s);
}

/* Of a server with a certificate that nobody signed. */
static SSL_CTX *
server_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("prime256v1");
	X509 *cert = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

/* The next connection, with the handshake done and the request read. */
static SSL *
next_over_tls(struct scene *s, SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);
	size_t len = 0, n;
	int i, fd = accept(s->listener, NULL, NULL);

	assert_int_not_equal(fd, -1);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL_set_fd(ssl, fd);
	for (i = 0; i < WAIT_MS && SSL_accept(ssl) != 1; i++)
		turn(s);
	for (i = 0; i < WAIT_MS; i++) {
		turn(s);
		if (SSL_read_ex(ssl, s->request + len,
			sizeof(s->request) - 1 - len, &n) == 1)
			len += n;
		s->request[len] = '\0';
		if (strstr(s->request, "\r\n\r\n") != NULL)
			return ssl;
	}
	fail_msg("no request came");
	return NULL;
}

static void
say_over_tls(struct scene *s, SSL *ssl, const char *text)
{
	size_t len = strlen(text), n;
	int i;

	for (i = 0; i < WAIT_MS && len > 0; i++) {
		if (SSL_write_ex(ssl, text, len, &n) == 1) {
			text += n;
			len -= n;
		} else
			turn(s);
	}
	assert_int_equal(len, 0);
}

/* More than one read of the crowd takes, and an event behind it. */
static void
test_over_tls_all_is_read_as_without(void **state)
{
	struct scene s;
	SSL_CTX *ctx = server_context();
	SSL *ssl;
	char comment[8192];
	size_t i;

	(void)state;
	scene_open(&s, 1, false);
	s.crowd.tls = wire_context();
	ssl = next_over_tls(&s, ctx);
	assert_memory_equal(s.request, "GET /events HTTP/1.1\r\n", 22);
	say_over_tls(&s, ssl, HEAD START);
	wants(&s, &s.group->nlive, 1);
	memset(comment, ':', sizeof(comment));
	memcpy(comment + sizeof(comment) - 2, "\n", 2);
	for (i = 0; i < CROWD_READ / sizeof(comment) + 1; i++)
		say_over_tls(&s, ssl, comment);
	say_over_tls(&s, ssl, "id: 8-abcd\ndata: @n=1 t=");
	say_over_tls(&s, ssl, "1 x$\n\n");
	wants(&s, &s.crowd.tally.deliveries, 1);
	assert_int_equal(s.crowd.faults.torn + s.crowd.faults.strange, 0);
	close(SSL_get_fd(ssl));
	wants(&s, &s.group->ended, 1);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	SSL_CTX_free(s.crowd.tls);
	scene_close(&s);
}

/* What SSL_write would send for this text. */
static BIO *
record_of(SSL *ssl, const char *text)
{
	BIO *record = BIO_new(BIO_s_mem());
	size_t n;

	SSL_set0_wbio(ssl, record);
	assert_int_equal(SSL_write_ex(ssl, text, strlen(text), &n), 1);
	return record;
}

/* The next one reads half a record. */
static void
test_over_tls_a_cut_harms_no_other(void **state)
{
	struct scene s;
	SSL_CTX *ctx = server_context();
	SSL *cut, *other;
	char *bytes;
	size_t len;
	int fd;

	(void)state;
	scene_open(&s, 2, false);
	s.crowd.tls = wire_context();
	other = next_over_tls(&s, ctx);
	cut = next_over_tls(&s, ctx);
	say_over_tls(&s, cut, HEAD START);
	say_over_tls(&s, other, HEAD START);
	wants(&s, &s.group->nlive, 2);
	say_over_tls(&s, cut, "id: 8-abcd\ndata: @n=1 t=1 x$\n\n");
	close(SSL_get_rfd(cut));
	fd = SSL_get_rfd(other);
	len = (size_t)BIO_get_mem_data(
	    record_of(other, "id: 8-abcd\ndata: @n=1 t=1 x$\n\n"), &bytes);
	assert_int_equal(send(fd, bytes, len / 2, 0), len / 2);
	wants(&s, &s.group->ended, 1);
	assert_int_equal(
	    send(fd, bytes + len / 2, len - len / 2, 0), len - len / 2);
	wants(&s, &s.crowd.tally.deliveries, 2);
	assert_int_equal(s.group->ended, 1);
	close(fd);
	SSL_free(cut);
	SSL_free(other);
	SSL_CTX_free(ctx);
	SSL_CTX_free(s.crowd.tls);
	scene_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		test_a_stream_that_was_turned_away_is_opened_later),
	    cmocka_unit_test(test_turned_away_after_its_headers),
	    cmocka_unit_test(test_a_stream_that_ended_comes_back_with_its_id),
	    cmocka_unit_test(test_a_status_is_not_an_open_stream),
	    cmocka_unit_test(
		test_all_are_open_when_none_was_turned_away_for_a_while),
	    cmocka_unit_test(test_who_does_not_come_back_is_refused),
	    cmocka_unit_test(
		test_streams_come_from_the_address_that_is_asked_for),
	    cmocka_unit_test(test_over_tls_all_is_read_as_without),
	    cmocka_unit_test(test_over_tls_a_cut_harms_no_other),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
