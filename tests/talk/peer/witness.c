/*
 * witness.c - streams that several files of claims use: one that must live
 * through whatever a test does to its responder, and those of a log in which
 * no two rows are the same.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/witness.h"

struct witness
serve_witness(void)
{
	struct witness w = {.sv = serve()};

	w.c = get(w.sv, "/events?topic=witness", NULL);
	want_start(w.c);
	return w;
}

void
want_alive(struct witness *w)
{
	struct client *c;

	want_nothing_more(w->c, w->sv, "witness");
	/* A log on Redis that is slow to answer may send it away at first. */
	c = come_back(w->sv, "/events?topic=witness", w->c->last_id.s);
	want_nothing_more(c, w->sv, "witness");
	want_event(w->c, NULL, "message", "the marker");
	leave(c);
}

/* The newest id that the responder has read. */
static const char *
head_of(struct server *sv)
{
	struct client *c = get(sv, "/events/status", NULL);

	check(want_headers(c) == 200);
	return json(body_of(c), "$.store.head");
}

void
await_head(struct server *sv, int id)
{
	until(strcmp(head_of(sv), text("%d", id)) == 0);
}

/*
 * The last comes alone: on Redis, what came together is kept until something
 * newer comes, and could be sent although it was removed meanwhile.
 */
struct server *
serve_numbered(int n)
{
	struct server *sv = serve();

	for (int i = 1; i <= n; i++) {
		append(sv, "main", text("%d", i));
		if (i >= n - 1)
			await_head(sv, i);
	}
	return sv;
}

void
want_all_after(struct client *c, struct server *sv, int64_t id)
{
	while ((id = log_next(sv, id)) != 0)
		want_event(c, text("%lld", (long long)id), "message",
		    text("%lld", (long long)id));
	want_nothing_more(c, sv, "main");
}

void
want_gap_and_the_rest(struct client *c, struct server *sv, const char *asked)
{
	const char *gap = want_gap(c);
	const char *said = json(gap, "$.asked");

	if (strcmp(said, asked) != 0)
		talk_fail("wanted asked %s; came %s", asked, gap);
	want_all_after(c, sv, atoll(json(gap, "$.id")));
}

struct bytes
request(int id, int flags, const char *method, const char *uri)
{
	struct bytes b = {0};

	put_request(&b, id, flags, method, uri, NULL, NULL);
	return b;
}

void
say_and_free(struct client *c, struct bytes b)
{
	say(c, &b);
	bytes_free(&b);
}
