/*
 * test_post_wire.c - a POST as bytes: more of them than one read takes, fewer
 * than were announced, or in a coding that is not understood.
 */
#include <signal.h>
#include <string.h>

#include "tests/talk/peer/posts.h"

enum {
	ONE_READ = 128 * 1024 /* what the responder reads at once */
};

/*
 * The first request waits for the writer, and what was read with it fills the
 * buffer to its last byte.  The end of the second one is still in the socket,
 * and nothing tells of it again.
 */
static void
test_a_request_behind_a_full_buffer(void)
{
	struct server *sv = serve_ready();
	struct client *c = join(sv);
	char *body = keep(ONE_READ + 1);
	struct bytes b = {0};

	memset(body, 'x', ONE_READ);
	memcpy(body, "data=", 5);
	c->keep_conn = true;
	put_request(&b, 1, KEEP_CONN, "POST", "/events", "data=1",
	    "CONTENT_TYPE", FORM, "HTTP_AUTHORIZATION", sv->token, NULL);
	put_request(&b, 2, KEEP_CONN, "POST", "/events", body, "CONTENT_TYPE",
	    FORM, "HTTP_AUTHORIZATION", sv->token, NULL);
	check(b.len > ONE_READ);
	check(kill(sv->pid, SIGSTOP) == 0);
	check(say(c, &b));
	check(kill(sv->pid, SIGCONT) == 0);
	bytes_free(&b);
	want_id(c, 201);
	until(log_count(sv) == 2);
}

static struct client *
post_of_length(struct server *sv, const char *body, const char *length)
{
	struct client *c = join(sv);
	struct bytes b = {0};

	put_post(&b, 1, 0, sv, length, body, 3);
	check(say(c, &b));
	bytes_free(&b);
	return c;
}

static void
want_status(struct client *c, int status, const char *word)
{
	int came = want_headers(c);
	const char *line = body_of(c);

	if (came != status || strstr(line, word) == NULL)
		talk_fail(
		    "wanted %d and %s; came %d %s", status, word, came, line);
	want_end(c);
}

/* Half of {"data":"pay 1000"} may be JSON, or a form, all the same. */
static void
test_a_body_of_another_length_is_not_published(void)
{
	static const char *const lengths[] = {"7", "9", "100", "0", "1000000"};
	struct server *sv = serve_ready();

	for (int i = 0; i < 5; i++)
		want_status(post_of_length(sv, "data=pay", lengths[i]), 400,
		    i == 0 || i == 3 ? "longer than its Content-Length"
				     : "shorter than its Content-Length");
	check(log_count(sv) == 0);
	want_id(post_of_length(sv, "data=pay", "8"), 201);
	want_id(post_of_length(sv, "data=pay", ""), 201); /* not announced */
	check(log_count(sv) == 2);
}

/* The web server is gone before the empty record that ends the body. */
static void
test_a_body_that_is_cut_is_not_published(void)
{
	struct server *sv = serve_ready();
	struct bytes b = {0};
	struct client *c = join(sv);

	put_request(&b, 1, 0, "POST", "/events", "data=1", "CONTENT_TYPE", FORM,
	    "HTTP_AUTHORIZATION", sv->token, NULL);
	b.len -= 8;
	check(say(c, &b));
	bytes_free(&b);
	leave(c);
	want_id(post(sv, FORM, "data=2"), 201);
	check(log_count(sv) == 1);
}

static void
test_a_body_in_a_coding_is_not_published(void)
{
	static const char *const codings[] = {
	    "gzip", "deflate", "br", "x-gzip", "identity, gzip", "aws-chunked"};
	struct server *sv = serve_ready();
	struct client *c;

	for (int i = 0; i < 6; i++) {
		c = ask(sv, "POST", "/events", "data=1", "CONTENT_TYPE", FORM,
		    "HTTP_AUTHORIZATION", sv->token, "HTTP_CONTENT_ENCODING",
		    codings[i], NULL);
		want_status(c, 415, "Content-Encoding");
		check(strcmp(header(c, "Accept-Encoding"), "identity") == 0);
	}
	check(log_count(sv) == 0);
	want_id(ask(sv, "POST", "/events", "data=1", "CONTENT_TYPE", FORM,
		    "HTTP_AUTHORIZATION", sv->token, "HTTP_CONTENT_ENCODING",
		    "Identity", NULL),
	    201);
}

static struct client *
post_to(struct server *sv, const char *uri, const char *token)
{
	return ask(sv, "POST", uri, "data=1", "CONTENT_TYPE", FORM,
	    "HTTP_AUTHORIZATION", token, NULL);
}

/* The names in the query of a POST are treated as those of a GET. */
static void
test_a_topic_in_the_query_is_not_passed_over(void)
{
	static const char *const names[] = {"topic", "event", "data", "uid"};
	struct server *sv = serve_ready();

	for (int i = 0; i < 4; i++)
		want_status(
		    post_to(sv, text("/events?%s=a", names[i]), sv->token), 400,
		    "in its body");
	want_status(
	    post_to(sv, "/events?topic[]=a", sv->token), 400, "did you mean");
	check(log_count(sv) == 0);
	want_refusal(post_to(sv, "/events?topic=a", ""), 401);
	want_id(post_to(sv, "/events?_=1&utm_source=x", sv->token), 201);
	want_id(post_to(sv, text("/events?access_token=%s", sv->token + 7), ""),
	    201);
}

/* A stranger learns that there is no token, and nothing of the body. */
static void
test_the_token_is_asked_for_first(void)
{
	struct server *sv = serve_ready();

	want_refusal(
	    ask(sv, "POST", "/events", "data=1", "CONTENT_TYPE", FORM,
		"CONTENT_LENGTH", "100", "HTTP_CONTENT_ENCODING", "gzip", NULL),
	    401);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_request_behind_a_full_buffer),
	    TALK(test_a_body_of_another_length_is_not_published),
	    TALK(test_a_body_that_is_cut_is_not_published),
	    TALK(test_a_body_in_a_coding_is_not_published),
	    TALK(test_a_topic_in_the_query_is_not_passed_over),
	    TALK(test_the_token_is_asked_for_first),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
