/*
 * test_copy.c - largesse copy: a log moves from one engine to the other, and
 * nobody who listened to it can tell.
 *
 * The log that is copied is on the engine of this run, its copy on the other.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/talk/peer/keyed.h"
#include "tests/talk/peer/within.h"

static const struct log_engine *
other(void)
{
	return log_engine() == &log_sqlite ? &log_redis : &log_sqlite;
}

/* A place for a log of this engine, and nothing there. */
static struct server *
place(const struct log_engine *engine)
{
	struct server *sv = prepare_nothing();

	sv->db = engine->name_log(sv);
	return sv;
}

static struct ran
copy(struct server *from, struct server *to)
{
	return run_with(from, NULL, "copy", from->db, to->db, NULL);
}

/* The copy succeeds, and says that it copied so many events. */
static void
want_copy(struct server *from, struct server *to, int events)
{
	struct ran r = copy(from, to);
	char *said = text("%d events copied in ", events);

	if (r.status != 0 || strncmp(r.out, said, strlen(said)) != 0)
		talk_fail(
		    "wanted %s; came %d: %s%s", said, r.status, r.out, r.err);
}

/* The same, whatever the number of events. */
static void
want_copied(struct server *from, struct server *to)
{
	struct ran r = copy(from, to);

	if (r.status != 0)
		talk_fail("copy ended with %d: %s", r.status, r.err);
}

static void
want_no_copy(struct server *from, struct server *to, const char *why)
{
	struct ran r = copy(from, to);

	if (r.status != 1 || strstr(r.err, why) == NULL ||
	    strchr(r.err, '\n') != r.err + strlen(r.err) - 1)
		talk_fail("wanted one line with `%s'; came %d: %s", why,
		    r.status, r.err);
}

/* What a client of all topics gets, from the first event on. */
static const char *
all_of(struct server *sv, int events)
{
	struct ran r = run_with(sv, NULL, "tail", sv->db, "--topic", "*",
	    "--last-event-id", "earliest", "--count", text("%d", events), NULL);

	if (r.status != 0)
		talk_fail("tail ended with %d: %s", r.status, r.err);
	return r.out;
}

static void
want_same(struct server *from, struct server *to, int events)
{
	const char *a = all_of(from, events), *b = all_of(to, events);
	size_t i = 0;

	while (a[i] != '\0' && a[i] == b[i])
		i++;
	if (a[i] != b[i])
		talk_fail("at byte %zu %s became %s", i,
		    shown(a + i, strlen(a + i)), shown(b + i, strlen(b + i)));
}

static void
publish(struct server *sv, const char *data, const char *uid)
{
	struct ran r = uid == NULL
			   ? run_with(sv, NULL, "publish", sv->db, data, NULL)
			   : run_with(sv, NULL, "publish", sv->db, "--uid", uid,
				 data, NULL);

	if (r.status != 0)
		talk_fail("publish ended with %d: %s", r.status, r.err);
}

enum {
	MIXED = 12
};

/*
 * All kinds of events that a log can hold, then events whose ids the engine has
 * made, with a uid and without.
 */
static struct server *
mixed(void)
{
	struct server *sv = prepare();
	struct row rows[] = {
	    {.data = column("first")},
	    {.topic = column("a"), .event = column("tick"), .data = column("")},
	    {.data = {"nul\0within", 10}, .uid = column("order-17")},
	    {.id = 20, .data = column("two\nlines\r\nand\rmore")},
	    {.id = 21, .topic = column("a/b"), .data = column("\xc3\xa9")},
	    {.id = 400, .data = {"\xff\xfe", 2}, .uid = column("\xc3\xbc")},
	    {.id = 401, .event = column(""), .data = column("last")},
	};

	append_rows(sv, rows, 7);
	publish(sv, "8", NULL);
	publish(sv, "9", "mine-9");
	publish(sv, "10", NULL);
	publish(sv, "11", "mine-11");
	publish(sv, "12", "mine-12");
	return sv;
}

static void
test_a_copy_says_what_the_log_says(void)
{
	struct server *from = mixed(), *to = place(other());

	want_copy(from, to, MIXED);
	want_same(from, to, MIXED);
	want_copy(from, to, 0);
	want_same(from, to, MIXED);
}

