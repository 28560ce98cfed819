/*
 * test_commands.c - init, publish and prune, used as a script uses them.
 */
#include <sqlite3.h>

#include "fcgi/command/commands.h"
#include "tests/unit/child.h"
#include "tests/unit/dir.h"

struct place {
	char dir[DIR_SIZE], db[256];
};

static int
setup(void **state)
{
	struct place *pl = calloc(1, sizeof(*pl));

	if (dir_make(pl->dir) == -1)
		return -1;
	snprintf(pl->db, sizeof(pl->db), "%s/events.db", pl->dir);
	*state = pl;
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

static void
runs(command *run, const char *const *words, const char *in, const char *out,
    const char *err, int status)
{
	struct child ch;

	child_start(&ch, run, words);
	if (in != NULL)
		child_write(&ch, in);
	child_ends(&ch, out, err, status);
}

static void
init(struct place *pl)
{
	runs(cmd_init, WORDS("init", "--quiet", pl->db), NULL, "", "", 0);
}

/* Checks these columns of all events, the rows joined by `;`. */
static void
assert_log(const struct place *pl, const char *columns, const char *want)
{
	sqlite3_stmt *st;
	char *sql;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(pl->db, &db), SQLITE_OK);
	sql = sqlite3_mprintf("SELECT group_concat(c, ';') FROM"
			      " (SELECT %s AS c FROM events ORDER BY id)",
	    columns);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(st, 0), want);
	sqlite3_finalize(st);
	sqlite3_free(sql);
	sqlite3_close(db);
}

static void
test_publish_one(void **state)
{
	struct place *pl = *state;

	init(pl);
	runs(
	    cmd_publish, WORDS("publish", pl->db, "hello"), NULL, "1\n", "", 0);
	runs(cmd_publish,
	    WORDS("publish", pl->db, "--topic=t", "--event=e", "--uid", "u",
		"--", "--data"),
	    NULL, "2\n", "", 0);
	runs(cmd_publish, WORDS("publish", pl->db, ""), NULL, "3\n", "", 0);
	assert_log(pl, "topic || quote(event) || quote(uid) || data",
	    "mainNULLNULLhello;t'e''u'--data;mainNULLNULL");
}

static void
test_publish_a_uid_twice_prints_the_old_id(void **state)
{
	struct place *pl = *state;

	init(pl);
	runs(cmd_publish, WORDS("publish", pl->db, "--uid", "u", "a"), NULL,
	    "1\n", "", 0);
	runs(cmd_publish, WORDS("publish", pl->db, "b"), NULL, "2\n", "", 0);
	runs(cmd_publish, WORDS("publish", pl->db, "--uid", "u", "c"), NULL,
	    "1\n", "", 0);
	assert_log(pl, "data", "a;b");
}

static void
test_publish_lines(void **state)
{
	struct place *pl = *state;

	init(pl);
	runs(cmd_publish, WORDS("publish", pl->db, "--topic", "t"),
	    "a\nb\r\n\nc\rd", "1\n2\n3\n4\n", "", 0);
	assert_log(pl, "topic || hex(data)", "t61;t62;t;t630D64");
	runs(cmd_publish, WORDS("publish", pl->db), "", "", "", 0);
	runs(
	    cmd_publish, WORDS("publish", pl->db, "--quiet"), "e\n", "", "", 0);
	assert_log(pl, "id", "1;2;3;4;5");
}

/* Each id must come while standard input is still open. */
static void
test_publish_a_typed_line_at_once(void **state)
{
	struct place *pl = *state;
	struct child ch;

	init(pl);
	child_start(&ch, cmd_publish, WORDS("publish", pl->db));
	child_write(&ch, "one\n");
	child_read(&ch, ch.out, "1\n");
	assert_log(pl, "data", "one");
	child_write(&ch, "two\nthr");
	child_read(&ch, ch.out, "2\n");
	assert_log(pl, "data", "one;two");
	child_write(&ch, "ee\n");
	child_read(&ch, ch.out, "3\n");
	child_ends(&ch, "", "", 0);
	assert_log(pl, "data", "one;two;three");
}

static void
test_publish_more_lines_than_a_batch(void **state)
{
	char in[1300 * 2 + 1];
	struct place *pl = *state;
	size_t i;

	init(pl);
	for (i = 0; i < sizeof(in) - 1; i += 2)
		memcpy(in + i, "x\n", 3);
	runs(cmd_publish, WORDS("publish", pl->db, "--quiet"), in, "", "", 0);
	assert_log(pl, "CASE id WHEN 1300 THEN data END", "x");
}

static void
test_publish_refuses(void **state)
{
	struct place *pl = *state;
	char why[512];

	snprintf(why, sizeof(why),
	    "largesse: %s: No such file or directory: make it with: "
	    "largesse init\n",
	    pl->db);
	runs(cmd_publish, WORDS("publish", pl->db, "x"), NULL, "", why, 1);
	init(pl);
	runs(cmd_publish, WORDS("publish", pl->db, "--uid", "u"), "x\n", "",
	    "largesse: --uid: is of one event: give its DATA, too\n", 2);
	snprintf(why, sizeof(why),
	    "largesse: %s: CHECK constraint failed: uid_is_not_all_digits\n",
	    pl->db);
	runs(cmd_publish, WORDS("publish", pl->db, "--uid", "12", "x"), NULL,
	    "", why, 1);
	runs(cmd_publish, WORDS("publish"), NULL, "",
	    "largesse: publish: usage: largesse publish FILE [options] "
	    "[DATA]\n",
	    2);
	assert_log(pl, "quote(count(*))", "0");
}

static void
test_init_tells_and_prune_counts(void **state)
{
	struct place *pl = *state;
	struct child ch;

	child_start(&ch, cmd_init, WORDS("init", pl->db, "--keep-rows", "50"));
	child_read(&ch, ch.out, NULL);
	assert_non_null(strstr(ch.text, ", keeps 50 rows\n"));
	child_ends(&ch, "", "", 0);
	runs(cmd_init, WORDS("init", pl->db, "--keep-rows=0", "--quiet"), NULL,
	    "", "", 0);
	runs(cmd_publish, WORDS("publish", pl->db, "--quiet"), "a\nb\nc\nd\n",
	    "", "", 0);
	runs(cmd_prune, WORDS("prune", pl->db, "--keep-rows", "3"), NULL, "1\n",
	    "", 0);
	runs(cmd_prune, WORDS("prune", pl->db, "--keep-age", "1h"), NULL, "0\n",
	    "", 0);
	assert_log(pl, "id", "2;3;4");
	runs(cmd_prune, WORDS("prune", pl->db, "--keep-rows", "0"), NULL, "",
	    "largesse: --keep-rows: '0' is less than 1\n", 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_publish_one),
	    TEST(test_publish_a_uid_twice_prints_the_old_id),
	    TEST(test_publish_lines),
	    TEST(test_publish_a_typed_line_at_once),
	    TEST(test_publish_more_lines_than_a_batch),
	    TEST(test_publish_refuses),
	    TEST(test_init_tells_and_prune_counts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
