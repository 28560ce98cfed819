/*
 * test_options.c - the options of a command: which values are taken, and
 * which are refused.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cm.h"

#include "fcgi/base/options.h"
#include "fcgi/base/conf.h"

/* A command with an option of each kind. */
struct conf {
	const char *db, *listen;
	uint64_t mode, topics, retry, streams, per_address, keep;
	uint64_t heartbeat_ms, age_ms, stall_ms;
	uint64_t window_bytes, event_bytes, request_bytes;
	struct option_list origins;
	bool quiet;
};

/* clang-format off */
#define NUMBER(kind, member) OPTION_##kind, AT_NUMBER(struct conf, member)
static const struct option own_list[] = {
	{"db", "FILE", OPTION_STRING, AT_STRING(struct conf, db), NULL,
	    .help = "the log", .needed = true},
	{"listen", "ADDRESS", OPTION_STRING, AT_STRING(struct conf, listen),
	    "unix:x", .help = "where to listen"},
	{"mode", "OCTAL", NUMBER(OCTAL, mode), "0660",
	    .help = "of a file", .max = 0777},
	{"topics", "N", NUMBER(UNSIGNED, topics), "16",
	    .help = "topics of a stream", .min = 1, .max = 64},
	{"retry", "MS", NUMBER(UNSIGNED, retry), "2000", .help = "a break"},
	{"max-streams", "N", NUMBER(UNSIGNED, streams), NULL,
	    .help = "streams at once"},
	{"max-streams-per-address", "N", NUMBER(UNSIGNED, per_address), "0",
	    .help = "of one client"},
	{"keep", "N", NUMBER(UNSIGNED, keep), NULL,
	    .help = "what to keep", .absent = 77},
	{"heartbeat", "SECONDS", NUMBER(AGE, heartbeat_ms), "15",
	    .help = "after silence", .min = 10},
	{"age", "AGE", NUMBER(AGE, age_ms), "1h", .help = "of a stream"},
	{"stall", "AGE", NUMBER(AGE, stall_ms), "0", .help = "of a reader"},
	{"window", "BYTES", NUMBER(BYTES, window_bytes), "16M",
	    .help = "in memory"},
	{"event", "BYTES", NUMBER(BYTES, event_bytes), "1M",
	    .help = "the largest"},
	{"request", "BYTES", NUMBER(BYTES, request_bytes), "0",
	    .help = "the largest"},
	{"allow-origin", "ORIGIN", OPTION_LIST,
	    AT_LIST(struct conf, origins), NULL, .help = "other sites"},
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct conf, quiet), NULL,
	    .help = "say nothing"},
};
/* clang-format on */

static const struct options own = {
    .command = "own",
    .usage = "--db FILE [options]",
    .about = "Shows what options can be.",
    .list = own_list,
    .n = sizeof(own_list) / sizeof(own_list[0]),
    .environment = true,
};

enum {
	WORDS_MAX = 16,
	WHY_SIZE = 512
};

/* One reading of options, and its result. */
struct reading {
	struct conf conf;
	enum options_result result;
	int argc;
	char *argv[WORDS_MAX + 1];
	char why[WHY_SIZE], words[1024];
};

/* Reads blank-separated words as a command line. */
static void
read_line(struct reading *t, const struct options *os, const char *line,
    char *const *env)
{
	char *p = t->words, *word;

	assert_true(strlen(line) < sizeof(t->words));
	strcpy(t->words, line);
	t->argc = 0;
	t->argv[t->argc++] = (char *)"own";
	while ((word = strsep(&p, " ")) != NULL && t->argc < WORDS_MAX)
		if (*word != '\0')
			t->argv[t->argc++] = word;
	t->argv[t->argc] = NULL;
	t->result = options_read(
	    os, &t->argc, t->argv, env, &t->conf, t->why, sizeof(t->why));
}

static void
own_reads(struct reading *t, const char *line, char *const *env)
{
	read_line(t, &own, line, env);
	if (t->result == OPTIONS_WRONG)
		print_error("%s\n", t->why);
	assert_int_equal(t->result, OPTIONS_OK);
}

static void
own_refuses(const char *line, char *const *env, const char *why)
{
	struct reading t;

	read_line(&t, &own, line, env);
	assert_int_equal(t.result, OPTIONS_WRONG);
	assert_string_equal(t.why, why);
	options_free(&own, &t.conf);
}

