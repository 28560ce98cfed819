/*
 * test_redis_rights.c - a Redis that refuses: a user may not, or not now.
 *
 * Each test says what is told, in one line without the password, and that the
 * streams stay open and go on when the trouble is over.  The users are exactly
 * those of deploy/redis/users.acl.
 */
#include <stdio.h>

#include "tests/talk/peer/redis_own.h"

#define PASSWORD "change-me"

static struct redis_server own; /* of this file */

/* --- the scene ------------------------------------------------------------ */

/* Only when it was never down: then all that was set is as it was. */
static void
begin(void)
{
	static const char *const words[] = {"--enable-debug-command", "yes",
	    "--enable-protected-configs", "yes"};

	if (own.dir[0] != '\0')
		redis_gone(&own);
	memcpy(own.words, words, sizeof(words));
	check(redis_new(&own));
}

/* As this user, or as everybody for NULL. */
static const char *
address(const struct server *sv, const char *user)
{
	return text("redis+unix://%s%s%s?stream=%s", user != NULL ? user : "",
	    user != NULL ? ":" PASSWORD "@" : "", own.socket, redis_stream(sv));
}

static struct server *
prepare_log(void)
{
	struct server *sv = prepare_nothing();
	struct ran r;

	begin();
	sv->db = text("%s", address(sv, NULL));
	r = run_with(sv, NULL, "init", sv->db, NULL);
	if (r.status != 0)
		talk_fail("init: %s", r.err);
	return sv;
}

/* The line of users.acl that makes this user, for our stream's name. */
static void
make_user(const struct server *sv, const char *name)
{
	char line[1024], *to = keep(4096);
	const char *begin = text("user %s ", name), *s, *at;
	FILE *f = fopen("deploy/redis/users.acl", "re");

	check(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL &&
	       strncmp(line, begin, strlen(begin)) != 0)
		line[0] = '\0';
	fclose(f);
	check(line[0] != '\0');
	line[strcspn(line, "\n")] = '\0';
	for (s = line + 5; (at = strstr(s, "events")) != NULL; s = at + 6) {
		strncat(to, s, (size_t)(at - s));
		strcat(to, redis_stream(sv));
	}
	strcat(to, s);
	tell(&own, text("ACL SETUSER %s", to));
}

static char *
xadd(const struct server *sv, const char *data)
{
	return tell(&own, text("XADD %s * data %s", redis_stream(sv), data));
}

/* A run that ended long ago. */
static void
end_run(const struct server *sv)
{
	tell(&own, text("XADD %s * topic run/1 event stream-end time 1",
		       redis_stream(sv)));
}

/* It ended with 1 and this in the one line that it said. */
static void
want_refused(const struct ran *r, const char *words)
{
	if (r->status != 1 || strstr(r->err, words) == NULL ||
	    strchr(r->err, '\n') != r->err + strlen(r->err) - 1 ||
	    strstr(r->err, PASSWORD) != NULL)
		talk_fail("wanted 1 and '%s'; came %d and '%s'", words,
		    r->status, r->err);
}

static void
want_not_published(struct server *sv, const char *words)
{
	struct ran r = run_with(sv, NULL, "publish", sv->db, "never", NULL);

	want_refused(&r, words);
}

static void
want_not_started(struct server *sv, const char *words)
{
	struct ran r = run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), NULL);

	want_refused(&r, words);
}

/* The responder says so, and has never said the password. */
static void
want_told(struct server *sv, const char *words)
{
	until(strstr(errors(sv), words) != NULL);
	check(strstr(errors(sv), PASSWORD) == NULL);
}

/* The next event is the one added now; none that was refused came before. */
static void
want_goes_on(struct server *sv, struct client *c, const char *data)
{
	char *id = xadd(sv, data);

	want_event(c, id, "message", data);
	check(c->gap == NULL);
}

/* --- users ---------------------------------------------------------------- */

/* Comes back from this id, before a run that was pruned by somebody else. */
static void
want_cuts_read(struct server *sv, const char *id)
{
	static const char *const query[] = {
	    "topic=main&topic=run/1", "topic=*"};
	char *db = sv->db;
	struct ran r;

	sv->db = text("%s", address(sv, NULL));
	end_run(sv);
	xadd(sv, "four");
	r = run_with(sv, NULL, "prune", sv->db, "--topic", "run/*", "--ended",
	    "--keep-age", "1h", NULL);
	if (r.status != 0 || strcmp(r.out, "1\n") != 0)
		talk_fail("prune: %s%s", r.out, r.err);
	sv->db = db;
	for (size_t i = 0; i < 2; i++) {
		struct client *c = get(sv, text("/events?%s", query[i]),
		    "HTTP_LAST_EVENT_ID", id, NULL);

		want_start(c);
		check(strcmp(json(want_gap(c), "$.reason"), "pruned") == 0);
		want_event(c, NULL, "message", "two");
	}
}

