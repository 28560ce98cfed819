/*
 * test_fold.c - largesse fold: the rows of a run that is over become few, and
 * a page that opens the run gets what was published.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"

/* `fold' of a topic ends so; what it says is the line. */
static void
want_fold(struct server *sv, const char *topic, const char *says)
{
	struct ran r = run_with(sv, NULL, "fold", sv->db, topic, NULL);

	if (r.status != 0 || strcmp(r.out, text("%s\n", says)) != 0)
		talk_fail(
		    "wanted %s; came %d: %s%s", says, r.status, r.out, r.err);
}

static void
want_no_fold(struct server *sv, const char *db, const char *topic, int status,
    const char *why)
{
	struct ran r = run_with(sv, NULL, "fold", db, topic, NULL);

	want_one_line(&r, status);
	if (strstr(r.err, why) == NULL)
		talk_fail("wanted `%s'; came: %s", why, r.err);
}

static void
end(struct server *sv, const char *topic, const char *data)
{
	append_event(sv, topic, "stream-end", data, NULL);
}

/* The rows of the log are these: `id topic event data', NULL at the end. */
static void
want_rows(struct server *sv, ...)
{
	struct logged *row;
	const char *line;
	size_t n, i = 0;
	va_list ap;

	row = log_all(sv, &n);
	va_start(ap, sv);
	while ((line = va_arg(ap, const char *)) != NULL) {
		const char *is =
		    i == n
			? "no row"
			: text("%s %s %s %s", plain_id(row[i].id), row[i].topic,
			      row[i].event == NULL ? "-" : row[i].event,
			      row[i].data);

		if (strcmp(is, line) != 0)
			talk_fail("row %zu: wanted %s; came %s", i, line, is);
		i++;
	}
	va_end(ap);
	check(i == n);
}

static void
test_a_folded_run_is_one_event_and_its_end(void)
{
	struct server *sv = serve();
	struct client *c;
	int64_t time;

	append(sv, "run/7", "to");
	append(sv, "other", "x");
	append(sv, "run/7", "ken");
	append_event(sv, "run/7", NULL, "s", "mine");
	end(sv, "run/7", "done");
	time = sql_number(sv, "SELECT time FROM events WHERE id = 4");
	want_fold(sv, "run/7", "run/7: 3 events folded into 1");
	check(time == sql_number(sv, "SELECT time FROM events WHERE id = 4"));
	c = get(sv, "/events?topic=run/7&lastEventId=earliest", NULL);
	want_start(c);
	want_event(c, "mine", "message", "tokens");
	want_event(c, "5", "stream-end", "done");
	check(next_or_end(c) == NULL);
	want_fold(sv, "run/7", "run/7: nothing to fold");
	check(log_count(sv) == 3);
}

static void
test_events_of_two_types_stay_apart(void)
{
	struct server *sv = prepare();

	append(sv, "r", "a");
	append(sv, "r", "b");
	append_event(sv, "r", "tool", "1", NULL);
	append_event(sv, "r", "tool", "2", NULL);
	append(sv, "r", "c");
	end(sv, "r", "");
	want_fold(sv, "r", "r: 5 events folded into 3");
	want_rows(sv, "2 r - ab", "4 r tool 12", "5 r - c", "6 r stream-end ",
	    (char *)NULL);
}

static void
test_each_run_of_a_topic_is_folded(void)
{
	struct server *sv = prepare();

	append(sv, "r", "a");
	append(sv, "r", "b");
	end(sv, "r", "1");
	end(sv, "r", "2");
	append(sv, "r", "c");
	append(sv, "r", "d");
	want_no_fold(sv, sv->db, "r", 1, "has not ended");
	end(sv, "r", "3");
	want_fold(sv, "r", "r: 4 events folded into 2");
	want_rows(sv, "2 r - ab", "3 r stream-end 1", "4 r stream-end 2",
	    "6 r - cd", "7 r stream-end 3", (char *)NULL);
}

static void
test_no_byte_is_lost(void)
{
	struct server *sv = prepare();

	sql(sv, "INSERT INTO events(topic, data) VALUES('t', 'a' || char(0)),"
		" ('t', CAST(x'c3' AS TEXT)), ('t', CAST(x'a900' AS TEXT)),"
		" ('b', x'00ff'), ('b', 'x'), ('b', x'00'), ('e', ''),"
		" ('e', '')");
	end(sv, "t", "");
	end(sv, "b", "");
	end(sv, "e", "");
	want_fold(sv, "t", "t: 3 events folded into 1");
	want_fold(sv, "b", "b: 3 events folded into 1");
	want_fold(sv, "e", "e: 2 events folded into 1");
	check(sql_number(sv, "SELECT count(*) FROM events WHERE id = 3 AND"
			     " typeof(data) = 'text' AND"
			     " CAST(data AS BLOB) = x'6100c3a900'") == 1);
	check(sql_number(sv, "SELECT count(*) FROM events WHERE id = 6 AND"
			     " data = x'00ff7800'") == 1);
	check(sql_number(sv, "SELECT count(*) FROM events WHERE id = 8 AND"
			     " data = ''") == 1);
}