static void
test_an_empty_log_can_be_copied(void)
{
	struct server *from = prepare(), *to = place(other());

	want_copy(from, to, 0);
	append(from, "main", "first");
	want_copy(from, to, 1);
	want_same(from, to, 1);
}

static void
test_large_events_are_copied_whole(void)
{
	struct server *from = prepare(), *to = place(other());

	append_many(from, "main", 1, 6, 1500000);
	want_copy(from, to, 6);
	want_same(from, to, 6);
}

/* The id of an event, then the data of all events after it. */
static char *
rest_after(struct server *sv, const char *id, int n)
{
	struct client *c =
	    get(sv, "/events?topic=*", "HTTP_LAST_EVENT_ID", id, NULL);
	char *rest = text("%s:", id);

	want_start(c);
	for (int i = 0; i < n; i++) {
		const struct event *ev = want_next(c);

		rest = text("%s %s=%s", rest, ev->id, shown(ev->data, ev->len));
	}
	leave(c);
	return rest;
}

/* The id of every event, and of the place where a stream starts. */
static void
test_every_id_is_the_same_place_in_the_copy(void)
{
	struct server *from = mixed(), *to = place(other());
	char *id[MIXED + 1], *rest[MIXED + 1];
	struct client *c;

	start(from, NULL);
	c = get(
	    from, "/events?topic=*", "HTTP_LAST_EVENT_ID", "earliest", NULL);
	want_start(c);
	for (int i = 0; i < MIXED; i++)
		id[i] = text("%s", want_next(c)->told);
	id[MIXED] = text("%s", want_start(get(from, "/events", NULL)));
	for (int i = 0; i <= MIXED; i++)
		rest[i] =
		    rest_after(from, id[i], i == MIXED ? 0 : MIXED - 1 - i);
	want_copy(from, to, MIXED);
	start(to, NULL);
	for (int i = 0; i <= MIXED; i++) {
		char *now =
		    rest_after(to, id[i], i == MIXED ? 0 : MIXED - 1 - i);

		if (strcmp(now, rest[i]) != 0)
			talk_fail("wanted %s; came %s", rest[i], now);
	}
}

static void
test_who_listened_goes_on_at_the_copy(void)
{
	struct server *from = prepare(), *to = place(other());
	struct client *idle, *c;
	const char *id, *idle_id;

	start(from, NULL);
	append(from, "main", "1");
	idle = get(from, "/events", NULL);
	idle_id = want_start(idle);
	c = get(from, "/events", NULL);
	want_start(c);
	publish(from, "2", NULL);
	publish(from, "3", "three");
	want_event(c, NULL, NULL, "2");
	want_event(c, NULL, NULL, "3");
	id = text("%s", c->last_id.s);
	publish(from, "4", NULL);
	want_copy(from, to, 4);
	publish(from, "5", NULL);
	stop(from);
	want_copy(from, to, 1);
	start(to, NULL);
	c = get(to, "/events", "HTTP_LAST_EVENT_ID", id, NULL);
	want_start(c);
	idle = get(to, "/events", "HTTP_LAST_EVENT_ID", idle_id, NULL);
	want_start(idle);
	publish(to, "6", NULL);
	for (int i = 4; i <= 6; i++)
		want_event(c, NULL, NULL, text("%d", i));
	for (int i = 2; i <= 6; i++)
		want_event(idle, NULL, NULL, text("%d", i));
	check(c->out.len == c->at && idle->out.len == idle->at);
}

static void
test_a_topic_that_ended_has_ended_in_the_copy(void)
{
	struct server *from = prepare(), *to = place(other());
	struct client *c;

	append(from, "run/1", "1");
	append_event(from, "run/1", "stream-end", "done", NULL);
	append_event(from, "run/2", "stream-end", "done", NULL);
	append(from, "run/2", "again");
	want_copy(from, to, 4);
	start(to, NULL);
	check(want_headers(get(to, "/events?topic=run/1", NULL)) == 204);
	c = get(to, "/events?topic=run/2", NULL);
	want_start(c);
	check(run_with(to, NULL, "publish", to->db, "--topic", "run/2",
		  "--event", "stream-end", "done", NULL)
		  .status == 0);
	want_event(c, NULL, "stream-end", "done");
	want_end(c);
}

