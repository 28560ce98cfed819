/*
 * test_publish.c - POST: what was answered 201 is in the log once, what was
 * refused is not, and no stream waits for any of it.  Here the log is a file of
 * SQLite's, with its triggers and locks; test_post.c is of any log.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"

#define FORM   "application/x-www-form-urlencoded"
#define JSON   "application/json"
#define NDJSON "application/x-ndjson"

static const char *token; /* for all topics */

/* A log and a key.  Readers need no token, so that a test is about one thing.
 */
static struct server *
ready(void)
{
	struct server *sv = prepare();
	const char *key = text("%s/key", sv->dir);
	struct ran r;
	FILE *f = fopen(key, "we");

	check(f != NULL && fputs("0123456789abcdef0123456789abcdef\n", f) >= 0);
	fclose(f);
	r = run_with(sv, NULL, "token", "--key-file", key, "--publish", "*",
	    "--subscribe", "*", NULL);
	check(r.status == 0);
	token = text("Bearer %.*s", (int)strcspn(r.out, "\n"), r.out);
	sv->env = keep(4 * sizeof(*sv->env));
	sv->env[0] = text("LARGESSE_KEY_FILE=%s", key);
	sv->env[1] = "LARGESSE_PUBLIC=*";
	sv->env[2] = "LARGESSE_PUBLISH=yes";
	return sv;
}