static void
test_options_default(void **state)
{
	struct reading t;

	(void)state;
	own_reads(&t, "--db x", NULL);
	assert_string_equal(t.conf.db, "x");
	assert_string_equal(t.conf.listen, "unix:x");
	assert_int_equal(t.conf.mode, 0660);
	assert_int_equal(t.conf.topics, 16);
	assert_int_equal(t.conf.streams, 0);
	assert_int_equal(t.conf.keep, 77);
	assert_int_equal(t.conf.heartbeat_ms, 15000);
	assert_int_equal(t.conf.age_ms, 3600 * 1000);
	assert_int_equal(t.conf.window_bytes, 16 << 20);
	assert_int_equal(t.conf.origins.n, 0);
	assert_false(t.conf.quiet);
	options_free(&own, &t.conf);
}

static void
test_options_value_follows_or_is_joined(void **state)
{
	struct reading t;

	(void)state;
	own_reads(&t,
	    "--db=a=b --retry 7 --topics=3 --quiet --mode 600 "
	    "--listen=",
	    NULL);
	assert_string_equal(t.conf.db, "a=b");
	assert_int_equal(t.conf.retry, 7);
	assert_int_equal(t.conf.topics, 3);
	assert_int_equal(t.conf.mode, 0600);
	assert_string_equal(t.conf.listen, "");
	assert_true(t.conf.quiet);
	options_free(&own, &t.conf);
}

static void
test_options_last_one_counts(void **state)
{
	struct reading t;

	(void)state;
	own_reads(&t, "--db a --retry 1 --db b --retry 2", NULL);
	assert_string_equal(t.conf.db, "b");
	assert_int_equal(t.conf.retry, 2);
	options_free(&own, &t.conf);
}

static void
test_options_units(void **state)
{
	struct reading t;

	(void)state;
	own_reads(&t,
	    "--db x --heartbeat 500ms --age 2h --stall 7d --window 1G "
	    "--event 64 --request 2k",
	    NULL);
	assert_int_equal(t.conf.heartbeat_ms, 500);
	assert_int_equal(t.conf.age_ms, 2 * 3600 * 1000);
	assert_int_equal(t.conf.stall_ms, 7 * 24 * 3600 * 1000);
	assert_int_equal(t.conf.window_bytes, 1 << 30);
	assert_int_equal(t.conf.event_bytes, 64);
	assert_int_equal(t.conf.request_bytes, 2048);
	options_free(&own, &t.conf);
}

static void
test_options_bytes_whole_or_not_at_all(void **state)
{
	static const char *const bad[] = {"", "K", "-1", "+1", " 1", "1 ",
	    "1KK", "1T", "0x10", "1.5M", "18446744073709551616", "17179869184G",
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "1"};
	uint64_t n = 42;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(option_bytes(bad[i], &n));
	assert_int_equal(n, 42);
	assert_true(option_bytes("18446744073709551615", &n));
	assert_true(n == UINT64_MAX);
	assert_true(option_bytes("17179869183G", &n));
	assert_true(n == UINT64_MAX - (1 << 30) + 1);
}

static void
test_options_refuse_values(void **state)
{
	static const char *const line_why[][2] = {
	    {"--topics many", "--topics: 'many' is not a whole number"},
	    {"--topics -1", "--topics: '-1' is not a whole number"},
	    {"--topics=", "--topics: '' is not a whole number"},
	    {"--topics 0", "--topics: '0' is less than 1"},
	    {"--topics 65", "--topics: '65' is more than 64"},
	    {"--retry 99999999999999999999",
		"--retry: '99999999999999999999' is not a whole number"},
	    {"--heartbeat 0", "--heartbeat: '0' is less than 10 ms"},
	    {"--heartbeat soon",
		"--heartbeat: 'soon' is not a time such as 15 (seconds), "
		"500ms, 10m, 2h or 7d"},
	    {"--window 1T", "--window: '1T' is not bytes such as 64, 256K, "
			    "16M or 1G"},
	    {"--mode 888", "--mode: '888' is not an octal mode "
			   "such as 0660"},
	    {"--mode 4755", "--mode: '4755' is more than 0777"},
	};
	char line[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(line_why) / sizeof(line_why[0]); i++) {
		snprintf(line, sizeof(line), "--db x %s", line_why[i][0]);
		own_refuses(line, NULL, line_why[i][1]);
	}
}

static void
test_options_refuse_usage(void **state)
{
	(void)state;
	own_refuses("", NULL, "--db: is needed: FILE, the log");
	own_refuses("--db", NULL, "--db: needs a value, FILE");
	own_refuses("--db x --such", NULL,
	    "--such: no such option, see largesse own --help");
	own_refuses(
	    "--db x --d y", NULL, "--d: no such option, did you mean --db?");
	own_refuses("--db x --hearbeat=7", NULL,
	    "--hearbeat: no such option, did you mean --heartbeat?");
	own_refuses("--db x --quiet=1", NULL, "--quiet: takes no value");
	own_refuses("--db x -q", NULL, "-q: options begin with --");
	own_refuses("--db x y", NULL,
	    "y: one too many, usage: largesse own --db FILE [options]");
}

