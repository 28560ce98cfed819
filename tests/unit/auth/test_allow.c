/*
 * test_allow.c - who is let in, and, more important, who is not.
 */
#include <fcntl.h>
#include <time.h>

#include "fcgi/auth/allow_self.h"
#include "fcgi/auth/token.h"
#include "tests/unit/stage.h"

#define GRANTING(patterns)                                                   \
	"{\"sub\":\"al\"," FOREVER ",\"largesse\":{\"subscribe\":[" patterns \
	"]}}"
#define SECRET "topic=secret"

/* --- good tokens -------------------------------------------------------- */

static void
open_with_keys(struct stage *s)
{
	stage_open(s, "--key-file", s->secret, "--key-file", s->pem,
	    "--jwks-file", s->jwks, NULL);
}

static void
want_signed(struct stage *s, int want, EVP_PKEY *key, const char *header)
{
	char *token =
	    key != NULL ? forge_by(key, header, GOOD) : forge(header, GOOD);

	assert_int_equal(stage_bearer(s, SECRET, token), want);
	if (want != 0)
		stage_want_line(s, token);
	free(token);
}

static void
test_good_tokens_of_each_kind(void **state)
{
	struct stage *s = *state;

	open_with_keys(s);
	want_signed(s, 0, NULL, FORGE_HS256);
	assert_int_equal(s->who.by, ALLOW_BY_HEADER);
	assert_string_equal(s->who.subject, "eve");
	assert_true(s->who.ends_ms == 4102444800000 + 2000);
	want_signed(s, 0, s->keys->rsa, FORGE_RS256);
	want_signed(s, 0, s->keys->ec, FORGE_ES256);
	want_signed(s, 0, NULL, "{\"alg\":\"HS256\"}");
	want_signed(s, 0, NULL, "{\"alg\":\"HS256\",\"typ\":\"jwt\"}");
	want_signed(s, 0, s->keys->ec, "{\"alg\":\"ES256\",\"kid\":\"ec\"}");
	/* A key without an id is good for a token with any kid. */
	want_signed(s, 0, NULL, "{\"alg\":\"HS256\",\"kid\":\"2026\"}");
}

static void
test_no_key_no_question(void **state)
{
	struct stage *s = *state;

	stage_open(s, NULL);
	assert_int_equal(stage_ask(s, NULL), 0);
	assert_int_equal(stage_bearer(s, "topic=*", "rubbish"), 0);
	assert_int_equal(s->who.by, ALLOW_BY_NOTHING);
}

/* --- bad tokens --------------------------------------------------------- */

static void
test_hostile_tokens(void **state)
{
	struct stage *s = *state;
	struct hostile_list list;
	size_t i, wrong = 0;
	int status;

	open_with_keys(s);
	hostile_make(&list, s->keys);
	print_message("# %zu of them\n", list.n);
	assert_true(list.n >= 60);
	for (i = 0; i < list.n; i++) {
		status = stage_bearer(s, SECRET, list.v[i].token);
		if (status != list.v[i].status) {
			print_error(
			    "%s: %d %s\n", list.v[i].what, status, s->no.line);
			wrong++;
		} else
			stage_want_line(s, list.v[i].token);
	}
	hostile_free(&list);
	assert_int_equal(wrong, 0);
}

/* In a good token each byte is changed, one after the other, in two ways. */
static void
test_tampered_tokens(void **state)
{
	struct stage *s = *state;
	EVP_PKEY *keys[] = {NULL, s->keys->rsa, s->keys->ec};
	static const char *const headers[] = {
	    FORGE_HS256, FORGE_RS256, FORGE_ES256};
	size_t i, k, step;
	char *token, was;

	open_with_keys(s);
	for (k = 0; k < 3; k++) {
		token = keys[k] != NULL ? forge_by(keys[k], headers[k], GOOD)
					: forge(headers[k], GOOD);
		step = k == 0 ? 1 : 7; /* public keys are slow to check */
		for (i = 0; i < strlen(token); i += step) {
			was = token[i];
			token[i] = was == 'A' ? 'B' : 'A';
			assert_int_equal(stage_bearer(s, SECRET, token), 401);
			token[i] = was == '.' ? 'x' : '.';
			assert_int_equal(stage_bearer(s, SECRET, token), 401);
			token[i] = was;
		}
		assert_int_equal(stage_bearer(s, SECRET, token), 0);
		free(token);
	}
}

/* Tokens of random bytes in the right shape, from a seed that is printed. */
static void
test_random_tokens(void **state)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				      "mnopqrstuvwxyz0123456789-_.=%\"' ";
	struct stage *s = *state;
	unsigned seed = (unsigned)time(NULL);
	char token[400], *head;
	size_t i, len;
	int turn;

	open_with_keys(s);
	print_message("# seed %u\n", seed);
	for (turn = 0; turn < 2000; turn++) {
		head = forge_part(FORGE_HS256, strlen(FORGE_HS256));
		len = (size_t)rand_r(&seed) % 300;
		i = turn % 2 ? (size_t)sprintf(token, "%s.", head) : 0;
		free(head);
		for (; i < len; i++)
			token[i] =
			    letters[rand_r(&seed) % (sizeof(letters) - 1)];
		token[i] = '\0';
		assert_int_equal(stage_bearer(s, SECRET, token), 401);
		stage_want_line(s, NULL);
	}
}

static void
test_no_token_is_asked_for(void **state)
{
	struct stage *s = *state;

	open_with_keys(s);
	assert_int_equal(stage_ask(s, "QUERY_STRING=" SECRET, NULL), 401);
	stage_want_line(s, NULL);
	assert_null(strstr(s->no.headers, "error="));
	assert_int_equal(stage_ask(s, NULL), 401);
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=*", NULL), 401);
	/* Credentials of another kind, or for another program, do not count. */
	assert_int_equal(stage_ask(s, "QUERY_STRING=" SECRET,
			     "HTTP_AUTHORIZATION=Basic ZXZlOmV2ZQ==", NULL),
	    401);
	assert_int_equal(stage_ask(s, "REMOTE_USER=al", NULL), 401);
}

/* --- each refusal says its own reason ------------------------------------ */

#define HS(more) "{\"alg\":\"HS256\"" more "}"

static void
test_each_refusal_says_its_own_reason(void **state)
{
	static const struct {
		const char *header, *claims, *line;
	} cases[] = {
	    {"{\"alg\":\"none\"}", GOOD,
		"token: its alg is none of HS256, RS256 and ES256"},
	    {"{\"alg\":\"PS256\"}", GOOD,
		"token: its alg is none of HS256, RS256 and ES256"},
	    {"{\"alg\":\"RS256\"}", GOOD, "token: no key here is for its alg"},
	    {"{\"alg\":\"ES256\",\"kid\":\"x\"}", GOOD,
		"token: no key here is for its alg and its kid"},
	    {HS(",\"kid\":7"), GOOD, "token: its kid is no text"},
	    {HS(",\"typ\":\"logout+jwt\""), GOOD,
		"token: its typ is neither JWT nor at+jwt"},
	    {HS(",\"typ\":7"), GOOD,
		"token: its typ is neither JWT nor at+jwt"},
	    {HS(",\"crit\":[\"x\"],\"x\":1"), GOOD,
		"token: its header asks for what is not known here (crit)"},
	    {HS(",\"b64\":false"), GOOD,
		"token: its claims are not in base64url (b64)"},
	    {HS(",\"typ\":\"JWT\",\"typ\":\"JWT\""), GOOD,
		"token: a member of its header stands twice"},
	    {"[]", GOOD, "token: its header is no JSON object"},
	    {"x", GOOD, "token: its header is no JSON object"},
	    {HS(""), "x", "token: its claims are no JSON object"},
	    {HS(""), "{\"exp\":1,\"exp\":2}", "token: a claim stands twice"},
	    {HS(""), "{\"exp\":99999999999999999999999}",
		"token: a number in its claims is too large"},
	    {HS(""), "{\"exp\":\"1\"}",
		"token: exp, nbf and iat are seconds since 1970"},
	    {HS(""), "{\"exp\":1}", "token: expired"},
	    {HS(""), "{\"nbf\":4102444800}", "token: not valid yet"},
	    {HS(""), "{\"sub\":7}", "token: its sub is no name"},
	};
	struct stage *s = *state;
	char *token;
	size_t i;

	stage_open(s, "--key-file", s->secret, NULL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		token = forge(cases[i].header, cases[i].claims);
		assert_int_equal(stage_bearer(s, SECRET, token), 401);
		if (strcmp(s->no.line, cases[i].line) != 0)
			fail_msg("%s %s: %s", cases[i].header, cases[i].claims,
			    s->no.line);
		free(token);
	}
	token = forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, FORGE_OTHER, 40);
	assert_int_equal(stage_bearer(s, SECRET, token), 401);
	assert_string_equal(
	    s->no.line, "token: its signature is not by a key known here");
	free(token);
	assert_int_equal(stage_bearer(s, SECRET, "a.b"), 401);
	assert_string_equal(s->no.line, "token: not three parts in base64url");
}

