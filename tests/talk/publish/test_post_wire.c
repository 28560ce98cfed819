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

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_request_behind_a_full_buffer),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
