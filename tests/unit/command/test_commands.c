/*
 * test_commands.c - init, publish, prune, watch, and tail of a file, used as a
 * script uses them.
 */
#include <sqlite3.h>

#include "fcgi/command/commands.h"
#include "tests/unit/child.h"
#include "tests/unit/dir.h"
#include "tests/unit/forge.h"

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

/* --- watch ---------------------------------------------------------------- */

static void
change(const struct place *pl, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(pl->db, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, CHILD_WAIT_MS);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
test_watch_tells_lists_and_removes(void **state)
{
	struct place *pl = *state;

	init(pl);
	change(pl, "CREATE TABLE notes(id INTEGER PRIMARY KEY, t)");
	runs(cmd_watch, WORDS("watch", pl->db, "notes"), NULL,
	    "notes: watched\n", "", 0);
	runs(cmd_watch, WORDS("watch", "--list", pl->db), NULL,
	    "notes: insert,update,delete to topic notes: id, t\n", "", 0);
	change(pl, "INSERT INTO notes(t) VALUES('a')");
	assert_log(pl, "topic", "notes");
	runs(cmd_watch, WORDS("watch", "--remove", pl->db, "notes"), NULL,
	    "notes: watched no more\n", "", 0);
	runs(cmd_watch, WORDS("watch", "--remove", pl->db, "notes"), NULL,
	    "notes: was not watched\n", "", 0);
	runs(cmd_watch, WORDS("watch", "--remove", "--quiet", pl->db, "notes"),
	    NULL, "", "", 0);
	runs(cmd_watch, WORDS("watch", "--list", pl->db), NULL, "", "", 0);
}

static void
test_watch_refuses(void **state)
{
	struct place *pl = *state;
	char why[1024];

	init(pl);
	runs(cmd_watch, WORDS("watch", "--events", "bad", pl->db, "a"), NULL,
	    "",
	    "largesse: --events: 'bad' is not of insert, update and delete\n",
	    2);
	runs(cmd_watch, WORDS("watch", pl->db), NULL, "",
	    "largesse: watch: which TABLE?  Or --list\n", 2);
	runs(cmd_watch, WORDS("watch", "redis://h", "a"), NULL, "",
	    "largesse: a log on Redis has no tables: watching them is for a "
	    "log in a SQLite file\n",
	    1);
	snprintf(why, sizeof(why), "largesse: %s: no table a in it\n", pl->db);
	runs(cmd_watch, WORDS("watch", pl->db, "a"), NULL, "", why, 1);
	snprintf(why, sizeof(why),
	    "largesse: %s: not an event log: make it one with: "
	    "largesse init %s\n",
	    pl->db, pl->db);
	change(pl, "DROP TABLE largesse");
	runs(cmd_watch, WORDS("watch", "--list", pl->db), NULL, "", why, 1);
	runs(cmd_watch, WORDS("watch", "--remove", pl->db, "a"), NULL, "", why,
	    1);
	runs(cmd_watch, WORDS("watch", "--such", pl->db), NULL, "",
	    "largesse: --such: no such option, see largesse watch --help\n", 2);
}

/* --- token ----------------------------------------------------------------
 */

/* A name that cannot be in a token is refused: without it the token would be
 * another one. */
static void
test_token_has_the_names_it_was_given(void **state)
{
	static const char *const names[] = {
	    "--sub", "--issuer", "--audience", "--kid"};
	static const char secret[] = "a secret of forty bytes and a few more..";
	struct place *pl = *state;
	char key[256], why[512];
	struct child ch;
	size_t i;

	snprintf(key, sizeof(key), "%s/key", pl->dir);
	snprintf(why, sizeof(why),
	    "largesse: %s: cannot be signed with: are all texts UTF-8?\n", key);
	forge_write(key, secret, sizeof(secret) - 1);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		runs(cmd_token,
		    WORDS("token", "--key-file", key, "--subscribe", "news",
			names[i], "caf\xe9"),
		    NULL, "", why, 1);
		child_start(&ch, cmd_token,
		    WORDS("token", "--key-file", key, "--subscribe", "news",
			names[i], "caf\xc3\xa9"));
		child_read(&ch, ch.out, NULL);
		assert_int_equal(strncmp(ch.text, "eyJ", 3), 0);
		child_ends(&ch, "", "", 0);
	}
}

