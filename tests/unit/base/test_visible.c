/*
 * test_visible.c - what came from outside does not reach a terminal: in the
 * log lines, and in what a command prints on one.
 */
#include <fcntl.h>
#include <termios.h>

#include <sqlite3.h>

#include "fcgi/base/command.h"
#include "fcgi/base/log.h"
#include "fcgi/base/utf8.h"
#include "fcgi/command/commands.h"
#include "store/store.h"
#include "tests/unit/child.h"
#include "tests/unit/dir.h"

/* ESC, C1 as a character and as a byte, and what turns the direction. */
#define HARM                \
	"a\x1b[2Jb\xc2\x9b" \
	"31mc\x9b"          \
	"d\xe2\x80\xaetxt\xe2\x81\xa6\x7f"
#define SHOWN "a\\x1b[2Jb\\u009b31mc\\x9bd\\u202etxt\\u2066\\x7f"

static void
test_visible_form(void **state)
{
	static const struct {
		const char *s, *want;
	} cases[] = {
	    {"", ""},
	    {"plain text\tand a tab", "plain text\tand a tab"},
	    {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
	    {HARM, SHOWN},
	    {"a\r\nb", "a\\x0d\\x0ab"},
	    {"\xc2\x80\xc2\x9f\xc2\xa0", "\\u0080\\u009f\xc2\xa0"},
	    {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029"},
	    {"\xd8\x9c\xe2\x80\x8f", "\\u061c\\u200f"},
	    {"\xff\xe2\x82", "\\xff\\xe2\\x82"},
	};
	char *s, *to;
	size_t i, len, n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = strlen(cases[i].s);
		s = memcpy(malloc(len + 1), cases[i].s, len);
		to = malloc(len * UTF8_VISIBLE + 1);
		n = utf8_visible(to, len * UTF8_VISIBLE, s, len);
		to[n] = '\0';
		assert_string_equal(to, cases[i].want);
		free(s);
		free(to);
	}
}

/* It ends before what has no room, and never within. */
static void
test_visible_in_little_room(void **state)
{
	static const char text[] = "a\xe2\x80\xae\xe2\x82\xac";
	static const size_t want[] = {0, 1, 1, 1, 1, 1, 1, 7, 7, 7, 10, 10};
	char *to;
	size_t size;

	(void)state;
	for (size = 0; size < sizeof(want) / sizeof(want[0]); size++) {
		to = malloc(size + 1);
		assert_int_equal(
		    utf8_visible(to, size, text, sizeof(text) - 1), want[size]);
		free(to);
	}
}

static int
say_harm(int argc, char **argv)
{
	char *many = malloc(5000);

	log_error(argv[1], "%s", argv[2]);
	log_plain(argv[1]);
	log_info(argc == 0, argv[1], "%s", argv[2]);
	memset(many, '\x1b', 4999);
	many[4999] = '\0';
	log_plain(many);
	free(many);
	return 0;
}

static void
test_log_lines_are_shown(void **state)
{
	struct child ch;
	char many[1025] = "largesse: ", want[4096];
	size_t n;

	(void)state;
	for (n = strlen(many); n + 4 < 1024; n += 4)
		strcpy(many + n, "\\x1b");
	snprintf(want, sizeof(want),
	    "largesse: " SHOWN ": " SHOWN "\nlargesse: " SHOWN
	    "\nlargesse: " SHOWN ": " SHOWN "\n%s\n",
	    many);
	child_start(&ch, say_harm, WORDS("say", HARM, HARM));
	child_ends(&ch, "", want, 0);
}

/* --- what is printed ---------------------------------------------------- */

static int
setup(void **state)
{
	char *dir = malloc(DIR_SIZE);

	*state = dir;
	return dir_make(dir);
}

static int
teardown(void **state)
{
	int rc = dir_remove(*state);

	free(*state);
	return rc;
}

/* A log with one event, whose data would harm a terminal. */
static void
make_log(char *path, size_t size, const char *dir)
{
	struct store_event ev = {.topic = {"main", 4},
	    .data = {HARM "\tx\nsecond", strlen(HARM "\tx\nsecond")},
	    .uid = {"u", 1}};
	struct store *st;
	char why[512];

	snprintf(path, size, "%s/events.db", dir);
	assert_int_equal(store_init(path, NULL, why, sizeof(why)), 0);
	st = store_open(path, STORE_WRITE, why, sizeof(why));
	assert_non_null(st);
	assert_int_equal(store_append(st, &ev, 1), STORE_OK);
	store_close(st);
}

static void
test_tail_into_a_pipe_changes_nothing(void **state)
{
	struct child ch;
	char path[300];

	make_log(path, sizeof(path), *state);
	child_start(
	    &ch, cmd_tail, WORDS("tail", path, "--last", "1", "--count", "1"));
	/* A stream is UTF-8: the one bad byte was replaced in the encoder. */
	child_ends(&ch,
	    "id: u\ndata: a\x1b[2Jb\xc2\x9b"
	    "31mc\xef\xbf\xbd"
	    "d\xe2\x80\xae"
	    "txt\xe2\x81\xa6\x7f\tx\ndata: second\n\n",
	    "", 0);
}

/* As child_start, but what it prints and says goes to a terminal.  Returns
 * that. */
static int
start_on_terminal(struct child *ch, command *run, const char *const *words)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), end;
	struct termios raw;

	assert_true(terminal != -1 && grantpt(terminal) == 0 &&
		    unlockpt(terminal) == 0);
	end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	assert_true(end != -1 && tcgetattr(end, &raw) == 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(end, TCSANOW, &raw), 0);
	fflush(stdout);
	ch->pid = fork();
	if (ch->pid == 0) {
		int argc = 0;

		while (words[argc] != NULL)
			argc++;
		dup2(end, 1);
		dup2(end, 2);
		closefrom(3);
		exit(run(argc, (char **)(uintptr_t)words));
	}
	close(end);
	return terminal;
}

