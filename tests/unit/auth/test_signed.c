/*
 * test_signed.c - who is let in by a signed address, and who is not.
 */
#include <time.h>

#include "fcgi/auth/token.h"
#include "tests/unit/stage.h"

#define LATER	  "expires=4102444800" /* 2100 */
#define GOOD_TEXT "topic=run%2F7&" LATER
#define PRINTED	  "topic=run%%2F7&" LATER /* the same, for printf */

/* What is signed, and the signature of it by a key.  To be freed. */
static char *
sign_by(const char *text, const char *key)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char hex[65], *s;
	unsigned n;

	HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text,
	    strlen(text), mac, &n);
	for (n = 0; n < 32; n++)
		sprintf(hex + 2 * n, "%02x", mac[n]);
	assert_true(asprintf(&s, "%s&sign=%s", text, hex) > 0);
	return s;
}

/*
 * Asks with a query, and a parameter more if it is not NULL.  The status, 0 for
 * yes; s->no.line says why.
 */
static int
ask_with(struct stage *s, const char *query, const char *more)
{
	char *param = hostile_text("QUERY_STRING=", query, "");
	const char *env[] = {"REQUEST_METHOD=GET", param, more, NULL}, *why;
	int status;

	stage_clear(s);
	memset(&s->no, 0, sizeof(s->no));
	status = request_read(&s->rq, (char *const *)env, NULL, 16, &why);
	if (status != 0)
		snprintf(s->no.line, sizeof(s->no.line), "%s", why);
	else
		status =
		    allow_stream(s->allow, s->store, &s->rq, &s->who, &s->no);
	free(param);
	return status;
}

/* The same for a text that is signed; tail stands behind the signature. */
static int
ask_signed(struct stage *s, const char *text, const char *tail)
{
	char *address = sign_by(text, FORGE_SECRET);
	char *query = hostile_text(address, tail, "");
	int status = ask_with(s, query, NULL);

	free(address);
	free(query);
	return status;
}

static void
want_why(struct stage *s, int status, int want, const char *line)
{
	if (status != want || strcmp(s->no.line, line) != 0)
		fail_msg("%d %s, not %d %s", status, s->no.line, want, line);
}

static void
open_secret(struct stage *s)
{
	stage_open(s, "--key-file", s->secret, NULL);
}

static bool
names_topic(const struct stage *s, const char *name, bool prefix)
{
	size_t i;

	for (i = 0; i < s->rq.ntopics; i++)
		if (s->rq.topics[i].len == strlen(name) &&
		    s->rq.topics[i].prefix == prefix)
			return true;
	return false;
}

/* --- what is good -------------------------------------------------------- */

static void
test_what_is_signed_is_allowed(void **state)
{
	struct stage *s = *state;

	open_secret(s);
	assert_int_equal(ask_signed(s, GOOD_TEXT, ""), 0);
	assert_int_equal(s->who.by, ALLOW_BY_SIGN);
	assert_true(s->who.ends_ms == 4102444800000 + 2000);
	assert_null(s->who.subject);
	assert_true(names_topic(s, "run/7", false));
	assert_int_equal(
	    ask_signed(s, "topic=a&topic=b*&topic=*&" LATER, ""), 0);
	assert_int_equal(s->rq.ntopics, 3);
	assert_int_equal(ask_signed(s, LATER, ""), 0);
	assert_true(names_topic(s, "main", false));
	/* Names that are not known are passed over, also in what is signed. */
	assert_int_equal(ask_signed(s, "_=1&topic=a&" LATER "&x", ""), 0);
}

static void
test_a_subject_as_in_a_token(void **state)
{
	struct stage *s = *state;

	open_secret(s);
	assert_int_equal(
	    ask_signed(s, "topic=in/%7Buser%7D&sub=a+l&" LATER, ""), 0);
	assert_string_equal(s->who.subject, "a l");
	assert_true(names_topic(s, "in/a l", false));
	want_why(s, ask_signed(s, "topic=in/{user}&" LATER, ""), 401,
	    "topic: {user} is whoever asks, and nobody said who that is");
}

/* Each language writes a query in its own way; all these are the same. */
static void
test_any_encoding_is_signed_as_it_is(void **state)
{
	static const char *const texts[] = {"topic=a+b/~&" LATER,
	    "topic=a%20b%2F%7E&" LATER, "topic=a%20b%2f%7e&" LATER,
	    "topic=a+b/%7E&" LATER, "t%6fpic=%61%20b/~&" LATER,
	    LATER "&topic=a+b%2F~", "&&topic=a+b/~&&" LATER "&"};
	struct stage *s = *state;
	size_t i;

	open_secret(s);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(ask_signed(s, texts[i], ""), 0);
		assert_int_equal(s->rq.ntopics, 1);
		assert_memory_equal(s->rq.topics[0].name, "a b/~", 5);
	}
}