static void
test_a_reader_reads(void)
{
	struct server *sv = prepare_log();
	struct client *c, *again;
	char *id;

	make_user(sv, "reader");
	sv->db = text("%s", address(sv, "reader"));
	start(sv, NULL);
	c = stream(sv, "/events");
	id = xadd(sv, "one");
	want_event(c, id, "message", "one");
	want_goes_on(sv, c, "two");
	again = get(sv, "/events", "HTTP_LAST_EVENT_ID", id, NULL);
	want_start(again);
	want_event(again, NULL, "message", "two");
	again = get(sv, "/events?last=1", NULL);
	want_start(again);
	want_event(again, NULL, "message", "two");
	again = get(sv, "/events?since=1h", NULL);
	want_start(again);
	want_event(again, id, "message", "one");
	again = get(sv, "/events", "HTTP_LAST_EVENT_ID", "some-uid", NULL);
	want_start(again);
	want_not_published(sv, "the user may not do what the script does");
	want_goes_on(sv, c, "three");
	want_cuts_read(sv, id);
}

static void
test_a_publisher_does_all_the_rest(void)
{
	struct server *sv = prepare_nothing();
	struct client *c;
	const char *token;
	struct ran r;

	begin();
	make_user(sv, "publisher");
	sv->db = text("%s", address(sv, "publisher"));
	r = run_with(sv, NULL, "init", sv->db, "--keep-rows", "3", "--keep-age",
	    "1h", NULL);
	if (r.status != 0)
		talk_fail("init: %s", r.err);
	token = start_posting(sv);
	c = stream(sv, "/events");
	for (int i = 0; i < 300; i++) {
		const char *body = text("data=%d&uid=u%d", i, i);

		check(want_headers(post(sv, token, body)) == 201);
		want_event(c, text("u%d", i), "message", text("%d", i));
	}
	check(atoi(tell(&own, text("XLEN %s", redis_stream(sv)))) < 300);
	r = run_with(sv, NULL, "publish", sv->db, "--uid", "u299", "x", NULL);
	check(r.status == 0);
	r = run_with(sv, NULL, "prune", sv->db, NULL);
	if (r.status != 0)
		talk_fail("prune: %s", r.err);
	check(atoi(tell(&own, text("XLEN %s", redis_stream(sv)))) == 3);
	end_run(sv);
	r = run_with(sv, NULL, "prune", sv->db, "--topic", "run/*", "--ended",
	    "--keep-age", "1h", NULL);
	if (r.status != 0 || strcmp(r.out, "1\n") != 0)
		talk_fail("prune: %s%s", r.out, r.err);
	want_goes_on(sv, c, "last");
}

static void
test_a_publisher_copies(void)
{
	struct server *sv = prepare_nothing();
	const char *file = text("%s/f.db", sv->dir);
	struct ran r;

	begin();
	make_user(sv, "publisher");
	sv->db = text("%s", address(sv, "publisher"));
	check(run_with(sv, NULL, "init", file, NULL).status == 0);
	for (int i = 0; i < 3; i++)
		check(
		    run_with(sv, NULL, "publish", file, "x", NULL).status == 0);
	check(run_with(sv, NULL, "prune", file, "--keep-rows", "1", NULL)
		  .status == 0);
	check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
	r = run_with(sv, NULL, "copy", file, sv->db, NULL);
	if (r.status != 0)
		talk_fail("copy: %s", r.err);
	check(atoi(tell(&own, text("XLEN %s", redis_stream(sv)))) == 1);
}

/* This user may touch nothing but the keys of another stream. */
static void
test_who_may_not_read_is_told_at_once(void)
{
	struct server *sv = prepare_log();

	make_user(sv, "reader");
	tell(&own, "ACL SETUSER reader resetkeys ~another");
	sv->db = text("%s", address(sv, "reader"));
	want_not_started(sv, "NOPERM");
	want_not_published(sv, "NOPERM");
}

/* Taken away and given back, the right and then the user. */
static void
test_rights_that_are_taken_away(void)
{
	struct server *sv = prepare_log();
	struct client *c;

	make_user(sv, "reader");
	sv->db = text("%s", address(sv, "reader"));
	start(sv, NULL);
	c = stream(sv, "/events");
	want_goes_on(sv, c, "one");
	tell(&own, "ACL SETUSER reader -evalsha");
	want_told(sv, "NOPERM");
	make_user(sv, "reader");
	want_goes_on(sv, c, "two");
	tell(&own, "ACL DELUSER reader");
	want_told(sv, "WRONGPASS: the user or the password is wrong");
	make_user(sv, "reader");
	want_goes_on(sv, c, "three");
}

