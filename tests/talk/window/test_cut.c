/*
 * test_cut.c - a run was deleted or folded while older rows of other topics
 * stay: its clients are told, wherever they stand, and nobody else is.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/talk/peer/within.h"
#include "tests/talk/peer/witness.h"

/* news at 1, 4, 7, 10; run/1 at 2, 5, 8, 11; run/2 at 3, 6, 9, 12. */
static struct server *
serve_runs(void)
{
	struct server *sv = serve();

	for (int i = 0; i < 4; i++) {
		append(sv, "news", text("n%d", i));
		append(sv, "run/1", text("a%d", i));
		append(sv, "run/2", text("b%d", i));
	}
	return sv;
}

/* A place of which the row is gone; SQLite names the row before it. */
static const char *
before(const char *id, const char *row)
{
	return log_engine() == &log_sqlite ? row : id;
}

/* A run ended a minute ago. */
static void
end_run(struct server *sv, const char *run)
{
	struct row row = {.topic = column(run),
	    .event = column("stream-end"),
	    .time_ms = (int64_t)time(NULL) * 1000 - 60000};

	append_rows(sv, &row, 1);
}

static void
prune(struct server *sv, const char *pattern)
{
	struct ran r = run_with(sv, NULL, "prune", sv->db, "--quiet", "--topic",
	    pattern, "--ended", "--keep-age", "30s", NULL);

	if (r.status != 0)
		talk_fail("prune: %s", r.err);
}

/* The same, but run/1 ended at 11 and is gone. */
static struct server *
serve_pruned(void)
{
	struct server *sv = serve();

	for (int i = 0; i < 4; i++) {
		append(sv, "news", text("n%d", i));
		if (i < 3)
			append(sv, "run/1", text("a%d", i));
		else
			end_run(sv, "run/1");
		await_head(sv, 3 * i + 2);
		append(sv, "run/2", text("b%d", i));
	}
	await_head(sv, 12); /* which came alone, see serve_numbered */
	prune(sv, "run/*");
	check(log_count(sv) == 8);
	return sv;
}

static struct client *
resume_at(struct server *sv, const char *query, const char *id)
{
	return come_back(sv, text("/events?%s", query), id);
}

/* The gap is told, and the stream goes on from the place that was asked for. */
static void
want_gap_at(struct client *c, const char *reason, const char *id)
{
	const char *gap = want_gap(c);

	if (strcmp(json(gap, "$.reason"), reason) != 0 ||
	    strcmp(plain_id(json(gap, "$.id")), id) != 0)
		talk_fail("not %s at %s: %s", reason, id, gap);
}

static void
test_a_run_that_was_pruned(void)
{
	struct server *sv = serve_pruned();
	struct client *c = resume_at(sv, "topic=run/1", "5");

	want_gap_at(c, "pruned", before("5", "4"));
	append(sv, "run/1", "again");
	want(c, "id: 13\ndata: again\n\n");
	want_nothing_more(c, sv, "run/1");
}

static void
test_other_topics_have_no_gap(void)
{
	struct server *sv = serve_pruned();
	struct client *c = resume_at(sv, "topic=run/2", "6");

	want(c, "id: 9\ndata: b2\n\nid: 12\ndata: b3\n\n");
	check(c->gap == NULL);
	c = resume_at(sv, "topic=run/1", "11");
	append(sv, "run/1", "13");
	want(c, "id: 13\ndata: 13\n\n");
	check(c->gap == NULL);
	c = resume_at(sv, "topic=news&topic=run/2*", "9");
	want(c, "id: 10\ndata: n3\n\nid: 12\ndata: b3\n\n");
	check(c->gap == NULL);
}

static void
test_several_topics_and_prefixes(void)
{
	static const char *const query[] = {
	    "topic=news&topic=run/1", "topic=news&topic=run/1*"};

	for (size_t i = 0; i < 2; i++) {
		struct server *sv = serve_pruned();
		struct client *c = resume_at(sv, query[i], "6");

		want_gap_at(c, "pruned", "6");
		want(c, "id: 7\ndata: n2\n\nid: 10\ndata: n3\n\n");
		want_nothing_more(c, sv, "news");
	}
}

static void
test_a_client_that_comes_back_with_a_uid(void)
{
	struct server *sv = serve();
	struct client *c;

	append_event(sv, "news", NULL, "1", "first");
	append(sv, "run/1", "2");
	end_run(sv, "run/1");
	append_event(sv, "news", NULL, "4", "second");
	prune(sv, "run/1");
	c = resume_at(sv, "topic=news", "first");
	want(c, "id: second\ndata: 4\n\n");
	check(c->gap == NULL);
	c = resume_at(sv, "topic=news&topic=run/1", "first");
	check(strcmp(json(want_gap(c), "$.reason"), "pruned") == 0);
	want(c, "id: second\ndata: 4\n\n");
}