/* OAuth servers give out at+jwt (RFC 9068); a media type may be in full. */
static void
test_types_of_tokens(void **state)
{
	static const char *const good[] = {"JWT", "jwt", "at+jwt", "AT+JWT",
	    "application/at+jwt", "application/JWT"};
	static const char *const bad[] = {"", "JOSE", "application/", "at",
	    "dpop+jwt", "application/application/jwt", "jwt "};
	struct stage *s = *state;
	char header[128];
	size_t i;

	open_with_keys(s);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(
		    header, sizeof(header), HS(",\"typ\":\"%s\""), good[i]);
		want_signed(s, 0, NULL, header);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(header, sizeof(header), HS(",\"typ\":\"%s\""), bad[i]);
		want_signed(s, 401, NULL, header);
	}
}

/* --- which key is tried -------------------------------------------------- */

static void
open_with_jwks(struct stage *s, const char *set)
{
	forge_write(s->jwks, set, strlen(set));
	stage_open(s, "--jwks-file", s->jwks, NULL);
}

/* A kid that is known decides: the other keys are not tried. */
static void
test_a_known_kid_decides(void **state)
{
	struct stage *s = *state;
	char *one = forge_jwk(s->keys->ec, "one", "");
	char *two = forge_jwk(s->keys->ec_other, "two", "");
	char *both = hostile_text(one, ",", two);
	char *set = hostile_text("{\"keys\":[", both, "]}");

	open_with_jwks(s, set);
	want_signed(s, 0, s->keys->ec, FORGE_ES256);
	want_signed(s, 0, s->keys->ec_other, FORGE_ES256);
	want_signed(s, 0, s->keys->ec, "{\"alg\":\"ES256\",\"kid\":\"one\"}");
	want_signed(s, 401, s->keys->ec, "{\"alg\":\"ES256\",\"kid\":\"two\"}");
	want_signed(
	    s, 401, s->keys->ec, "{\"alg\":\"ES256\",\"kid\":\"three\"}");
	assert_string_equal(
	    s->no.line, "token: no key here is for its alg and its kid");
	free(one);
	free(two);
	free(both);
	free(set);
}

/* Otherwise one bad token would cost a check with each of many keys. */
static void
test_few_keys_are_tried(void **state)
{
	struct stage *s = *state;
	char set[2048], secret[40], *part, *token;
	size_t n = (size_t)sprintf(set, "{\"keys\":["), i;

	for (i = 0; i <= TOKEN_TRIES; i++) {
		memset(secret, 'a' + (int)i, sizeof(secret));
		part = forge_part(secret, sizeof(secret));
		n += (size_t)sprintf(set + n,
		    "%s{\"kty\":\"oct\",\"kid\":\"%zu\",\"k\":\"%s\"}",
		    i > 0 ? "," : "", i, part);
		free(part);
	}
	strcpy(set + n, "]}");
	open_with_jwks(s, set);
	token = forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, secret, 40);
	assert_int_equal(stage_bearer(s, SECRET, token), 401);
	assert_non_null(strstr(s->no.line, "first 8 keys"));
	free(token);
	token =
	    forge_hmac(EVP_sha256(), HS(",\"kid\":\"8\""), GOOD, secret, 40);
	assert_int_equal(stage_bearer(s, SECRET, token), 0);
	free(token);
	memset(secret, 'a' + TOKEN_TRIES - 1, sizeof(secret));
	token = forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, secret, 40);
	assert_int_equal(stage_bearer(s, SECRET, token), 0);
	free(token);
}

/* --- times, issuer, audience -------------------------------------------- */

static int
ask_at(struct stage *s, const char *name, int from_now)
{
	char claims[256];

	snprintf(claims, sizeof(claims), "{\"%s\":%lld," GRANT "}", name,
	    (long long)time(NULL) + from_now);
	return stage_claims(s, SECRET, claims);
}

static void
test_leeway(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, "--leeway", "60", NULL);
	assert_int_equal(ask_at(s, "exp", -30), 0);
	assert_int_equal(ask_at(s, "exp", -61), 401);
	assert_string_equal(s->no.line, "token: expired");
	assert_int_equal(ask_at(s, "nbf", 30), 0);
	assert_int_equal(ask_at(s, "nbf", 90), 401);
	assert_string_equal(s->no.line, "token: not valid yet");
	stage_open(s, "--key-file", s->secret, "--leeway", "0", NULL);
	assert_int_equal(ask_at(s, "exp", 0), 401);
	assert_int_equal(ask_at(s, "exp", 5), 0);
	assert_int_equal(ask_at(s, "nbf", 5), 401);
	assert_int_equal(ask_at(s, "nbf", -1), 0);
}

static void
test_times_may_have_fractions(void **state)
{
	struct stage *s = *state;
	char claims[256];

	stage_open(s, "--key-file", s->secret, NULL);
	snprintf(claims, sizeof(claims), "{\"exp\":%lld.75," GRANT "}",
	    (long long)time(NULL) + 100);
	assert_int_equal(stage_claims(s, SECRET, claims), 0);
	assert_int_equal(s->who.ends_ms % 1000, 750);
	assert_int_equal(
	    stage_claims(s, SECRET, "{\"exp\":1e300," GRANT "}"), 0);
	assert_int_equal(stage_claims(s, SECRET, "{" GRANT "}"), 0);
	assert_int_equal(s->who.ends_ms, 0);
}

/* --max-token-age: a token has to expire, and soon. */
static void
test_tokens_that_are_good_for_too_long(void **state)
{
	static const char unlimited[] =
	    "token: it has no exp, and --max-token-age is set";
	static const char longer[] =
	    "token: good for longer than --max-token-age";
	static const struct {
		int iat, exp; /* from now; 0: none */
		const char *line;
	} cases[] = {
	    {-10, 3580, NULL},
	    {0, 3600, NULL},
	    {-7000, 100, longer},
	    {0, 3700, longer},
	    {-3500, 100, NULL},
	    {-3500, 3500, longer},
	    {0, 0, unlimited},
	    {-10, 0, unlimited},
	    {7200, 9000, longer}, /* to be born later makes it no younger */
	    {1, 3601, NULL},	  /* a clock that is ahead */
	    {-10, -5, "token: expired"},
	};
	struct stage *s = *state;
	char claims[256];
	size_t i, n;

	stage_open(s, "--key-file", s->secret, "--max-token-age", "1h", NULL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		long long now = time(NULL);

		n = (size_t)sprintf(claims, "{");
		if (cases[i].iat != 0)
			n += (size_t)sprintf(
			    claims + n, "\"iat\":%lld,", now + cases[i].iat);
		if (cases[i].exp != 0)
			n += (size_t)sprintf(
			    claims + n, "\"exp\":%lld,", now + cases[i].exp);
		strcpy(claims + n, GRANT "}");
		if (stage_claims(s, SECRET, claims) !=
			(cases[i].line != NULL ? 401 : 0) ||
		    (cases[i].line != NULL &&
			strcmp(s->no.line, cases[i].line) != 0))
			fail_msg("%s: %s", claims, s->no.line);
	}
	stage_open(s, "--key-file", s->secret, NULL);
	assert_int_equal(stage_claims(s, SECRET, "{" GRANT "}"), 0);
}