static void
test_times_are_kept(void)
{
	struct server *from = prepare(), *to = place(other());
	struct client *c;

	for (int i = 1; i <= 3; i++)
		append_timed(from, text("%d", i), 1700000000000 + i * 1000);
	want_copy(from, to, 3);
	start(to, NULL);
	c = get(to, "/events?since=2023-11-14T22:13:22Z", NULL);
	want_start(c);
	want(c, "id: 2\ndata: 2\n\nid: 3\ndata: 3\n\n");
}

static void
test_a_uid_is_not_published_twice_after_the_move(void)
{
	struct server *from = mixed(), *to = place(other());

	want_copy(from, to, MIXED);
	publish(to, "again", "order-17");
	publish(to, "again", "mine-11");
	want_same(from, to, MIXED);
	check(other()->count(to) == MIXED);
}

static void
test_there_and_back_is_the_same_log(void)
{
	struct server *from = prepare(), *there = place(other()),
		      *back = place(log_engine());
	struct row rows[] = {{.data = column("a"), .uid = column("u")},
	    {.id = 9, .topic = column("t"), .event = column("e")},
	    {.id = 10, .data = {"\0", 1}}};

	append_rows(from, rows, 3);
	want_copy(from, there, 3);
	want_copy(there, back, 3);
	want_same(from, back, 3);
	/* And on into the old one, which has been away. */
	other()->append(there, &(struct row){.data = column("b")}, 1);
	want_copy(there, from, 1);
	want_same(there, from, 4);
	want_copy(there, back, 1);
	want_same(from, back, 4);
}

/* The copy is killed with -9 at any moment, again and again. */
static void
test_killed_in_the_middle_it_goes_on(void)
{
	enum {
		N = 20000,
		KILLS = 12
	};
	struct server *from = prepare(), *to = place(other());
	unsigned seed = (unsigned)now_ms();
	int felt = 0;

	fprintf(stderr, "seed %u\n", seed);
	append_many(from, "main", 1, N, 60);
	for (int i = 0; i < KILLS; i++) {
		/* The first before all of it can have been copied. */
		int most = 20 * (i + 1), ms = 20 + rand_r(&seed) % most;
		struct timespec nap = {.tv_nsec = 1000000L * ms};
		int status;

		start_bare(from, -1, -1, "copy", from->db, to->db, NULL);
		nanosleep(&nap, NULL);
		kill(from->pid, SIGKILL);
		status = await_exit(from);
		felt += WIFSIGNALED(status);
	}
	check(felt > 0);
	want_copied(from, to);
	check(other()->count(to) == N);
	want_same(from, to, N);
}

static void
test_what_is_published_meanwhile_is_copied(void)
{
	enum {
		N = 5000,
		MORE = 300
	};
	struct server *from = prepare(), *to = place(other());

	append_many(from, "main", 1, N, 60);
	append_as_a_process(from, 1, MORE);
	while (log_count(from) < N + MORE)
		want_copied(from, to);
	wait(NULL);
	want_copied(from, to);
	check(other()->count(to) == N + MORE);
	want_same(from, to, N + MORE);
}

static void
test_what_was_pruned_is_told_by_the_copy(void)
{
	struct server *from = prepare(), *to = place(other());
	struct client *c;

	append_many(from, "main", 1, 10, 0);
	check(run_with(from, NULL, "prune", from->db, "--keep-rows", "4", NULL)
		  .status == 0);
	want_copy(from, to, 4);
	start(to, NULL);
	c = get(to, "/events", "HTTP_LAST_EVENT_ID", "3", NULL);
	want_start(c);
	check(strcmp(json(want_gap(c), "$.reason"), "pruned") == 0);
	want_event(c, "7", NULL, "7 ");
	c = get(to, "/events", "HTTP_LAST_EVENT_ID", "6", NULL);
	want_start(c);
	want_event(c, "7", NULL, "7 ");
}

/* As people do by hand; the event keeps its number on either engine. */
static void
remove_event(struct server *sv, const struct log_engine *engine, int id)
{
	if (engine == &log_sqlite)
		sql(sv, "DELETE FROM events WHERE id = %d", id);
	else
		redis_text(text("XDEL %s 0-%d", redis_stream(sv), id));
}