static void
test_where_it_goes_on(void **state)
{
	struct stage *s = *state;
	char *query = sign_by(GOOD_TEXT "&lastEventId=3", FORGE_SECRET);

	open_secret(s);
	assert_int_equal(ask_signed(s, GOOD_TEXT "&last=5", ""), 0);
	assert_true(s->rq.start == START_LAST && s->rq.count == 5);
	assert_int_equal(ask_signed(s, GOOD_TEXT "&since=5m", ""), 0);
	assert_true(s->rq.start == START_SINCE);
	assert_int_equal(
	    ask_signed(s, GOOD_TEXT "&last=5", "&lastEventId=7"), 0);
	assert_string_equal(s->rq.last_id, "7");
	assert_int_equal(
	    ask_signed(s, GOOD_TEXT, "&beat=5&age=6&pad=7&poll"), 0);
	assert_true(s->rq.way.beat_s == 5 && s->rq.way.age_s == 6 &&
		    s->rq.way.pad == 7 && s->rq.way.poll);
	assert_int_equal(
	    ask_signed(s, GOOD_TEXT, "&last_event_id=7&lastEventID=8&"), 0);
	assert_string_equal(s->rq.last_id, "8");
	assert_int_equal(ask_with(s, query, NULL), 0);
	assert_string_equal(s->rq.last_id, "3");
	assert_int_equal(ask_with(s, query, "HTTP_LAST_EVENT_ID=9"), 0);
	assert_string_equal(s->rq.last_id, "9");
	free(query);
}

/* --- what is not -----------------------------------------------------------
 */

#define NOT_BY                                                            \
	"sign: the signature is not that of what stands before it, by a " \
	"secret known here"
#define NO_HEX "sign: not the 64 hex digits, in lower case, of an HMAC-SHA256"
#define BEHIND                                                        \
	"sign: nothing but lastEventId, beat, age, poll and pad may " \
	"stand behind it"
#define TWICE	"sign: expires, sub, iat, iss or aud stands twice before it"
#define NO_END	"sign: expires is missing, which has to stand before it"
#define NO_TIME "expires: not in seconds since 1970"

/* Signed by the right key, and yet refused. */
static void
test_what_is_signed_wrongly(void **state)
{
	static const struct {
		const char *text, *tail;
		int status;
		const char *line;
	} cases[] = {
	    {"topic=a", "", 400, NO_END},
	    {"topic=a&exp=4102444800", "", 400, NO_END},
	    {"", "", 400, NO_END},
	    {"topic=a&expires=0", "", 401, "sign: expired"},
	    {"topic=a&expires=1000000000", "", 401, "sign: expired"},
	    {"topic=a&expires=", "", 400, NO_TIME},
	    {"topic=a&expires", "", 400, NO_TIME},
	    {"topic=a&expires=-1", "", 400, NO_TIME},
	    {"topic=a&expires=%2B4102444800", "", 400, NO_TIME},
	    {"topic=a&expires=+4102444800", "", 400, NO_TIME},
	    {"topic=a&expires=4102444800.5", "", 400, NO_TIME},
	    {"topic=a&expires=0x7fffffff", "", 400, NO_TIME},
	    {"topic=a&expires=4102444800%00", "", 400, NO_TIME},
	    {"topic=a&expires=never", "", 400, NO_TIME},
	    {"topic=a&expires=4102444800000", "", 400, NO_TIME}, /* ms */
	    {"topic=a&expires=9223372036854775807", "", 400, NO_TIME},
	    {"topic=a&expires=9223372036854775808", "", 400, NO_TIME},
	    {"topic=a&expires=18446744073709551617", "", 400, NO_TIME},
	    {"topic=a&expires=1&" LATER, "", 400, TWICE},
	    {"topic=a&" LATER "&" LATER, "", 400, TWICE},
	    {"topic=a&sub=a&sub=a&" LATER, "", 400, TWICE},
	    {"topic=a&iat=x&" LATER, "", 400, "iat: not in seconds since 1970"},
	    {"topic=a&sub=&" LATER, "", 400,
		"sub: not a name of 1 to 255 bytes"},
	    {"topic=a&sub=%0a&" LATER, "", 400,
		"sub: not a name of 1 to 255 bytes"},
	    {"topic=a&sub=%00&" LATER, "", 400,
		"sub: not a name of 1 to 255 bytes"},
	    {"topic=a&access_token=x&" LATER, "", 400,
		"access_token: a signed address takes no token"},
	    {"topic=&" LATER, "", 400, "topic: empty name"},
	    {GOOD_TEXT, "&topic=secret", 400, BEHIND},
	    {GOOD_TEXT, "&to%70ic=secret", 400, BEHIND},
	    {GOOD_TEXT, "&" LATER, 400, BEHIND},
	    {GOOD_TEXT, "&access_token=x", 400, BEHIND},
	    {GOOD_TEXT, "&sub=al", 400, BEHIND},
	    {GOOD_TEXT, "&last=9", 400, BEHIND},
	    {GOOD_TEXT, "&since=1d", 400, BEHIND},
	    {GOOD_TEXT, "&_=1", 400, BEHIND},
	    {GOOD_TEXT, "&sign=", 400, BEHIND},
	    {GOOD_TEXT, "&lastEventId=1&topic=secret", 400, BEHIND},
	    {GOOD_TEXT, "0", 400, NO_HEX},
	    {GOOD_TEXT, "%30", 400, NO_HEX},
	    {GOOD_TEXT, "#", 400, NO_HEX},
	    {GOOD_TEXT, ";topic=secret", 400, NO_HEX},
	};
	struct stage *s = *state;
	size_t i;

	open_secret(s);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		want_why(s, ask_signed(s, cases[i].text, cases[i].tail),
		    cases[i].status, cases[i].line);
	}
}