/* --- tail of a file --------------------------------------------------------
 */

/* It ends by itself, after one event; its output has these in it, in order. */
static void
tails(const struct place *pl, const char *last_id, const char *first,
    const char *then)
{
	struct child ch;
	const char *at;

	child_start(&ch, cmd_tail,
	    WORDS("tail", pl->db, "--count", "1", "--last-event-id", last_id));
	child_read(&ch, ch.out, NULL);
	at = strstr(ch.text, first);
	if (at == NULL || strstr(at, then) == NULL)
		fail_msg("%s", ch.text);
	child_ends(&ch, "", "", 0);
}

static void
test_tail_of_a_file_tells_of_what_is_gone(void **state)
{
	struct place *pl = *state;

	init(pl);
	runs(cmd_publish, WORDS("publish", pl->db, "--quiet"), "a\nb\nc\n", "",
	    "", 0);
	change(pl, "DELETE FROM events WHERE id < 3");
	tails(pl, "1", "event: stream-gap\n", "data: c\n");
	tails(pl, "1", "\"reason\":\"pruned\",\"asked\":\"1\"", "data: c\n");
	tails(pl, "2", "data: c\n", "");
}

static void
test_tail_of_a_file_begins_after_a_uid(void **state)
{
	struct place *pl = *state;

	init(pl);
	runs(cmd_publish,
	    WORDS("publish", pl->db, "--quiet", "--uid", "u-1", "a"), NULL, "",
	    "", 0);
	runs(cmd_publish,
	    WORDS("publish", pl->db, "--quiet", "--uid", "u-2", "b"), NULL, "",
	    "", 0);
	tails(pl, "u-1", "id: u-2\n", "data: b\n");
	tails(pl, "earliest", "id: u-1\n", "data: a\n");
}

static void
test_tail_of_a_file_tells_of_an_id_that_is_not_there(void **state)
{
	static const char gap[] = "\"reason\":\"unknown\",\"asked\":\"77\"";
	struct place *pl = *state;
	struct child ch;

	init(pl);
	runs(cmd_publish, WORDS("publish", pl->db, "--quiet", "a"), NULL, "",
	    "", 0);
	child_start(&ch, cmd_tail,
	    WORDS("tail", pl->db, "--count", "1", "--last-event-id", "77"));
	child_read(&ch, ch.out, "event: stream-gap\n");
	runs(cmd_publish, WORDS("publish", pl->db, "--quiet", "b"), NULL, "",
	    "", 0);
	child_read(&ch, ch.out, NULL);
	assert_non_null(strstr(ch.text, gap));
	assert_non_null(strstr(ch.text, "data: b\n"));
	child_ends(&ch, "", "", 0);
}

static void
test_tail_of_a_file_refuses_topics(void **state)
{
	struct place *pl = *state;

	init(pl);
	runs(cmd_tail, WORDS("tail", pl->db, "--topic", "a*b"), NULL, "",
	    "largesse: --topic: topic: `*` may only stand at the end\n", 2);
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
	    TEST(test_watch_tells_lists_and_removes),
	    TEST(test_watch_refuses),
	    TEST(test_token_has_the_names_it_was_given),
	    TEST(test_tail_of_a_file_tells_of_what_is_gone),
	    TEST(test_tail_of_a_file_begins_after_a_uid),
	    TEST(test_tail_of_a_file_tells_of_an_id_that_is_not_there),
	    TEST(test_tail_of_a_file_refuses_topics),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
