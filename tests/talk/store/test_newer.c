/*
 * test_newer.c - a log that a newer largesse has made: one rule for all.
 *
 * The number of its schema goes up only where a program that does not know it
 * would do harm.  So commands refuse, with one line; a responder waits, and its
 * health says why.  After an upgrade the order is: all programs, then init.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/exam.h"
#include "tests/talk/peer/posts.h"
#include "tests/talk/peer/within.h"

static const char newer[] = "made by a newer largesse";

static struct client *
health(struct server *sv)
{
	return ask(sv, "GET", "/events/health", NULL, NULL);
}

static void
want_waits(struct server *sv)
{
	struct client *c;

	until(want_headers(c = health(sv)) == 503);
	until(want_headers(c = health(sv)) == 503 &&
	      strstr(body_of(c), newer) != NULL);
	want_sent_away(sv, NULL);
	want_sent_away(sv, "1");
}

static void
test_a_responder_waits_for_a_newer_one(void)
{
	struct server *sv = prepare();
	struct client *c;

	append(sv, "main", "a");
	log_schema(sv, 99);
	start_bare(sv, listening_socket(sv), -1, "serve", "--db", sv->db, NULL);
	want_waits(sv);
	until(errors_with(sv, newer) > 0);
	/* The log of before was put back. */
	log_schema(sv, 1);
	until(want_headers(health(sv)) == 200);
	c = come_back(sv, "/events", "earliest");
	want_event(c, NULL, NULL, "a");
	stop(sv);
}

/* init of the newer one ran while the older ones still serve. */
static void
test_a_log_that_is_upgraded_while_it_is_served(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events");

	append(sv, "main", "a");
	want_event(c, NULL, NULL, "a");
	log_schema(sv, 99);
	append(sv, "main", "b");
	want_waits(sv);
	log_schema(sv, 1);
	c = come_back(sv, "/events", c->last_id.s);
	want_event(c, NULL, NULL, "b");
	until(want_headers(health(sv)) == 200);
}

/* It ends with one line, which says why. */
static void
want_refuses(struct server *sv, const char *const words[6])
{
	struct ran r = run_with(sv, NULL, words[0], words[1], words[2],
	    words[3], words[4], words[5], NULL);

	want_one_line(&r, 1);
	if (strstr(r.err, newer) == NULL)
		talk_fail("%s says %s", words[0], r.err);
}

static void
test_commands_refuse(void)
{
	struct server *sv = log_of(3), *other = prepare();
	const char *const commands[][6] = {
	    {"publish", sv->db, "x"},
	    {"init", sv->db},
	    {"prune", sv->db, "--keep-rows", "1"},
	    {"tail", sv->db, "--last", "1"},
	    {"copy", sv->db, other->db},
	    {"copy", other->db, sv->db},
	    {"serve", "--db", sv->db, "--listen", text("unix:%s", sv->socket)},
	};
	int64_t rows = log_count(sv);
	size_t i;

	append(other, "main", "b");
	log_schema(sv, 99);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		want_refuses(sv, commands[i]);
	check(log_count(sv) == rows);
	check(log_count(other) == 1);
	check(!can_connect(sv));
	check(strstr(want_only(examine(sv), "schema"), "99") != NULL ||
	      strstr(want_only(examine(sv), "schema"), newer) != NULL);
	log_schema(sv, 1);
	want_healthy(examine(sv));
}

static void
test_commands_of_sqlite_alone_refuse(void)
{
	struct server *sv = log_of(3);
	const char *const ways[][6] = {
	    {"fold", sv->db, "main"},
	    {"watch", sv->db, "orders", "--topic", "new"},
	    {"watch", sv->db, "orders", "--remove"},
	    {"watch", sv->db, "--list"},
	};
	int64_t had, rows = log_count(sv);
	size_t i;

	sql(sv, "CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT)");
	check(run_with(sv, NULL, "watch", sv->db, "orders", NULL).status == 0);
	had = sql_number(sv, "SELECT count(*) FROM sqlite_schema");
	log_schema(sv, 99);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		want_refuses(sv, ways[i]);
	check(sql_number(sv, "SELECT count(*) FROM sqlite_schema") == had);
	check(log_count(sv) == rows);
}

/* A publisher that had the log open when it was upgraded. */
static void
test_a_publisher_that_is_connected_refuses(void)
{
	struct server *sv = serve_ready();
	struct client *c = post(sv, JSON, "{\"data\":\"a\"}");
	int64_t rows;

	want_id(c, 201);
	rows = log_count(sv);
	log_schema(sv, 99);
	c = post(sv, JSON, "{\"data\":\"b\"}");
	check(want_headers(c) >= 500);
	check(log_count(sv) == rows);
	log_schema(sv, 1);
	until(want_headers(post(sv, JSON, "{\"data\":\"c\"}")) == 201);
	check(log_count(sv) == rows + 1);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_responder_waits_for_a_newer_one),
	    TALK(test_a_log_that_is_upgraded_while_it_is_served),
	    TALK(test_commands_refuse),
	    TALK(test_a_publisher_that_is_connected_refuses),
	    TALK(test_commands_of_sqlite_alone_refuse),
	};
	size_t n = sizeof(tests) / sizeof(*tests);

	return talk_main(
	    argc, argv, tests, log_engine() == &log_sqlite ? n : n - 1);
}
