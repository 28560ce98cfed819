/*
 * test_auth_signed.c - a signed address opens the stream that it names, until
 * it ends; whoever has changed it gets no private byte.
 */
#include <string.h>
#include <time.h>

#include "tests/talk/peer/keyed.h"

#define PRIVATE "for your eyes only"
#define LATER	"&expires=4102444800"

/* The address of a stream with this query, signed by a key. */
static char *
address_by(const char *query, const char *key)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char hex[65];
	unsigned n;

	HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)query,
	    strlen(query), mac, &n);
	for (n = 0; n < 32; n++)
		sprintf(hex + 2 * n, "%02x", mac[n]);
	return text("/events?%s&sign=%s", query, hex);
}

static char *
address(const char *query)
{
	return address_by(query, FORGE_SECRET);
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
	check(want_warning(c) <= 6);
	want_event(c, NULL, "message", "in time");
	check(want_farewell(c) > 0);
	append(sv, "run", PRIVATE);
	want_no_byte(get(sv, uri, NULL), 401);
	want_event(longer, NULL, "message", "in time");
	want_event(longer, NULL, "message", PRIVATE);
}

#define NEWS "topic=news&last=9"

/* What a site that has the key, but signs too much, could sign. */
static void
ask_what_should_not_be_signed(struct server *sv)
{
	static const struct {
		const char *query;
		int status;
	} cases[] = {
	    {NEWS, 400},
	    {NEWS "&expires=", 400},
	    {NEWS "&expires=0", 401},
	    {NEWS "&expires=1000000000", 401},
	    {NEWS "&expires=-4102444800", 400},
	    {NEWS "&expires=%204102444800", 400},
	    {NEWS "&expires=4102444800+", 400},
	    {NEWS "&expires=4102444800%00", 400},
	    {NEWS "&expires=4e9", 400},
	    {NEWS "&expires=99999999999999999999", 400},
	    {NEWS "&expires=18446744077812996416", 400},
	    {NEWS "&expires=1000000000" LATER, 400},
	    {NEWS LATER "&expires=1000000000", 400},
	    {NEWS "&expir%65s=1000000000" LATER, 400},
	    {NEWS "&exp=4102444800", 400},
	    {NEWS "&sub=a%00l" LATER, 400},
	    {NEWS "&iat=soon" LATER, 400},
	    {"topic=in/{user}&last=9" LATER, 401},
	    {"topic[0]=news&last=9" LATER, 400},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		want_no_byte(
		    get(sv, address(cases[i].query), NULL), cases[i].status);
}

/* In upper case. */
static char *
loud(const char *s)
{
	char *to = text("%s", s), *p;

	for (p = to; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'f')
			*p -= 'a' - 'A';
	return to;
}

/* One good address is known to whoever asks, and no key. */
static void
ask_without_the_key(struct server *sv, const char *good)
{
	const char *mac = strstr(good, "&sign=") + 6;
	const struct {
		const char *uri;
		int status;
	} cases[] = {
	    {address_by(NEWS LATER, FORGE_OTHER), 401},
	    {address_by(NEWS LATER, ""), 401},
	    {text("/events?" NEWS LATER "&sign="), 400},
	    {text("/events?" NEWS LATER "&sign=%.63s", mac), 400},
	    {text("/events?" NEWS LATER "&sign=%.32s", mac), 400},
	    {text("%s0", good), 400},
	    {text("%s%%00", good), 400},
	    {text("/events?" NEWS LATER "&sign=%s", loud(mac)), 400},
	    {text("%s&sign=%s", good, mac), 400},
	    {text("/events?" NEWS LATER "&sign=%064d&sign=%s", 0, mac), 400},
	    {text("%s&topic=secret", good), 400},
	    {text("%s&last=99", good), 400},
	    {text("%s" LATER, good), 400},
	    {text("%s&access_token=x", good), 400},
	    {text("/events?sign=%s&" NEWS LATER, mac), 400},
	    {text("/events?" NEWS "&topic=secret" LATER "&sign=%s", mac), 401},
	    {text("/events?" NEWS LATER "&topic=secret&sign=%s", mac), 401},
	    {text("/events?topic=secret&" NEWS LATER "&sign=%s", mac), 401},
	    {text("/events?" NEWS "&expires=4102444801&sign=%s", mac), 401},
	    {text("/events?" NEWS LATER "&sub=al&sign=%s", mac), 401},
	    {text("/events?%%74opic=news&last=9" LATER "&sign=%s", mac), 401},
	    {text("/events?" NEWS LATER "%%26sign=%s", mac), 401},
	    {text("/events?" NEWS LATER "&sign%%3D%s", mac), 401},
	    {text("/events?" NEWS LATER "&s%%69gn=%s", mac), 400},
	    {text("/events?" NEWS LATER "&Sign=%s", mac), 400},
	    {text("/events?" NEWS LATER "&sign[]=%s", mac), 400},
	    {text("/events?" NEWS LATER ";sign=%s", mac), 401},
	    {text("/events?" NEWS LATER "#&sign=%s", mac), 400},
	    {text("/events?" NEWS LATER "&sign=%s;topic=secret", mac), 400},
	    {text("/events?x=%020000d&" NEWS LATER "&sign=%s", 0, mac), 400},
	};
	struct client *c;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		want_no_byte(get(sv, cases[i].uri, NULL), cases[i].status);
	c = get(sv, text("%s&x=%065536d", good, 0), NULL);
	want_closed(c);
	check(c->out.len == 0);
	c = ask(sv, "HEAD", cases[0].uri, NULL, NULL);
	check(want_headers(c) == 401);
	want_end(c);
	/* A good token does not help. */
	want_no_byte(get_with(sv, cases[0].uri, token_for("al", "\"*\"")), 401);
}

/* What is behind a NUL would be signed and not be read. */
static void
ask_with_a_nul(struct server *sv, const char *good)
{
	const char *query = strchr(good, '?') + 1;
	const char first[] = "topic=secret&last=9";
	struct client *c = join(sv);
	struct bytes b = {0}, p = {0};

	put_pair(&p, "REQUEST_METHOD", "GET");
	put_length(&p, strlen("QUERY_STRING"));
	put_length(&p, (uint32_t)(sizeof(first) + strlen(query)));
	put_text(&p, "QUERY_STRING");
	put(&p, first, sizeof(first)); /* with its NUL */
	put_text(&p, query);
	put_begin(&b, 1, RESPONDER, 0);
	put_record(&b, R_PARAMS, 1, p.s, p.len, 0);
	put_record(&b, R_PARAMS, 1, NULL, 0, 0);
	put_record(&b, R_STDIN, 1, NULL, 0, 0);
	say(c, &b);
	bytes_free(&b);
	bytes_free(&p);
	want_closed(c);
	check(c->out.len == 0);
}

static void
test_hostile_addresses_get_no_byte(void)
{
	struct server *sv = serve_keyed();
	char *good = address(NEWS LATER);
	struct client *c;

	append(sv, "main", PRIVATE);
	append(sv, "news", PRIVATE);
	append(sv, "secret", PRIVATE);
	ask_what_should_not_be_signed(sv);
	ask_without_the_key(sv, good);
	ask_with_a_nul(sv, good);
	c = get(sv, good, NULL);
	want_start(c);
	want_event(c, NULL, "message", PRIVATE);
	stop(sv);
	check(strstr(errors(sv), strstr(good, "&sign=") + 6) == NULL);
}

/* Everybody has a public key, so nothing may be signed with the text of it. */
static void
test_a_public_key_is_no_secret(void)
{
	struct server *sv = prepare_keys(), *other = prepare_keys();
	char *pem = kept(forge_public(hostile_keys()->rsa));
	char *jwk = kept(forge_jwk(hostile_keys()->ec, "ec", ""));
	char *lines = text("%.*s", (int)strlen(pem) - 1, pem);
	const char *secrets[] = {
	    pem, lines, jwk, text("{\"keys\":[%s]}", jwk), "ec"};
	size_t i;

	start(sv, KEYED(sv), NULL);
	start(other, "--key-file", key_path(other, "rsa.pem"), "--jwks-file",
	    key_path(other, "jwks"), NULL);
	append(sv, "news", PRIVATE);
	append(other, "news", PRIVATE);
	for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		char *uri = address_by(NEWS LATER, secrets[i]);

		want_no_byte(get(sv, uri, NULL), 401);
		want_no_byte(get(other, uri, NULL), 400);
	}
}