#define serve_ready(...)                            \
	({                                          \
		struct server *ready_ = ready();    \
		start(ready_, ##__VA_ARGS__, NULL); \
		ready_;                             \
	})

static struct client *
post(struct server *sv, const char *type, const char *body)
{
	return ask(sv, "POST", "/events", body, "CONTENT_TYPE", type,
	    "HTTP_AUTHORIZATION", token, NULL);
}

/* The answer is this status and has these ids. */
static void
want_ids(struct client *c, int status, const char *ids)
{
	int came = want_headers(c);
	char *body = body_of(c);

	if (came != status || strcmp(body, text("{\"ids\":[%s]}\n", ids)) != 0)
		talk_fail("wanted %d [%s]; came %d %s", status, ids, came,
		    shown(body, strlen(body)));
	check(strcmp(header(c, "Content-Type"), JSON) == 0);
	check((size_t)atoi(header(c, "Content-Length")) == strlen(body));
	want_end(c);
}

/* A number of /status. */
static int
number(struct server *sv, const char *name)
{
	struct client *c = get(sv, "/events/status", NULL);
	const char *s;

	check(want_headers(c) == 200);
	s = json(body_of(c), text("$.%s", name));
	check(s != NULL);
	return atoi(s);
}

/* The answers of so many publishers are still to come. */
#define await_waiting(sv, n) until(number(sv, "pending") > (n))

static int64_t
rows(struct server *sv)
{
	return sql_number(sv, "SELECT count(*) FROM events");
}

/* --- what is published -------------------------------------------------- */

static void
test_a_form_reaches_a_stream(void)
{
	struct server *sv = serve_ready();
	struct client *c = get(sv, "/events?topic=a%2Fb", NULL);

	want_start(c);
	want_ids(post(sv, FORM, "topic=a%2Fb&event=e&data=x+y%0Az&uid=u-1"),
	    201, "\"1\"");
	want(c, "id: u-1\nevent: e\ndata: x y\ndata: z\n\n");
	check(sql_number(sv, "SELECT abs(time - 1000 * unixepoch()) < 60000"
			     " FROM events") == 1);
}

static void
test_json_array_and_lines(void)
{
	struct server *sv = serve_ready();
	struct client *c = get(sv, "/events", NULL);

	want_start(c);
	want_ids(post(sv, JSON, "{\"data\":{\"n\":1}}"), 201, "\"1\"");
	want_ids(post(sv, JSON, "[{\"data\":2},{\"data\":\"3\"}]"), 201,
	    "\"2\",\"3\"");
	want_ids(
	    post(sv, NDJSON, "{\"data\":4}\n{\"topic\":\"x\"}\n{\"data\":5}"),
	    201, "\"4\",\"5\",\"6\"");
	want(c, "id: 1\ndata: {\"n\":1}\n\nid: 2\ndata: 2\n\n"
		"id: 3\ndata: 3\n\nid: 4\ndata: 4\n\nid: 6\ndata: 5\n\n");
}

static void
test_a_uid_is_published_once(void)
{
	struct server *sv = serve_ready();

	want_ids(post(sv, FORM, "uid=u&data=1"), 201, "\"1\"");
	want_ids(post(sv, FORM, "uid=u&data=2"), 200, "\"1\"");
	want_ids(post(sv, JSON, "[{\"uid\":\"u\"},{\"uid\":\"u\"}]"), 200,
	    "\"1\",\"1\"");
	want_headers(post(sv, JSON, "[{\"uid\":\"u\"},{\"uid\":\"v\"}]"));
	until(rows(sv) == 2);
	check(sql_number(sv, "SELECT count(*) FROM events WHERE uid = 'u'"
			     " AND data = '1'") == 1);
}

/* --- what is refused ---------------------------------------------------- */

static void
test_a_bad_line_takes_all_with_it(void)
{
	struct server *sv = serve_ready();
	struct client *c =
	    post(sv, NDJSON, "{\"data\":1}\n\n{\"data\":2}\n{\"dta\":3}\n");

	check(want_headers(c) == 400);
	check(strncmp(body_of(c), "line 4: ", 8) == 0);
	check(rows(sv) == 0);
	want_refusal(post(sv, JSON, "[{\"data\":1},{\"uid\":\"7\"}]"), 400);
	check(rows(sv) == 0);
}

/* The site's own trigger refuses one request, in whichever way it does. */
static void
test_what_a_trigger_refuses(void)
{
	static const char *const raise[] = {"ABORT", "FAIL", "ROLLBACK"};
	struct server *sv = serve_ready();
	struct client *c;

	for (int i = 0; i < 3; i++) {
		sql(sv,
		    "CREATE TRIGGER t AFTER INSERT ON events"
		    " WHEN NEW.data = 'bad' BEGIN"
		    " SELECT RAISE(%s, 'no such thing'); END",
		    raise[i]);
		c = post(sv, NDJSON, "{\"data\":1}\n{\"data\":\"bad\"}");
		check(want_headers(c) == 400);
		check(strcmp(body_of(c),
			  "the log refused it: no such thing\n") == 0);
		check(rows(sv) == i);
		want_refusal(post(sv, FORM, "data=bad"), 400);
		check(rows(sv) == i);
		check(want_headers(post(sv, FORM, "data=good")) == 201);
		check(rows(sv) == i + 1);
		sql(sv, "DROP TRIGGER t");
	}
}

/* They wait for the log together, so they share a transaction. */
static void
test_who_shares_a_transaction_shares_no_fate(void)
{
	static const char *const raise[] = {"ABORT", "FAIL", "ROLLBACK"};
	struct server *sv = serve_ready();
	sqlite3 *db = log_open(sv->db);
	struct client *c[30];
	int i, j;

	for (j = 0; j < 3; j++) {
		sql(sv,
		    "CREATE TRIGGER t AFTER INSERT ON events"
		    " WHEN NEW.data = 'bad' BEGIN"
		    " SELECT RAISE(%s, 'no'); END",
		    raise[j]);
		log_run(db, "BEGIN IMMEDIATE");
		for (i = 0; i < 30; i++)
			c[i] = post(sv, NDJSON,
			    i % 3 == 1 ? "{\"data\":1}\n{\"data\":\"bad\"}"
				       : "{\"data\":\"a\"}\n{\"data\":\"b\"}");
		await_waiting(sv, 30);
		log_run(db, "COMMIT");
		for (i = 0; i < 30; i++)
			check(want_headers(c[i]) == (i % 3 == 1 ? 400 : 201));
		check(rows(sv) == 40 * (j + 1));
		sql(sv, "DROP TRIGGER t");
	}
}

static void
test_limits(void)
{
	struct server *sv = serve_ready(
	    "--max-event", "100", "--max-request", "1000", "--max-batch", "3");
	char *much = keep(2000);

	memset(much, 'x', 1999);
	want_refusal(post(sv, FORM, text("data=%.101s", much)), 413);
	want_refusal(post(sv, FORM, text("data=%.996s", much)), 413);
	want_refusal(post(sv, FORM, text("topic=%.256s", much)), 413);
	want_refusal(post(sv, JSON, "[{},{},{},{}]"), 413);
	want_refusal(
	    post(sv, JSON, text("[{},{\"data\":\"%.101s\"}]", much)), 413);
	check(rows(sv) == 0);
	want_ids(post(sv, FORM, text("data=%.100s", much)), 201, "\"1\"");
	want_ids(post(sv, JSON, "[{},{},{}]"), 201, "\"2\",\"3\",\"4\"");
}

static void
test_other_types(void)
{
	struct server *sv = serve_ready();

	want_refusal(post(sv, "text/plain", "data=1"), 415);
	want_refusal(post(sv, "multipart/form-data; boundary=x", ""), 415);
	want_refusal(post(sv, "", "data=1"), 415);
	check(rows(sv) == 0);
}

/* A browser sends a cookie along with a form from anywhere. */
static void
test_a_cookie_counts_from_our_own_pages(void)
{
	static const char *const origin[] = {"http://localhost:80",
	    "https://friend.example", "https://evil.example", "null",
	    "http://localhost.evil.example", "http://localhost:81"};
	struct server *sv =
	    serve_ready("--allow-origin", "https://friend.example");
	const char *cookie = text("a=b; largesse=%s", token + 7);

	for (int i = 0; i < 6; i++)
		check(want_headers(ask(sv, "POST", "/events", "data=1",
			  "CONTENT_TYPE", FORM, "HTTP_ORIGIN", origin[i],
			  "HTTP_HOST", "localhost:80", "HTTP_COOKIE", cookie,
			  NULL)) == (i < 2 ? 201 : 403));
	check(rows(sv) == 2);
}

/* Nobody, someone with a token for less, and one batch that goes too far. */
static void
test_who_may(void)
{
	struct server *sv = serve_ready();
	const char *all = token, *key = text("%s/key", sv->dir);
	struct ran r;

	token = "";
	want_refusal(post(sv, FORM, "data=1"), 401);
	want_refusal(post(sv, JSON, "nonsense"), 401);
	token = text("%sx", all);
	want_refusal(post(sv, FORM, "data=1"), 401);
	r = run_with(sv, NULL, "token", "--key-file", key, "--publish", "a*",
	    "--subscribe", "*", NULL);
	token = text("Bearer %.*s", (int)strcspn(r.out, "\n"), r.out);
	want_refusal(post(sv, FORM, "data=1"), 403);
	want_refusal(post(sv, FORM, "topic=b&data=1"), 403);
	want_refusal(post(sv, JSON, "[{\"topic\":\"ab\"},{}]"), 403);
	check(rows(sv) == 0);
	want_ids(post(sv, JSON, "[{\"topic\":\"ab\"},{\"topic\":\"a\"}]"), 201,
	    "\"1\",\"2\"");
	r = run_with(
	    sv, NULL, "token", "--key-file", key, "--subscribe", "*", NULL);
	token = text("Bearer %.*s", (int)strcspn(r.out, "\n"), r.out);
	want_refusal(post(sv, FORM, "topic=a&data=1"), 403);
	check(rows(sv) == 2);
}

static void
test_not_switched_on(void)
{
	struct server *sv = ready();
	struct client *c;

	sv->env[2] = NULL;
	start(sv, NULL);
	c = post(sv, FORM, "data=1");

	check(want_headers(c) == 405);
	check(strstr(header(c, "Allow"), "POST") == NULL);
	want_refusal(ask(sv, "POST", "/events/status", "data=1", "CONTENT_TYPE",
			 FORM, "PATH_INFO", "/status", NULL),
	    405);
	check(rows(sv) == 0);
}

/* What is allowed is a page's own affair, and so says OPTIONS. */
static void
test_post_is_allowed_where_it_is_understood(void)
{
	static const char *const others[] = {"/status", "/metrics", "/probe"};
	struct server *sv = serve_ready();
	struct client *c = ask(sv, "DELETE", "/events", NULL, NULL);

	check(want_headers(c) == 405);
	check(strstr(header(c, "Allow"), "POST") != NULL);
	c = ask(sv, "OPTIONS", "/events", NULL, NULL);
	check(want_headers(c) == 204);
	check(strstr(header(c, "Allow"), "POST") != NULL);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		c = ask(sv, "POST", "/events", "data=1", "CONTENT_TYPE", FORM,
		    "PATH_INFO", others[i], NULL);
		check(want_headers(c) == 405);
		check(strcmp(header(c, "Allow"), "GET, HEAD, OPTIONS") == 0);
	}
}

