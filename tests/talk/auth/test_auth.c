/*
 * test_auth.c - who may listen.  The right token in the right place opens a
 * stream; nobody else gets one private byte, live or on replay.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/talk/peer/keyed.h"

#define PRIVATE "for your eyes only"

static const char *
good(void)
{
	return kept(forge(FORGE_HS256, GOOD));
}

/* Refused with this status and one line, which has no private byte in it. */
static void
want_no(struct client *c, int status, const char *token)
{
	want_refusal(c, status);
	if (strstr(c->out.s, PRIVATE) != NULL)
		talk_fail("a private byte: %s", shown(c->out.s, c->out.len));
	if (token != NULL && strlen(token) > 12 &&
	    (strstr(c->out.s, token) != NULL || strstr(c->head.s, token)))
		talk_fail("the token: %s", shown(c->out.s, c->out.len));
	if ((status == 401) != (header(c, "WWW-Authenticate") != NULL))
		talk_fail("status %d, and WWW-Authenticate: %s", status,
		    header(c, "WWW-Authenticate"));
}

/* --- who is let in ------------------------------------------------------ */

static void
want_private(struct client *c, struct server *sv)
{
	want_start(c);
	append(sv, "public", "no");
	append(sv, "secret", PRIVATE);
	want_event(c, NULL, "message", PRIVATE);
	want_nothing_more(c, sv, "secret");
}

static void
test_token_in_a_header(void)
{
	struct server *sv = serve_keyed();

	want_private(get_with(sv, "/events?topic=secret", good()), sv);
}

static void
test_token_in_a_cookie(void)
{
	struct server *sv = serve_keyed();

	want_private(get(sv, "/events?topic=secret", "HTTP_COOKIE",
			 text("a=b; largesse=%s; c=d", good()), NULL),
	    sv);
}

/* The older cookie of the name, which is sent first, hides no good one. */
static void
test_token_in_the_second_cookie(void)
{
	struct server *sv = serve_keyed();
	char *stale =
	    kept(forge(FORGE_HS256, "{\"exp\":1000000000," GRANT "}"));

	want_private(get(sv, "/events?topic=secret", "HTTP_COOKIE",
			 text("largesse=%s; largesse=%s", stale, good()), NULL),
	    sv);
}

static void
test_token_in_the_query(void)
{
	struct server *sv = serve_keyed();

	want_private(
	    get(sv, text("/events?topic=secret&access_token=%s", good()), NULL),
	    sv);
}