/* A refusal is no reason to ask a thousand times. */
static void
test_who_is_refused_asks_less_and_less(void)
{
	struct server *sv = prepare_log();
	const char *got = "total_connections_received:", *s;
	struct client *c;
	int64_t end;
	int was;

	make_user(sv, "reader");
	sv->db = text("%s", address(sv, "reader"));
	start(sv, NULL);
	c = stream(sv, "/events");
	s = strstr(tell(&own, "INFO stats"), got);
	was = atoi(s + strlen(got));
	tell(&own, "ACL SETUSER reader -evalsha");
	want_told(sv, "NOPERM");
	for (end = now_ms() + 3000; now_ms() < end;)
		hear(c, end);
	s = strstr(tell(&own, "INFO stats"), got);
	check(atoi(s + strlen(got)) - was < 30);
	make_user(sv, "reader");
	want_goes_on(sv, c, "one");
}

static void
test_a_password_is_set_later(void)
{
	struct server *sv = prepare_log();
	const char *token = start_posting(sv);
	struct client *c = stream(sv, "/events");

	want_goes_on(sv, c, "one");
	check(want_headers(post(sv, token, "data=two")) == 201);
	want_event(c, NULL, "message", "two");
	tell(&own, "CONFIG SET requirepass " PASSWORD);
	tell(&own, "CLIENT KILL TYPE normal SKIPME yes");
	want_told(sv, "it wants a password");
	want_not_published(sv, "it wants a password");
	want_not_started(sv, "it wants a password");
	check(want_headers(post(sv, token, "data=never")) == 500);
	tell(&own, "ACL SETUSER default nopass");
	want_goes_on(sv, c, "three");
	until(want_headers(post(sv, token, "data=four&uid=u")) / 100 == 2);
	want_event(c, "u", "message", "four");
}

static void
test_a_wrong_password_is_not_told(void)
{
	struct server *sv = prepare_log();

	tell(&own, "CONFIG SET requirepass sesame");
	sv->db = text("redis+unix://:" PASSWORD "@%s?stream=%s", own.socket,
	    redis_stream(sv));
	want_not_published(sv, "WRONGPASS: the user or the password is wrong");
	want_not_started(sv, "WRONGPASS: the user or the password is wrong");
}

/* --- not now -------------------------------------------------------------- */

static void
test_its_memory_is_full(void)
{
	struct server *sv = prepare_log();
	const char *token = start_posting(sv);
	struct client *c = stream(sv, "/events"), *late;

	want_goes_on(sv, c, "one");
	tell(&own, "CONFIG SET maxmemory 1");
	want_not_published(sv, "its memory is full");
	check(want_headers(post(sv, token, "data=never")) == 507);
	want_told(sv, "its memory is full");
	late = get(sv, "/events?last=1", NULL);
	want_start(late);
	want_event(late, NULL, "message", "one");
	late = get(sv, "/events?since=1h", NULL);
	want_start(late);
	want_event(late, NULL, "message", "one");
	late = get(sv, "/events", "HTTP_LAST_EVENT_ID", "no-such-uid", NULL);
	want_start(late);
	want_gap(late);
	late = get(sv, "/events", "HTTP_LAST_EVENT_ID", "1-0", NULL);
	want_start(late);
	want_gap(late); /* no entry has had this id */
	late = get(sv, "/events", "HTTP_LAST_EVENT_ID", "0", NULL);
	want_start(late);
	want_event(late, NULL, "message", "one");
	tell(&own, "CONFIG SET maxmemory 0");
	check(want_headers(post(sv, token, "data=two")) == 201);
	want_event(c, NULL, "message", "two");
	want_event(late, NULL, "message", "two");
}

/* No master answers there: the replica serves what it had. */
#define A_REPLICA "REPLICAOF 127.0.0.1 1"

static void
test_it_is_a_replica(void)
{
	struct server *sv = prepare_log();
	const char *token = start_posting(sv);
	struct client *c = stream(sv, "/events"), *late;

	check(want_headers(post(sv, token, "data=one")) == 201);
	want_event(c, NULL, "message", "one");
	tell(&own, A_REPLICA);
	want_not_published(sv, "it is a replica");
	check(want_headers(post(sv, token, "data=never")) == 503);
	late = get(sv, "/events?last=1", NULL);
	want_start(late);
	want_event(late, NULL, "message", "one");
	tell(&own, "REPLICAOF NO ONE");
	check(want_headers(post(sv, token, "data=two")) == 201);
	want_event(c, NULL, "message", "two");
	want_event(late, NULL, "message", "two");
	check(c->gap == NULL);
}

