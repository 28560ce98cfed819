/*
 * test_usage.c - what the program says when it cannot do what it is told: one
 * line on stderr, and exit status 2 for wrong usage or 1 for anything else.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

static void
test_wrong_usage_is_2_and_one_line(void)
{
	static const char *const word[][3] = {{"no-such-command"}, {"serve"},
	    {"serve", "--no-such-option"}, {"serve", "--db"}, {"init"},
	    {"publish"}, {"prune"}, {"tail"}, {"init", "a", "b"},
	    {"serve", "operand"}, {"--no-such-option"}};
	struct server *sv = prepare_nothing();

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		struct ran r = run_with(
		    sv, NULL, word[i][0], word[i][1], word[i][2], NULL);

		want_one_line(&r, 2);
	}
}

static void
test_a_value_out_of_bounds_is_wrong_usage(void)
{
	static const char *const word[][2] = {{"--heartbeat", "x"},
	    {"--heartbeat", "-1"}, {"--max-streams", "1x"},
	    {"--max-streams", "99999999999999999999"}, {"--poll", ""},
	    {"--max-topics", "0"}};
	struct server *sv = prepare();

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		struct ran r = run_with(sv, NULL, "serve", "--db", sv->db,
		    word[i][0], word[i][1], NULL);

		want_one_line(&r, 2);
	}
}

static void
test_an_address_that_is_none_is_wrong_usage(void)
{
	static const char *const address[] = {
	    "nonsense", "unix:", "127.0.0.1:70000", "127.0.0.1:", ":x"};
	struct server *sv = prepare();

	for (size_t i = 0; i < sizeof(address) / sizeof(address[0]); i++) {
		struct ran r = run_with(sv, NULL, "serve", "--db", sv->db,
		    "--listen", address[i], NULL);

		want_one_line(&r, 2);
	}
}

/* It may count as wrong usage or as a failure; one line says what it is. */
static void
test_nothing_to_listen_on(void)
{
	struct server *sv = prepare();
	struct ran r = run_with(sv, NULL, "serve", "--db", sv->db, NULL);

	check(r.status == 1 || r.status == 2);
	want_one_line(&r, r.status);
}

static void
test_no_command_is_wrong_usage(void)
{
	struct server *sv = prepare_nothing();
	struct ran r = run_with(sv, NULL, NULL);

	check(r.status == 2 && *r.err != '\0' && *r.out == '\0');
}

static void
test_help_and_version(void)
{
	static const char *const word[][2] = {{"--help"}, {"--version"},
	    {"serve", "--help"}, {"init", "--help"}, {"publish", "--help"},
	    {"tail", "--help"}, {"prune", "--help"}, {"copy", "--help"}};
	struct server *sv = prepare_nothing();

	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		struct ran r = run_with(sv, NULL, word[i][0], word[i][1], NULL);

		check(r.status == 0 && *r.out != '\0' && *r.err == '\0');
	}
}

static void
test_a_socket_that_may_not_be_made(void)
{
	struct server *sv = prepare();
	struct ran r;

	log_share(sv);
	become_nobody(sv);
	sv->socket = text("%s/no/such/dir/s", sv->dir);
	r = serve_ends(sv);
	want_one_line(&r, 1);
	check(strstr(r.err, sv->socket) != NULL);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_wrong_usage_is_2_and_one_line),
	    TALK(test_a_value_out_of_bounds_is_wrong_usage),
	    TALK(test_an_address_that_is_none_is_wrong_usage),
	    TALK(test_nothing_to_listen_on),
	    TALK(test_no_command_is_wrong_usage),
	    TALK(test_help_and_version),
	    TALK(test_a_socket_that_may_not_be_made),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