static void
test_tokens_by_each_kind_of_key(void)
{
	struct server *sv = serve_keyed();
	const struct hostile_keys *k = hostile_keys();

	open_with(sv, "/events?topic=secret",
	    kept(forge_by(k->rsa, FORGE_RS256, GOOD)));
	open_with(sv, "/events?topic=secret",
	    kept(forge_by(k->ec, FORGE_ES256, GOOD)));
	open_with(sv, "/events?topic=secret",
	    kept(forge_by(k->ec, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", GOOD)));
}

static void
test_replay_with_a_token(void)
{
	struct server *sv = serve_keyed();
	struct client *c;

	append(sv, "secret", PRIVATE);
	c = open_with(sv, "/events?topic=secret&lastEventId=earliest", good());
	want_event(c, "1", "message", PRIVATE);
}

static void
test_public_topics_stay_open(void)
{
	struct server *sv = prepare_keys();
	struct client *c;

	start(sv, KEYED(sv), "--public", "news", NULL);
	c = get(sv, "/events?topic=news", NULL);
	want_start(c);
	append(sv, "secret", PRIVATE);
	append(sv, "news", "for all");
	want_event(c, NULL, "message", "for all");
	want_no(get(sv, "/events?topic=news&topic=secret", NULL), 401, NULL);
	want_no(get(sv, "/events?topic=news*", NULL), 401, NULL);
	want_no(get(sv, "/events", NULL), 401, NULL);
}

static void
test_without_keys_all_is_open(void)
{
	struct server *sv = serve();

	want_start(get(sv, "/events?topic=secret", "HTTP_AUTHORIZATION",
	    "Bearer x", "HTTP_COOKIE", "largesse=y", NULL));
	want_start(get(sv, "/events?topic=*&access_token=z", NULL));
}

/* --- who is kept out ---------------------------------------------------- */

/* Ways to ask for live and for old events. */
static const char *const places[] = {
    "", "&lastEventId=earliest", "&lastEventId=0", "&last=10", "&since=1d"};

/* The text as it stands in a query: every byte as %XX. */
static const char *
encoded(const char *s)
{
	char *to = keep(3 * strlen(s) + 1), *p = to;

	for (; *s != '\0'; s++)
		p += sprintf(p, "%%%02X", (unsigned char)*s);
	return to;
}

static void
test_hostile_tokens_in_each_place(void)
{
	struct server *sv = serve_keyed();
	struct hostile_list list;
	size_t i;

	append(sv, "secret", PRIVATE);
	hostile_make(&list, hostile_keys());
	check(list.n >= 60);
	for (i = 0; i < list.n; i++) {
		char *token = text("%s", list.v[i].token);
		int status = list.v[i].status;
		const char *uri = text("/events?topic=secret%s", places[i % 5]);
		/*
		 * A quote or semicolon ends the cookie, which is another token
		 * then.
		 */
		bool plain = strcspn(token, "\"; ") == strlen(token);

		free(list.v[i].token);
		list.v[i].token = NULL;
		want_no(get_with(sv, uri, token), status, token);
		want_no(get(sv, text("%s&access_token=%s", uri, encoded(token)),
			    NULL),
		    status, token);
		want_no(get(sv, uri, "HTTP_COOKIE", text("largesse=%s", token),
			    NULL),
		    plain ? status : 401, token);
	}
	want_private(get_with(sv, "/events?topic=secret", good()), sv);
	stop(sv);
	check(strstr(errors(sv), "eyJ") == NULL);
}

static void
test_hostile_headers_and_cookies(void)
{
	static const char *const headers[][2] = {
	    {"HTTP_AUTHORIZATION", "Bearer"},
	    {"HTTP_AUTHORIZATION", "Bearer "},
	    {"HTTP_AUTHORIZATION", "Bearer \t \t"},
	    {"HTTP_AUTHORIZATION", "Bearer null"},
	    {"HTTP_AUTHORIZATION", "Bearer undefined"},
	    {"HTTP_AUTHORIZATION", "bearer true"},
	    {"HTTP_AUTHORIZATION", "Basic c2VjcmV0OnNlY3JldA=="},
	    {"HTTP_AUTHORIZATION", "Digest username=\"secret\""},
	    {"HTTP_AUTHORIZATION", "Negotiate YII="},
	    {"HTTP_AUTHORIZATION", "secret"},
	    {"HTTP_AUTHORIZATION", "Bearer secret, Bearer secret"},
	    {"HTTP_AUTHORIZATION", "Bearer\x01 secret"},
	    {"HTTP_AUTHORIZATION", "Bearer \xff\xfe\xfd"},
	    {"HTTP_AUTHORIZATION", "Bearer ' OR '1'='1"},
	    {"HTTP_COOKIE", "largesse"},
	    {"HTTP_COOKIE", "largesse="},
	    {"HTTP_COOKIE", "largesse=;largesse="},
	    {"HTTP_COOKIE", ";;;=;=;;"},
	    {"HTTP_COOKIE", "largesse=\""},
	    {"HTTP_COOKIE", "largesse=\"\""},
	    {"HTTP_COOKIE", "largesse=null; x=y"},
	    {"HTTP_COOKIE", "largesse=deleted"},
	    {"HTTP_COOKIE", "largesse=a.b.c; largesse=d.e.f"},
	    {"HTTP_COOKIE", "\x01\x02largesse=\x03"},
	    {"HTTP_COOKIE", "largesse=%00"},
	    {"REMOTE_USER", "secret"},
	    {"HTTP_REMOTE_USER", "secret"},
	    {"HTTP_X_FORWARDED_USER", "secret"},
	    {"HTTP_ORIGIN", "http://localhost"},
	    {"HTTP_SEC_FETCH_SITE", "same-origin"},
	};
	struct server *sv = serve_keyed();
	size_t i;

	append(sv, "secret", PRIVATE);
	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		want_no(get(sv, text("/events?topic=secret%s", places[i % 5]),
			    headers[i][0], headers[i][1], NULL),
		    401, NULL);
	want_no(
	    get(sv, "/events?topic=secret&access_token=%00", NULL), 400, NULL);
	want_no(get(sv, "/events?topic=secret&access_token", NULL), 401, NULL);
}

/* A token and a cookie nearly as long as a request can be. */
static void
test_long_credentials(void)
{
	struct server *sv = serve_keyed();
	char *s = keep(60001);

	append(sv, "secret", PRIVATE);
	memset(s, 'A', 60000);
	want_no(get_with(sv, "/events?topic=secret", s), 401, s);
	want_no(get(sv, "/events?topic=secret", "HTTP_COOKIE",
		    text("largesse=%s", s), NULL),
	    401, s);
	memset(s, ';', 60000);
	want_no(
	    get(sv, "/events?topic=secret", "HTTP_COOKIE", s, NULL), 401, NULL);
}

/* A reader gets only what its token covers, whatever else is in the log. */
static void
test_nothing_beyond_the_claim(void)
{
	struct server *sv = serve_keyed();
	char *token = token_for("al", "\"in/{sub}\",\"chat/*\"");
	struct client *c;

	append(sv, "in/bo", PRIVATE);
	append(sv, "in/al", "mine");
	append(sv, "chat/1", "ours");
	append(sv, "chatty", PRIVATE);
	c = open_with(sv,
	    "/events?topic=in/{user}&topic=chat/*&lastEventId=earliest", token);
	want_event(c, "2", "message", "mine");
	want_event(c, "3", "message", "ours");
	append(sv, "in/bo", PRIVATE);
	append(sv, "chat", PRIVATE);
	append(sv, "in/al", "mine too");
	want_event(c, "7", "message", "mine too");
	check(strcmp(json(c->start, "$.topics[0]"), "in/al") == 0);
	want_no(get_with(sv, "/events?topic=in/bo&last=9", token), 403, token);
	want_no(get_with(sv, "/events?topic=in/*&last=9", token), 403, token);
	want_no(get_with(sv, "/events?topic=*&last=9", token), 403, token);
	want_no(get_with(sv, "/events?last=9", token), 403, token);
	want_no(
	    get_with(sv, "/events?topic=in/al&topic=in/bo", token), 403, token);
}

static void
test_head_is_refused_alike(void)
{
	struct server *sv = serve_keyed();
	struct client *c = ask(sv, "HEAD", "/events?topic=secret", NULL, NULL);

	check(want_headers(c) == 401);
	check(header(c, "WWW-Authenticate") != NULL);
	want_end(c);
	c = ask(sv, "HEAD", "/events?topic=secret", NULL, "HTTP_AUTHORIZATION",
	    text("Bearer %s", good()), NULL);
	check(want_headers(c) == 200);
	want_end(c);
}

static void
test_pages_that_are_no_stream_need_no_token(void)
{
	struct server *sv = serve_keyed();

	check(want_headers(get(
		  sv, "/events/health", "PATH_INFO", "/health", NULL)) == 200);
	check(want_headers(get(
		  sv, "/events/status", "PATH_INFO", "/status", NULL)) == 200);
}

/* --- the end of a token ------------------------------------------------- */

static void
test_stream_ends_with_its_token(void)
{
	struct server *sv = prepare_keys();
	char *token;
	struct client *c, *longer;

	start(sv, KEYED(sv), "--leeway", "0", NULL);
	token = kept(forge(FORGE_HS256,
	    text("{\"exp\":%lld," GRANT "}", (long long)time(NULL) + 6)));
	c = open_with(sv, "/events?topic=secret", token);
	longer = open_with(sv, "/events?topic=secret", good());
	append(sv, "secret", "in time");
	check(want_warning(c) <= 6);
	want_event(c, NULL, "message", "in time");
	check(want_farewell(c) > 0);
	append(sv, "secret", PRIVATE);
	want_no(get_with(sv, "/events?topic=secret&last=9", token), 401, token);
	want_event(longer, NULL, "message", "in time");
	want_event(longer, NULL, "message", PRIVATE);
}

/* The status counts the refusals, and the reasons why streams ended. */
static void
test_status_has_it(void)
{
	struct server *sv = prepare_keys();
	struct client *c;

	start(sv, KEYED(sv), "--leeway", "0", NULL);
	want_no(get(sv, "/events?topic=secret", NULL), 401, NULL);
	c = open_with(sv, "/events?topic=secret",
	    kept(forge(FORGE_HS256,
		text("{\"exp\":%lld," GRANT "}", (long long)time(NULL) + 6))));
	want_warning(c);
	want_farewell(c);
	c = get(sv, "/events/status", NULL);
	check(want_headers(c) == 200);
	while (!c->ended && hear(c, now_ms() + PATIENCE_MS))
		;
	check(strcmp(json(c->out.s + c->at, "$.denied"), "1") == 0);
	check(strcmp(json(c->out.s + c->at, "$.ended.token"), "1") == 0);
}

/*
 * The leeway counts for opening a stream and for ending it.  Otherwise a client
 * would be let in and told to come back, again and again.
 */
static void
test_stream_stays_for_the_leeway(void)
{
	struct server *sv = prepare_keys();
	char *token;
	struct client *c;

	start(sv, KEYED(sv), "--leeway", "1h", NULL);
	token = kept(forge(FORGE_HS256,
	    text("{\"exp\":%lld," GRANT "}", (long long)time(NULL) - 60)));
	c = open_with(sv, "/events?topic=secret", token);
	want_nothing_more(c, sv, "secret");
}

static void
test_age_ends_a_stream_before_its_token(void)
{
	struct server *sv = prepare_keys();
	struct client *c;

	start(sv, KEYED(sv), "--max-age", "1", NULL);
	c = open_with(sv, "/events?topic=secret", good());
	want_farewell(c);
}

/* --- users of the web server -------------------------------------------- */

static void
test_users_have_their_own(void)
{
	struct server *sv = serve_with("--trust-user", "--user-topic",
	    "inbox/{user}", "--public", "news", NULL);
	struct client *c;

	append(sv, "inbox/bo", PRIVATE);
	append(sv, "inbox/al", "yours");
	c = get(sv, "/events?topic=inbox/%7Buser%7D&topic=news&last=9",
	    "REMOTE_USER", "al", NULL);
	want_start(c);
	check(strcmp(json(c->start, "$.topics[0]"), "inbox/al") == 0);
	want_event(c, "2", "message", "yours");
	append(sv, "inbox/bo", PRIVATE);
	append(sv, "news", "all's");
	want_event(c, "4", "message", "all's");
	want_no(get(sv, "/events?topic=inbox/{user}&last=9", NULL), 401, NULL);
	want_no(
	    get(sv, "/events?topic=inbox/bo&last=9", "REMOTE_USER", "al", NULL),
	    403, NULL);
	want_no(
	    get(sv, "/events?topic=inbox/*&last=9", "REMOTE_USER", "al", NULL),
	    403, NULL);
	append(sv, "inbox/alice", PRIVATE);
	want_no(get(sv, "/events?topic=inbox/{user}ice&last=9", "REMOTE_USER",
		    "al", NULL),
	    403, NULL);
	want_no(get(sv, "/events?topic=inbox/{user}&last=9", "HTTP_REMOTE_USER",
		    "bo", NULL),
	    401, NULL);
}

/* --- keys --------------------------------------------------------------- */

static void
test_keys_are_read_again_at_sighup(void)
{
	struct server *sv = prepare_keys();
	const char *old = good();
	char *fresh = kept(forge_hmac(EVP_sha256(), FORGE_HS256, GOOD,
	    FORGE_OTHER, sizeof(FORGE_OTHER) - 1));
	struct client *c;

	start(sv, "--key-file", key_path(sv, "secret"), NULL);
	c = open_with(sv, "/events?topic=secret", old);
	want_no(get_with(sv, "/events?topic=secret", fresh), 401, fresh);
	forge_write(key_path(sv, "secret"), "too short", 9);
	kill(sv->pid, SIGHUP);
	until(strstr(errors(sv), "32 bytes or more") != NULL);
	open_with(sv, "/events?topic=secret", old);
	forge_write(
	    key_path(sv, "secret"), FORGE_OTHER, sizeof(FORGE_OTHER) - 1);
	kill(sv->pid, SIGHUP);
	until(want_headers(get_with(sv, "/events?topic=secret", fresh)) == 200);
	want_no(get_with(sv, "/events?topic=secret", old), 401, old);
	want_nothing_more(c, sv, "secret");
}

static void
test_what_is_wrong_with_keys_is_said_at_start(void)
{
	struct server *sv = prepare_keys();
	struct ran r;

	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), "--key-file", "/nowhere", NULL);
	check(r.status == 1);
	check(strcmp(r.err,
		  "largesse: /nowhere: No such file or directory\n") == 0);
	forge_write(key_path(sv, "secret"), "short", 5);
	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), "--workers", "2", "--key-file",
	    key_path(sv, "secret"), NULL);
	check(r.status == 1);
	check(strstr(r.err, "32 bytes or more, this has 5") != NULL);
	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), "--public", "news", NULL);
	check(r.status == 2);
	check(strchr(r.err, '\n') == r.err + strlen(r.err) - 1);
	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), "--trust-user", NULL);
	check(r.status == 2);
	check(strcmp(r.err,
		  "largesse: --trust-user: --user-topic is missing, which says "
		  "what a user may read\n") == 0);
}