/* Bytes that are no good address, whoever has the key. */
static void
test_hostile_addresses(void **state)
{
	static const char hex[] = "0123456789abcdef0123456789abcdef"
				  "0123456789abcdef0123456789abcdef";
	struct stage *s = *state;
	char *good = sign_by(GOOD_TEXT, FORGE_SECRET), *other, query[400];
	const char *mac = strstr(good, "&sign=") + 6;
	size_t i;

	open_secret(s);
#define ASK(...) \
	(snprintf(query, sizeof(query), __VA_ARGS__), ask_with(s, query, NULL))
	want_why(s, ASK(PRINTED "&sign=%s", hex), 401, NOT_BY);
	assert_null(strstr(s->no.line, mac));
	for (i = 0; i < 64; i++)
		want_why(
		    s, ASK(PRINTED "&sign=%.*s", (int)i, mac), 400, NO_HEX);
	snprintf(query, sizeof(query), "%s", good);
	for (i = strlen(GOOD_TEXT) + 6; query[i] != '\0'; i++)
		if (query[i] >= 'a')
			query[i] -= 'a' - 'A';
	want_why(s, ask_with(s, query, NULL), 400, NO_HEX);
	want_why(s, ASK(PRINTED "&sign"), 400, NO_HEX);
	want_why(s, ASK(PRINTED "&si%%67n=%s", mac), 400, NO_HEX);
	want_why(
	    s, ASK(PRINTED "&sign=%%%02x%s", mac[0], mac + 1), 400, NO_HEX);
	want_why(s, ASK("sign=%s&" PRINTED, mac), 400, NO_END);
	want_why(s, ASK("sign=%s", mac), 400, NO_END);
	want_why(s, ASK("topic=x&sign=%s&" LATER, mac), 400, NO_END);
	want_why(s, ASK("topic=x&%s", good), 401, NOT_BY);
	want_why(s, ASK("&%s", good), 401, NOT_BY);
	want_why(s, ASK(PRINTED "&&sign=%s", mac), 401, NOT_BY);
	want_why(s, ASK("topic=run/7&" LATER "&sign=%s", mac), 401, NOT_BY);
	want_why(s, ASK("topic=run%%2f7&" LATER "&sign=%s", mac), 401, NOT_BY);
	want_why(
	    s, ASK("topic=x&" LATER "&sign=%s&sign=%s", mac, mac), 400, BEHIND);
	/* These are no signed addresses at all, but ask without any right. */
	assert_int_equal(ASK(PRINTED "%%26sign%%3D%s", mac), 401);
	assert_non_null(strstr(s->no.line, "a token is needed"));
	assert_int_equal(ASK(PRINTED "&sign%%3D%s", mac), 401);
	assert_non_null(strstr(s->no.line, "a token is needed"));
	assert_int_equal(ASK(PRINTED "&amp;sign=%s", mac), 400);
	assert_non_null(strstr(s->no.line, "did you mean sign?"));
	assert_int_equal(ASK(PRINTED "&Sign=%s", mac), 400);
	other = sign_by(GOOD_TEXT, FORGE_OTHER);
	want_why(s, ask_with(s, other, NULL), 401, NOT_BY);
	free(other);
	free(good);
}