/* A run of the same name, after the one that was pruned. */
static void
test_a_second_run_is_pruned_too(void)
{
	struct server *sv = serve_pruned();
	struct client *c;

	append(sv, "run/1", "13");
	c = resume_at(sv, "topic=run/1", "11");
	want(c, "id: 13\ndata: 13\n\n");
	check(c->gap == NULL);
	end_run(sv, "run/1");
	prune(sv, "run/*");
	c = resume_at(sv, "topic=run/1", "13");
	want_gap_at(c, "pruned", before("13", "12"));
	c = resume_at(sv, "topic=run/2", "3");
	want(c, "id: 6\ndata: b1\n\n");
	check(c->gap == NULL);
}

static void
test_a_run_that_was_deleted(void)
{
	struct server *sv = serve_runs();
	struct client *c;

	sql(sv, "DELETE FROM events WHERE topic = 'run/1'");
	c = resume_at(sv, "topic=run/1", "5");
	want_gap_at(c, "pruned", "4");
	append(sv, "run/1", "again");
	want(c, "id: 13\ndata: again\n\n");
	want_nothing_more(c, sv, "run/1");
}

static void
test_a_client_with_a_uid(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "news", "1");
	append_event(sv, "run/1", NULL, "2", "first");
	append_event(sv, "run/1", NULL, "3", "second");
	append_event(sv, "run/1", NULL, "4", "third");
	sql(sv, "DELETE FROM events WHERE id = 3");
	c = resume_at(sv, "topic=run/1", "first");
	want_gap_at(c, "pruned", "2");
	want(c, "id: third\ndata: 4\n\n");
}

/* All rows of a run become the last of them. */
static void
fold(struct server *sv, const char *run, int last, const char *data)
{
	sql(sv,
	    "BEGIN; UPDATE events SET data = '%s' WHERE id = %d;"
	    "DELETE FROM events WHERE topic = '%s' AND id < %d;"
	    "INSERT INTO largesse_cuts(topic, id, folded)"
	    " VALUES('%s', %d, 1) ON CONFLICT(topic) DO UPDATE"
	    " SET id = max(id, excluded.id), folded = 1; COMMIT",
	    data, last, run, last, run, last);
}

static void
test_a_run_that_was_folded(void)
{
	struct server *sv = serve_runs();
	struct client *c;

	fold(sv, "run/1", 11, "a0a1a2a3");
	c = resume_at(sv, "topic=run/1", "8");
	want_gap_at(c, "folded", "7");
	want(c, "id: 11\ndata: a0a1a2a3\n\n");
	want_nothing_more(c, sv, "run/1");
	c = resume_at(sv, "topic=run/1", "11");
	check(c->gap == NULL);
	c = get(sv, "/events?topic=run/1&lastEventId=earliest", NULL);
	want_start(c);
	want(c, "id: 11\ndata: a0a1a2a3\n\n");
	check(c->gap == NULL);
	c = resume_at(sv, "topic=run/2", "8");
	want(c, "id: 9\ndata: b2\n\n");
	check(c->gap == NULL);
}

/* The row that has all the text now was the next one of this client. */
static void
test_a_fold_just_before_its_last(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "run/1", "a");
	append(sv, "run/1", "b");
	append(sv, "run/1", "c");
	fold(sv, "run/1", 3, "abc");
	c = resume_at(sv, "topic=run/1", "2");
	want_gap_at(c, "folded", "2");
	want(c, "id: 3\ndata: abc\n\n");
	c = resume_at(sv, "topic=run/1", "1");
	check(strcmp(json(want_gap(c), "$.reason"), "folded") == 0);
	want(c, "id: 3\ndata: abc\n\n");
}

/* Another page is reading the run: its rows are in memory, as they were. */
static void
test_a_fold_of_what_is_in_memory(void)
{
	struct server *sv = serve();
	struct client *c, *first = stream(sv, "/events?topic=run/1");

	append(sv, "news", "old");
	append(sv, "run/1", "a");
	append(sv, "run/1", "b");
	append(sv, "run/1", "c");
	want(first, "id: 2\ndata: a\n\n");
	want(first, "id: 3\ndata: b\n\n");
	want(first, "id: 4\ndata: c\n\n");
	fold(sv, "run/1", 4, "abc");
	c = resume_at(sv, "topic=run/1", "3");
	want_gap_at(c, "folded", "1");
	want(c, "id: 4\ndata: abc\n\n");
	c = get(sv, "/events?topic=run/1&last=1", NULL);
	want_start(c);
	want(c, "id: 4\ndata: abc\n\n");
	append(sv, "run/1", "d");
	want(first, "id: 5\ndata: d\n\n");
	check(first->gap == NULL);
}