static void
test_options_help_needs_nothing_else(void **state)
{
	struct reading t;

	(void)state;
	read_line(&t, &own, "--help", NULL);
	assert_int_equal(t.result, OPTIONS_HELP);
	options_free(&own, &t.conf);
}

static void
test_options_list_keeps_all_in_order(void **state)
{
	struct reading t;

	(void)state;
	own_reads(&t,
	    "--db x --allow-origin https://a --allow-origin=https://b", NULL);
	assert_int_equal(t.conf.origins.n, 2);
	assert_string_equal(t.conf.origins.v[0], "https://a");
	assert_string_equal(t.conf.origins.v[1], "https://b");
	options_free(&own, &t.conf);
}

/* --- the environment ---------------------------------------------------- */

static char *const env[] = {(char *)"LARGESSE_DB=/e",
    (char *)"LARGESSE_MAX_STREAMS=7",
    (char *)"LARGESSE_MAX_STREAMS_PER_ADDRESS=3",
    (char *)"LARGESSE_RETRY=", (char *)"LARGESSE_QUIET=yes",
    (char *)"LARGESSE_ALLOW_ORIGIN= https://a \t https://b ", NULL};

static void
test_options_environment_gives_the_rest(void **state)
{
	struct reading t;

	(void)state;
	own_reads(&t, "--max-streams 9", env);
	assert_string_equal(t.conf.db, "/e");
	assert_int_equal(t.conf.streams, 9);
	assert_int_equal(t.conf.per_address, 3);
	assert_int_equal(t.conf.retry, 2000); /* empty is unset */
	assert_true(t.conf.quiet);
	assert_int_equal(t.conf.origins.n, 2);
	assert_string_equal(t.conf.origins.v[0], "https://a");
	assert_string_equal(t.conf.origins.v[1], "https://b");
	options_free(&own, &t.conf);
}

static void
test_options_list_of_the_line_replaces_the_environments(void **state)
{
	struct reading t;

	(void)state;
	own_reads(&t, "--allow-origin https://c", env);
	assert_int_equal(t.conf.origins.n, 1);
	assert_string_equal(t.conf.origins.v[0], "https://c");
	options_free(&own, &t.conf);
}

static void
test_options_bad_variable_is_named(void **state)
{
	char *number[] = {(char *)"LARGESSE_MAX_STREAMS=many", NULL};
	char *flag[] = {(char *)"LARGESSE_QUIET=perhaps", NULL};

	(void)state;
	own_refuses("--db x", number,
	    "LARGESSE_MAX_STREAMS: 'many' is not a whole number");
	own_refuses(
	    "--db x", flag, "LARGESSE_QUIET: 'perhaps' is neither yes nor no");
}

/* --- operands ----------------------------------------------------------- */

static const struct option copy_list[] = {
    {"quiet", NULL, OPTION_FLAG, AT_FLAG(struct conf, quiet), NULL,
	.help = "say nothing"},
};

static const struct options copy = {
    .command = "copy",
    .usage = "FROM [TO]",
    .list = copy_list,
    .n = 1,
    .operands_min = 1,
    .operands_max = 2,
};

static void
test_options_operands_stand_anywhere(void **state)
{
	struct reading t;

	(void)state;
	read_line(&t, &copy, "a --quiet -", env);
	assert_int_equal(t.result, OPTIONS_OK);
	assert_int_equal(t.argc, 3);
	assert_string_equal(t.argv[1], "a");
	assert_string_equal(t.argv[2], "-");
	assert_null(t.argv[3]);
	assert_true(t.conf.quiet);

	read_line(&t, &copy, "-- --quiet --", NULL);
	assert_int_equal(t.result, OPTIONS_OK);
	assert_string_equal(t.argv[1], "--quiet");
	assert_string_equal(t.argv[2], "--");
	assert_false(t.conf.quiet);
}

static void
test_options_operands_are_counted(void **state)
{
	struct reading t;

	(void)state;
	read_line(&t, &copy, "--quiet", NULL);
	assert_int_equal(t.result, OPTIONS_WRONG);
	assert_string_equal(t.why, "copy: usage: largesse copy FROM [TO]");

	read_line(&t, &copy, "a b c", NULL);
	assert_int_equal(t.result, OPTIONS_WRONG);
	assert_string_equal(
	    t.why, "c: one too many, usage: largesse copy FROM [TO]");
}