static void
test_issuer_and_audience(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, "--issuer", "shop", "--audience",
	    "events", NULL);
#define ISS(iss, aud) "{\"iss\":" iss ",\"aud\":" aud "," GRANT "}"
	assert_int_equal(
	    stage_claims(s, SECRET, ISS("\"shop\"", "\"events\"")), 0);
	assert_int_equal(
	    stage_claims(s, SECRET, ISS("\"shop\"", "[\"x\",\"events\"]")), 0);
	assert_int_equal(
	    stage_claims(s, SECRET, ISS("\"Shop\"", "\"events\"")), 401);
	assert_string_equal(s->no.line, "token: of another issuer");
	assert_int_equal(
	    stage_claims(s, SECRET, ISS("[\"shop\"]", "\"events\"")), 401);
	assert_int_equal(
	    stage_claims(s, SECRET, ISS("\"shop\"", "\"event\"")), 401);
	assert_string_equal(s->no.line, "token: for another audience");
	assert_int_equal(stage_claims(s, SECRET, ISS("\"shop\"", "[]")), 401);
	assert_int_equal(
	    stage_claims(s, SECRET, ISS("\"shop\"", "{\"events\":1}")), 401);
	assert_int_equal(stage_claims(s, SECRET, GOOD), 401);
}

/* --- where the token may be --------------------------------------------- */

static void
test_first_place_that_is_there_counts(void **state)
{
	struct stage *s = *state;
	char *good = forge(FORGE_HS256, GOOD);
	char *header = hostile_text("HTTP_AUTHORIZATION=Bearer ", good, "");
	char *cookie = hostile_text("HTTP_COOKIE=a=b; largesse=", good, "; c");
	char *query =
	    hostile_text("QUERY_STRING=topic=secret&access_token=", good, "");
	static const char no_query[] = "QUERY_STRING=" SECRET;

	open_with_keys(s);
	assert_int_equal(stage_ask(s, header, no_query, NULL), 0);
	assert_int_equal(s->who.by, ALLOW_BY_HEADER);
	assert_int_equal(stage_ask(s, cookie, no_query, NULL), 0);
	assert_int_equal(s->who.by, ALLOW_BY_COOKIE);
	assert_int_equal(stage_ask(s, query, NULL), 0);
	assert_int_equal(s->who.by, ALLOW_BY_QUERY);
	assert_int_equal(stage_ask(s, header, cookie, query, NULL), 0);
	assert_int_equal(s->who.by, ALLOW_BY_HEADER);
	/*
	 * If the first token is bad, a good one in another place does not help.
	 */
	assert_int_equal(
	    stage_ask(s, "HTTP_AUTHORIZATION=Bearer no", cookie, query, NULL),
	    401);
	assert_int_equal(
	    stage_ask(s, "HTTP_AUTHORIZATION=Bearer", cookie, query, NULL),
	    401);
	assert_int_equal(
	    stage_ask(s, "HTTP_COOKIE=largesse=no", query, NULL), 401);
	/* Credentials of another kind and an empty cookie count as no token. */
	assert_int_equal(stage_ask(s, "HTTP_AUTHORIZATION=Basic YTpi", cookie,
			     no_query, NULL),
	    0);
	assert_int_equal(
	    stage_ask(s, "HTTP_COOKIE=largesse=; x=1", query, NULL), 0);
	assert_int_equal(s->who.by, ALLOW_BY_QUERY);
	free(good);
	free(header);
	free(cookie);
	free(query);
}

static void
test_cookies(void **state)
{
	static const struct {
		const char *before, *behind;
		int status;
	} cookies[] = {
	    {"HTTP_COOKIE=largesse=", "", 0},
	    {"HTTP_COOKIE= a=1;largesse=", "", 0},
	    {"HTTP_COOKIE=a=1; b=2;\tlargesse=", " ; c=3", 0},
	    {"HTTP_COOKIE=largesse=\"", "\"", 0},
	    {"HTTP_COOKIE=a; ;; =;largesse=", ";", 0},
	    {"HTTP_COOKIE=largesse=; largesse=", "", 0},
	    {"HTTP_COOKIE=largess=", "", 401},
	    {"HTTP_COOKIE=xlargesse=", "", 401},
	    {"HTTP_COOKIE=Largesse=", "", 401},
	    {"HTTP_COOKIE=largesse2=", "", 401},
	    {"HTTP_COOKIE=largesse =", "", 401},
	    {"HTTP_COOKIE=a=largesse=", "", 401},
	    /* Of several cookies of the name the first that is good counts. */
	    {"HTTP_COOKIE=largesse=x; largesse=", "", 0},
	    {"HTTP_COOKIE=largesse=", "; largesse=x", 0},
	    {"HTTP_COOKIE=largesse=x; a=b; largesse=\"y\"; largesse=z; "
	     "largesse=",
		"; largesse=x", 0},
	    {"HTTP_COOKIE=largesse=; largesse=; largesse=; largesse=; "
	     "largesse=",
		"", 0},
	    {"HTTP_COOKIE=largesse=1; largesse=2; largesse=3; largesse=4; "
	     "largesse=",
		"", 401},
	    {"HTTP_COOKIE=largesse=\"", "", 401},
	    {"HTTP_COOKIE=largesse==", "", 401},
	    {"HTTP_COOKIE=largesse=%65", "", 401},
	    {"HTTP_COOKIE=largesse=", ",a=b", 401},
	};
	struct stage *s = *state;
	char *good = forge(FORGE_HS256, GOOD), *cookie;
	size_t i;

	open_with_keys(s);
	for (i = 0; i < sizeof(cookies) / sizeof(cookies[0]); i++) {
		cookie =
		    hostile_text(cookies[i].before, good, cookies[i].behind);
		if (stage_ask(s, cookie, "QUERY_STRING=" SECRET, NULL) !=
		    cookies[i].status)
			fail_msg(
			    "%s...%s", cookies[i].before, cookies[i].behind);
		free(cookie);
	}
	stage_open(s, "--key-file", s->secret, "--cookie-name", "t", NULL);
	cookie = hostile_text("HTTP_COOKIE=largesse=x; t=", good, "");
	assert_int_equal(stage_ask(s, cookie, "QUERY_STRING=" SECRET, NULL), 0);
	free(cookie);
	free(good);
}

/* A cookie of the domain is older and expired; that of the host is good. */
static void
test_a_stale_cookie_hides_no_good_one(void **state)
{
	struct stage *s = *state;
	char *stale = forge(FORGE_HS256, "{\"exp\":1000000000," GRANT "}");
	char *revoked = forge(FORGE_HS256,
	    "{\"sub\":\"al\",\"iat\":1000,\"largesse\":{\"subscribe\":"
	    "[\"secret\"]}}");
	char *good = forge(FORGE_HS256,
	    "{\"sub\":\"al\",\"iat\":9000,\"largesse\":{\"subscribe\":"
	    "[\"secret\"]}}");
	char *cookie, *both = hostile_text(revoked, "; largesse=", good);
	static const char query[] = "QUERY_STRING=" SECRET;

	open_with_keys(s);
	stage_sql(s, "INSERT INTO largesse_revoke(subject, time)"
		     " VALUES('al', 2000500)");
	cookie = hostile_text("HTTP_COOKIE=largesse=", both, "");
	assert_int_equal(stage_ask(s, cookie, query, NULL), 0);
	assert_string_equal(s->who.subject, "al");
	free(cookie);
	cookie = hostile_text("HTTP_COOKIE=largesse=x; largesse=", stale, "");
	assert_int_equal(stage_ask(s, cookie, query, NULL), 401);
	assert_string_equal(s->no.line, "token: expired");
	free(cookie);
	/* Another place is not asked, whatever it has. */
	cookie = hostile_text("HTTP_COOKIE=largesse=", good, "");
	assert_int_equal(
	    stage_ask(s, "HTTP_AUTHORIZATION=Bearer x", cookie, query, NULL),
	    401);
	free(cookie);
	free(both);
	free(stale);
	free(revoked);
	free(good);
}