/* One byte is changed, in the text or in the signature. */
static void
test_tampered_addresses(void **state)
{
	struct stage *s = *state;
	char *query = sign_by("topic=ab&sub=al&" LATER, FORGE_SECRET), was;
	size_t i, n = strlen(query);

	open_secret(s);
	for (i = 0; i < n; i++) {
		was = query[i];
		query[i] = was == '1' ? '2' : '1';
		assert_int_not_equal(ask_with(s, query, NULL), 0);
		query[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(ask_with(s, query, NULL), 0);
		query[i] = was;
	}
	assert_int_equal(ask_with(s, query, NULL), 0);
	free(query);
}

static void
test_an_address_has_an_end(void **state)
{
	struct stage *s = *state;
	char *text = calloc(1, REQUEST_SIGNED_BYTES + 2);
	size_t n = (size_t)sprintf(text, "%s&x=", GOOD_TEXT);

	open_secret(s);
	memset(text + n, 'y', REQUEST_SIGNED_BYTES - n);
	assert_int_equal(ask_signed(s, text, ""), 0);
	text[REQUEST_SIGNED_BYTES] = 'y';
	want_why(s, ask_signed(s, text, ""), 400,
	    "sign: more than 8192 bytes stand before it");
	free(text);
}

/* The key signs tokens, too.  Here is one as an address. */
static void
test_a_token_is_no_address(void **state)
{
	struct stage *s = *state;
	char *body = forge_body(FORGE_HS256, GOOD);
	char *query = sign_by(body, FORGE_SECRET);

	open_secret(s);
	want_why(s, ask_with(s, query, NULL), 400, NO_END);
	free(query);
	free(body);
}

/*
 * And here is an address as a token.  Its claims are good to the first byte
 * that is not base64url, which every address has.
 */
static void
test_an_address_is_no_token(void **state)
{
	struct stage *s = *state;
	char *body = forge_body(FORGE_HS256, GOOD);
	char *text = hostile_text(body, "&", LATER), *sig, *token;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n;

	open_secret(s);
	assert_int_equal(ask_signed(s, text, ""), 0);
	HMAC(EVP_sha256(), FORGE_SECRET, sizeof(FORGE_SECRET) - 1,
	    (const unsigned char *)text, strlen(text), mac, &n);
	sig = forge_part(mac, n);
	token = hostile_text(text, ".", sig);
	want_why(s, stage_bearer(s, "topic=secret", token), 401,
	    "token: not three parts in base64url");
	free(token);
	free(sig);
	free(text);
	free(body);
}

/* --- beside it -------------------------------------------------------------
 */

static void
test_no_token_is_looked_at(void **state)
{
	struct stage *s = *state;
	char *token = forge(FORGE_HS256, GOOD);
	char *header = hostile_text("HTTP_AUTHORIZATION=Bearer ", token, "");
	char *cookie = hostile_text("HTTP_COOKIE=largesse=", token, "");
	char *good = sign_by(GOOD_TEXT, FORGE_SECRET);
	char *bad = sign_by("topic=secret&" LATER, FORGE_OTHER);

	open_secret(s);
	want_why(s, ask_with(s, bad, header), 401, NOT_BY);
	want_why(s, ask_with(s, bad, cookie), 401, NOT_BY);
	assert_int_equal(
	    ask_with(s, good, "HTTP_AUTHORIZATION=Bearer x.y.z"), 0);
	assert_null(s->who.subject);
	assert_int_equal(ask_with(s, good, "HTTP_COOKIE=largesse=x"), 0);
	assert_int_equal(ask_with(s, good, "HTTP_ORIGIN=https://evil"), 0);
	assert_int_equal(ask_with(s, good, "REMOTE_USER=bo"), 0);
	assert_null(s->who.subject);
	free(token);
	free(header);
	free(cookie);
	free(good);
	free(bad);
}

/* Nobody may believe that a signature protects where nothing can check it. */
static void
test_without_a_secret_it_is_refused(void **state)
{
	static const char line[] =
	    "sign: no --key-file here has a secret that could check it";
	struct stage *s = *state;

	stage_open(s, NULL);
	want_why(s, ask_signed(s, GOOD_TEXT, ""), 400, line);
	assert_int_equal(ask_with(s, GOOD_TEXT, NULL), 0);
	stage_open(s, "--key-file", s->pem, NULL);
	want_why(s, ask_signed(s, GOOD_TEXT, ""), 400, line);
	stage_open(s, "--trust-user", "--user-topic", "*", NULL);
	want_why(s, ask_signed(s, GOOD_TEXT, ""), 400, line);
}

/* It has an end, also where everybody may read. */
static void
test_a_public_topic_needs_a_good_signature(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, "--public", "*", NULL);
	assert_int_equal(ask_signed(s, GOOD_TEXT, ""), 0);
	assert_true(s->who.ends_ms > 0);
	want_why(
	    s, ask_signed(s, "topic=a&expires=1", ""), 401, "sign: expired");
	assert_int_equal(ask_with(s, "topic=a&expires=1", NULL), 0);
}

