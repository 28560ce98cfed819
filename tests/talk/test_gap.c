/*
 * test_gap.c - a place that is gone is never papered over: the stream says so
 * before any other event, says where it goes on, and goes on there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

static struct client *
resume(struct server *sv, const char *id)
{
	struct client *c = get(sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);

	want_start(c);
	return c;
}

/* Row by row all that the log has behind id, as SELECT has it. */
static void
want_all_after(struct client *c, struct server *sv, int64_t id)
{
	int64_t last = sql_number(sv, "SELECT ifnull(max(id), 0) FROM events");

	while (id < last) {
		id =
		    sql_number(sv, "SELECT min(id) FROM events WHERE id > %lld",
			(long long)id);
		want_event(c, text("%lld", (long long)id), "message",
		    text("%lld", (long long)id));
	}
	want_nothing_more(c, sv, "main");
}

static void
want_gap_and_the_rest(struct client *c, struct server *sv, const char *asked)
{
	const char *gap = want_gap(c);
	const char *said = json(gap, "$.asked");

	if (strcmp(said, asked) != 0)
		talk_fail("wanted asked %s; came %s", asked, gap);
	want_all_after(c, sv, atoll(json(gap, "$.id")));
}

static struct server *
serve_numbered(int n)
{
	struct server *sv = serve();

	for (int i = 1; i <= n; i++)
		append(sv, "main", text("%d", i));
	return sv;
}

static void
prune(struct server *sv, const char *rows)
{
	struct ran r =
	    run_with(sv, NULL, "prune", sv->db, "--keep-rows", rows, NULL);

	if (r.status != 0)
		talk_fail("prune: %d: %s", r.status, r.err);
}

static void
test_pruned(void)
{
	struct server *sv = serve_numbered(10);
	struct client *c;

	prune(sv, "3");
	check(sql_number(sv, "SELECT min(id) FROM events") == 8);
	c = resume(sv, "2");
	check(strcmp(json(want_gap(c), "$.id"), "7") == 0);
	want(c, "id: 8\ndata: 8\n\nid: 9\ndata: 9\n\nid: 10\ndata: 10\n\n");
	want_nothing_more(c, sv, "main");
}

static void
test_gap_says_what_was_asked(void)
{
	struct server *sv = serve_numbered(10);

	prune(sv, "3");
	want_gap_and_the_rest(resume(sv, "2"), sv, "2");
}

static void
test_deleted_by_hand(void)
{
	struct server *sv = serve_numbered(10);

	sql(sv, "DELETE FROM events WHERE id < 9");
	want_gap_and_the_rest(resume(sv, "1"), sv, "1");
}

static void
test_zero_of_a_pruned_log(void)
{
	struct server *sv = serve_numbered(10);

	prune(sv, "3");
	want_gap_and_the_rest(resume(sv, "0"), sv, "0");
}

static void
test_no_gap_at_the_last_one_pruned(void)
{
	struct server *sv = serve_numbered(10);
	struct client *c;

	prune(sv, "3");
	c = resume(sv, "7");
	want(c, "id: 8\ndata: 8\n\n");
	check(c->gap == NULL);
}

static void
test_no_gap_for_who_asks_for_all_there_is(void)
{
	struct server *sv = serve_numbered(10);
	struct client *c;

	prune(sv, "2");
	c = resume(sv, "earliest");
	want(c, "id: 9\ndata: 9\n\n");
	check(c->gap == NULL);
	c = get(sv, "/events?last=5", NULL);
	want_start(c);
	want(c, "id: 9\ndata: 9\n\n");
	check(c->gap == NULL);
}

static void
test_all_pruned(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c;

	sql(sv, "DELETE FROM events");
	c = resume(sv, "5");
	append(sv, "main", "6");
	want(c, "id: 6\ndata: 6\n\n");
	check(c->gap == NULL);
	c = resume(sv, "3");
	want_gap_and_the_rest(c, sv, "3");
}

