/*
 * test_tail.c - largesse tail of a URL, against a server that the test itself
 * is.
 *
 * The server sends what the test says, and the test sees what tail asks: one
 * connection after the other, as EventSource makes them.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fcgi/command/commands.h"
#include "tests/unit/child.h"

enum {
	URL_SIZE = 64,
	REQUEST_SIZE = 4096
};

struct web {
	int listener, fd; /* fd is the open connection */
	unsigned port;
	char url[URL_SIZE], request[REQUEST_SIZE];
};

#define STREAM                                                              \
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8" \
	"\r\nConnection: close\r\n\r\n"

static int
setup(void **state)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct web *web = calloc(1, sizeof(*web));
	socklen_t len = sizeof(sin);

	unsetenv("http_proxy");
	web->fd = -1;
	web->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(web->listener, (struct sockaddr *)&sin, len) == -1 ||
	    listen(web->listener, 8) == -1 ||
	    getsockname(web->listener, (struct sockaddr *)&sin, &len) == -1)
		return -1;
	web->port = ntohs(sin.sin_port);
	snprintf(web->url, sizeof(web->url), "http://127.0.0.1:%u/events",
	    web->port);
	*state = web;
	return 0;
}

static void
web_close(struct web *web)
{
	if (web->fd != -1)
		close(web->fd);
	web->fd = -1;
}

static int
teardown(void **state)
{
	struct web *web = *state;

	web_close(web);
	if (web->listener != -1)
		close(web->listener);
	free(web);
	return 0;
}

static void
wait_for(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	if (poll(&pfd, 1, CHILD_WAIT_MS) != 1)
		fail_msg("tail did not ask");
}

/* Takes the next request, checks its first line, and answers. */
static void
web_answer(struct web *web, const char *line, const char *answer)
{
	size_t len = 0;
	ssize_t n;

	web_close(web);
	wait_for(web->listener);
	web->fd = accept(web->listener, NULL, NULL);
	assert_true(web->fd >= 0);
	do {
		wait_for(web->fd);
		n = read(web->fd, web->request + len, REQUEST_SIZE - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
		web->request[len] = '\0';
	} while (strstr(web->request, "\r\n\r\n") == NULL);
	assert_memory_equal(web->request, line, strlen(line));
	assert_int_equal(send(web->fd, answer, strlen(answer), MSG_NOSIGNAL),
	    strlen(answer));
}

static void
assert_header(const struct web *web, const char *want)
{
	if (strstr(web->request, want) == NULL)
		fail_msg("no '%s' in: %s", want, web->request);
}

static void
assert_no_header(const struct web *web, const char *name)
{
	if (strcasestr(web->request, name) != NULL)
		fail_msg("'%s' in: %s", name, web->request);
}

static void
test_tail_prints_as_it_arrives(void **state)
{
	struct web *web = *state;
	struct child ch;

	child_start(&ch, cmd_tail, WORDS("tail", web->url, "--count", "2"));
	web_answer(web, "GET /events HTTP/1.1\r\n",
	    STREAM "retry: 10\n\nevent: stream-start\nid: 7\ndata: {}\n\n");
	assert_header(web, "\r\nAccept: text/event-stream\r\n");
	assert_header(web, "\r\nCache-Control: no-store\r\n");
	assert_no_header(web, "Last-Event-ID");
	child_read(&ch, ch.out,
	    "retry: 10\n\nevent: stream-start\nid: 7\ndata: {}\n\n");
	assert_int_equal(write(web->fd, ":\nid: 8\ndata: a\n\nid", 19), 19);
	child_read(&ch, ch.out, ":\nid: 8\ndata: a\n\n");
	assert_int_equal(write(web->fd, ": 9\ndata: b\n\nid: 10\n\n", 22), 22);
	child_ends(&ch, "id: 9\ndata: b\n\n", "", 0);
}

static void
test_tail_asks_for_topics_and_last(void **state)
{
	struct web *web = *state;
	struct child ch;

	child_start(&ch, cmd_tail,
	    WORDS("tail", web->url, "--topic", "a b", "--topic=n&s*", "--last",
		"5", "--count=1"));
	web_answer(web,
	    "GET /events?topic=a%20b&topic=n%26s%2A&last=5 HTTP/1.1\r\n",
	    STREAM "data: x\n\n");
	child_ends(&ch, "data: x\n\n", "", 0);

	snprintf(web->url + strlen(web->url), 8, "?a=b#c");
	child_start(&ch, cmd_tail,
	    WORDS("tail", web->url, "--topic", "t", "--count=1",
		"--last-event-id", "earliest"));
	web_answer(
	    web, "GET /events?a=b&topic=t HTTP/1.1\r\n", STREAM "data: x\n\n");
	assert_header(web, "\r\nLast-Event-ID: earliest\r\n");
	child_ends(&ch, "data: x\n\n", "", 0);
}

/* An event that was cut off is not printed, and its id does not count. */
static void
test_tail_resumes_where_it_was_cut(void **state)
{
	struct web *web = *state;
	struct child ch;

	child_start(
	    &ch, cmd_tail, WORDS("tail", web->url, "--quiet", "--count", "2"));
	web_answer(web, "GET /events HTTP/1.1\r\n",
	    STREAM "retry: 1\n\nid: 1\ndata: a\n\nid: 2\ndata: par");
	web_answer(web, "GET /events HTTP/1.1\r\n", STREAM);
	assert_header(web, "\r\nLast-Event-ID: 1\r\n");
	web_answer(
	    web, "GET /events HTTP/1.1\r\n", STREAM "id: 2\ndata: partial\n\n");
	assert_header(web, "\r\nLast-Event-ID: 1\r\n");
	child_ends(&ch,
	    "retry: 1\n\nid: 1\ndata: a\n\nid: 2\ndata: partial\n\n", "", 0);
}

static void
test_tail_says_that_it_connects_again(void **state)
{
	struct web *web = *state;
	struct child ch;
	char err[256];

	child_start(&ch, cmd_tail, WORDS("tail", web->url, "--count", "1"));
	web_answer(
	    web, "GET /events HTTP/1.1\r\n", STREAM "retry: 3\nid: 1\n\n");
	web_answer(web, "GET /events HTTP/1.1\r\n", STREAM "data: a\n\n");
	snprintf(err, sizeof(err),
	    "largesse: %s: the stream ended: again in 3 ms\n", web->url);
	child_ends(&ch, "retry: 3\nid: 1\n\ndata: a\n\n", err, 0);
}

/* The retry of stream-retry counts; it has no id, and is none of --count. */
static void
test_tail_comes_back_after_stream_retry(void **state)
{
	static const char blocks[] =
	    "retry: 9000\nid: 1\ndata: a\n\n"
	    "event: stream-beat\ndata: {\"time\":1,\"id\":\"1\"}\n\n"
	    "event: stream-expire\ndata: {\"seconds\":30}\n\n"
	    "retry: 3\nevent: stream-retry\n"
	    "data: {\"retry\":3,\"reason\":\"age\"}\n\n";
	struct web *web = *state;
	char err[256], out[512];
	struct child ch;

	child_start(&ch, cmd_tail, WORDS("tail", web->url, "--count", "2"));
	snprintf(out, sizeof(out), STREAM "%s", blocks);
	web_answer(web, "GET /events HTTP/1.1\r\n", out);
	web_answer(
	    web, "GET /events HTTP/1.1\r\n", STREAM "id: 2\ndata: b\n\n");
	assert_header(web, "\r\nLast-Event-ID: 1\r\n");
	snprintf(out, sizeof(out), "%sid: 2\ndata: b\n\n", blocks);
	snprintf(err, sizeof(err),
	    "largesse: %s: the stream ended: again in 3 ms\n", web->url);
	child_ends(&ch, out, err, 0);
}

static void
test_tail_gives_up_where_eventsource_does(void **state)
{
	static const char *const answer_why[][2] = {
	    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot you\r\n",
		"status 403: not you"},
	    {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
		"status 502: "},
	    {"HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\n"
	     "Content-Length: 8\r\n\r\ndata: a\n",
		"the answer is no text/event-stream: data: a"},
	    {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
	     "Content-Length: 0\r\n\r\n",
		"the answer is no text/event-stream: "},
	};
	struct web *web = *state;
	struct child ch;
	char err[256];
	size_t i;

	for (i = 0; i < sizeof(answer_why) / sizeof(answer_why[0]); i++) {
		child_start(&ch, cmd_tail, WORDS("tail", web->url));
		web_answer(web, "GET /events HTTP/1.1\r\n", answer_why[i][0]);
		snprintf(err, sizeof(err), "largesse: %s: %s\n", web->url,
		    answer_why[i][1]);
		child_ends(&ch, "", err, 1);
	}
}