static void
test_several_tokens_in_a_query(void **state)
{
	struct stage *s = *state;
	char *good = forge(FORGE_HS256, GOOD), *query;

	open_with_keys(s);
	query = hostile_text(
	    "QUERY_STRING=topic=secret&access_token=x&access_token=", good,
	    "&access_token=y");
	assert_int_equal(stage_ask(s, query, NULL), 0);
	assert_int_equal(s->who.by, ALLOW_BY_QUERY);
	free(query);
	query = hostile_text(
	    "QUERY_STRING=topic=secret&access_token=1&access_token=2&"
	    "access_token=3&access_token=4&access_token=",
	    good, "");
	assert_int_equal(stage_ask(s, query, NULL), 401);
	free(query);
	free(good);
}

static void
test_headers(void **state)
{
	static const struct {
		const char *before, *behind;
		int status;
	} headers[] = {
	    {"HTTP_AUTHORIZATION=Bearer ", "", 0},
	    {"HTTP_AUTHORIZATION=bearer ", "", 0},
	    {"HTTP_AUTHORIZATION=BEARER  \t", "  ", 0},
	    {"HTTP_AUTHORIZATION= Bearer ", "", 0},
	    {"HTTP_AUTHORIZATION=Bearer", "", 401},
	    {"HTTP_AUTHORIZATION=Bearer: ", "", 401},
	    {"HTTP_AUTHORIZATION=Token ", "", 401},
	    {"HTTP_AUTHORIZATION=", "", 401},
	    {"HTTP_AUTHORIZATION=Bearer \"", "\"", 401},
	    {"HTTP_AUTHORIZATION=Bearer ", ", Bearer x", 401},
	    {"HTTP_AUTHORIZATION=Bearer x ", "", 401},
	    {"HTTP_AUTHORIZATION=Bearer token=", "", 401},
	    {"HTTP_AUTHORIZATION=Bearer\xc2\xa0", "", 401},
	    {"HTTP_AUTHORIZATION=Bearer ", "\xff", 401},
	};
	struct stage *s = *state;
	char *good = forge(FORGE_HS256, GOOD), *header;
	size_t i;

	open_with_keys(s);
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		header =
		    hostile_text(headers[i].before, good, headers[i].behind);
		if (stage_ask(s, header, "QUERY_STRING=" SECRET, NULL) !=
		    headers[i].status)
			fail_msg(
			    "%s...%s", headers[i].before, headers[i].behind);
		free(header);
	}
	free(good);
}

/*
 * The browser sends the cookie for a page of another site, too.  That page must
 * get nothing by it.
 */
static void
test_cookies_of_foreign_pages_are_refused(void **state)
{
	struct stage *s = *state;
	char *good = forge(FORGE_HS256, GOOD);
	char *cookie = hostile_text("HTTP_COOKIE=largesse=", good, "");
	char *query =
	    hostile_text("QUERY_STRING=topic=secret&access_token=", good, "");
	static const char secret[] = "QUERY_STRING=" SECRET,
			  host[] = "HTTP_HOST=a.example:8443";

	stage_open(s, "--key-file", s->secret, "--allow-origin",
	    "https://b.example", "--allow-origin", "*", NULL);
	assert_int_equal(stage_ask(s, cookie, secret, host, NULL), 0);
	assert_int_equal(stage_ask(s, cookie, secret, host,
			     "HTTP_ORIGIN=https://a.example:8443", NULL),
	    0);
	assert_int_equal(
	    stage_ask(s, cookie, secret, host, "HTTP_ORIGIN=https://b.example",
		"HTTP_SEC_FETCH_SITE=cross-site", NULL),
	    0);
	assert_int_equal(stage_ask(s, cookie, secret, host,
			     "HTTP_ORIGIN=https://c.example", NULL),
	    403);
	stage_want_line(s, good);
	assert_int_equal(stage_ask(s, cookie, secret, host,
			     "HTTP_ORIGIN=https://a.example:8444", NULL),
	    403);
	assert_int_equal(
	    stage_ask(s, cookie, secret, host, "HTTP_ORIGIN=null", NULL), 403);
	assert_int_equal(stage_ask(s, cookie, secret, host,
			     "HTTP_SEC_FETCH_SITE=cross-site", NULL),
	    403);
	assert_int_equal(stage_ask(s, cookie, query, host,
			     "HTTP_ORIGIN=https://c.example", NULL),
	    403);
	/* A token in the query counts: the page has to know it itself. */
	assert_int_equal(
	    stage_ask(s, query, host, "HTTP_ORIGIN=https://c.example", NULL),
	    0);
	free(good);
	free(cookie);
	free(query);
}

/* --- what a token allows ------------------------------------------------ */

static void
test_claims_cover_topics(void **state)
{
	static const struct {
		const char *patterns, *query;
		int status;
	} cases[] = {
	    {"\"news\"", "topic=news", 0},
	    {"\"news\"", "topic=news*", 403},
	    {"\"news\"", "topic=news/a", 403},
	    {"\"news*\"", "topic=news", 0},
	    {"\"news*\"", "topic=news/a", 0},
	    {"\"news*\"", "topic=news*", 0},
	    {"\"news*\"", "topic=news/*", 0},
	    {"\"news*\"", "topic=new*", 403},
	    {"\"news*\"", "topic=*", 403},
	    {"\"news/*\"", "topic=news", 403},
	    {"\"*\"", "topic=*", 0},
	    {"\"*\"", "topic=any%2Fthing&topic=x*", 0},
	    {"\"a\",\"b\"", "topic=a&topic=b", 0},
	    {"\"a\",\"b\"", "topic=a&topic=c", 403},
	    {"\"main\"", "", 0},
	    {"\"a\"", "", 403},
	    {"\"inbox/{sub}\"", "topic=inbox/al", 0},
	    {"\"inbox/{sub}\"", "topic=inbox/alice", 403},
	    {"\"inbox/{sub}\"", "topic=inbox/{user}", 0},
	    {"\"inbox/{sub}\"", "topic=inbox/{sub}", 403},
	    {"\"inbox/{sub}/*\"", "topic=inbox/al/x", 0},
	    {"\"inbox/{sub}/*\"", "topic=inbox/al/*", 0},
	    {"\"inbox/{sub}/*\"", "topic=inbox/alice/x", 403},
	    {"\"{sub}-{sub}\"", "topic=al-al", 0},
	    {"\"inbox/*\"", "topic=inbox/{user}", 0},
	    {"\"x\"", "topic=inbox/{user}", 403},
	    {"7,null,\"x\"", "topic=x", 0},
	    {"\"\xc3\xa9\"", "topic=%C3%A9", 0},
	};
	struct stage *s = *state;
	char claims[512];
	size_t i;

	stage_open(s, "--key-file", s->secret, NULL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(
		    claims, sizeof(claims), GRANTING("%s"), cases[i].patterns);
		if (stage_claims(s, cases[i].query, claims) != cases[i].status)
			fail_msg("%s: %s: %s", cases[i].patterns,
			    cases[i].query, s->no.line);
		if (cases[i].status != 0)
			stage_want_line(s, NULL);
	}
}

static void
test_a_subject_is_no_pattern(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, NULL);
#define SUB(sub) \
	"{\"sub\":\"" sub "\",\"largesse\":{\"subscribe\":[\"in/{sub}\"]}}"
	assert_int_equal(stage_claims(s, "topic=in/bo", SUB("*")), 403);
	assert_int_equal(stage_claims(s, "topic=in/*", SUB("*")), 403);
	assert_int_equal(stage_claims(s, "topic=in/bo", SUB("b*")), 403);
	assert_int_equal(stage_claims(s, "topic=in/{user}", SUB("b*")), 0);
	assert_false(s->rq.topics[0].prefix);
	assert_int_equal(s->rq.topics[0].len, 5);
	assert_int_equal(stage_claims(s, "topic=in/{user}", SUB("{sub}")), 0);
	assert_int_equal(stage_claims(s, "topic=in/bo", SUB("{user}")), 403);
	assert_int_equal(
	    stage_claims(s, "topic=in/{user}", SUB("../admin")), 0);
	assert_int_equal(stage_claims(s, "topic=admin", SUB("../admin")), 403);
}