static void
test_id_ahead_of_the_log(void)
{
	struct server *sv = serve_numbered(3);

	want_gap_and_the_rest(resume(sv, "99"), sv, "99");
}

static void
test_id_beyond_all_numbers(void)
{
	struct server *sv = serve_numbered(3);

	want_gap_and_the_rest(
	    resume(sv, "18446744073709551617"), sv, "18446744073709551617");
}

static void
test_uid_that_no_event_has(void)
{
	struct server *sv = serve_numbered(3);

	want_gap_and_the_rest(resume(sv, "o-17"), sv, "o-17");
	want_gap_and_the_rest(resume(sv, "-1"), sv, "-1");
	want_gap_and_the_rest(resume(sv, "3 "), sv, "3 ");
}

static void
test_uid_that_was_pruned(void)
{
	struct server *sv = serve();

	append_event(sv, "main", NULL, "1", "first");
	append(sv, "main", "2");
	append(sv, "main", "3");
	sql(sv, "DELETE FROM events WHERE id < 3");
	want_gap_and_the_rest(resume(sv, "first"), sv, "first");
}

/* Whatever a peer sends as an id, the answer is a stream that owns up. */
static void
test_id_that_never_was_ours(void)
{
	static const char *const id[] = {
	    "\xff\xfe", "\x01", "\"\\{}\"", "a\nid: 7", "%00"};
	struct server *sv = serve_numbered(2);

	for (size_t i = 0; i < sizeof(id) / sizeof(id[0]); i++)
		want_gap(resume(sv, id[i]));
	want_gap(resume(sv, text("%0200d", 7)));
}

/* The gap is a place too: who is cut off behind it is not told again. */
static void
test_after_the_gap_there_is_a_place_to_come_back_to(void)
{
	struct server *sv = serve_numbered(10);
	struct client *c;

	prune(sv, "3");
	c = resume(sv, "2");
	want_gap(c);
	c = resume(sv, text("%s", c->last_id.s));
	check(c->gap == NULL);
	want_all_after(c, sv, 7);
}

/*
 * What it had not read is gone: it is told so, or cut off if half an event was
 * out, and told so when it comes back.
 */
static void
test_pruned_away_from_under_a_slow_reader(void)
{
	enum {
		N = 6000
	}; /* 30 MB: more than any window or socket holds */
	struct server *sv = serve();
	struct client *c = get(sv, "/events", NULL);
	const struct event *e;
	int id = 0, gaps = 0;

	want_start(c);
	c->may_be_cut = true;
	for (int i = 0; i < N; i += 500)
		append_many(sv, "main", i + 1, 500, 5000);
	sql(sv, "DELETE FROM events WHERE id < %d", N - 10);
	while (id < N) {
		if ((e = next_or_end(c)) == NULL) {
			c = resume(sv, text("%d", id));
			continue;
		}
		if (strcmp(e->type, "stream-gap") == 0) {
			gaps++;
			id = atoi(json(e->data, "$.id"));
		} else {
			check(atoi(e->id) == ++id);
		}
	}
	check(gaps == 1);
	want_nothing_more(c, sv, "main");
}

/* --- another log under the same name ---------------------------------------
 */

static void
remove_log(struct server *sv)
{
	unlink(sv->db);
	unlink(text("%s-wal", sv->db));
	unlink(text("%s-shm", sv->db));
}

/* A log of n rows that nobody serves. */
static struct server *
another_log(int n)
{
	struct server *sv = prepare();

	for (int i = 1; i <= n; i++)
		append(sv, "main", text("%d", i));
	return sv;
}

static void
copy(struct server *sv, const char *to)
{
	unlink(to);
	sql(sv, "VACUUM INTO '%s'", to);
}