/* Whose token is beside it does not matter. */
static void
test_a_token_beside_it_does_not_count(void)
{
	struct server *sv = serve_keyed();
	char *token = token_for("bo", "\"in/bo\",\"*\"");
	char *uri = address("topic=in/{user}&sub=al" LATER);
	struct client *c[] = {get_with(sv, uri, token),
	    get(sv, uri, "HTTP_COOKIE", text("largesse=%s", token), NULL),
	    get(sv, uri, "REMOTE_USER", "bo", NULL)};
	size_t i;

	for (i = 0; i < 3; i++) {
		want_start(c[i]);
		check(strcmp(json(c[i]->start, "$.topics[0]"), "in/al") == 0);
		check(json(c[i]->start, "$.topics[1]") == NULL);
	}
	/* His own revocation ends it, and nobody else's. */
	log_revoke(sv, NULL, "bo");
	append(sv, "in/bo", PRIVATE);
	append(sv, "in/al", "mine");
	for (i = 0; i < 3; i++)
		want_event(c[i], NULL, "message", "mine");
	log_revoke(sv, NULL, "al");
	for (i = 0; i < 3; i++)
		want_farewell(c[i]);
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
	forge_write(key, "thirty-one bytes are too few...", 31);
	r[0] = run_with(TOKEN, "--key-file", key, NULL);
	want_one_line(&r[0], 1);
	check(strstr(r[0].err, "32 bytes") != NULL);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_signed_address_opens_its_stream),
	    TALK(test_it_goes_on_where_it_was),
	    TALK(test_it_ends_when_it_expires),
	    TALK(test_hostile_addresses_get_no_byte),
	    TALK(test_a_public_key_is_no_secret),
	    TALK(test_a_token_beside_it_does_not_count),
	    TALK(test_it_is_only_for_reading),
	    TALK(test_without_a_key_it_is_refused),
	    TALK(test_a_revoked_subject_is_shown_out),
	    TALK(test_an_address_of_the_command),
	    TALK(test_what_the_command_refuses),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