/* A token with this pattern, whose subject has so many bytes. */
static int
ask_with_long_name(
    struct stage *s, const char *query, const char *pattern, size_t len)
{
	char name[256], claims[1024];

	memset(name, 'n', len);
	name[len] = '\0';
	snprintf(claims, sizeof(claims),
	    "{\"sub\":\"%s\"," FOREVER
	    ",\"largesse\":{\"subscribe\":[\"news\",\"%s\"]}}",
	    name, pattern);
	return stage_claims(s, query, claims);
}

/* A topic has 255 bytes at most, also with the name of its user in it. */
static void
test_a_name_that_makes_a_topic_too_long(void **state)
{
	static const struct {
		const char *topic, *pattern;
		size_t longest; /* name with which it is a topic */
	} cases[] = {
	    {"topic=in/{user}", "in/{sub}", 252},
	    {"topic={user}/in", "{sub}/in", 252},
	    {"topic={user}{user}a", "{sub}{sub}a", 127},
	    {"topic={user}-{user}-{user}", "{sub}-{sub}-{sub}", 84},
	};
	struct stage *s = *state;
	size_t i, n;

	stage_open(s, "--key-file", s->secret, NULL);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = cases[i].longest;
		assert_int_equal(
		    ask_with_long_name(s, cases[i].topic, cases[i].pattern, n),
		    0);
		assert_int_equal(
		    ask_with_long_name(s, cases[i].topic, "*", n + 1), 403);
		assert_string_equal(s->no.line,
		    "topic: longer than 255 bytes with the user's name");
		/* The pattern covers nothing then, and the others stay. */
		assert_int_equal(ask_with_long_name(
				     s, "topic=other", cases[i].pattern, n + 1),
		    403);
		assert_int_equal(
		    ask_with_long_name(s, "topic=news", cases[i].pattern, 255),
		    0);
	}
}

static void
test_public_topics_need_no_token(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, "--public", "news", "--public",
	    "weather/*", NULL);
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=news", NULL), 0);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=weather/uk&topic=news", NULL), 0);
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=weather/*", NULL), 0);
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=news*", NULL), 401);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=weather*", NULL), 401);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=news&topic=secret", NULL), 401);
	assert_int_equal(
	    stage_claims(s, "topic=news&topic=secret", GRANTING("\"secret\"")),
	    0);
	/* A bad token from an old login does no harm on a public topic. */
	assert_int_equal(stage_bearer(s, "topic=news", "expired.long.ago"), 0);
}

static void
test_publishing_takes_a_claim(void **state)
{
	struct stage *s = *state;
	struct request_topic topic = {"chat", 4, false};
	char *good = forge(FORGE_HS256,
	    "{\"largesse\":{\"publish\":[\"chat\"],\"subscribe\":[\"*\"]}}");
	char *header = hostile_text("HTTP_AUTHORIZATION=Bearer ", good, "");

	stage_open(s, "--key-file", s->secret, "--public", "*", NULL);
	stage_ask(s, header, "QUERY_STRING=topic=chat", NULL);
	allow_who_free(&s->who);
	assert_int_equal(
	    allow_who(s->allow, s->store, &s->rq, &s->who, &s->no), 0);
	assert_int_equal(
	    allow_topic(s->allow, &s->who, ALLOW_PUBLISH, &topic, &s->no), 0);
	topic = (struct request_topic){"news", 4, false};
	assert_int_equal(
	    allow_topic(s->allow, &s->who, ALLOW_PUBLISH, &topic, &s->no), 403);
	stage_want_line(s, good);
	allow_who_free(&s->who);
	assert_int_equal(
	    allow_topic(s->allow, &s->who, ALLOW_PUBLISH, &topic, &s->no), 401);
	stage_open(s, NULL);
	assert_int_equal(
	    allow_topic(s->allow, &s->who, ALLOW_PUBLISH, &topic, &s->no), 403);
	free(good);
	free(header);
}

/* --- users of the web server -------------------------------------------- */

static int
ask_user(struct stage *s, const char *user, const char *query)
{
	char *name = hostile_text("REMOTE_USER=", user, "");
	char *q = hostile_text("QUERY_STRING=", query, "");
	int status = stage_ask(s, name, q, NULL);

	free(name);
	free(q);
	return status;
}

static void
test_users_read_their_own(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--trust-user", "--public", "news", "--user-topic",
	    "inbox/{user}", "--user-topic", "own/{user}/*", NULL);
	assert_int_equal(ask_user(s, "al", "topic=inbox/{user}"), 0);
	assert_int_equal(s->who.by, ALLOW_BY_SERVER);
	assert_int_equal(s->rq.topics[0].len, strlen("inbox/al"));
	assert_memory_equal(s->rq.topics[0].name, "inbox/al", 8);
	assert_int_equal(ask_user(s, "al", "topic=inbox/{user}&topic=news"), 0);
	assert_int_equal(s->rq.ntopics, 2);
	assert_int_equal(ask_user(s, "al", "topic=own/{user}/*"), 0);
	assert_true(s->rq.topics[0].prefix);
	assert_int_equal(ask_user(s, "", "topic=inbox/{user}"), 401);
	stage_want_line(s, NULL);
	assert_int_equal(ask_user(s, "", "topic=news"), 0);
	assert_int_equal(ask_user(s, "", "topic=inbox/al"), 401);
	stage_want_line(s, NULL);
	/* A user may not read the topics of other users. */
	assert_int_equal(ask_user(s, "al", "topic=inbox/bo"), 403);
	stage_want_line(s, NULL);
	assert_int_equal(ask_user(s, "al", "topic=inbox/*"), 403);
	assert_int_equal(ask_user(s, "al", "topic=*"), 403);
	assert_int_equal(
	    ask_user(s, "al", "topic=inbox/{user}&topic=inbox/bo"), 403);
	assert_int_equal(ask_user(s, "al/x", "topic=inbox/{user}"), 403);
	assert_int_equal(ask_user(s, "*", "topic=inbox/{user}"), 0);
	assert_false(s->rq.topics[0].prefix);
	assert_int_equal(ask_user(s, "a\x01", "topic=inbox/{user}"), 403);
	stage_want_line(s, NULL);
	assert_int_equal(ask_user(s, "a\xff", "topic=inbox/{user}"), 403);
}

/* What the client writes around `{user}` does not make another's topic its. */
static void
test_no_text_around_a_user_opens_anothers_topic(void **state)
{
	static const char *const queries[] = {"topic=inbox/{user}ice",
	    "topic=inbox/{user}ice*", "topic=inbox/{user}*",
	    "topic=own/{user}ice/*", "topic=own/{user}*", "topic={user}ice",
	    "topic={user}ice/*", "topic=s{user}aries",
	    "topic=inbox/{user}/../x", "topic=inbox/%7Buser%7Dice",
	    "topic=inbox/{user}%69ce", "topic=inbox/{USER}",
	    "topic=INBOX/{user}", "topic=inbox//{user}",
	    "topic=inbox/{user}&topic=inbox/{user}ice", "topic=inbox/{user}/",
	    "topic=inbox/{user}{user}", "topic={user}*",
	    "topic=inbox/{user}%20"};
	struct stage *s = *state;
	size_t i;

	stage_open(s, "--trust-user", "--user-topic", "inbox/{user}",
	    "--user-topic", "own/{user}/*", NULL);
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		if (ask_user(s, "al", queries[i]) != 403)
			fail_msg("%s", queries[i]);
}