/* Copies from over the pages of sv's log, as `.restore` does. */
static void
restore(struct server *sv, const char *from)
{
	sqlite3 *source, *target = log_open(sv->db);
	sqlite3_backup *b;
	int rc;

	source = log_open(from);
	b = sqlite3_backup_init(target, "main", source, "main");
	check(b != NULL);
	while ((rc = sqlite3_backup_step(b, -1)) == SQLITE_BUSY ||
	       rc == SQLITE_LOCKED)
		;
	check(rc == SQLITE_DONE);
	sqlite3_backup_finish(b);
	log_close(source);
	log_close(target);
}

/* A stream that has seen all n rows. */
static struct client *
stream_of(struct server *sv, int n)
{
	struct client *c = resume(sv, "0");

	for (int i = 1; i <= n; i++)
		want_event(c, text("%d", i), "message", text("%d", i));
	return c;
}

static void
test_replaced_by_mv_while_streaming(void)
{
	struct server *sv = serve_numbered(5), *other = another_log(3);
	struct client *c = stream_of(sv, 5);

	unlink(text("%s-wal", sv->db));
	unlink(text("%s-shm", sv->db));
	check(rename(other->db, sv->db) == 0);
	want_gap_and_the_rest(c, sv, "5");
}

static void
test_removed_and_made_again_while_streaming(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);
	struct ran r;

	remove_log(sv);
	r = run_with(sv, NULL, "init", sv->db, NULL);
	check(r.status == 0);
	append(sv, "main", "1");
	want_gap_and_the_rest(c, sv, "5");
}

static void
test_restored_from_an_older_copy_while_streaming(void)
{
	struct server *sv = serve_numbered(3);
	char *old = text("%s/old.db", sv->dir);
	struct client *c;

	copy(sv, old);
	append(sv, "main", "4");
	append(sv, "main", "5");
	c = stream_of(sv, 5);
	restore(sv, old);
	want_gap_and_the_rest(c, sv, "5");
}

/* The sequence has overtaken the stream: only the row itself tells. */
static void
test_restored_copy_that_grew_past_the_stream(void)
{
	struct server *sv = serve_numbered(3);
	char *old = text("%s/old.db", sv->dir);
	struct client *c;
	sqlite3 *db;

	copy(sv, old);
	append(sv, "main", "4");
	append(sv, "main", "5");
	c = stream_of(sv, 5);
	db = log_open(old);
	for (int i = 4; i <= 8; i++)
		log_run(db,
		    "INSERT INTO events(topic, data, time) "
		    "VALUES('other', '%d of another past', 1)",
		    i);
	log_close(db);
	restore(sv, old);
	want_gap(c);
	want_nothing_more(c, sv, "main");
}

static void
test_table_dropped_and_made_again_while_streaming(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);
	sqlite3 *db = log_open(sv->db);

	log_run(db, "BEGIN");
	log_run(db, "DELETE FROM events");
	log_run(db, "DELETE FROM sqlite_sequence WHERE name = 'events'");
	log_run(db, "INSERT INTO events(data) VALUES('1')");
	log_run(db, "COMMIT");
	want_gap_and_the_rest(c, sv, "5");
}

static void
test_every_stream_is_told(void)
{
	struct server *sv = serve_numbered(2), *other = another_log(1);
	struct client *c[5], *asleep = get(sv, "/events?topic=quiet", NULL);

	want_start(asleep);
	for (int i = 0; i < 5; i++)
		c[i] = stream_of(sv, 2);
	remove_log(sv);
	check(rename(other->db, sv->db) == 0);
	for (int i = 0; i < 5; i++)
		want_gap(c[i]);
	want_gap(asleep);
	want_nothing_more(asleep, sv, "quiet");
}

static void
test_a_new_stream_is_of_the_new_log(void)
{
	struct server *sv = serve_numbered(5), *other = another_log(2);
	struct client *c = stream_of(sv, 5), *after;

	remove_log(sv);
	check(rename(other->db, sv->db) == 0);
	want_gap(c);
	after = get(sv, "/events", NULL);
	check(strcmp(want_start(after), "2") == 0);
	check(
	    strcmp(json(after->start, "$.log"), json(c->start, "$.log")) != 0);
}