/* A client with this id gets these events, then what is new, and no gap. */
static void
want_no_gap(struct server *sv, const char *id, const char *events)
{
	struct client *c = get(sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);
	const char *end = text("end-%s", id);
	const struct event *ev;
	char *came = text("%s", "");

	want_start(c);
	publish(sv, end, NULL);
	while (strcmp((ev = want_next(c))->data, end) != 0)
		if (strncmp(ev->data, "end-", 4) != 0)
			came = text("%s%s ", came, ev->data);
	if (c->gap != NULL || strcmp(came, events) != 0)
		talk_fail("after %s: wanted %s; came %s, gap %s", id, events,
		    came, c->gap == NULL ? "none" : c->gap);
}

/*
 * A client may hold the id of an event that was removed before the log was
 * copied.  It missed nothing, and the copy knows that as the log does; also the
 * copy of the copy.
 */
static void
test_an_event_that_was_removed_is_no_gap_in_the_copy(void)
{
	static const char *const rest[] = {
	    "2 4 5 ", "4 5 ", "4 5 ", "5 ", "", ""};
	struct server *from = prepare(), *to = place(other()),
		      *back = place(log_engine());
	char *id[6];
	struct client *c;

	start(from, NULL);
	c = get(from, "/events", NULL);
	want_start(c);
	for (int i = 0; i < 6; i++) {
		append(from, "main", text("%d", i + 1));
		want_next(c);
		id[i] = text("%s", c->last_id.s);
	}
	leave(c);
	remove_event(from, log_engine(), 3);
	remove_event(from, log_engine(), 6);
	want_copy(from, to, 4);
	want_copy(to, back, 4);
	start(to, NULL);
	start(back, NULL);
	for (int i = 0; i < 6; i++) {
		want_no_gap(to, id[i], rest[i]);
		want_no_gap(back, id[i], rest[i]);
	}
}

/* The same of numbers that are one number to the Lua of Redis. */
static void
test_a_large_number_that_was_removed_is_no_gap_in_the_copy(void)
{
	struct server *from = place(&log_sqlite), *to = place(&log_redis);
	int64_t large = INT64_C(1795340000000000000);
	const char *id;
	struct client *c;

	check(run_with(from, NULL, "init", from->db, NULL).status == 0);
	start(from, NULL);
	c = stream(from, "/events");
	for (int i = 1; i <= 3; i++)
		log_sqlite.append(from,
		    &(struct row){
			.id = large + i, .data = column(text("%d", i))},
		    1);
	for (int i = 1; i <= 3; i++)
		want_event(c, NULL, NULL, text("%d", i));
	id = text("%s", c->last_id.s);
	sql(from, "DELETE FROM events WHERE data = '3'");
	want_copy(from, to, 2);
	start(to, NULL);
	want_no_gap(to, id, "");
}

/* The copy may be there already when that happens. */
static void
test_an_event_that_is_removed_during_a_copy_is_no_gap(void)
{
	struct server *from = prepare(), *to = place(other());
	const char *id;
	struct client *c;

	start(from, NULL);
	append(from, "main", "1");
	want_copy(from, to, 1);
	c = stream(from, "/events");
	append(from, "main", "2");
	append(from, "main", "3");
	want_event(c, "2", NULL, "2");
	id = text("%s", c->last_id.s);
	remove_event(from, log_engine(), 2);
	want_copy(from, to, 1);
	start(to, NULL);
	want_no_gap(to, id, "3 ");
	want_no_gap(to, "1", "3 ");
}

/* A new event must not get an id that a pruned event once had. */
static void
test_numbers_of_pruned_events_are_not_used_again(void)
{
	struct server *old = place(other()), *from = place(log_engine()),
		      *to = place(other());
	struct client *c;

	check(run_with(old, NULL, "init", old->db, NULL).status == 0);
	for (int i = 1; i <= 10; i++)
		other()->append(old, &(struct row){.data = column("x")}, 1);
	want_copy(old, from, 10);
	publish(from, "late", NULL);
	check(run_with(from, NULL, "prune", from->db, "--keep-rows", "1", NULL)
		  .status == 0);
	want_copy(from, to, 1);
	start(to, NULL);
	c = get(to, "/events", "HTTP_LAST_EVENT_ID", "1", NULL);
	want_start(c);
	want_gap(c);
	want_event(c, NULL, NULL, "late");
	publish(to, "later", NULL);
	want_event(c, NULL, NULL, "later");
}