enum {
	MANY = 3000,
	SIZE = 4096
};

/*
 * Row by row after the first, until a gap is told.  If half an event was sent,
 * whose page others have pushed out of memory, the client is cut off, and told
 * when it comes back.
 */
static struct client *
read_until_gap(struct server *sv, struct client *c, const char *reason)
{
	const struct event *e;
	const char *gap;
	int last = 1;

	c->may_be_cut = true;
	while (
	    (e = next_or_end(c)) != NULL && strcmp(e->type, "stream-gap") != 0)
		check(atoi(e->data) == ++last);
	if (e == NULL) {
		check(c->closed);
		c = resume_at(sv, "topic=run/1", c->last_id.s);
		gap = want_gap(c);
	} else
		gap = e->data;
	check(strcmp(json(gap, "$.reason"), reason) == 0);
	check(last < MANY);
	return c;
}

/* A stream that reads the run page by page, while it is removed. */
static void
test_a_slow_reader_is_told(void)
{
	struct server *sv = serve();
	struct client *c, *other;

	append(sv, "news", "old");
	other = resume_at(sv, "topic=news", "1");
	append_many(sv, "run/1", 1, MANY, SIZE);
	c = resume_at(sv, "topic=run/1", "1");
	want_next(c);
	end_run(sv, "run/1");
	prune(sv, "run/1");
	append(sv, "run/1", "end");
	append(sv, "news", "new");
	want(other, text("id: %d\ndata: new\n\n", MANY + 4));
	check(other->gap == NULL);
	c = read_until_gap(sv, c, "pruned");
	want(c, text("id: %d\ndata: end\n\n", MANY + 3));
	want_nothing_more(c, sv, "run/1");
}

static void
test_a_slow_reader_of_a_run_that_is_folded(void)
{
	struct server *sv = serve();
	struct client *c;

	append(sv, "news", "old");
	append_many(sv, "run/1", 1, MANY, SIZE);
	c = resume_at(sv, "topic=run/1", "1");
	want_next(c);
	fold(sv, "run/1", MANY + 1, "all");
	append(sv, "news", "new");
	c = read_until_gap(sv, c, "folded");
	want(c, text("id: %d\ndata: all\n\n", MANY + 1));
	want_nothing_more(c, sv, "run/1");
}

/* Rows that nobody has read yet are removed before the responder looks. */
static void
test_removed_before_it_was_read(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=run/1");
	struct client *other = stream(sv, "/events?topic=news");

	append(sv, "news", "old");
	want(other, "id: 1\ndata: old\n\n");
	sql(sv,
	    "BEGIN; INSERT INTO events(topic, data) VALUES('run/1', 'lost'),"
	    " ('news', 'kept'), ('run/1', 'kept');"
	    "DELETE FROM events WHERE data = 'lost'; COMMIT");
	check(strcmp(json(want_gap(c), "$.reason"), "pruned") == 0);
	want(c, "id: 4\ndata: kept\n\n");
	want(other, "id: 3\ndata: kept\n\n");
	check(other->gap == NULL);
}

/* The same of a page that was read for another who is behind. */
static void
test_a_fold_of_what_was_read(void)
{
	struct server *sv = serve_runs();
	struct client *c, *d;

	c = get(sv, "/events?topic=run/1&lastEventId=earliest", NULL);
	want_start(c);
	want(c, "id: 2\ndata: a0\n\nid: 5\ndata: a1\n\n"
		"id: 8\ndata: a2\n\nid: 11\ndata: a3\n\n");
	fold(sv, "run/1", 11, "a0a1a2a3");
	d = resume_at(sv, "topic=run/1", "8");
	want_gap_at(d, "folded", "7");
	want(d, "id: 11\ndata: a0a1a2a3\n\n");
	want_nothing_more(c, sv, "run/1");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TALK(test_a_run_that_was_pruned),
	    TALK(test_other_topics_have_no_gap),
	    TALK(test_several_topics_and_prefixes),
	    TALK(test_a_client_that_comes_back_with_a_uid),
	    TALK(test_a_second_run_is_pruned_too),
	    TALK(test_a_slow_reader_is_told),
	    /* from here on with SQLite alone */
	    TALK(test_a_run_that_was_deleted),
	    TALK(test_a_client_with_a_uid),
	    TALK(test_a_run_that_was_folded),
	    TALK(test_a_fold_of_what_was_read),
	    TALK(test_a_fold_just_before_its_last),
	    TALK(test_a_fold_of_what_is_in_memory),
	    TALK(test_a_slow_reader_of_a_run_that_is_folded),
	    TALK(test_removed_before_it_was_read),
	};
	size_t n = sizeof(tests) / sizeof(tests[0]);

	return talk_main(
	    argc, argv, tests, log_engine() == &log_sqlite ? n : 6);
}