static void
test_secret_that_all_may_read_is_told_of(void)
{
	struct server *sv = prepare_keys();

	chmod(key_path(sv, "secret"), 0644);
	start(sv, KEYED(sv), NULL);
	check(strstr(errors(sv), "everyone on this machine") != NULL);
	open_with(sv, "/events?topic=secret", good());
}

/* A key file of any other form would be a secret that everybody knows. */
static void
test_key_of_another_form_does_not_start(void)
{
	struct server *sv = prepare_keys();
	unsigned char der[1024], *p = der;
	int len = i2d_PUBKEY(hostile_keys()->rsa, &p);
	static const char ssh[] =
	    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabg";
	struct ran r;

	forge_write(key_path(sv, "secret"), (char *)der, (size_t)len);
	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), "--key-file", key_path(sv, "secret"),
	    NULL);
	check(r.status == 1);
	check(strstr(r.err, "a public key in DER: give it in PEM") != NULL);
	check(strchr(r.err, '\n') == r.err + strlen(r.err) - 1);
	forge_write(key_path(sv, "secret"), ssh, sizeof(ssh) - 1);
	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), "--key-file", key_path(sv, "secret"),
	    NULL);
	check(r.status == 1);
	check(strstr(r.err, "OpenSSH") != NULL);
	r = run_with(sv, NULL, "token", "--key-file", key_path(sv, "secret"),
	    "--subscribe", "a", NULL);
	check(r.status == 1 && r.out[0] == '\0');
	check(strstr(r.err, "OpenSSH") != NULL);
}