static void
test_other_pages_have_no_signature(void **state)
{
	static const char *const env[] = {"REQUEST_METHOD=GET",
	    "PATH_INFO=/health", "QUERY_STRING=sign=x&topic=a", NULL};
	struct stage *s = *state;
	const char *why;

	assert_int_equal(
	    request_read(&s->rq, (char *const *)env, NULL, 16, &why), 0);
	assert_null(s->rq.sign.text);
}

/* --- times, issuer, audience, keys -----------------------------------------
 */

static int
ask_times(struct stage *s, int expires, int iat)
{
	long long now = time(NULL);
	char text[128];
	int n =
	    snprintf(text, sizeof(text), "topic=a&expires=%lld", now + expires);

	if (iat != 0)
		snprintf(
		    text + n, sizeof(text) - (size_t)n, "&iat=%lld", now + iat);
	return ask_signed(s, text, "");
}

static void
test_times_are_those_of_tokens(void **state)
{
	static const char longer[] =
	    "sign: good for longer than --max-token-age";
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, "--leeway", "60",
	    "--max-token-age", "1h", NULL);
	assert_int_equal(ask_times(s, -30, 0), 0);
	want_why(s, ask_times(s, -61, 0), 401, "sign: expired");
	assert_int_equal(ask_times(s, 3600, 0), 0);
	want_why(s, ask_times(s, 3700, 0), 401, longer);
	assert_int_equal(ask_times(s, 1800, -1800), 0);
	want_why(s, ask_times(s, 1800, -2000), 401, longer);
	want_why(s, ask_times(s, 3700, 3000), 401, longer);
}

static void
test_an_address_says_its_issuer_and_audience(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, "--issuer", "shop", "--audience",
	    "events", NULL);
	assert_int_equal(
	    ask_signed(s, GOOD_TEXT "&iss=shop&aud=events", ""), 0);
	want_why(s, ask_signed(s, GOOD_TEXT "&aud=events", ""), 401,
	    "sign: of another issuer (iss)");
	want_why(s, ask_signed(s, GOOD_TEXT "&iss=shops&aud=events", ""), 401,
	    "sign: of another issuer (iss)");
	want_why(s, ask_signed(s, GOOD_TEXT "&iss=shop&aud=event", ""), 401,
	    "sign: for another audience (aud)");
}

static void
test_each_of_the_first_secrets(void **state)
{
	struct stage *s = *state;
	char set[2048], secret[41] = "", *part, *query;
	size_t n = (size_t)sprintf(set, "{\"keys\":["), i;

	for (i = 0; i <= TOKEN_TRIES; i++) {
		memset(secret, 'a' + (int)i, 40);
		part = forge_part(secret, 40);
		n += (size_t)sprintf(set + n,
		    "%s{\"kty\":\"oct\",\"kid\":\"%zu\",\"k\":\"%s\"}",
		    i > 0 ? "," : "", i, part);
		free(part);
	}
	strcpy(set + n, "]}");
	forge_write(s->jwks, set, strlen(set));
	stage_open(s, "--key-file", s->pem, "--jwks-file", s->jwks, NULL);
	for (i = 0; i <= TOKEN_TRIES; i++) {
		memset(secret, 'a' + (int)i, 40);
		query = sign_by(GOOD_TEXT, secret);
		assert_int_equal(
		    ask_with(s, query, NULL), i < TOKEN_TRIES ? 0 : 401);
		free(query);
	}
	assert_non_null(strstr(s->no.line, "first 8 secrets"));
}