/* A reader's rights will not do, and that is told when it starts. */
static void
test_a_log_that_may_only_be_read(void)
{
	struct server *sv = ready();
	struct ran r;

	check(chmod(sv->db, 0444) == 0);
	become_nobody(sv);
	r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), NULL);
	check(r.status == 1);
	check(strncmp(r.err, "largesse: --publish: ", 21) == 0);
	check(strstr(r.err, sv->db) != NULL);
	check(strchr(r.err, '\n') == r.err + strlen(r.err) - 1);
	sv->env[2] = NULL;
	start(sv, NULL);
	want_start(get(sv, "/events", NULL));
}

static void
test_publishing_takes_a_key(void)
{
	struct server *sv = prepare();
	struct ran r =
	    run_with(sv, NULL, "serve", "--db", sv->db, "--publish", NULL);

	check(r.status == 2);
	check(strstr(r.err, "--key-file") != NULL);
}

static void
test_synchronous_is_one_of_two(void)
{
	struct server *sv = ready();

	check(run_with(sv, NULL, "serve", "--db", sv->db, "--synchronous",
		  "off", NULL)
		  .status == 2);
	start(sv, "--synchronous", "normal", NULL);
	want_ids(post(sv, FORM, "data=1"), 201, "\"1\"");
}

/* --- connections -------------------------------------------------------- */

