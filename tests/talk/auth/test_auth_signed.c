/*
 * test_auth_signed.c - a signed address opens the stream that it names, until
 * it ends; whoever has changed it gets no private byte.
 */
#include <string.h>
#include <time.h>

#include "tests/talk/peer/keyed.h"

#define PRIVATE "for your eyes only"
#define LATER	"&expires=4102444800"

/* The address of a stream with this query, signed. */
static char *
address(const char *query)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char hex[65];
	unsigned n;

	HMAC(EVP_sha256(), FORGE_SECRET, sizeof(FORGE_SECRET) - 1,
	    (const unsigned char *)query, strlen(query), mac, &n);
	for (n = 0; n < 32; n++)
		sprintf(hex + 2 * n, "%02x", mac[n]);
	return text("/events?%s&sign=%s", query, hex);
}

/* Refused with this status and one line, without a private byte. */
static void
want_no_byte(struct client *c, int status)
{
	want_refusal(c, status);
	if (strstr(c->out.s, PRIVATE) != NULL)
		talk_fail("a private byte: %s", shown(c->out.s, c->out.len));
}

static void
test_a_signed_address_opens_its_stream(void)
{
	struct server *sv = serve_keyed();
	struct client *c =
	    get(sv, address("topic=in/{user}&topic=run*&sub=al" LATER), NULL);

	want_start(c);
	check(strcmp(json(c->start, "$.topics[0]"), "in/al") == 0);
	append(sv, "in/bo", PRIVATE);
	append(sv, "in/al", "mine");
	append(sv, "run/7", "ours");
	want_event(c, NULL, "message", "mine");
	want_event(c, NULL, "message", "ours");
	want_nothing_more(c, sv, "in/al");
}

static void
test_it_goes_on_where_it_was(void)
{
	struct server *sv = serve_keyed();
	const char *uri = address("topic=run&last=9" LATER);
	struct client *c;

	append(sv, "run", "one");
	append(sv, "run", "two");
	append(sv, "run", "three");
	c = get(sv, uri, "HTTP_LAST_EVENT_ID", "2", NULL);
	want_start(c);
	want_event(c, "3", "message", "three");
	c = get(sv, text("%s&lastEventId=1", uri), NULL);
	want_start(c);
	want_event(c, "2", "message", "two");
	c = get(sv, uri, NULL);
	want_start(c);
	want_event(c, "1", "message", "one");
}

static void
test_it_ends_when_it_expires(void)
{
	struct server *sv = prepare_keys();
	const char *uri;
	struct client *c, *longer;

	start(sv, KEYED(sv), "--leeway", "0", NULL);
	uri = address(
	    text("topic=run&last=9&expires=%lld", (long long)time(NULL) + 6));
	c = get(sv, uri, NULL);
	want_start(c);
	longer = get(sv, address("topic=run" LATER), NULL);
	want_start(longer);
	append(sv, "run", "in time");
	want_event(c, NULL, "message", "in time");
	check(want_farewell(c) > 0);
	append(sv, "run", PRIVATE);
	want_no_byte(get(sv, uri, NULL), 401);
	want_event(longer, NULL, "message", "in time");
	want_event(longer, NULL, "message", PRIVATE);
}

static void
test_a_changed_address_gets_no_byte(void)
{
	struct server *sv = serve_keyed();
	char *good = address("topic=run&last=9" LATER);
	const char *hex = strstr(good, "&sign=");
	struct client *c;

	append(sv, "secret", PRIVATE);
	append(sv, "run", PRIVATE);
	want_no_byte(
	    get(sv, text("/events?topic=secret&last=9" LATER "%s", hex), NULL),
	    401);
	want_no_byte(get(sv, text("%s&topic=secret", good), NULL), 400);
	want_no_byte(
	    get(sv, text("%.*s", (int)strlen(good) - 1, good), NULL), 400);
	want_no_byte(
	    get(sv, text("/events?topic=run&last=9%s", hex), NULL), 400);
	c = ask(
	    sv, "HEAD", text("/events?topic=run" LATER "%s", hex), NULL, NULL);
	check(want_headers(c) == 401);
	want_end(c);
	/* A token beside it does not help. */
	want_no_byte(
	    get_with(sv, text("/events?topic=secret&last=9" LATER "%s", hex),
		kept(forge(FORGE_HS256, GOOD))),
	    401);
	c = get(sv, good, NULL);
	want_start(c);
	want_event(c, NULL, "message", PRIVATE);
	stop(sv);
	check(strstr(errors(sv), hex + 6) == NULL);
}