/* One bad key of a set is told of; the others work, also after a rotation. */
static void
test_bad_key_of_a_set_takes_no_other_with_it(void)
{
	struct server *sv = prepare_keys();
	char *ec = kept(forge_jwk(hostile_keys()->ec, "new", ""));
	char *rsa = kept(forge_jwk(hostile_keys()->rsa, "old", ""));
	const char *bad = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"half\","
			  "\"x\":\"AA\",\"y\":\"AA\"}";
	char *set = text("{\"keys\":[%s,%s]}", bad, rsa);

	forge_write(key_path(sv, "jwks"), set, strlen(set));
	start(sv, "--jwks-file", key_path(sv, "jwks"), NULL);
	check(strstr(errors(sv), "key 1 is passed over") != NULL);
	open_with(sv, "/events?topic=secret",
	    kept(forge_by(hostile_keys()->rsa, FORGE_RS256, GOOD)));
	set = text("{\"keys\":[%s,%s,{\"kid\":\"none\"}]}", rsa, ec);
	forge_write(key_path(sv, "jwks"), set, strlen(set));
	kill(sv->pid, SIGHUP);
	until(strstr(errors(sv), "key 3 is passed over: it has no `kty`") !=
	      NULL);
	open_with(sv, "/events?topic=secret",
	    kept(forge_by(hostile_keys()->ec, FORGE_ES256, GOOD)));
}

