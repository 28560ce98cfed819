/*
 * test_gap.c - a place that is gone is never hidden.  Before any other event,
 * the stream says that it is gone and where the stream goes on; then it goes on
 * there.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/witness.h"

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
	check(log_count(sv) == 3);
	c = get_in_the_end(sv, "2");
	check(strcmp(json(want_gap(c), "$.id"), "7") == 0);
	want(c, "id: 8\ndata: 8\n\nid: 9\ndata: 9\n\nid: 10\ndata: 10\n\n");
	want_nothing_more(c, sv, "main");
}

static void
test_gap_says_what_was_asked(void)
{
	struct server *sv = serve_numbered(10);

	prune(sv, "3");
	want_gap_and_the_rest(get_in_the_end(sv, "2"), sv, "2");
}

static void
test_deleted_by_hand(void)
{
	struct server *sv = serve_numbered(10);

	log_remove_before(sv, 9);
	want_gap_and_the_rest(get_in_the_end(sv, "1"), sv, "1");
}

static void
test_zero_of_a_pruned_log(void)
{
	struct server *sv = serve_numbered(10);

	prune(sv, "3");
	want_gap_and_the_rest(get_in_the_end(sv, "0"), sv, "0");
}

static void
test_no_gap_at_the_last_one_pruned(void)
{
	struct server *sv = serve_numbered(10);
	struct client *c;

	prune(sv, "3");
	c = get_in_the_end(sv, "7");
	want(c, "id: 8\ndata: 8\n\n");
	check(c->gap == NULL);
}

static void
test_no_gap_for_who_asks_for_all_there_is(void)
{
	struct server *sv = serve_numbered(10);
	struct client *c;

	prune(sv, "2");
	c = get_in_the_end(sv, "earliest");
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

	log_remove_before(sv, 6);
	c = get_in_the_end(sv, "5");
	append(sv, "main", "6");
	want(c, "id: 6\ndata: 6\n\n");
	check(c->gap == NULL);
	c = get_in_the_end(sv, "3");
	want_gap_and_the_rest(c, sv, "3");
}

static void
test_id_ahead_of_the_log(void)
{
	struct server *sv = serve_numbered(3);

	want_gap_and_the_rest(get_in_the_end(sv, "99"), sv, "99");
}

static void
test_id_beyond_all_numbers(void)
{
	struct server *sv = serve_numbered(3);

	want_gap_and_the_rest(get_in_the_end(sv, "18446744073709551617"), sv,
	    "18446744073709551617");
}

static void
test_uid_that_no_event_has(void)
{
	struct server *sv = serve_numbered(3);

	want_gap_and_the_rest(get_in_the_end(sv, "o-17"), sv, "o-17");
	want_gap_and_the_rest(get_in_the_end(sv, "-1"), sv, "-1");
	want_gap_and_the_rest(get_in_the_end(sv, "3 "), sv, "3 ");
}

static void
test_uid_that_was_pruned(void)
{
	struct server *sv = serve();

	append_event(sv, "main", NULL, "1", "first");
	append(sv, "main", "2");
	append(sv, "main", "3");
	log_remove_before(sv, 3);
	want_gap_and_the_rest(get_in_the_end(sv, "first"), sv, "first");
}

/* Whatever a client sends as an id, the answer is a stream with a gap. */
static void
test_id_that_never_was_ours(void)
{
	static const char *const id[] = {
	    "\xff\xfe", "\x01", "\"\\{}\"", "a\nid: 7", "%00"};
	struct server *sv = serve_numbered(2);

	for (size_t i = 0; i < sizeof(id) / sizeof(id[0]); i++)
		want_gap(get_in_the_end(sv, id[i]));
	want_gap(get_in_the_end(sv, text("%0200d", 7)));
}

/*
 * The id of the gap is a place, too.  A client that is cut off after it is not
 * told of the gap again.
 */
static void
test_after_the_gap_there_is_a_place_to_come_back_to(void)
{
	struct server *sv = serve_numbered(10);
	struct client *c;

	prune(sv, "3");
	c = get_in_the_end(sv, "2");
	want_gap(c);
	c = get_in_the_end(sv, text("%s", c->last_id.s));
	check(c->gap == NULL);
	want_all_after(c, sv, 7);
}

/*
 * Rows that the client has not read are gone.  The client is told so.  If half
 * an event was sent, the client is cut off, and told when it comes back.
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
	log_remove_before(sv, N - 10);
	while (id < N) {
		if ((e = next_or_end(c)) == NULL) {
			c = get_in_the_end(sv, text("%d", id));
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
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