static void
test_pruned_before_it_was_copied_ends_it(void)
{
	struct server *from = prepare(), *to = place(other());

	append_many(from, "main", 1, 5, 0);
	want_copy(from, to, 5);
	append_many(from, "main", 6, 10, 0);
	check(run_with(from, NULL, "prune", from->db, "--keep-rows", "2", NULL)
		  .status == 0);
	want_no_copy(from, to, "events after 5 were removed before");
}

/* Is the copy refused now? */
static bool
is_refused(struct server *sv, const char *token)
{
	return want_headers(get_with(sv, "/events", token)) == 401;
}

static void
test_what_was_revoked_is_revoked_in_the_copy(void)
{
	struct server *from = prepare_keys(), *to = place(other());
	char *al = token_for("al", "\"*\""), *bo = token_for("bo", "\"*\"");

	log_revoke(from, NULL, "al");
	append(from, "main", "1");
	want_copy(from, to, 1);
	start(to, KEYED(from), NULL);
	want_refusal(get_with(to, "/events", al), 401);
	open_with(to, "/events", bo);
	log_revoke(from, NULL, "bo");
	want_copy(from, to, 0);
	until(is_refused(to, bo));
}

static void
test_another_log_is_refused(void)
{
	struct server *from = mixed(), *to = place(other());

	check(run_with(to, NULL, "init", to->db, NULL).status == 0);
	other()->append(to, &(struct row){.data = column("mine")}, 1);
	want_no_copy(from, to, "has events of another log");
	check(other()->count(to) == 1);
}

static void
test_a_copy_that_was_published_to_is_refused(void)
{
	struct server *from = mixed(), *to = place(other());

	want_copy(from, to, MIXED);
	publish(to, "too early", NULL);
	publish(from, "too late", NULL);
	want_no_copy(from, to, "has events that");
	check(other()->count(to) == MIXED + 1);
}

/* Both the ids of the first copy and the new numbers cannot be kept. */
static void
test_a_log_that_was_on_redis_does_not_go_there_again(void)
{
	struct server *there = place(&log_redis), *back = place(&log_sqlite),
		      *again = place(&log_redis);

	check(run_with(there, NULL, "init", there->db, NULL).status == 0);
	publish(there, "x", NULL);
	want_copy(there, back, 1);
	want_no_copy(back, again, "is an id of Redis, where it was before");
}

static void
test_there_must_be_something_to_copy(void)
{
	struct server *from = place(log_engine()), *to = place(other());

	check(copy(from, to).status == 1);
	check(run_with(from, NULL, "copy", from->db, NULL).status == 2);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_copy_says_what_the_log_says),
	    TALK(test_an_empty_log_can_be_copied),
	    TALK(test_large_events_are_copied_whole),
	    TALK(test_every_id_is_the_same_place_in_the_copy),
	    TALK(test_who_listened_goes_on_at_the_copy),
	    TALK(test_a_topic_that_ended_has_ended_in_the_copy),
	    TALK(test_times_are_kept),
	    TALK(test_a_uid_is_not_published_twice_after_the_move),
	    TALK(test_there_and_back_is_the_same_log),
	    TALK(test_killed_in_the_middle_it_goes_on),
	    TALK(test_what_is_published_meanwhile_is_copied),
	    TALK(test_what_was_pruned_is_told_by_the_copy),
	    TALK(test_an_event_that_was_removed_is_no_gap_in_the_copy),
	    TALK(test_a_large_number_that_was_removed_is_no_gap_in_the_copy),
	    TALK(test_an_event_that_is_removed_during_a_copy_is_no_gap),
	    TALK(test_numbers_of_pruned_events_are_not_used_again),
	    TALK(test_pruned_before_it_was_copied_ends_it),
	    TALK(test_what_was_revoked_is_revoked_in_the_copy),
	    TALK(test_another_log_is_refused),
	    TALK(test_a_copy_that_was_published_to_is_refused),
	    TALK(test_a_log_that_was_on_redis_does_not_go_there_again),
	    TALK(test_there_must_be_something_to_copy),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