static void
test_what_is_not_folded_is_said(void)
{
	struct server *sv = prepare();

	want_no_fold(sv, sv->db, "r", 1, "no event of the topic r");
	append(sv, "r", "a");
	want_no_fold(sv, sv->db, "r", 1, "has not ended");
	want_no_fold(sv, sv->db, "r*", 2, "one topic");
	want_no_fold(sv, "redis://127.0.0.1/0?stream=s", "r", 1, "on Redis");
	end(sv, "r", "");
	end(sv, "empty", "");
	want_fold(sv, "r", "r: nothing to fold");
	want_fold(sv, "empty", "empty: nothing to fold");
	check(log_count(sv) == 3);
}

static void
test_chunks_of_json_are_joined_where_they_differ_in_one_text(void)
{
	struct server *sv = prepare();
	struct ran r;

	append(sv, "r", "{\"type\":\"start\"}");
	append(sv, "r", "{\"id\":1,\"c\":[{\"t\":\"a\\n\"}]}");
	append(sv, "r", "{\"id\":1,\"c\":[{\"t\":\"\"}]}");
	append(sv, "r", "{\"id\":1,\"c\":[{\"t\":\"b\\\"\"}]}");
	append(sv, "r", "{\"id\":2,\"c\":[{\"t\":\"c\"}]}");
	append(sv, "r", "{\"id\":2,\"c\":[{\"t\":\"d\"}]}");
	append(sv, "r", "{\"id\":2,\"c\":[{\"t\":7}]}");
	append(sv, "r", "{\"id\":2,\"c\":[{\"t\":\"e\"}]");
	append(sv, "r", "{\"id\":2,\"c\":[{\"t\":\"e\"}]");
	end(sv, "r", "");
	r = run_with(sv, NULL, "fold", sv->db, "r", "--join", "c.0.t", NULL);
	check(r.status == 0);
	want_rows(sv, "1 r - {\"type\":\"start\"}",
	    "4 r - {\"id\":1,\"c\":[{\"t\":\"a\\nb\\\"\"}]}",
	    "6 r - {\"id\":2,\"c\":[{\"t\":\"cd\"}]}",
	    "7 r - {\"id\":2,\"c\":[{\"t\":7}]}",
	    "8 r - {\"id\":2,\"c\":[{\"t\":\"e\"}]",
	    "9 r - {\"id\":2,\"c\":[{\"t\":\"e\"}]", "10 r stream-end ",
	    (char *)NULL);
}

static void
test_lines_stay_lines_and_no_event_gets_too_large(void)
{
	struct server *sv = prepare();
	struct ran r;

	append(sv, "r", "one");
	append(sv, "r", "two");
	append(sv, "r", "three");
	end(sv, "r", "");
	r = run_with(
	    sv, NULL, "fold", sv->db, "r", "--lines", "--max-event", "8", NULL);
	check(r.status == 0);
	want_rows(sv, "2 r - one\ntwo", "3 r - three", "4 r stream-end ",
	    (char *)NULL);
	r = run_with(sv, NULL, "fold", sv->db, "r", "--lines", "--quiet", NULL);
	check(r.status == 0 && *r.out == '\0');
	want_rows(sv, "3 r - one\ntwo\nthree", "4 r stream-end ", (char *)NULL);
}

/* Neither triggers nor notes look at all that was removed before. */
static void
test_a_large_run_with_uids(void)
{
	struct server *sv = prepare();

	append(sv, "other", "x");
	sql(sv, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL"
		" SELECT i + 1 FROM c WHERE i < 40000) INSERT INTO"
		" events(topic, data, uid) SELECT 'r', 'x', 'u' || i FROM c");
	end(sv, "r", "");
	want_fold(sv, "r", "r: 40000 events folded into 1");
	check(sql_number(sv, "SELECT length(data) FROM events"
			     " WHERE uid = 'u40000'") == 40000);
}

/* --- a page that is in the middle ----------------------------------------- */

static struct client *
page_at(struct server *sv, const char *id)
{
	struct client *c =
	    get(sv, "/events?topic=r", "HTTP_LAST_EVENT_ID", id, NULL);

	want_start(c);
	return c;
}

/* It is told, and gets the whole run once. */
static void
want_told(struct server *sv, const char *id)
{
	struct client *c = page_at(sv, id);

	check(strcmp(json(want_gap(c), "$.reason"), "folded") == 0);
	want_event(c, "5", "message", "abc");
	want_event(c, "6", "stream-end", "");
	check(next_or_end(c) == NULL);
}