static void
test_set_with_a_secret_that_all_may_read_is_told_of(void)
{
	struct server *sv = prepare_keys();
	const char *set = "{\"keys\":[{\"kty\":\"oct\",\"k\":\"eHh4eHh4eHh4eHh4"
			  "eHh4eHh4eHh4eHh4eHh4eHh4eHg\"}]}";

	chmod(key_path(sv, "jwks"), 0644);
	start(sv, KEYED(sv), NULL); /* public keys alone */
	check(strstr(errors(sv), "everyone on this machine") == NULL);
	stop(sv);
	forge_write(key_path(sv, "jwks"), set, strlen(set));
	chmod(key_path(sv, "jwks"), 0644);
	start(sv, KEYED(sv), NULL);
	check(strstr(errors(sv), "everyone on this machine") != NULL);
}

static void
test_tokens_that_never_expire_are_refused_if_asked(void)
{
	struct server *sv = prepare_keys();
	struct ran r;

	start(sv, KEYED(sv), "--max-token-age", "2h", NULL);
	r = run_with(sv, NULL, "token", "--key-file", key_path(sv, "secret"),
	    "--subscribe", "secret", NULL);
	check(r.status == 0 && r.err[0] == '\0');
	r.out[strcspn(r.out, "\n")] = '\0';
	open_with(sv, "/events?topic=secret", r.out);
	r = run_with(sv, NULL, "token", "--key-file", key_path(sv, "secret"),
	    "--subscribe", "secret", "--expires", "0", NULL);
	check(r.status == 0 && strstr(r.err, "--max-token-age") != NULL);
	r.out[strcspn(r.out, "\n")] = '\0';
	want_no(get_with(sv, "/events?topic=secret", r.out), 401, r.out);
	want_no(get_with(sv, "/events?topic=secret", good()), 401, NULL);
}