static void
test_tail_stops_at_204(void **state)
{
	struct web *web = *state;
	struct child ch;

	child_start(&ch, cmd_tail, WORDS("tail", web->url, "--quiet"));
	web_answer(
	    web, "GET /events HTTP/1.1\r\n", "HTTP/1.1 204 No Content\r\n\r\n");
	child_ends(&ch, "", "", 0);
}

static void
test_tail_follows_a_redirect(void **state)
{
	struct web *web = *state;
	struct child ch;

	child_start(&ch, cmd_tail, WORDS("tail", web->url, "--count=1"));
	web_answer(web, "GET /events HTTP/1.1\r\n",
	    "HTTP/1.1 307 There\r\nLocation: /there\r\n"
	    "Content-Length: 0\r\nConnection: close\r\n\r\n");
	web_answer(web, "GET /there HTTP/1.1\r\n", STREAM "data: a\n\n");
	child_ends(&ch, "data: a\n\n", "", 0);
}

static void
test_tail_does_not_wait_for_a_server_never_reached(void **state)
{
	struct web *web = *state;
	struct child ch;

	close(web->listener);
	web->listener = -1;
	child_start(&ch, cmd_tail, WORDS("tail", web->url));
	child_read(&ch, ch.err, NULL);
	assert_non_null(strstr(ch.text, web->url));
	assert_non_null(strstr(ch.text, "Failed to connect"));
	child_ends(&ch, "", "", 1);
}

static void
test_tail_refuses_usage(void **state)
{
	struct web *web = *state;
	struct child ch;

	child_start(&ch, cmd_tail,
	    WORDS("tail", web->url, "--last", "1", "--last-event-id", "2"));
	child_ends(&ch, "",
	    "largesse: --last: --last-event-id says where to begin\n", 2);
	child_start(&ch, cmd_tail,
	    WORDS("tail", web->url, "--last-event-id", "2\r\nX: y"));
	child_ends(
	    &ch, "", "largesse: --last-event-id: an id is one line\n", 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_tail_prints_as_it_arrives),
	    TEST(test_tail_asks_for_topics_and_last),
	    TEST(test_tail_resumes_where_it_was_cut),
	    TEST(test_tail_says_that_it_connects_again),
	    TEST(test_tail_comes_back_after_stream_retry),
	    TEST(test_tail_gives_up_where_eventsource_does),
	    TEST(test_tail_stops_at_204),
	    TEST(test_tail_follows_a_redirect),
	    TEST(test_tail_does_not_wait_for_a_server_never_reached),
	    TEST(test_tail_refuses_usage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("tail", tests, NULL, NULL);
}