static void
want_page_in_the_middle_told(bool others)
{
	struct server *sv = serve();
	const char *ids[4];
	struct client *c;
	int i;

	append(sv, others ? "other" : "r", others ? "x" : "");
	c = stream(sv, "/events?topic=r&lastEventId=earliest");
	if (!others)
		want_next(c);
	append(sv, "other", "y");
	for (i = 0; i < 3; i++) {
		append(sv, "r", text("%c", 'a' + i));
		ids[i] = text("%s", want_next(c)->told);
	}
	end(sv, "r", "");
	want_event(c, "6", "stream-end", "");
	want_fold(sv, "r",
	    others ? "r: 3 events folded into 1" : "r: 4 events folded into 1");
	want_told(sv, ids[0]);
	want_told(sv, ids[1]);
	c = page_at(sv, ids[2]); /* it has all of them */
	want_event(c, "6", "stream-end", "");
	check(c->gap == NULL && next_or_end(c) == NULL);
}

static void
test_a_page_in_the_middle_is_told(void)
{
	want_page_in_the_middle_told(true);
}

static void
test_a_page_in_the_middle_of_the_oldest_run_is_told(void)
{
	want_page_in_the_middle_told(false);
}

/* What was pruned before is not in the event: then `replace it' is no help. */
static void
want_what_was_pruned_told(bool others)
{
	struct server *sv = serve();
	const char *ids[5];
	struct client *c;
	int i;

	append(sv, others ? "other" : "r", "x");
	c = stream(sv, "/events?topic=r&lastEventId=earliest");
	if (!others)
		want_next(c);
	for (i = 0; i < 5; i++) {
		append(sv, "r", text("%c", 'a' + i));
		ids[i] = text("%s", want_next(c)->told);
	}
	end(sv, "r", "");
	append(sv, "other", "y");
	sql(sv, "DELETE FROM events WHERE topic = 'r' AND id < 5");
	want_fold(sv, "r", "r: 2 events folded into 1");
	c = page_at(sv, ids[0]);
	check(strcmp(json(want_gap(c), "$.reason"), "pruned") == 0);
	want_event(c, "6", "message", "de");
	c = page_at(sv, ids[3]);
	check(strcmp(json(want_gap(c), "$.reason"), "folded") == 0);
	want_event(c, "6", "message", "de");
}

static void
test_what_was_pruned_before_is_not_folded(void)
{
	want_what_was_pruned_told(true);
}

static void
test_what_was_pruned_before_of_the_oldest_is_not_folded(void)
{
	want_what_was_pruned_told(false);
}

/* A page with uids whose rows are gone: their notes know the place. */
static void
want_page_with_a_uid_told(bool others)
{
	struct server *sv = serve();
	struct client *c;
	int i;

	if (others)
		append(sv, "other", "x");
	for (i = 0; i < 4; i++)
		append_event(
		    sv, "r", NULL, text("%c", 'a' + i), text("u%d", i));
	end(sv, "r", "");
	append(sv, "other", "y");
	want_fold(sv, "r", "r: 4 events folded into 1");
	for (i = 0; i < 3; i++) {
		c = page_at(sv, text("u%d", i));
		check(strcmp(json(want_gap(c), "$.reason"), "folded") == 0);
		want_event(c, "u3", "message", "abcd");
		want_event(c, others ? "6" : "5", "stream-end", "");
		check(next_or_end(c) == NULL);
	}
	c = page_at(sv, "u3");
	want_event(c, others ? "6" : "5", "stream-end", "");
	check(c->gap == NULL && next_or_end(c) == NULL);
	c = get(sv, "/events?topic=other", "HTTP_LAST_EVENT_ID", "u1", NULL);
	want_start(c);
	check(strcmp(json(want_gap(c), "$.reason"), "unknown") == 0);
}

static void
test_a_page_with_a_uid_is_told(void)
{
	want_page_with_a_uid_told(true);
}

static void
test_a_page_with_a_uid_of_the_oldest_run_is_told(void)
{
	want_page_with_a_uid_told(false);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_folded_run_is_one_event_and_its_end),
	    TALK(test_events_of_two_types_stay_apart),
	    TALK(test_each_run_of_a_topic_is_folded),
	    TALK(test_no_byte_is_lost),
	    TALK(test_what_is_not_folded_is_said),
	    TALK(test_chunks_of_json_are_joined_where_they_differ_in_one_text),
	    TALK(test_lines_stay_lines_and_no_event_gets_too_large),
	    TALK(test_a_large_run_with_uids),
	    TALK(test_a_page_in_the_middle_is_told),
	    TALK(test_a_page_in_the_middle_of_the_oldest_run_is_told),
	    TALK(test_what_was_pruned_before_is_not_folded),
	    TALK(test_what_was_pruned_before_of_the_oldest_is_not_folded),
	    TALK(test_a_page_with_a_uid_is_told),
	    TALK(test_a_page_with_a_uid_of_the_oldest_run_is_told),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