/* --- largesse token ----------------------------------------------------- */

static char *
made(struct server *sv, const char *key, const char *topic)
{
	struct ran r = run_with(sv, NULL, "token", "--key-file", key,
	    "--subscribe", "other", topic, "--sub", "al", "--kid", "ec", NULL);

	if (r.status != 0 || r.err[0] != '\0')
		talk_fail("token: %d %s", r.status, r.err);
	check(r.out[0] != '\0' && r.out[strlen(r.out) - 1] == '\n');
	r.out[strlen(r.out) - 1] = '\0';
	return r.out;
}

static void
test_tokens_that_we_make_let_in(void)
{
	struct server *sv = prepare_keys();
	char *rsa = kept(forge_private(hostile_keys()->rsa));
	char *ec = kept(forge_private(hostile_keys()->ec));
	char *token;

	start(sv, KEYED(sv), NULL);
	forge_write(key_path(sv, "rsa.key"), rsa, strlen(rsa));
	forge_write(key_path(sv, "ec.key"), ec, strlen(ec));
	token = made(sv, key_path(sv, "secret"), "in/{sub}");
	open_with(sv, "/events?topic=in/al&topic=other", token);
	want_no(get_with(sv, "/events?topic=in/bo", token), 403, token);
	token = made(sv, key_path(sv, "rsa.key"), "secret*");
	open_with(sv, "/events?topic=secrets", token);
	token = made(sv, key_path(sv, "ec.key"), "*");
	open_with(sv, "/events?topic=*", token);
}

