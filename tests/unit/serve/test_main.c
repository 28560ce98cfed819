/*
 * test_main.c - which command main.c takes from the words and the environment.
 *
 * The test runs the real program that make has built, or the one that LARGESSE
 * names.
 */
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/child.h"
#include "tests/unit/dir.h"

#include "store/store.h"

static const char *program = "build/asan/largesse";

struct place {
	char dir[DIR_SIZE], db[256];
};

static int
setup(void **state)
{
	struct place *pl = calloc(1, sizeof(*pl));
	struct store_event events[3] = {0};
	struct store *st = NULL;
	char why[512];

	if (dir_make(pl->dir) == -1)
		return -1;
	snprintf(pl->db, sizeof(pl->db), "%s/events.db", pl->dir);
	*state = pl;
	unsetenv("GATEWAY_INTERFACE");
	unsetenv("QUERY_STRING");
	unsetenv("LARGESSE_DB");
	setenv("REQUEST_METHOD", "GET", 1);
	if (store_init(pl->db, NULL, why, sizeof(why)) == 0)
		st = store_open(pl->db, STORE_WRITE, why, sizeof(why));
	if (st == NULL || store_append(st, events, 3) != STORE_OK)
		return -1;
	store_close(st);
	return 0;
}

static int
teardown(void **state)
{
	struct place *pl = *state;
	int r = dir_remove(pl->dir);

	free(pl);
	return r;
}

static int
run(int argc, char **argv)
{
	(void)argc;
	execv(program, argv);
	return 127;
}

static void
runs(const char *const *words, const char *out, const char *err, int status)
{
	struct child ch;

	child_start(&ch, run, words);
	child_ends(&ch, out, err, status);
}

static bool
count_one(void *arg, const struct store_event *ev)
{
	(void)ev;
	++*(int *)arg;
	return true;
}

static int
count(const struct place *pl)
{
	struct store_id before_all = {0, 0};
	struct store_span span;
	struct store *st;
	char why[512];
	int n = 0;

	st = store_open(pl->db, STORE_READ, why, sizeof(why));
	assert_non_null(st);
	assert_int_equal(
	    store_read(st, before_all, NULL, 0, 100, count_one, &n, &span),
	    STORE_OK);
	store_close(st);
	return n;
}

static void
test_main_version_and_wrong_usage(void **state)
{
	(void)state;
	runs(WORDS(program, "--version"), "largesse " VERSION "\n", "", 0);
	runs(WORDS(program, "version"), "largesse " VERSION "\n", "", 0);
	runs(WORDS(program, "-V"), "largesse " VERSION "\n", "", 0);
	runs(WORDS(program, "such"), "",
	    "largesse: such: no such command, see largesse --help\n", 2);
	runs(WORDS(program, "--db", "x"), "",
	    "largesse: --db: no such command, see largesse --help\n", 2);
	runs(WORDS(program, "serve"), "",
	    "largesse: --db: is needed: FILE, the event log, made by largesse "
	    "init\n",
	    2);
}

static void
test_main_help(void **state)
{
	struct child ch;
	char help[CHILD_TEXT];

	(void)state;
	child_start(&ch, run, WORDS(program, "--help"));
	child_read(&ch, ch.out, NULL);
	assert_non_null(strstr(ch.text, "\n  serve "));
	assert_non_null(strstr(ch.text, "\n  publish "));
	strcpy(help, ch.text);
	child_ends(&ch, "", "", 0);
	runs(WORDS(program), "", help, 2);
	runs(WORDS(program, "-h"), help, "", 0);
	runs(WORDS(program, "help"), help, "", 0);
	runs(WORDS(program, "help", "help"), help, "", 0);
	runs(WORDS(program, "help", "--help"), help, "", 0);
}

static void
test_main_help_of_a_command(void **state)
{
	static const char *const names[] = {"init", "serve", "publish", "tail",
	    "watch", "prune", "fold", "copy", "doctor", "token"};
	struct child ch;
	char help[CHILD_TEXT], usage[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		child_start(&ch, run, WORDS(program, names[i], "--help"));
		child_read(&ch, ch.out, NULL);
		snprintf(usage, sizeof(usage), "usage: largesse %s ", names[i]);
		assert_memory_equal(ch.text, usage, strlen(usage));
		strcpy(help, ch.text);
		child_ends(&ch, "", "", 0);
		runs(WORDS(program, names[i], "-h"), help, "", 0);
		runs(WORDS(program, "help", names[i]), help, "", 0);
	}
}