static void
test_a_replica_that_has_lost_its_master(void)
{
	struct server *sv = prepare_log(), *other;
	const char *token = start_posting(sv);
	struct client *c = stream(sv, "/events");

	want_goes_on(sv, c, "one");
	tell(&own, "CONFIG SET replica-serve-stale-data no");
	tell(&own, A_REPLICA);
	want_told(sv, "it has lost its master");
	want_not_published(sv, "it has lost its master");
	check(want_headers(post(sv, token, "data=never")) == 503);
	other = prepare_nothing();
	other->db = sv->db;
	start(other, NULL); /* it waits for better times */
	tell(&own, "REPLICAOF NO ONE");
	want_goes_on(sv, c, "two");
	c = get_in_the_end(other, "earliest");
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "message", "two");
}

static void
test_it_is_loading(void)
{
	struct server *sv = prepare_log(), *other;
	const char *token = start_posting(sv);
	struct client *c = stream(sv, "/events");
	struct redis_server second = {0};
	char *big = keep(5000);
	void *r;

	want_goes_on(sv, c, "one");
	memset(big, 'x', 4000);
	for (int i = 0; i < 40; i++)
		tell(&own, text("SET k%d %s%d", i, big, i));
	tell(&own, "CONFIG SET rdbcompression no");
	tell(&own, "CONFIG SET loading-process-events-interval-bytes 2048");
	tell(&own, "CONFIG SET key-load-delay 500000");
	strcpy(second.socket, own.socket);
	redisAppendCommand(own.to, "CLIENT KILL TYPE normal");
	redisAppendCommand(own.to, "DEBUG RELOAD");
	redisBufferWrite(own.to, NULL);
	want_told(sv, "it is reading its log from the disk");
	want_not_published(sv, "it is reading its log from the disk");
	check(want_headers(post(sv, token, "data=never")) == 503);
	other = prepare_nothing();
	other->db = sv->db;
	start(other, NULL);
	redis_connect(&second);
	tell(&second, "CONFIG SET key-load-delay 0");
	redisFree(second.to);
	for (int i = 0; i < 2; i++) {
		check(redisGetReply(own.to, &r) == REDIS_OK);
		freeReplyObject(r);
	}
	want_goes_on(sv, c, "two");
	c = get_in_the_end(other, "earliest");
	want_event(c, NULL, "message", "one");
	want_event(c, NULL, "message", "two");
}

static bool
saved(const char *state)
{
	return strstr(tell(&own, "INFO persistence"),
		   text("rdb_last_bgsave_status:%s", state)) != NULL;
}

/* Its directory is gone, and it does not take what it cannot save. */
static void
test_it_cannot_write_to_its_disk(void)
{
	struct server *sv = prepare_log();
	const char *token = start_posting(sv), *dir;
	struct client *c = stream(sv, "/events"), *late;

	want_goes_on(sv, c, "one");
	dir = text("%s/gone", own.dir);
	check(mkdir(dir, 0700) == 0);
	tell(&own, text("CONFIG SET dir %s", dir));
	check(rmdir(dir) == 0);
	freeReplyObject(redisCommand(own.to, "CONFIG SET save %s", "3600 9"));
	tell(&own, "BGSAVE");
	until(saved("err"));
	want_not_published(sv, "it cannot write to its disk");
	check(want_headers(post(sv, token, "data=never")) == 507);
	late = get(sv, "/events?last=1", NULL);
	want_start(late);
	want_event(late, NULL, "message", "one");
	tell(&own, text("CONFIG SET dir %s", own.dir));
	tell(&own, "BGSAVE");
	until(saved("ok"));
	want_goes_on(sv, c, "two");
	want_event(late, NULL, "message", "two");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_reader_reads),
	    TALK(test_a_publisher_does_all_the_rest),
	    TALK(test_a_publisher_copies),
	    TALK(test_who_may_not_read_is_told_at_once),
	    TALK(test_rights_that_are_taken_away),
	    TALK(test_who_is_refused_asks_less_and_less),
	    TALK(test_a_password_is_set_later),
	    TALK(test_a_wrong_password_is_not_told),
	    TALK(test_its_memory_is_full),
	    TALK(test_it_is_a_replica),
	    TALK(test_a_replica_that_has_lost_its_master),
	    TALK(test_it_is_loading),
	    TALK(test_it_cannot_write_to_its_disk),
	};
	int failed =
	    talk_main_redis(argc, argv, tests, sizeof(tests) / sizeof(*tests));

	redis_gone(&own);
	return failed;
}