static void
test_token_ends_when_asked(void)
{
	struct server *sv = prepare_keys();
	struct ran r =
	    run_with(sv, NULL, "token", "--key-file", key_path(sv, "secret"),
		"--subscribe", "secret", "--expires", "6", NULL);
	struct client *c;

	check(r.status == 0);
	r.out[strcspn(r.out, "\n")] = '\0';
	start(sv, KEYED(sv), "--leeway", "0", NULL);
	c = open_with(sv, "/events?topic=secret", r.out);
	check(want_warning(c) <= 6);
	want_farewell(c);
	want_no(get_with(sv, "/events?topic=secret", r.out), 401, r.out);
}

static void
test_tokens_that_cannot_be_made(void)
{
	struct server *sv = prepare_keys();
	const char *secret = key_path(sv, "secret"), *nothing = "/nowhere";
	const struct {
		const char *words[5];
		int status;
	} runs[] = {
	    {{"--subscribe", "a"}, 2},
	    {{"--key-file", secret}, 2},
	    {{"--key-file", secret, "--subscribe", "a*b"}, 2},
	    {{"--key-file", secret, "--publish", ""}, 2},
	    {{"--key-file", nothing, "--subscribe", "a"}, 1},
	    {{"--key-file", key_path(sv, "rsa.pem"), "--subscribe", "a"}, 1},
	};
	size_t i;

	for (i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		const char *const *w = runs[i].words;
		struct ran r =
		    run_with(sv, NULL, "token", w[0], w[1], w[2], w[3], NULL);

		if (r.status != runs[i].status || r.out[0] != '\0' ||
		    strchr(r.err, '\n') != r.err + strlen(r.err) - 1)
			talk_fail("%zu: %d %s", i, r.status, r.err);
	}
}

/* --- plain CGI ---------------------------------------------------------- */

static void
test_cgi_asks_for_a_token_too(void)
{
	struct server *sv = prepare_keys();
	const char *env[] = {"GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=GET",
	    "QUERY_STRING=topic=secret&last=9", text("LARGESSE_DB=%s", sv->db),
	    text("LARGESSE_KEY_FILE=%s", key_path(sv, "secret")), NULL};
	struct ran r;

	append(sv, "secret", PRIVATE);
	sv->env = env;
	r = run_with(sv, NULL, NULL);
	check(strncmp(r.out, "Status: 401 Unauthorized\r\n", 26) == 0);
	check(strstr(r.out, PRIVATE) == NULL);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_token_in_a_header),
	    TALK(test_token_in_a_cookie),
	    TALK(test_token_in_the_second_cookie),
	    TALK(test_token_in_the_query),
	    TALK(test_tokens_by_each_kind_of_key),
	    TALK(test_replay_with_a_token),
	    TALK(test_public_topics_stay_open),
	    TALK(test_without_keys_all_is_open),
	    TALK(test_hostile_tokens_in_each_place),
	    TALK(test_hostile_headers_and_cookies),
	    TALK(test_long_credentials),
	    TALK(test_nothing_beyond_the_claim),
	    TALK(test_head_is_refused_alike),
	    TALK(test_pages_that_are_no_stream_need_no_token),
	    TALK(test_stream_ends_with_its_token),
	    TALK(test_status_has_it),
	    TALK(test_stream_stays_for_the_leeway),
	    TALK(test_age_ends_a_stream_before_its_token),
	    TALK(test_users_have_their_own),
	    TALK(test_keys_are_read_again_at_sighup),
	    TALK(test_what_is_wrong_with_keys_is_said_at_start),
	    TALK(test_secret_that_all_may_read_is_told_of),
	    TALK(test_key_of_another_form_does_not_start),
	    TALK(test_bad_key_of_a_set_takes_no_other_with_it),
	    TALK(test_set_with_a_secret_that_all_may_read_is_told_of),
	    TALK(test_tokens_that_never_expire_are_refused_if_asked),
	    TALK(test_tokens_that_we_make_let_in),
	    TALK(test_token_ends_when_asked),
	    TALK(test_tokens_that_cannot_be_made),
	    TALK(test_cgi_asks_for_a_token_too),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