static void
test_a_revoked_subject_needs_a_newer_address(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, "--leeway", "0", NULL);
#define AL "topic=a&sub=al&" LATER
	assert_int_equal(ask_signed(s, AL, ""), 0);
	stage_sql(s, "INSERT INTO largesse_revoke(subject, time)"
		     " VALUES('al', 2000500)");
	want_why(s, ask_signed(s, AL, ""), 401, "sign: revoked");
	want_why(s, ask_signed(s, AL "&iat=2000", ""), 401, "sign: revoked");
	assert_int_equal(ask_signed(s, AL "&iat=2001", ""), 0);
	want_why(
	    s, ask_signed(s, AL "&iat=4102444700", ""), 401, "sign: revoked");
	assert_int_equal(ask_signed(s, "topic=a&sub=bo&" LATER, ""), 0);
	assert_int_equal(ask_signed(s, "topic=a&" LATER, ""), 0);
	stage_sql(s, "INSERT INTO largesse_revoke(subject, topic)"
		     " VALUES('bo', 'b')");
	assert_int_equal(ask_signed(s, "topic=a&sub=bo&" LATER, ""), 0);
	want_why(s, ask_signed(s, "topic=b&sub=bo&" LATER, ""), 401,
	    "sign: revoked for this topic");
}

/* --- as the client has sent it -------------------------------------------- */

/* The web server passes on this query; the client has signed and sent that. */
static int
ask_sent(struct stage *s, const char *passed, const char *sent)
{
	char *address = sign_by(sent, FORGE_SECRET);
	const char *mac = strstr(address, "&sign=");
	char *uri = hostile_text("REQUEST_URI=/events?", address, "#x?y");
	char *query = hostile_text(passed, mac, "");
	int status = ask_with(s, query, uri);

	free(address);
	free(uri);
	free(query);
	return status;
}

static void
test_a_query_that_the_web_server_wrote_anew(void **state)
{
	struct stage *s = *state;

	open_secret(s);
	assert_int_equal(
	    ask_sent(s, "topic=a~%2Fb&" LATER, "topic=a%7E%2fb&" LATER), 0);
	assert_int_equal(ask_sent(s, "topic=%7Buser%7D&sub=al&" LATER,
			     "topic={user}&sub=al&" LATER),
	    0);
	/* What says anything else is another request, or a forged one. */
	want_why(
	    s, ask_sent(s, "topic=b&" LATER, "topic=a&" LATER), 401, NOT_BY);
	want_why(s, ask_sent(s, "topic=a&topic=b&" LATER, "topic=a&" LATER),
	    401, NOT_BY);
	want_why(s, ask_sent(s, "topic=a&" LATER, "topic=a&topic=b&" LATER),
	    401, NOT_BY);
	want_why(s, ask_sent(s, "topic=a&b&" LATER, "topic=a%26b&" LATER), 401,
	    NOT_BY);
}

/* After a rewrite or a hand-over, REQUEST_URI is of another request. */
static void
test_a_uri_of_another_request_does_not_count(void **state)
{
	struct stage *s = *state;
	char *good = sign_by(GOOD_TEXT, FORGE_SECRET);

	open_secret(s);
	assert_int_equal(ask_with(s, good, "REQUEST_URI=/app?run=7"), 0);
	assert_int_equal(ask_with(s, good, "REQUEST_URI=/app"), 0);
	assert_int_equal(ask_with(s, good, "REQUEST_URI=/app?"), 0);
	free(good);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
	    T(test_what_is_signed_is_allowed),
	    T(test_a_subject_as_in_a_token),
	    T(test_any_encoding_is_signed_as_it_is),
	    T(test_where_it_goes_on),
	    T(test_what_is_signed_wrongly),
	    T(test_hostile_addresses),
	    T(test_tampered_addresses),
	    T(test_an_address_has_an_end),
	    T(test_a_token_is_no_address),
	    T(test_an_address_is_no_token),
	    T(test_no_token_is_looked_at),
	    T(test_without_a_secret_it_is_refused),
	    T(test_a_public_topic_needs_a_good_signature),
	    T(test_other_pages_have_no_signature),
	    T(test_times_are_those_of_tokens),
	    T(test_an_address_says_its_issuer_and_audience),
	    T(test_each_of_the_first_secrets),
	    T(test_a_revoked_subject_needs_a_newer_address),
	    T(test_a_query_that_the_web_server_wrote_anew),
	    T(test_a_uri_of_another_request_does_not_count),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("signed", tests, NULL, NULL);
}