/* No name gives its user more than the topics of that name. */
static void
test_no_name_opens_anothers_topic(void **state)
{
	static const char *const names[] = {"*", "a*", "al*", "alice/..", "/",
	    "/alice", "alice/", "{user}", "{sub}", "Alice", "alice ", " alice",
	    "%61lice", "alice%00", "inbox"};
	struct stage *s = *state;
	size_t i;

	stage_open(s, "--trust-user", "--user-topic", "inbox/{user}",
	    "--user-topic", "own/{user}/*", NULL);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ask_user(s, names[i], "topic=inbox/alice") != 403 ||
		    ask_user(s, names[i], "topic=inbox/*") != 403 ||
		    ask_user(s, names[i], "topic=own/alice/x") != 403)
			fail_msg("%s", names[i]);
}

static void
test_user_topics_that_do_not_keep_users_apart(void **state)
{
	static const struct {
		const char *a, *b;
		bool meet;
	} cases[] = {
	    {"x{user}", "x{user}y", true},	/* xaly: al's and aly's */
	    {"inbox/{user}", "{user}/*", true}, /* the user inbox */
	    {"inbox/{user}", "{user}/al", true},
	    {"a/b/{user}", "{user}/*", true}, {"{user}", "{user}{user}", true},
	    {"x{user}", "{user}x", true}, {"a{user}", "ab{user}", true},
	    {"{user}", "a{user}", true},
	    {"{user}/{user}", "{user}/x", false}, /* the user is the same */
	    {"inbox/{user}", "inbox/{user}", false},
	    {"inbox/{user}", "inbox/{user}/*", false},
	    {"inbox/{user}", "outbox/{user}", false},
	    {"inbox/{user}", "mail/{user}/*", false},
	    {"inbox/{user}/in", "inbox/{user}/out", false},
	    {"inbox/{user}", "team/*", false},
	    {"inbox/{user}", "inbox/al", false},
	    {"in:{user}", "out:{user}", false},
	    {"{user}:in", "{user}:out", false}, {"{user}/in", "{user}", false},
	    {"x{user}/*", "x{user}y", false}, {"ab{user}c", "abc", false},
	    /* No name is empty, so `ab` and `c` leave no room for one. */
	    {"ab{user}c/{user}", "abc/x{user}", false},
	    {"ab{user}bc/{user}", "abc/x{user}", false},
	    {"ab{user}c/y{user}", "abxvc/{user}", true}, /* xv and yxv */
	};
	static const char *const bad[] = {"inbox/{user}*", "{user}*",
	    "{user}.*", "x/{user}-y*", "{user}/{user}*", "a*b", ""};
	static const char *const good[] = {"inbox/{user}", "{user}/*",
	    "{user}/x*", "team/*", "*", "in:{user}", "a/{user}/b"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (request_users_meet(cases[i].a, cases[i].b) !=
			cases[i].meet ||
		    request_users_meet(cases[i].b, cases[i].a) != cases[i].meet)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (request_user_wrong(bad[i]) == NULL)
			fail_msg("%s", bad[i]);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (request_user_wrong(good[i]) != NULL)
			fail_msg("%s", good[i]);
}

static void
test_users_read_what_options_say(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--trust-user", "--user-topic", "inbox/{user}",
	    "--user-topic", "team/*", NULL);
	assert_int_equal(ask_user(s, "al", "topic=inbox/{user}"), 0);
	assert_int_equal(ask_user(s, "al", "topic=inbox/al"), 0);
	assert_int_equal(ask_user(s, "al", "topic=inbox/bo"), 403);
	assert_int_equal(ask_user(s, "al", "topic=team/x&topic=team/*"), 0);
	assert_int_equal(ask_user(s, "al", "topic=other/{user}"), 403);
	assert_int_equal(ask_user(s, "", "topic=team/x"), 401);
	assert_int_equal(ask_user(s, "bo/x", "topic=inbox/bo/x"), 403);
	assert_int_equal(ask_user(s, "bo/x", "topic=team/x"), 0);
}

static void
test_user_without_anyone_is_refused(void **state)
{
	struct stage *s = *state;

	stage_open(s, NULL);
	assert_int_equal(ask_user(s, "al", "topic=inbox/{user}"), 401);
	stage_want_line(s, NULL);
	stage_open(s, "--key-file", s->secret, NULL);
	assert_int_equal(ask_user(s, "al", "topic=inbox/{user}"), 401);
	assert_int_equal(stage_claims(s, "topic=x/{user}",
			     "{\"largesse\":{\"subscribe\":[\"*\"]}}"),
	    401);
}

/* If there are keys and users, the token counts before the user name. */
static void
test_a_token_counts_before_a_name(void **state)
{
	struct stage *s = *state;
	char *good = forge(FORGE_HS256, GRANTING("\"secret\""));
	char *header = hostile_text("HTTP_AUTHORIZATION=Bearer ", good, "");

	stage_open(s, "--key-file", s->secret, "--trust-user", "--user-topic",
	    "inbox/{user}", NULL);
	assert_int_equal(ask_user(s, "bo", "topic=inbox/{user}"), 0);
	assert_int_equal(stage_ask(s, "REMOTE_USER=bo", header,
			     "QUERY_STRING=" SECRET, NULL),
	    0);
	assert_string_equal(s->who.subject, "al");
	assert_int_equal(stage_ask(s, "REMOTE_USER=bo", header,
			     "QUERY_STRING=topic=inbox/{user}", NULL),
	    403);
	assert_int_equal(
	    stage_ask(s, "REMOTE_USER=bo", "HTTP_AUTHORIZATION=Bearer x",
		"QUERY_STRING=topic=inbox/{user}", NULL),
	    401);
	free(good);
	free(header);
}

/* --- revoking ----------------------------------------------------------- */

static int
ask_issued(struct stage *s, const char *sub, const char *topic, int64_t iat)
{
	char claims[256];

	snprintf(claims, sizeof(claims),
	    "{\"sub\":\"%s\",\"iat\":%lld,\"largesse\":{\"subscribe\":[\"*\"]}"
	    "}",
	    sub, (long long)iat);
	return stage_claims(s, topic, claims);
}

static void
test_revoked_subjects_need_a_newer_token(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, "--leeway", "0", NULL);
	assert_int_equal(ask_issued(s, "al", SECRET, 1000), 0);
	stage_sql(s, "INSERT INTO largesse_revoke(subject, time)"
		     " VALUES('al', 2000500)");
	assert_int_equal(ask_issued(s, "al", SECRET, 1000), 401);
	stage_want_line(s, NULL);
	assert_string_equal(s->no.line, "token: revoked");
	assert_int_equal(ask_issued(s, "al", SECRET, 2000), 401);
	assert_int_equal(ask_issued(s, "al", SECRET, 2001), 0);
	assert_int_equal(ask_issued(s, "bo", SECRET, 1000), 0);
	/* A token without iat may be of any age. */
	assert_int_equal(stage_claims(s, SECRET, GRANTING("\"*\"")), 401);
	assert_int_equal(stage_claims(s, SECRET, "{" GRANT "}"), 0);
}

static void
test_revoked_for_a_topic(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, NULL);
	stage_sql(s, "INSERT INTO largesse_revoke(topic, subject)"
		     " VALUES('chat/*', 'al'), ('room', 'al'), ('x', NULL)");
	assert_int_equal(ask_issued(s, "al", "topic=chat/7", 1000), 401);
	stage_want_line(s, NULL);
	assert_int_equal(ask_issued(s, "al", "topic=*", 1000), 401);
	assert_int_equal(ask_issued(s, "al", "topic=room", 1000), 401);
	assert_int_equal(ask_issued(s, "al", "topic=rooms", 1000), 0);
	assert_int_equal(ask_issued(s, "al", "topic=x", 1000), 0);
	assert_int_equal(ask_issued(s, "bo", "topic=chat/7", 1000), 0);
	stage_sql(s, "UPDATE largesse_revoke SET time = 2000500");
	assert_int_equal(ask_issued(s, "al", "topic=chat/7", 1000), 401);
	assert_int_equal(ask_issued(s, "al", "topic=chat/7", time(NULL)), 0);
}

/*
 * A clock that is ahead by the leeway writes an iat that is after the row into
 * a token from before it.  An iat that lies further ahead says nothing.
 */