static void
say_post(struct client *c, const char *body)
{
	struct bytes b = {0};

	put_request(&b, c->id, KEEP_CONN, "POST", "/events", body,
	    "CONTENT_TYPE", FORM, "HTTP_AUTHORIZATION", token, NULL);
	check(say(c, &b));
	bytes_free(&b);
}

static void
test_a_connection_is_used_again(void)
{
	struct server *sv = serve_ready();
	struct client *c = join(sv);

	c->keep_conn = true;
	for (int i = 1; i <= 50; i++) {
		say_post(c, "data=1");
		want_ids(c, 201, text("\"%d\"", i));
		c->ended = false;
	}
	say_post(c, "nonsense=1");
	check(want_headers(c) == 400);
	body_of(c);
	c->ended = false;
	say_post(c, "data=1");
	want_ids(c, 201, "\"51\"");
}

/* The second is there before the first is answered. */
static void
test_two_requests_at_once(void)
{
	struct server *sv = serve_ready();
	struct client *c = join(sv);
	struct bytes b = {0};

	c->keep_conn = true;
	put_request(&b, 1, KEEP_CONN, "POST", "/events", "data=1",
	    "CONTENT_TYPE", FORM, "HTTP_AUTHORIZATION", token, NULL);
	put_request(&b, 2, KEEP_CONN, "POST", "/events", "data=2",
	    "CONTENT_TYPE", FORM, "HTTP_AUTHORIZATION", token, NULL);
	put_request(&b, 3, KEEP_CONN, "GET", "/events/health", NULL, NULL);
	check(say(c, &b));
	bytes_free(&b);
	want_ids(c, 201, "\"1\"");
	until(rows(sv) == 2);
	check(sql_number(sv, "SELECT data FROM events WHERE id = 2") == 2);
}

/*
 * A publisher that is cut off anywhere says it again until it is answered.
 * Each time some bytes of the request go out, or all and the answer is lost.
 */
