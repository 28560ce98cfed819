/*
 * test_life.c - an id says which row it was.  A client that was away while the
 * log was restored from an older copy, or made anew, or while another log took
 * its place, is told that it missed something, although the log has a row with
 * its number again.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/talk/peer/witness.h"

/* Rows named after their life, at a time of their own. */
static void
fill(struct server *sv, const char *life, int n, int64_t time_ms)
{
	struct row row = {.time_ms = time_ms};

	for (; n > 0; n--, row.time_ms++) {
		row.data = column(life);
		append_rows(sv, &row, 1);
	}
}

/* The id that a browser has after n events of the log. */
static char *
id_after(struct server *sv, int n)
{
	struct client *c = get_in_the_end(sv, "earliest");
	char *id;

	while (n-- > 0)
		want_next(c);
	id = text("%s", c->last_id.s);
	leave(c);
	return id;
}

static void
want_told(struct client *c, struct server *sv, const char *asked)
{
	const char *gap = want_gap(c);

	check(strcmp(json(gap, "$.reason"), "unknown") == 0);
	check(strcmp(json(gap, "$.asked"), asked) == 0);
	want_nothing_more(c, sv, "main");
}

/* Nothing is missing, and nothing comes twice. */
static void
want_goes_on(struct client *c, struct server *sv)
{
	check(c->gap == NULL);
	want_nothing_more(c, sv, "main");
}

static void
test_a_number_comes_with_its_check(void)
{
	struct server *sv = serve_numbered(3);
	struct client *c = get_in_the_end(sv, "earliest");
	const struct event *e;
	char *told;

	for (int i = 1; i <= 3; i++) {
		e = want_next(c);
		check(strcmp(e->id, text("%d", i)) == 0);
		check(strlen(e->told) == strlen(e->id) + 5);
		check(strcmp(e->told, c->last_id.s) == 0);
	}
	told = text("%s", c->last_id.s);
	c = get_in_the_end(sv, told);
	check(strcmp(c->last_id.s, told) == 0); /* of stream-start */
	want_goes_on(c, sv);
	want_goes_on(get_in_the_end(sv, "4"), sv);
	c = get(sv, text("/events?lastEventId=%s", told), NULL);
	want_start(c);
	want_event(c, "4", "message", "the marker");
}

/* As the issue has it: the id is one that the restored log has again. */
static void
test_a_restored_copy_has_overtaken_who_was_away(void)
{
	struct server *sv = serve(), *old;
	struct client *c;
	char *id, *shared;

	fill(sv, "first", 5, 1000);
	old = log_copy(sv);
	fill(sv, "lost", 5, 2000);
	shared = id_after(sv, 5);
	id = id_after(sv, 10);
	stop(sv);
	fill(old, "second", 7, 3000);
	log_restore(sv, old);
	start(sv, NULL);
	/* A row that both have is the same in both. */
	c = get_in_the_end(sv, shared);
	for (int i = 6; i <= 12; i++)
		want_event(c, text("%d", i), NULL, "second");
	want_told(get_in_the_end(sv, id), sv, id);
}

static void
test_it_was_restored_while_streams_were_open(void)
{
	struct server *sv = serve(), *old;
	struct client *c;
	char *id;

	fill(sv, "first", 5, 1000);
	old = log_copy(sv);
	fill(sv, "lost", 5, 2000);
	id = id_after(sv, 10);
	c = stream(sv, "/events");
	fill(old, "second", 3, 3000);
	log_restore(sv, old);
	want_gap(c);
	fill(sv, "second", 4, 4000);
	want_told(get_in_the_end(sv, id), sv, id);
}

static void
test_another_log_has_the_number_too(void)
{
	struct server *sv = serve(), *other = prepare();
	struct client *c;
	char *id;

	fill(sv, "one", 5, 1000);
	fill(other, "two", 9, 3000);
	id = id_after(sv, 5);
	stop(sv);
	log_replace(sv, other);
	start(sv, NULL);
	want_told(get_in_the_end(sv, id), sv, id);
	other = prepare();
	fill(other, "three", 9, 5000);
	id = id_after(sv, 5);
	c = stream(sv, "/events");
	log_replace(sv, other);
	want_gap(c);
	want_told(get_in_the_end(sv, id), sv, id);
}

static void
test_a_log_made_anew_has_the_number_too(void)
{
	struct server *sv = serve();
	char *id;

	fill(sv, "one", 5, 1000);
	id = id_after(sv, 5);
	stop(sv);
	log_remove(sv);
	check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
	fill(sv, "two", 9, 3000);
	start(sv, NULL);
	want_told(get_in_the_end(sv, id), sv, id);
}

/* There nobody was running who could have noticed. */
static void
test_a_program_of_cgi_tells_it_too(void)
{
	struct server *sv = serve(), *other = prepare();
	struct client *c;
	int end[2];
	char *id;

	fill(sv, "one", 5, 1000);
	fill(other, "two", 9, 3000);
	id = id_after(sv, 5);
	stop(sv);
	log_replace(sv, other);
	check(pipe2(end, O_CLOEXEC) == 0);
	sv->env = (const char *[]){"GATEWAY_INTERFACE=CGI/1.1",
	    "SERVER_PROTOCOL=HTTP/1.1", "SCRIPT_NAME=/cgi-bin/largesse",
	    "REMOTE_ADDR=127.0.0.1", "REQUEST_METHOD=GET",
	    text("HTTP_LAST_EVENT_ID=%s", id), text("LARGESSE_DB=%s", sv->db),
	    NULL};
	sv->plain = true;
	start_bare(sv, -1, end[1], NULL);
	close(end[1]);
	c = client_of(end[0]);
	c->plain = true;
	want_start(c);
	want_told(c, sv, id);
	leave(c);
}

/* What is no id of ours may be anybody's uid, and most often is none. */
static void
test_what_looks_nearly_so_is_no_id(void)
{
	static const char *const odd[] = {"2-", "2-k52", "2-k52qq", "02-k52q",
	    "2-K52Q", "2-5k2q", "2-k52q", "2--k52q", "-k52q", "2-k52q-1",
	    "9223372036854775807-k52q", "9223372036854775808-k52q",
	    "18446744073709551616-k52q", "9223372036854775807",
	    "18446744073709551615", "18446744073709551616"};
	struct server *sv = serve_numbered(3);

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		const char *gap = want_gap(get_in_the_end(sv, odd[i]));

		check(strcmp(json(gap, "$.reason"), "unknown") == 0);
		check(strcmp(json(gap, "$.asked"), odd[i]) == 0);
		check(strcmp(json(gap, "$.id"), "3") == 0);
	}
	append_event(sv, "main", NULL, "x", "2-k52q");
	want_goes_on(get_in_the_end(sv, "2-k52q"), sv);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest claims[] = {
	    TALK(test_a_number_comes_with_its_check),
	    TALK(test_a_restored_copy_has_overtaken_who_was_away),
	    TALK(test_it_was_restored_while_streams_were_open),
	    TALK(test_another_log_has_the_number_too),
	    TALK(test_a_log_made_anew_has_the_number_too),
	    TALK(test_a_program_of_cgi_tells_it_too),
	    TALK(test_what_looks_nearly_so_is_no_id),
	};

	return talk_main(
	    argc, argv, claims, sizeof(claims) / sizeof(claims[0]));
}