static void
test_revoked_tokens_of_a_clock_that_is_ahead(void **state)
{
	struct stage *s = *state;
	int64_t now = time(NULL);

	stage_open(s, "--key-file", s->secret, "--leeway", "60", NULL);
	assert_int_equal(ask_issued(s, "al", SECRET, now + 30), 0);
	assert_int_equal(ask_issued(s, "al", SECRET, now + 86400), 0);
	stage_sql(s, "INSERT INTO largesse_revoke(subject) VALUES('al')");
	assert_int_equal(ask_issued(s, "al", SECRET, now), 401);
	assert_int_equal(ask_issued(s, "al", SECRET, now + 30), 401);
	assert_string_equal(s->no.line, "token: revoked");
	assert_int_equal(ask_issued(s, "al", SECRET, now + 86400), 401);
	assert_int_equal(ask_issued(s, "bo", SECRET, now + 86400), 0);
	/* When the clock here has come so far, that of the token is no help. */
	stage_sql(s, "UPDATE largesse_revoke SET time = time - 40000");
	assert_int_equal(ask_issued(s, "al", SECRET, now), 401);
	stage_sql(s, "UPDATE largesse_revoke SET time = time - 40000");
	assert_int_equal(ask_issued(s, "al", SECRET, now), 0);
	assert_int_equal(ask_issued(s, "al", SECRET, now + 86400), 401);
	/* The same for a topic. */
	stage_sql(s, "UPDATE largesse_revoke SET topic = 'secret'");
	assert_int_equal(ask_issued(s, "al", SECRET, now + 86400), 401);
	assert_int_equal(ask_issued(s, "al", "topic=x", now + 86400), 0);
}

/* --- handed over -------------------------------------------------------- */

#define HANDED "LARGESSE_HANDED_OVER=on"

static void
test_handed_over_is_decided(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--handover", "--public", "news", NULL);
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=news", NULL), 0);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=news&topic=run/7", NULL), 403);
	assert_string_equal(s->no.line,
	    "this topic is not public, and no application has handed the "
	    "request over");
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=*&subject=al", HANDED, NULL), 0);
	assert_int_equal(s->who.by, ALLOW_BY_SITE);
	assert_string_equal(s->who.subject, "al");
	/* It need not say who the reader is. */
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=run/7", HANDED, NULL), 0);
	assert_null(s->who.subject);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=run/7&subject=", HANDED, NULL), 0);
	assert_null(s->who.subject);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic={user}", HANDED, NULL), 401);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic={user}&subject=al", HANDED, NULL),
	    0);
}

/* Only `on` counts, and no header of a client has the parameter's name. */
static void
test_a_client_cannot_hand_itself_over(void **state)
{
	static const char *const said[] = {"HTTP_LARGESSE_HANDED_OVER=on",
	    "LARGESSE_HANDED_OVER=", "LARGESSE_HANDED_OVER=off",
	    "LARGESSE_HANDED_OVER=On", "HTTP_LARGESSE-HANDED-OVER=on",
	    "REDIRECT_LARGESSE_HANDED_OVER=on", "LARGESSE_HANDOVER=on"};
	struct stage *s = *state;
	size_t i;

	stage_open(s, "--handover", NULL);
	for (i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		assert_int_equal(stage_ask(s, said[i],
				     "QUERY_STRING=topic=run/7&subject=al"
				     "&LARGESSE_HANDED_OVER=on",
				     NULL),
		    403);
	assert_null(s->who.subject);
}

/* The parameter opens nothing where the responder was not told of it. */
static void
test_handed_over_takes_an_option(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--key-file", s->secret, NULL);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=secret&subject=al", HANDED, NULL),
	    401);
	stage_open(s, "--trust-user", "--user-topic", "in/{user}", NULL);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=in/al&subject=al", HANDED, NULL),
	    401);
}

/* Where all may read, only the name is taken. */
static void
test_handed_over_where_all_may_read(void **state)
{
	struct stage *s = *state;

	stage_open(s, NULL);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=a&subject=al", HANDED, NULL), 0);
	assert_string_equal(s->who.subject, "al");
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=a&subject=al", NULL), 0);
	assert_null(s->who.subject);
}

/* A token of the application's own is none of ours. */
static void
test_handed_over_whatever_token_the_client_sends(void **state)
{
	struct stage *s = *state;

	stage_open(s, "--handover", "--key-file", s->secret, NULL);
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=a&subject=al", HANDED,
			     "HTTP_AUTHORIZATION=Bearer x.y.z", NULL),
	    0);
	assert_string_equal(s->who.subject, "al");
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=a",
			     "HTTP_AUTHORIZATION=Bearer x", NULL),
	    401);
}

static void
test_handed_over_from_a_foreign_page(void **state)
{
	struct stage *s = *state;

	stage_open(
	    s, "--handover", "--allow-origin", "https://www.example.org", NULL);
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=a", HANDED,
			     "HTTP_HOST=example.org",
			     "HTTP_ORIGIN=https://evil.example", NULL),
	    403);
	assert_int_equal(stage_ask(s, "QUERY_STRING=topic=a", HANDED,
			     "HTTP_HOST=example.org",
			     "HTTP_ORIGIN=https://www.example.org", NULL),
	    0);
}

static void
test_handed_over_to_no_name(void **state)
{
	struct stage *s = *state;
	char query[512] = "QUERY_STRING=topic=a&subject=";

	stage_open(s, "--handover", NULL);
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=a&subject=a%0ab", HANDED, NULL),
	    403);
	assert_string_equal(s->no.line, "subject: not a name");
	assert_int_equal(
	    stage_ask(s, "QUERY_STRING=topic=a&subject=a%FF", HANDED, NULL),
	    403);
	memset(query + strlen(query), 'x', ALLOW_SUBJECT_MAX);
	assert_int_equal(stage_ask(s, query, HANDED, NULL), 0);
	query[strlen(query)] = 'x';
	assert_int_equal(stage_ask(s, query, HANDED, NULL), 403);
}

/* --- options ------------------------------------------------------------ */

static void
test_options_that_make_no_sense(void **state)
{
	struct stage *s = *state;

	stage_senseless(s, "--public: '': topic: empty", "--key-file", "x",
	    "--public", "", NULL);
	stage_senseless(
	    s, "--public: 'a*b'", "--key-file", "x", "--public", "a*b", NULL);
	stage_senseless(s, "--public: all topics are", "--public", "a", NULL);
	stage_senseless(s, "--issuer: there is no", "--issuer", "a", NULL);
	stage_senseless(
	    s, "--max-token-age: there is no", "--max-token-age", "1h", NULL);
	stage_senseless(s, "--audience: there is", "--audience", "a", NULL);
	stage_senseless(s, "--user-topic: there", "--user-topic", "a", NULL);
	stage_senseless(
	    s, "--trust-user: --user-topic is missing", "--trust-user", NULL);
	stage_senseless(s, "--trust-user: --user-topic is missing",
	    "--trust-user", "--key-file", "x", "--public", "news", NULL);
	stage_senseless(s, "--user-topic: 'in/{user}*': the user al",
	    "--trust-user", "--user-topic", "in/{user}*", NULL);
	stage_senseless(s, "--user-topic: 'x{user}' and 'x{user}y'",
	    "--trust-user", "--user-topic", "x{user}", "--user-topic",
	    "x{user}y", NULL);
	stage_senseless(s, "--cookie-name: not", "--cookie-name", "a b", NULL);
	stage_senseless(s, "--cookie-name: not", "--cookie-name", "a=", NULL);
	stage_senseless(
	    s, "--allow-origin: 'null'", "--allow-origin", "null", NULL);
	stage_senseless(
	    s, "--trusted-proxy: 'x'", "--trusted-proxy", "x", NULL);
}

/* --- keys that change --------------------------------------------------- */