static void
test_cut_off_a_thousand_times(void)
{
	struct server *sv = serve_ready("--quiet");
	int i, cut, status, again = 0;

	srand(17);
	for (i = 0; i < 1000; i++) {
		char *body = text("uid=u-%d&data=%d", i, i);
		struct bytes b = {0};
		struct client *c;

		put_request(&b, 1, 0, "POST", "/events", body, "CONTENT_TYPE",
		    FORM, "HTTP_AUTHORIZATION", token, NULL);
		cut = rand() % 3 == 0 ? (int)b.len : rand() % (int)b.len;
		b.len = (size_t)cut;
		c = join(sv);
		say(c, &b);
		if (rand() % 2 == 0)
			hear(c, now_ms() + rand() % 3);
		c->raw.len = 0;
		leave(c);
		bytes_free(&b);
		c = post(sv, FORM, body);
		status = want_headers(c);
		check(status == 201 || status == 200);
		again += status == 200;
		body_of(c);
		leave(c);
	}
	fprintf(stderr, "# %d of 1000 had been written before\n", again);
	check(again > 50 && again < 950);
	check(rows(sv) == 1000);
	check(sql_number(sv, "SELECT count(DISTINCT uid) FROM events") == 1000);
	check(sql_number(sv, "SELECT count(*) FROM events WHERE"
			     " uid <> 'u-' || data") == 0);
}

static void
test_publishers_at_once_lose_and_repeat_nothing(void)
{
	enum {
		PUBLISHERS = 32,
		ROUNDS = 50
	};
	struct server *sv = serve_ready();
	struct client *c[PUBLISHERS], *st = get(sv, "/events", NULL);
	int i, r;

	want_start(st);
	for (i = 0; i < PUBLISHERS; i++) {
		c[i] = join(sv);
		c[i]->keep_conn = true;
	}
	for (r = 0; r < ROUNDS; r++) {
		for (i = 0; i < PUBLISHERS; i++)
			say_post(c[i], text("data=%d.%d", i, r));
		for (i = 0; i < PUBLISHERS; i++) {
			char *id;

			check(want_headers(c[i]) == 201);
			id = json(body_of(c[i]), "$.ids[0]");
			check(sql_number(sv,
				  "SELECT data = '%d.%d' FROM events"
				  " WHERE id = %s",
				  i, r, id) == 1);
			c[i]->ended = false;
		}
	}
	check(rows(sv) == PUBLISHERS * ROUNDS);
	check(sql_number(sv, "SELECT count(DISTINCT data) FROM events") ==
	      PUBLISHERS * ROUNDS);
	for (i = 1; i <= PUBLISHERS * ROUNDS; i++)
		check(strcmp(want_next(st)->id, text("%d", i)) == 0);
	check(number(sv, "published") == PUBLISHERS * ROUNDS);
}

/* --- trouble ------------------------------------------------------------ */

/* While another holds the log all that is no publishing goes on. */
static void
test_a_busy_log_delays_no_stream(void)
{
	struct server *sv = serve_ready("--heartbeat", "1");
	struct client *st = get(sv, "/events", NULL), *p, *late;
	sqlite3 *db = log_open(sv->db);
	int comments;

	want_start(st);
	append(sv, "main", "before");
	want(st, "id: 1\ndata: before\n\n");
	log_run(db, "BEGIN IMMEDIATE");
	p = post(sv, FORM, "data=waits");
	await_waiting(sv, 1);
	late = get(sv, "/events?last=1", NULL);
	want_start(late);
	want(late, "id: 1\ndata: before\n\n");
	comments = st->comments;
	until((hear(st, now_ms()), st->out.len > st->at));
	check(st->comments >= comments);
	check(p->out.len == 0 && !hear(p, now_ms()));
	log_run(db, "INSERT INTO events(data) VALUES('held'); COMMIT");
	want(st, "id: 2\ndata: held\n\n");
	want_ids(p, 201, "\"3\"");
	want(st, "id: 3\ndata: waits\n\n");
}

static void
test_busy_for_too_long(void)
{
	struct server *sv = serve_ready();
	sqlite3 *db = log_open(sv->db);
	struct client *c;

	log_run(db, "BEGIN IMMEDIATE");
	c = post(sv, FORM, "data=1");
	check(want_headers(c) == 503);
	check(atoi(header(c, "Retry-After")) > 0);
	check(strstr(body_of(c), "nothing was written") != NULL);
	log_run(db, "COMMIT");
	check(rows(sv) == 0);
	want_ids(post(sv, FORM, "data=2"), 201, "\"1\"");
}