static void
want_on_terminal(command *run, const char *const *words, const char *want)
{
	struct child ch;
	int terminal = start_on_terminal(&ch, run, words), status;

	child_read(&ch, terminal, want);
	assert_int_equal(waitpid(ch.pid, &status, 0), ch.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(terminal);
}

static void
test_tail_on_a_terminal_shows_all(void **state)
{
	char path[300];

	make_log(path, sizeof(path), *state);
	want_on_terminal(cmd_tail,
	    WORDS("tail", path, "--last", "1", "--count", "1"),
	    "id: u\ndata: a\\x1b[2Jb\\u009b31mc\xef\xbf\xbd"
	    "d\\u202etxt\\u2066"
	    "\\x7f\tx\ndata: second\n\n");
}

/* The id of a log is told by init, and whoever may write there can set it. */
static void
test_init_on_a_terminal_shows_all(void **state)
{
	char path[300], want[1024];
	sqlite3 *db;

	make_log(path, sizeof(path), *state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
			     "UPDATE largesse SET value = 'x' || char(27, 155)"
			     " WHERE key = 'log'",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(db);
	snprintf(want, sizeof(want),
	    "%s: schema 1, log x\\x1b\\u009b, keeps all\n", path);
	want_on_terminal(cmd_init, WORDS("init", path), want);
}

static int
say(int argc, char **argv)
{
	(void)argc;
	command_say("%s", argv[1]);
	return command_done();
}

/* A long line goes out in pieces, none of which ends within a character. */
static void
test_a_long_line_on_a_terminal_is_whole(void **state)
{
	static const char *const chars[] = {
	    "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	char line[4002], want[4004];
	size_t i, len, begin;

	(void)state;
	for (i = 0; i < 3; i++)
		for (begin = 0; begin < 4; begin++) {
			memset(line, 'x', begin);
			for (len = begin; len + 5 < 4000; len += i + 2)
				memcpy(line + len, chars[i], i + 2);
			line[len] = '\0';
			snprintf(want, sizeof(want), "%s\n", line);
			want_on_terminal(say, WORDS("say", line), want);
		}
}

/* While it runs, a person sees how far a copy is; the line is then removed. */
static void
test_copy_on_a_terminal_says_how_far_it_is(void **state)
{
	static const char told[] = "\r1 events, up to ";
	char path[300], to[310];
	struct child ch;
	int terminal, status;

	make_log(path, sizeof(path), *state);
	snprintf(to, sizeof(to), "%s-2", path);
	terminal = start_on_terminal(&ch, cmd_copy, WORDS("copy", path, to));
	child_read(&ch, terminal, told);
	assert_int_equal(waitpid(ch.pid, &status, 0), ch.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = (int)read(terminal, ch.text, sizeof(ch.text) - 1);
	assert_true(status > 0);
	ch.text[status] = '\0';
	assert_non_null(strstr(ch.text, "\033[K\r\033[K1 events copied in "));
	close(terminal);
}

/* Standard output that cannot be written is a failure, and is told. */
static int
say_into_full(int argc, char **argv)
{
	if (freopen("/dev/full", "w", stdout) == NULL)
		return 99;
	return say(argc, argv);
}

static void
test_output_that_is_full_is_told(void **state)
{
	struct child ch;

	(void)state;
	child_start(&ch, say_into_full, WORDS("say", "a"));
	child_ends(
	    &ch, "", "largesse: standard output: No space left on device\n", 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_visible_form),
	    cmocka_unit_test(test_visible_in_little_room),
	    cmocka_unit_test(test_log_lines_are_shown),
	    cmocka_unit_test(test_a_long_line_on_a_terminal_is_whole),
	    cmocka_unit_test(test_output_that_is_full_is_told),
	    cmocka_unit_test_setup_teardown(
		test_copy_on_a_terminal_says_how_far_it_is, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_tail_into_a_pipe_changes_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_tail_on_a_terminal_shows_all, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_init_on_a_terminal_shows_all, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
