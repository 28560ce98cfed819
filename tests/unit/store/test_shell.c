/*
 * test_shell.c - a path as one word of a shell: a real shell reads it back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/engine.h"
#include "tests/unit/cm.h"

/* What a shell takes it for. */
static void
want_word(const char *path, const char *want)
{
	char quoted[512], line[600], got[512] = "";
	FILE *f;

	shell_quote(quoted, sizeof(quoted), path);
	snprintf(line, sizeof(line), "printf '%%s|' %s", quoted);
	f = popen(line, "r");
	assert_non_null(f);
	got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
	assert_int_equal(pclose(f), 0);
	assert_string_equal(got, want);
}

static void
test_a_shell_reads_it_back(void **state)
{
	(void)state;
	want_word("/var/lib/events.db", "/var/lib/events.db|");
	want_word("a b", "a b|");
	want_word("it's", "it's|");
	want_word("''", "''|");
	want_word("$(id) `id` $HOME", "$(id) `id` $HOME|");
	want_word("a;b&c|d>e<f", "a;b&c|d>e<f|");
	want_word("~root", "~root|");
	want_word("*.db", "*.db|");
	want_word("\"\\", "\"\\|");
	want_word("", "|");
	want_word("-rf", "./-rf|");
	want_word("- x", "./- x|");
	want_word("a=b#c{d,e}", "a=b#c{d,e}|");
}

/* A plain name stays as it is read best. */
static void
test_a_plain_name_has_no_quotes(void **state)
{
	char quoted[64];

	(void)state;
	shell_quote(quoted, sizeof(quoted), "/srv/events-2/log_1.db");
	assert_string_equal(quoted, "/srv/events-2/log_1.db");
}

/* A word has room or is none: it is never cut. */
static void
test_a_word_without_room_is_none(void **state)
{
	char buf[20];

	(void)state;
	shell_quote_word(buf, sizeof(buf), "-rf");
	assert_string_equal(buf, "-rf"); /* only a path is made `./-rf` */
	shell_quote_word(buf, sizeof(buf), "nineteen-letters-it");
	assert_string_equal(buf, "nineteen-letters-it");
	shell_quote_word(buf, sizeof(buf), "twenty-letters-of-it");
	assert_string_equal(buf, "<WORD>");
	shell_quote_word(buf, sizeof(buf), "two words, and no room");
	assert_string_equal(buf, "<WORD>");
	shell_quote_word(buf, sizeof(buf), "a\nb");
	assert_string_equal(buf, "<WORD>");
}

/* What cannot be typed, or has no room, stops the shell. */
static void
test_what_stands_for_no_name_stops_a_shell(void **state)
{
	static const char *const names[] = {"a\nb", "\x1b[2J", "x\x7f", "\t"};
	char quoted[64], many[80];
	size_t i, size;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		shell_quote(quoted, sizeof(quoted), names[i]);
		assert_string_equal(quoted, "<FILE>");
	}
	for (i = 1; i < 79; i++) {
		memset(many, i % 2 == 0 ? '\'' : 'a', i);
		many[i] = '\0';
		for (size = 17; size < 64; size++) {
			char *buf = malloc(size);

			shell_quote(buf, size, many);
			assert_true(strlen(buf) < size);
			if (strcmp(buf, "<FILE>") != 0 && i % 2 == 1)
				assert_string_equal(buf, many);
			free(buf);
		}
	}
	assert_int_not_equal(system("echo <FILE> 2>/dev/null && true"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_shell_reads_it_back),
	    cmocka_unit_test(test_a_plain_name_has_no_quotes),
	    cmocka_unit_test(test_a_word_without_room_is_none),
	    cmocka_unit_test(test_what_stands_for_no_name_stops_a_shell),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