static pid_t
writer_of(const struct server *sv)
{
	char path[64];
	long child = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)sv->pid,
	    (int)sv->pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	if (fscanf(f, "%ld", &child) != 1)
		child = 0;
	fclose(f);
	return (pid_t)child;
}

static void
test_a_writer_that_is_killed_is_replaced(void)
{
	struct server *sv = serve_ready();
	struct client *st = get(sv, "/events", NULL), *c[5];
	sqlite3 *db = log_open(sv->db);
	pid_t first = writer_of(sv);
	int i, status;

	want_start(st);
	check(first != 0);
	check(number(sv, "writers") == 1);
	check(number(sv, "writer_ends") == 0);
	log_run(db, "BEGIN IMMEDIATE");
	for (i = 0; i < 5; i++)
		c[i] = post(sv, FORM, text("data=%d&uid=u%d", i, i));
	await_waiting(sv, 5);
	check(number(sv, "posts_waiting") == 5);
	check(kill(first, SIGKILL) == 0);
	for (i = 0; i < 5; i++) {
		check(want_headers(c[i]) == 503);
		check(atoi(header(c[i], "Retry-After")) > 0);
		check(strstr(body_of(c[i]), "uid") != NULL);
	}
	log_run(db, "COMMIT");
	for (i = 0; i < 5; i++)
		do
			status = want_headers(
			    post(sv, FORM, text("data=%d&uid=u%d", i, i)));
		while (status == 503);
	check(rows(sv) == 5);
	for (i = 0; i < 5; i++)
		want_event(st, text("u%d", i), "message", text("%d", i));
	check(writer_of(sv) != first && writer_of(sv) != 0);
	check(number(sv, "writers") == 1);
	check(number(sv, "writer_ends") == 1);
	check(number(sv, "posts_waiting") == 0);
	check(strstr(errors(sv), "starting another") != NULL);
}

/* One that cannot start anew, for the log is gone: who watches sees it. */
static void
test_metrics_tell_of_a_writer_that_is_away(void)
{
	struct server *sv = serve_ready();
	pid_t writer = writer_of(sv);

	check(rename(sv->db, text("%s.away", sv->db)) == 0);
	check(kill(writer, SIGKILL) == 0);
	until(number(sv, "writers") == 0);
	until(number(sv, "writer_ends") >= 2);
	check(rename(text("%s.away", sv->db), sv->db) == 0);
	until(number(sv, "writers") == 1);
}

static void
test_a_publisher_that_leaves_is_no_loss(void)
{
	struct server *sv = serve_ready();
	sqlite3 *db = log_open(sv->db);
	struct client *c[3];
	int i;

	log_run(db, "BEGIN IMMEDIATE");
	for (i = 0; i < 3; i++)
		c[i] = post(sv, FORM, text("data=%d", i));
	await_waiting(sv, 3);
	leave(c[1]);
	log_run(db, "COMMIT");
	check(want_headers(c[0]) == 201);
	check(want_headers(c[2]) == 201);
	until(rows(sv) == 3);
}

static void
test_sigterm_waits_for_the_writer(void)
{
	struct server *sv = serve_ready();
	sqlite3 *db = log_open(sv->db);
	struct client *c;
	pid_t writer = writer_of(sv);

	log_run(db, "BEGIN IMMEDIATE");
	c = post(sv, FORM, "data=1");
	await_waiting(sv, 1);
	check(kill(sv->pid, SIGTERM) == 0);
	check(kill(writer, SIGTERM) == 0);
	until(!can_connect(sv) || errors(sv) != NULL);
	log_run(db, "COMMIT");
	want_ids(c, 201, "\"1\"");
	want_exit_0(sv);
	check(rows(sv) == 1);
	until(kill(writer, 0) == -1);
}

static void
test_no_writer_outlives_the_loop(void)
{
	struct server *sv = serve_ready();
	pid_t writer = writer_of(sv);

	check(writer != 0);
	slay(sv);
	until(kill(writer, 0) == -1);
}