static void
test_options_environment_is_for_those_who_want_it(void **state)
{
	struct reading t;

	(void)state;
	read_line(&t, &copy, "a", env);
	assert_int_equal(t.result, OPTIONS_OK);
	assert_false(t.conf.quiet);
}

/* --- help, and the help of serve ---------------------------------------- */

static char *
help_text(const struct options *os)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	options_help(os, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void
assert_help_is_whole(const struct options *os)
{
	char *text = help_text(os), want[128];
	const struct option *o;
	size_t i;

	for (o = os->list; o < os->list + os->n; o++) {
		snprintf(want, sizeof(want), "\n  --%s ", o->name);
		assert_non_null(strstr(text, want));
		snprintf(want, sizeof(want), "%s%s%s%s\n", o->help,
		    o->initial ? " (" : "", o->initial ? o->initial : "",
		    o->initial ? ")" : "");
		assert_non_null(strstr(text, want));
	}
	for (i = 0; text[i] != '\0'; i += strcspn(text + i, "\n") + 1)
		assert_true(strcspn(text + i, "\n") <= 80);
	free(text);
}

static void
test_options_help_has_each_with_its_default(void **state)
{
	(void)state;
	assert_help_is_whole(&own);
	assert_help_is_whole(&serve_options);
}

/* The text of the manual; make runs the tests at the top of the tree. */
static char *
manual_text(void)
{
	static char text[256 * 1024];
	FILE *f = fopen("fcgi/largesse.1", "r");
	size_t len;

	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	assert_true(len > 0 && feof(f));
	fclose(f);
	text[len] = '\0';
	return text;
}

/* The manual says the default of each option in its own paragraph. */
static void
test_options_of_serve_are_in_the_manual(void **state)
{
	char *serving = strstr(manual_text(), "\n.Sh SERVING\n"), want[128];
	const struct option *o;

	(void)state;
	assert_non_null(serving);
	for (o = serve_options.list; o < serve_options.list + serve_options.n;
	     o++) {
		char *item, *end, *found;

		snprintf(want, sizeof(want), "\n.It Fl -%s%s", o->name,
		    o->arg != NULL ? " Ar " : "\n");
		if ((item = strstr(serving, want)) == NULL)
			fail_msg("not in the manual: --%s", o->name);
		if (o->initial == NULL)
			continue;
		end = strstr(item + 1, "\n.It ");
		snprintf(want, sizeof(want), "The default is %s", o->initial);
		found = strstr(item, want);
		if (found == NULL || (end != NULL && found > end) ||
		    strchr(",.;: \n", found[strlen(want)]) == NULL)
			fail_msg("not in the manual: --%s, %s", o->name, want);
	}
}

static void
test_options_of_serve(void **state)
{
	char *argv[] = {(char *)"serve", NULL};
	char *db[] = {
	    (char *)"LARGESSE_DB=x", (char *)"LARGESSE_MAX_STREAMS=7", NULL};
	struct serve_conf conf;
	char why[WHY_SIZE];
	int argc = 1;

	(void)state;
	assert_int_equal(options_read(&serve_options, &argc, argv, db, &conf,
			     why, sizeof(why)),
	    OPTIONS_OK);
	assert_string_equal(conf.db, "x");
	assert_null(conf.listen);
	assert_int_equal(conf.listen_mode, 0660);
	assert_int_equal(conf.heartbeat_ms, 15000);
	assert_int_equal(conf.poll_ms, 250);
	assert_int_equal(conf.max_streams, 7);
	assert_int_equal(conf.window_bytes, 16 << 20);
	options_free(&serve_options, &conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options_default),
	    cmocka_unit_test(test_options_value_follows_or_is_joined),
	    cmocka_unit_test(test_options_last_one_counts),
	    cmocka_unit_test(test_options_units),
	    cmocka_unit_test(test_options_bytes_whole_or_not_at_all),
	    cmocka_unit_test(test_options_refuse_values),
	    cmocka_unit_test(test_options_refuse_usage),
	    cmocka_unit_test(test_options_help_needs_nothing_else),
	    cmocka_unit_test(test_options_list_keeps_all_in_order),
	    cmocka_unit_test(test_options_environment_gives_the_rest),
	    cmocka_unit_test(
		test_options_list_of_the_line_replaces_the_environments),
	    cmocka_unit_test(test_options_bad_variable_is_named),
	    cmocka_unit_test(test_options_operands_stand_anywhere),
	    cmocka_unit_test(test_options_operands_are_counted),
	    cmocka_unit_test(test_options_environment_is_for_those_who_want_it),
	    cmocka_unit_test(test_options_help_has_each_with_its_default),
	    cmocka_unit_test(test_options_of_serve),
	    cmocka_unit_test(test_options_of_serve_are_in_the_manual),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