static void
test_it_is_only_for_reading(void)
{
	struct server *sv = prepare_keys();
	struct client *c;
	size_t i;
	char *uri[] = {address("expires=4102444800"), address("topic=a" LATER)};

	start(sv, KEYED(sv), "--publish", NULL);
	for (i = 0; i < 2; i++) {
		c = ask(sv, "POST", uri[i], "data=x", "CONTENT_TYPE",
		    "application/x-www-form-urlencoded", "HTTP_AUTHORIZATION",
		    text("Bearer %s",
			kept(forge(FORGE_HS256,
			    "{\"exp\":4102444800,\"largesse\":{\"publish\":"
			    "[\"*\"]}}"))),
		    NULL);
		want_refusal(c, 400);
		check(strstr(c->out.s, "only for reading") != NULL);
	}
	check(log_count(sv) == 0);
}

static void
test_without_a_key_it_is_refused(void)
{
	struct server *sv = serve();

	append(sv, "run", PRIVATE);
	want_no_byte(get(sv, address("topic=run&last=9" LATER), NULL), 400);
	want_start(get(sv, "/events?topic=run" LATER, NULL));
}

static void
test_a_revoked_subject_is_shown_out(void)
{
	struct server *sv = serve_keyed();
	char *uri = address(text(
	    "topic=run&sub=al&iat=%lld" LATER, (long long)time(NULL) - 60));
	struct client *c = get(sv, uri, NULL);

	want_start(c);
	log_revoke(sv, NULL, "al");
	want_farewell(c);
	want_no_byte(get(sv, uri, NULL), 401);
}

/* What `token --url` prints is a good address here. */
static void
test_an_address_of_the_command(void)
{
	struct server *sv = prepare_keys();
	struct client *c;
	struct ran r;

	start(sv, KEYED(sv), "--issuer", "shop", NULL);
	r = run_with(sv, NULL, "token", "--key-file", key_path(sv, "secret"),
	    "--subscribe", "in/{sub}", "a~ *", "--sub", "al", "--issuer",
	    "shop", "--url", NULL);
	check(r.status == 0 && strncmp(r.out, "/events?", 8) == 0);
	r.out[strcspn(r.out, "\n")] = '\0';
	c = get(sv, r.out, NULL);
	want_start(c);
	check(strcmp(json(c->start, "$.topics[0]"), "in/al") == 0);
	check(strcmp(json(c->start, "$.topics[1]"), "a~ *") == 0);
}

static void
test_what_the_command_refuses(void)
{
	struct server *sv = prepare_keys();
	const char *key = key_path(sv, "secret");
	char *pem = kept(forge_private(hostile_keys()->rsa));
#define TOKEN sv, NULL, "token", "--subscribe", "a", "--url"
	struct ran r[] = {
	    run_with(TOKEN, "--key-file", key, "--publish", "a", NULL),
	    run_with(TOKEN, "/events?a=b", "--key-file", key, NULL),
	    run_with(TOKEN, "--key-file", key, "--expires", "0", NULL),
	    run_with(TOKEN, "--key-file", key, "--kid", "a", NULL),
	    run_with(TOKEN, "--key-file", key, "--subscribe", "in/{sub}", NULL),
	};
	size_t i;

	for (i = 0; i < sizeof(r) / sizeof(r[0]); i++)
		want_one_line(&r[i], 2);
	forge_write(key, pem, strlen(pem));
	r[0] = run_with(TOKEN, "--key-file", key, NULL);
	want_one_line(&r[0], 1);
	check(strstr(r[0].err, "signed with a secret") != NULL);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_signed_address_opens_its_stream),
	    TALK(test_it_goes_on_where_it_was),
	    TALK(test_it_ends_when_it_expires),
	    TALK(test_a_changed_address_gets_no_byte),
	    TALK(test_it_is_only_for_reading),
	    TALK(test_without_a_key_it_is_refused),
	    TALK(test_a_revoked_subject_is_shown_out),
	    TALK(test_an_address_of_the_command),
	    TALK(test_what_the_command_refuses),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