/* The old file, which has no name any more, must not take what is new. */
static void
test_a_log_that_was_replaced(void)
{
	struct server *sv = serve_ready(), *other = prepare();

	want_ids(post(sv, FORM, "data=old"), 201, "\"1\"");
	append(other, "main", "theirs");
	sql(other, "PRAGMA wal_checkpoint(TRUNCATE)");
	check(rename(other->db, sv->db) == 0);
	unlink(text("%s-wal", sv->db));
	unlink(text("%s-shm", sv->db));
	want_ids(post(sv, FORM, "data=new"), 201, "\"2\"");
	check(rows(sv) == 2);
	check(sql_number(sv, "SELECT count(*) FROM events WHERE data = 'new'"
			     " AND id = 2") == 1);
}

static void
test_each_of_several_workers_writes(void)
{
	struct server *sv = serve_ready("--workers", "2");
	int i, status;

	for (i = 0; i < 40; i++) {
		status = want_headers(post(sv, FORM, "data=1"));
		check(status == 201);
	}
	check(rows(sv) == 40);
}

/* --- plain CGI ---------------------------------------------------------- */

static struct client *
cgi(struct server *sv, bool publish, const char *body)
{
	int in[2], out[2];
	struct client *c;

	check(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	sv->env = (const char *[]){"GATEWAY_INTERFACE=CGI/1.1",
	    "SERVER_PROTOCOL=HTTP/1.1", "SCRIPT_NAME=/cgi-bin/largesse",
	    "REMOTE_ADDR=127.0.0.1", "REQUEST_METHOD=POST",
	    "QUERY_STRING=", text("CONTENT_LENGTH=%zu", strlen(body)),
	    "CONTENT_TYPE=" FORM, text("LARGESSE_DB=%s", sv->db),
	    text("LARGESSE_KEY_FILE=%s/key", sv->dir),
	    text("HTTP_AUTHORIZATION=%s", token),
	    publish ? "LARGESSE_PUBLISH=yes" : NULL, NULL};
	sv->plain = true;
	start_bare(sv, in[0], out[1], NULL);
	close(in[0]);
	close(out[1]);
	check(write(in[1], body, strlen(body)) == (ssize_t)strlen(body));
	c = client_of(out[0]);
	c->plain = true;
	return c; /* in[1] stays open: the length says where the body ends */
}

static void
test_plain_cgi(void)
{
	struct server *sv = ready();
	struct client *c = cgi(sv, true, "data=1&uid=u");

	check(want_headers(c) == 201);
	check(strcmp(body_of(c), "{\"ids\":[\"1\"]}\n") == 0);
	want_exit_0(sv);
	c = cgi(sv, true, "nonsense=1");
	check(want_headers(c) == 400);
	want_exit_0(sv);
	c = cgi(sv, false, "data=1");
	check(want_headers(c) == 405);
	want_exit_0(sv);
	check(rows(sv) == 1);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_form_reaches_a_stream),
	    TALK(test_json_array_and_lines),
	    TALK(test_a_uid_is_published_once),
	    TALK(test_a_bad_line_takes_all_with_it),
	    TALK(test_what_a_trigger_refuses),
	    TALK(test_who_shares_a_transaction_shares_no_fate),
	    TALK(test_limits),
	    TALK(test_other_types),
	    TALK(test_a_cookie_counts_from_our_own_pages),
	    TALK(test_who_may),
	    TALK(test_publishing_takes_a_key),
	    TALK(test_not_switched_on),
	    TALK(test_post_is_allowed_where_it_is_understood),
	    TALK(test_a_log_that_may_only_be_read),
	    TALK(test_synchronous_is_one_of_two),
	    TALK(test_a_connection_is_used_again),
	    TALK(test_two_requests_at_once),
	    TALK(test_cut_off_a_thousand_times),
	    TALK(test_publishers_at_once_lose_and_repeat_nothing),
	    TALK(test_a_busy_log_delays_no_stream),
	    TALK(test_busy_for_too_long),
	    TALK(test_a_writer_that_is_killed_is_replaced),
	    TALK(test_metrics_tell_of_a_writer_that_is_away),
	    TALK(test_a_publisher_that_leaves_is_no_loss),
	    TALK(test_sigterm_waits_for_the_writer),
	    TALK(test_no_writer_outlives_the_loop),
	    TALK(test_a_log_that_was_replaced),
	    TALK(test_each_of_several_workers_writes),
	    TALK(test_plain_cgi),
	};

	return talk_main_sqlite(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
