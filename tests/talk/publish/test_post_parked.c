/*
 * test_post_parked.c - a POST that waits for the log first: whether its token
 * was revoked is not known yet.
 *
 * On Redis that answer always comes later.  Redis stands still here until all
 * that the test sends has come to the responder.
 */
#include <string.h>

#include "tests/talk/peer/posts.h"

/* A server whose token has a subject, for whom the log is asked. */
static struct server *
serve_asking(void)
{
	struct server *sv = serve_ready();
	struct ran r = run_with(sv, NULL, "token", "--key-file",
	    text("%s/key", sv->dir), "--sub", "al", "--publish", "*", NULL);

	check(r.status == 0);
	sv->token = text("Bearer %.*s", (int)strcspn(r.out, "\n"), r.out);
	return sv;
}

/* A POST whose body comes in records of one byte each. */
static void
put_in_pieces(
    struct bytes *b, int id, const struct server *sv, const char *body)
{
	put_post(b, id, KEEP_CONN, sv, text("%zu", strlen(body)), body, 1);
}

/* The responder has read what was sent before this. */
static void
await_turn(struct server *sv)
{
	served(sv, "pending");
}

static void
want_data_logged(struct server *sv, const char *one, const char *two)
{
	struct logged *row;
	size_t n;

	until(log_count(sv) == 2);
	row = log_all(sv, &n);
	if (strcmp(row[0].data, one) != 0 || strcmp(row[1].data, two) != 0)
		talk_fail("wanted %s and %s; came %s and %s", one, two,
		    row[0].data, row[1].data);
}

/* Its pieces are joined where it waits, though another is behind it. */
static void
test_a_body_in_pieces_waits(void)
{
	struct server *sv = serve_asking();
	struct client *c = join(sv);
	struct bytes b = {0};

	c->keep_conn = true;
	put_in_pieces(&b, 1, sv, "data=one+body+in+many+pieces");
	put_in_pieces(&b, 2, sv, "data=and+the+next");
	log_shut(sv);
	check(say(c, &b));
	bytes_free(&b);
	await_turn(sv);
	log_reopen(sv);
	want_id(c, 201);
	want_data_logged(sv, "one body in many pieces", "and the next");
}

/* It waits for the log, then for the writer; what came meanwhile is read. */
static void
test_what_comes_while_it_waits_is_read(void)
{
	struct server *sv = serve_asking();
	struct client *c = join(sv);

	c->keep_conn = true;
	log_shut(sv);
	say_post(sv, c, "data=1");
	await_turn(sv);
	c->id = 2;
	say_post(sv, c, "data=2");
	c->id = 1;
	await_turn(sv);
	log_reopen(sv);
	want_id(c, 201);
	want_data_logged(sv, "1", "2");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_body_in_pieces_waits),
	    TALK(test_what_comes_while_it_waits_is_read),
	};

	return talk_main_redis(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