static void
test_main_says_which_command_was_meant(void **state)
{
	static const char *const typed_meant[][2] = {{"hlep", "help"},
	    {"publihs", "publish"}, {"pub", "publish"}, {"server", "serve"},
	    {"initt", "init"}, {"tial", "tail"}};
	char why[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(typed_meant) / sizeof(typed_meant[0]); i++) {
		snprintf(why, sizeof(why),
		    "largesse: %s: no such command, did you mean %s?\n",
		    typed_meant[i][0], typed_meant[i][1]);
		runs(WORDS(program, typed_meant[i][0]), "", why, 2);
		runs(WORDS(program, "help", typed_meant[i][0]), "", why, 2);
	}
	runs(WORDS(program, "--versoin"), "",
	    "largesse: --versoin: no such command, did you mean --version?\n",
	    2);
	runs(WORDS(program, "init", "--hepl"), "",
	    "largesse: --hepl: no such option, did you mean --help?\n", 2);
}

/* Wants the beginning of a stream, then its end after SIGTERM. */
static void
assert_cgi_stream(const char *const *words)
{
	struct child ch;

	child_start(&ch, run, words);
	child_read(&ch, ch.out, "Status: 200 OK\r\n");
	assert_int_equal(kill(ch.pid, SIGTERM), 0);
	child_read(&ch, ch.out, NULL);
	assert_non_null(strstr(ch.text, "Content-Type: text/event-stream\r\n"));
	assert_non_null(strstr(ch.text, "\nevent: stream-start\n"));
	child_ends(&ch, "", "", 0);
}

static void
test_main_as_cgi(void **state)
{
	struct place *pl = *state;

	setenv("GATEWAY_INTERFACE", "CGI/1.1", 1);
	assert_cgi_stream(WORDS(program, "--db", pl->db));
	setenv("QUERY_STRING", "topic=a", 1);
	assert_cgi_stream(WORDS(program, "serve", "--db", pl->db));
	setenv("LARGESSE_DB", pl->db, 1);
	assert_cgi_stream(WORDS(program));
}

/* A web server passes a query without `=` as the words of a command line. */
static void
test_main_obeys_no_words_of_a_url(void **state)
{
	struct place *pl = *state;
	char query[512];

	snprintf(query, sizeof(query), "prune+%s+--keep-rows+1", pl->db);
	setenv("GATEWAY_INTERFACE", "CGI/1.1", 1);
	setenv("QUERY_STRING", query, 1);
	runs(WORDS(program, "prune", pl->db, "--keep-rows", "1"), "",
	    "largesse: --db: is needed: FILE, the event log, made by largesse "
	    "init\n",
	    2);
	setenv("QUERY_STRING", "--version", 1);
	setenv("LARGESSE_DB", pl->db, 1);
	assert_cgi_stream(WORDS(program, "--version"));
	assert_int_equal(count(pl), 3);
}

/* The same words count if a script gives them, and not a URL. */
static void
test_main_obeys_a_cgi_script(void **state)
{
	struct place *pl = *state;

	setenv("GATEWAY_INTERFACE", "CGI/1.1", 1);
	setenv("QUERY_STRING", "a=b", 1);
	runs(WORDS(program, "prune", pl->db, "--keep-rows", "1"), "2\n", "", 0);
	assert_int_equal(count(pl), 1);
}

static int
run_on_socket(int argc, char **argv)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	/* The last word is the directory for the socket. */
	snprintf(
	    sun.sun_path, sizeof(sun.sun_path), "%.90s/socket", argv[argc - 1]);
	argv[argc - 1] = NULL;
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 8) == -1 || dup2(fd, 0) == -1)
		return 126;
	close(fd);
	return run(argc - 1, argv);
}

static void
test_main_serves_a_socket_on_descriptor_0(void **state)
{
	struct place *pl = *state;
	struct child ch;

	child_start(
	    &ch, run_on_socket, WORDS(program, "--db", pl->db, pl->dir));
	child_read(&ch, ch.err, "largesse: listening: on descriptor 0\n");
	assert_int_equal(kill(ch.pid, SIGTERM), 0);
	child_ends(&ch, "",
	    "largesse: stopping: 0 streams are told to come back\n", 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_main_version_and_wrong_usage),
	    TEST(test_main_help),
	    TEST(test_main_help_of_a_command),
	    TEST(test_main_says_which_command_was_meant),
	    TEST(test_main_as_cgi),
	    TEST(test_main_obeys_no_words_of_a_url),
	    TEST(test_main_obeys_a_cgi_script),
	    TEST(test_main_serves_a_socket_on_descriptor_0),
	};

	if (getenv("LARGESSE") != NULL)
		program = getenv("LARGESSE");
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("main", tests, NULL, NULL);
}
