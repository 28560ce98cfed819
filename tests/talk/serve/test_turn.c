/*
 * test_turn.c - nobody's question delays another's event: what a turn of the
 * loop does, and who gets how much of it.
 */
#include <string.h>

#include "tests/talk/peer/keyed.h"

enum {
	TRIES = 5000
};

static struct client *
from(struct server *sv, const char *address, const char *uri)
{
	return get(sv, uri, "REMOTE_ADDR", address, NULL);
}

/* Was it told to come back, and not given a stream? */
static bool
told_to_come_back(struct client *c)
{
	const struct event *ev;
	bool told;

	if (want_headers(c) != 200)
		return false;
	ev = next_or_end(c);
	told = ev != NULL && strcmp(ev->type, "stream-retry") == 0;
	leave(c);
	return told;
}

/* Asks until the address is told to come back. */
static bool
has_its_share(struct server *sv, const char *address, const char *uri)
{
	int i;

	for (i = 0; i < TRIES; i++)
		if (told_to_come_back(from(sv, address, uri)))
			return true;
	return false;
}

/*
 * Before, an address could ask for old parts of the log as often as it liked.
 */
static void
test_an_address_has_its_share_of_cold_reads(void)
{
	struct server *sv = prepare();
	const char *uri = "/events?topic=a*&lastEventId=earliest";

	append_many(sv, "b", 1, 20000, 0);
	start(sv, "--address-share", "1", NULL);
	check(has_its_share(sv, "192.0.2.1", uri));
	check(!told_to_come_back(from(sv, "192.0.2.2", uri)));
}

static void
test_an_address_has_its_share_of_looks_for_what_is_active(void)
{
	struct server *sv = prepare();

	append_many(sv, "b", 1, 20000, 0);
	start(sv, "--address-share", "1", NULL);
	check(has_its_share(sv, "192.0.2.1", "/events?topic=none&active"));
	check(want_headers(
		  from(sv, "192.0.2.2", "/events?topic=none&active")) == 204);
}

static void
test_an_address_has_its_share_of_bad_tokens(void)
{
	struct server *sv = prepare_keys();
	const char *token = token_for("al", "\"x\"");
	const char *uri = text("/events?topic=x&access_token=%.*sA",
	    (int)strlen(token) - 2, token);

	start(sv, KEYED(sv), "--address-share", "1", NULL);
	check(has_its_share(sv, "192.0.2.1", uri));
	want_refusal(from(sv, "192.0.2.2", uri), 401);
}

static void
test_no_share_no_limit(void)
{
	struct server *sv = prepare();
	int i;

	append_many(sv, "b", 1, 1000, 0);
	start(sv, "--address-share", "0", NULL);
	for (i = 0; i < 300; i++)
		check(!told_to_come_back(from(
		    sv, "192.0.2.1", "/events?topic=a*&lastEventId=earliest")));
}

/*
 * A flush to many streams takes several turns: each gets every event, in order.
 */
static void
test_a_flush_of_many_turns(void)
{
	enum {
		STREAMS = 400,
		EVENTS = 5
	};
	struct server *sv = serve();
	struct client *c[STREAMS];
	int i, j;

	for (i = 0; i < STREAMS; i++)
		want_start(c[i] = get(sv, "/events", NULL));
	for (j = 0; j < EVENTS; j++)
		append(sv, "main", text("n%d", j));
	for (i = 0; i < STREAMS; i++)
		for (j = 0; j < EVENTS; j++)
			want_event(
			    c[i], text("%d", j + 1), NULL, text("n%d", j));
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_an_address_has_its_share_of_cold_reads),
	    TALK(test_an_address_has_its_share_of_looks_for_what_is_active),
	    TALK(test_an_address_has_its_share_of_bad_tokens),
	    TALK(test_no_share_no_limit),
	    TALK(test_a_flush_of_many_turns),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