static void
test_replaced_between_two_connections(void)
{
	struct server *sv = serve_numbered(5), *other = another_log(2);

	leave(stream_of(sv, 5));
	remove_log(sv);
	check(rename(other->db, sv->db) == 0);
	/* Till the new one is known the answer may be: come back. */
	want_gap_and_the_rest(get_in_the_end(sv, "5"), sv, "5");
}

static void
test_restored_between_two_lives_of_the_responder(void)
{
	struct server *sv = serve_numbered(3);
	char *old = text("%s/old.db", sv->dir);

	copy(sv, old);
	append(sv, "main", "4");
	slay(sv);
	remove_log(sv);
	check(rename(old, sv->db) == 0);
	start(sv, NULL);
	want_gap_and_the_rest(resume(sv, "4"), sv, "4");
}

static void
test_vacuum_is_no_gap(void)
{
	struct server *sv = serve_numbered(5);
	struct client *c = stream_of(sv, 5);

	sql(sv, "DELETE FROM events WHERE id < 5");
	sql(sv, "VACUUM");
	sql(sv, "DELETE FROM events");
	sql(sv, "VACUUM");
	sql(sv, "CREATE TABLE of_the_application(x)");
	append(sv, "main", "6");
	want(c, "id: 6\ndata: 6\n\n");
}

static void
test_init_run_again_is_no_gap(void)
{
	struct server *sv = serve_numbered(2);
	struct client *c = stream_of(sv, 2);
	struct ran r =
	    run_with(sv, NULL, "init", sv->db, "--keep-rows", "100", NULL);

	check(r.status == 0);
	append(sv, "main", "3");
	want(c, "id: 3\ndata: 3\n\n");
}

static void
test_a_log_that_is_away_for_a_while(void)
{
	struct server *sv = serve_numbered(2);
	struct client *c = stream_of(sv, 2), *meanwhile;
	char *away = text("%s/away", sv->dir);

	check(rename(sv->db, away) == 0);
	meanwhile = get(sv, "/events", NULL);
	check(want_headers(meanwhile) == 200);
	check(rename(away, sv->db) == 0);
	append(sv, "main", "3");
	want(c, "id: 3\ndata: 3\n\n");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_pruned),
	    TALK(test_gap_says_what_was_asked),
	    TALK(test_deleted_by_hand),
	    TALK(test_zero_of_a_pruned_log),
	    TALK(test_no_gap_at_the_last_one_pruned),
	    TALK(test_no_gap_for_who_asks_for_all_there_is),
	    TALK(test_all_pruned),
	    TALK(test_id_ahead_of_the_log),
	    TALK(test_id_beyond_all_numbers),
	    TALK(test_uid_that_no_event_has),
	    TALK(test_uid_that_was_pruned),
	    TALK(test_id_that_never_was_ours),
	    TALK(test_after_the_gap_there_is_a_place_to_come_back_to),
	    TALK(test_pruned_away_from_under_a_slow_reader),
	    TALK(test_replaced_by_mv_while_streaming),
	    TALK(test_removed_and_made_again_while_streaming),
	    TALK(test_restored_from_an_older_copy_while_streaming),
	    TALK(test_restored_copy_that_grew_past_the_stream),
	    TALK(test_table_dropped_and_made_again_while_streaming),
	    TALK(test_every_stream_is_told),
	    TALK(test_a_new_stream_is_of_the_new_log),
	    TALK(test_replaced_between_two_connections),
	    TALK(test_restored_between_two_lives_of_the_responder),
	    TALK(test_vacuum_is_no_gap),
	    TALK(test_init_run_again_is_no_gap),
	    TALK(test_a_log_that_is_away_for_a_while),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