static void
test_keys_are_read_again(void **state)
{
	struct stage *s = *state;
	char *old = forge(FORGE_HS256, GOOD);
	char *new = forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, FORGE_OTHER,
	    sizeof(FORGE_OTHER) - 1);

	stage_open(s, "--key-file", s->secret, NULL);
	forge_write(s->secret, "short", 5);
	assert_int_equal(allow_reload(s->allow, s->why, sizeof(s->why)), -1);
	assert_non_null(strstr(s->why, "32 bytes"));
	assert_int_equal(stage_bearer(s, SECRET, old), 0);
	forge_write(s->secret, FORGE_OTHER, sizeof(FORGE_OTHER) - 1);
	assert_int_equal(allow_reload(s->allow, s->why, sizeof(s->why)), 0);
	assert_int_equal(stage_bearer(s, SECRET, old), 401);
	assert_int_equal(stage_bearer(s, SECRET, new), 0);
	free(old);
	free(new);
}

/* No signal is needed: the responder looks at the files once a second. */
static void
test_keys_that_changed_are_noticed(void **state)
{
	struct stage *s = *state;
	char *new = forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, FORGE_OTHER,
	    sizeof(FORGE_OTHER) - 1);
	time_t limit = time(NULL) + 30;

	stage_open(s, "--key-file", s->secret, NULL);
	assert_int_equal(stage_bearer(s, SECRET, new), 401);
	forge_write(s->secret, FORGE_OTHER, sizeof(FORGE_OTHER) - 1);
	while (stage_bearer(s, SECRET, new) != 0) {
		assert_true(time(NULL) < limit);
		usleep(20000);
	}
	free(new);
}

/* A file that turned bad is told of once, and the old keys stay. */
static void
test_keys_that_turned_bad_are_told(void **state)
{
	struct stage *s = *state;
	char *good = forge(FORGE_HS256, GOOD), said[160], text[512], *line;
	int was = dup(STDERR_FILENO), fd;
	time_t limit = time(NULL) + 60;
	struct stat sb = {0};
	ssize_t n;

	stage_open(s, "--key-file", s->secret, NULL);
	snprintf(said, sizeof(said), "%s/said", s->dir);
	fd = open(said, O_RDWR | O_CREAT | O_APPEND, 0600);
	assert_true(fd != -1 && dup2(fd, STDERR_FILENO) != -1);
	forge_write(s->secret, "short", 5);
	while (sb.st_size == 0 && time(NULL) < limit) {
		assert_int_equal(stage_bearer(s, SECRET, good), 0);
		usleep(20000);
		fstat(fd, &sb);
	}
	/* The next look finds the same file, and has nothing new to tell. */
	s->allow->looked_ms = 0;
	assert_int_equal(stage_bearer(s, SECRET, good), 0);
	dup2(was, STDERR_FILENO);
	close(was);
	n = pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	line = strchr(text, '\n');
	assert_non_null(strstr(text, "a secret needs 32 bytes or more"));
	assert_true(line != NULL && line[1] == '\0');
	free(good);
}

/* --- tokens that were seen before --------------------------------------- */

static void
test_a_known_token_expires(void **state)
{
	struct stage *s = *state;
	time_t limit = time(NULL) + 30;
	char claims[256], *token;

	stage_open(s, "--key-file", s->secret, "--leeway", "0", NULL);
	snprintf(claims, sizeof(claims), "{\"exp\":%lld," GRANT "}",
	    (long long)time(NULL) + 2);
	token = forge(FORGE_HS256, claims);
	assert_int_equal(stage_bearer(s, SECRET, token), 0);
	while (stage_bearer(s, SECRET, token) == 0) {
		assert_true(time(NULL) < limit);
		usleep(20000);
	}
	assert_string_equal(s->no.line, "token: expired");
	free(token);
}

/* A token with one other byte, or one byte more or less, is another token. */
static void
test_what_is_like_a_known_token_is_not(void **state)
{
	struct stage *s = *state;
	char *token = forge(FORGE_HS256, GOOD), *longer;
	size_t i, len = strlen(token);
	char c;

	stage_open(s, "--key-file", s->secret, NULL);
	assert_int_equal(stage_bearer(s, SECRET, token), 0);
	for (i = 0; i + 1 < len; i++) {
		c = token[i];
		token[i] = c == 'A' ? 'B' : 'A';
		assert_int_equal(stage_bearer(s, SECRET, token), 401);
		token[i] = c;
		assert_int_equal(stage_bearer(s, SECRET, token), 0);
	}
	longer = hostile_text(token, "A", "");
	assert_int_equal(stage_bearer(s, SECRET, longer), 401);
	assert_int_equal(stage_bearer(s, SECRET, token + 1), 401);
	c = token[len - 1];
	token[len - 1] = '\0';
	assert_int_equal(stage_bearer(s, SECRET, token), 401);
	token[len - 1] = c;
	assert_int_equal(stage_bearer(s, SECRET, token), 0);
	free(longer);
	free(token);
}

/* More tokens than are remembered, each for another topic, in turn. */
static void
test_each_token_has_its_own_claims(void **state)
{
	struct stage *s = *state;
	char *tokens[200], claims[256], topic[32];
	int i, turn;

	stage_open(s, "--key-file", s->secret, NULL);
	for (i = 0; i < 200; i++) {
		snprintf(claims, sizeof(claims),
		    "{" FOREVER ",\"largesse\":{\"subscribe\":[\"t%d\"]}}", i);
		tokens[i] = forge(FORGE_HS256, claims);
	}
	for (turn = 0; turn < 2; turn++)
		for (i = 0; i < 200; i++) {
			snprintf(topic, sizeof(topic), "topic=t%d", i);
			assert_int_equal(stage_bearer(s, topic, tokens[i]), 0);
			assert_int_equal(stage_bearer(s, topic, tokens[i]), 0);
			assert_int_equal(
			    stage_bearer(s, topic, tokens[(i + 1) % 200]), 403);
		}
	for (i = 0; i < 200; i++)
		free(tokens[i]);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stage_setup, stage_teardown)
	const struct CMUnitTest tests[] = {
	    T(test_good_tokens_of_each_kind),
	    T(test_no_key_no_question),
	    T(test_hostile_tokens),
	    T(test_tampered_tokens),
	    T(test_random_tokens),
	    T(test_no_token_is_asked_for),
	    T(test_each_refusal_says_its_own_reason),
	    T(test_types_of_tokens),
	    T(test_a_known_kid_decides),
	    T(test_few_keys_are_tried),
	    T(test_tokens_that_are_good_for_too_long),
	    T(test_leeway),
	    T(test_times_may_have_fractions),
	    T(test_issuer_and_audience),
	    T(test_first_place_that_is_there_counts),
	    T(test_cookies),
	    T(test_a_stale_cookie_hides_no_good_one),
	    T(test_several_tokens_in_a_query),
	    T(test_headers),
	    T(test_cookies_of_foreign_pages_are_refused),
	    T(test_claims_cover_topics),
	    T(test_a_subject_is_no_pattern),
	    T(test_a_name_that_makes_a_topic_too_long),
	    T(test_public_topics_need_no_token),
	    T(test_a_known_token_expires),
	    T(test_what_is_like_a_known_token_is_not),
	    T(test_each_token_has_its_own_claims),
	    T(test_publishing_takes_a_claim),
	    T(test_users_read_their_own),
	    T(test_no_text_around_a_user_opens_anothers_topic),
	    T(test_no_name_opens_anothers_topic),
	    T(test_user_topics_that_do_not_keep_users_apart),
	    T(test_users_read_what_options_say),
	    T(test_user_without_anyone_is_refused),
	    T(test_a_token_counts_before_a_name),
	    T(test_revoked_subjects_need_a_newer_token),
	    T(test_revoked_for_a_topic),
	    T(test_revoked_tokens_of_a_clock_that_is_ahead),
	    T(test_handed_over_is_decided),
	    T(test_a_client_cannot_hand_itself_over),
	    T(test_handed_over_takes_an_option),
	    T(test_handed_over_where_all_may_read),
	    T(test_handed_over_whatever_token_the_client_sends),
	    T(test_handed_over_from_a_foreign_page),
	    T(test_handed_over_to_no_name),
	    T(test_options_that_make_no_sense),
	    T(test_keys_are_read_again),
	    T(test_keys_that_changed_are_noticed),
	    T(test_keys_that_turned_bad_are_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("allow", tests, NULL, NULL);
}
