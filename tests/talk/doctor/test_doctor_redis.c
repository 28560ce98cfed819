/*
 * test_doctor_redis.c - what the doctor finds wrong with a log on Redis, with
 * a redis-server that is set up so.
 *
 * The finding `version' has no test: no Redis before 7.0 can be installed.
 */
#include <signal.h>
#include <string.h>
#include <time.h>

#include "tests/talk/peer/exam.h"

/* A healthy Redis, whatever the test before has set. */
static struct server *
redis_log(int rows)
{
	prepare_nothing();
	redis_text("REPLICAOF NO ONE");
	redis_text("CONFIG SET appendonly yes appendfsync always maxmemory 0 "
		   "maxmemory-policy noeviction");
	redis_text("ACL DELUSER eve");
	return log_of(rows);
}

/* The same log, as a user with these rights. */
static void
become(struct server *sv, const char *rights)
{
	const char *socket = log_shown(sv);

	redis_text(text("ACL SETUSER eve reset on >sesame %s", rights));
	sv->db = text(
	    "redis+unix://eve:sesame@%s?stream=%s", socket, redis_stream(sv));
}

/* A wrong setting, which the line of the finding must mend. */
static void
want_mended(struct server *sv, const char *code)
{
	const char *s = examine(sv), *program = sv->program;
	char *line = json(s, "$.findings[0].mend[0].line");

	want_only(s, code);
	check(line != NULL);
	sv->program = "/bin/sh";
	run_with(sv, NULL, "-c", line, NULL);
	sv->program = program;
	want_healthy(examine(sv));
}

/* --- nothing ------------------------------------------------------------ */

static void
test_healthy_and_left_as_it_was(void)
{
	struct server *sv = redis_log(10);
	const char *changes = "rdb_changes_since_last_save:";
	char *before = strstr(redis_text("INFO persistence"), changes);
	char *after;

	want_healthy(examine(sv));
	after = strstr(redis_text("INFO persistence"), changes);
	check(before != NULL && after != NULL);
	check(strcspn(before, "\r") == strcspn(after, "\r"));
	check(strncmp(before, after, strcspn(after, "\r")) == 0);
}

static void
test_summary_says_what_there_is(void)
{
	const char *s = json(examine(redis_log(7)), "$.summary");

	check(strstr(s, "7 entries") != NULL);
	check(strstr(s, "the newest 0-7") != NULL);
}

/* --- no log ------------------------------------------------------------- */

static void
test_nobody_there(void)
{
	struct server *sv = redis_log(1);

	redis_down(SIGKILL);
	want_only(examine(sv), "unreachable");
	redis_up();
	want_healthy(examine(sv));
}

static void
test_no_answer(void)
{
	struct server *sv = redis_log(1);
	const char *s;

	log_shut(sv);
	s = examine(sv);
	log_reopen(sv);
	check(strstr(want_only(s, "unreachable"), "no answer") != NULL);
}

static void
test_never_made(void)
{
	redis_log(0);
	want_only(examine(prepare_nothing()), "not-a-log");
}

/* Entries that somebody adds do not make it a log. */
static void
test_a_stream_alone_is_no_log(void)
{
	struct server *sv;

	redis_log(0);
	sv = prepare_nothing();
	redis_text(text("XADD %s * data x", redis_stream(sv)));
	want_only(examine(sv), "not-a-log");
}

static void
test_something_else_under_its_name(void)
{
	struct server *sv = redis_log(0);

	redis_text(text("SET %s x", redis_stream(sv)));
	check(strstr(want_only(examine(sv), "not-a-log"), "?stream=") != NULL);
	redis_text(text("DEL %s", redis_stream(sv)));
	want_healthy(examine(sv));
	redis_text(text("SET {%s}:log x", redis_stream(sv)));
	want_only(examine(sv), "not-a-log");
}

/* --- rights ------------------------------------------------------------- */

static void
test_rights_of_a_user(void)
{
	struct server *sv = redis_log(3);

	become(sv, "~* +@all");
	want_healthy(examine(sv));
	become(sv, "~* +@all -@scripting");
	want_only(examine(sv), "rights");
	become(sv, "~* +@all -xinfo");
	want_only(examine(sv), "rights");
	become(sv, "~other +@all");
	want_only(examine(sv), "rights");
}

/* Rights by category: if nothing is found, then everything must work. */
static void
test_rights_that_suffice(void)
{
	static const char least[] =
	    "+@connection +@read +@scripting +multi +exec +xinfo +time";
	struct server *sv = redis_log(3);
	const char *name = redis_stream(sv);
	const char *keys = text("~%s ~{%s}:*", name, name);

	become(sv, text("%s %s", keys, least));
	want_healthy(examine(sv));
	start(sv, NULL);
	stream(sv, "/events?last=1");
	check(run_with(sv, NULL, "publish", sv->db, "x", NULL).status == 1);
	become(sv, text("%s %s +@write", keys, least));
	want_healthy(examine(sv));
	check(run_with(sv, NULL, "publish", sv->db, "x", NULL).status == 0);
	check(log_count(sv) == 4);
}

static void
test_a_wrong_password(void)
{
	struct server *sv = redis_log(3);

	become(sv, "~* +@all");
	redis_text("ACL SETUSER eve resetpass >another");
	want_only(examine(sv), "rights");
}

/* Neither the setting nor the memory can be looked at. */
static void
test_what_is_forbidden_to_look_at_is_noted(void)
{
	struct server *sv = redis_log(3);
	const char *s;

	check(!has_note(examine(sv), "unseen"));
	redis_text("CONFIG SET appendonly no");
	become(sv, "~* +@all -info -config");
	s = examine(sv);
	want_healthy(s);
	check(has_note(s, "unseen"));
}

/* No finding, no line and no summary has the password. */
static void
test_no_password_is_told(void)
{
	struct server *sv = redis_log(5000);
	struct ran r;

	check(run_with(sv, NULL, "init", sv->db, "--keep-rows", "100", NULL)
		  .status == 0);
	redis_text("CONFIG SET appendonly no");
	become(sv, "~* +@all");
	r = run_with(sv, NULL, "doctor", sv->db, NULL);
	check(r.status == 1 && strstr(r.out, "unpruned") != NULL);
	check(strstr(r.out, "'redis+unix://USER:PASSWORD@/") != NULL);
	check(strstr(r.out, "sesame") == NULL && *r.err == '\0');
	become(sv, "-@all");
	r = run_with(sv, NULL, "doctor", sv->db, NULL);
	check(r.status == 1 && strstr(r.out, "rights") != NULL);
	check(strstr(r.out, "sesame") == NULL && *r.err == '\0');
	sv->db = text("redis://:sesame@127.0.0.1:%d/0?stream=x", 1);
	r = run_with(sv, NULL, "doctor", sv->db, NULL);
	check(r.status == 1 && strstr(r.out, "unreachable") != NULL);
	check(strstr(r.out, "sesame") == NULL && *r.err == '\0');
}

/* --- how Redis is set --------------------------------------------------- */

static void
test_a_replica(void)
{
	struct server *sv = redis_log(3);

	redis_text("REPLICAOF 127.0.0.1 1");
	want_only(examine(sv), "replica");
	redis_text("REPLICAOF NO ONE");
	want_healthy(examine(sv));
}

static void
test_nothing_on_its_disk(void)
{
	struct server *sv = redis_log(3);

	redis_text("CONFIG SET appendonly no");
	want_mended(sv, "no-aof");
}

static void
test_what_a_crash_takes_is_noted(void)
{
	struct server *sv = redis_log(3);

	check(!has_note(examine(sv), "fsync"));
	redis_text("CONFIG SET appendfsync everysec");
	check(has_note(examine(sv), "fsync"));
	redis_text("CONFIG SET appendfsync no");
	check(strstr(examine(sv), "appendfsync is no.") != NULL);
}

static void
test_a_full_memory_takes_the_log(void)
{
	struct server *sv = redis_log(3);

	redis_text("CONFIG SET maxmemory-policy allkeys-lru");
	want_healthy(examine(sv)); /* for there is no limit */
	redis_text("CONFIG SET maxmemory 100mb");
	want_mended(sv, "eviction");
	redis_text("CONFIG SET maxmemory-policy volatile-lru");
	want_healthy(examine(sv)); /* our keys do not expire */
}

/* --- what is kept ------------------------------------------------------- */

static void
want_pruned(struct server *sv)
{
	const char *s = examine(sv);

	want_mend(s, "unpruned", text("largesse prune '%s'", sv->db));
	check(run_with(sv, NULL, "prune", sv->db, NULL).status == 0);
	want_healthy(examine(sv));
}

static void
test_more_than_is_to_be_kept(void)
{
	struct server *sv = redis_log(5000);

	check(run_with(sv, NULL, "init", sv->db, "--keep-rows", "100", NULL)
		  .status == 0);
	want_pruned(sv);
	check(log_count(sv) == 100);
}

/* Three hours old by their ids: Redis takes the age from the id. */
static void
test_older_than_is_to_be_kept(void)
{
	struct server *sv = redis_log(0);
	long long old_ms = ((long long)time(NULL) - 3 * 3600) * 1000;

	check(run_with(sv, NULL, "init", sv->db, "--keep-age", "1h", NULL)
		  .status == 0);
	for (int i = 0; i < 1500; i++)
		redis_text(text(
		    "XADD %s %lld-* data %d", redis_stream(sv), old_ms, i));
	want_pruned(sv);
	check(log_count(sv) == 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_healthy_and_left_as_it_was),
	    TALK(test_summary_says_what_there_is),
	    TALK(test_nobody_there),
	    TALK(test_no_answer),
	    TALK(test_never_made),
	    TALK(test_a_stream_alone_is_no_log),
	    TALK(test_something_else_under_its_name),
	    TALK(test_rights_of_a_user),
	    TALK(test_rights_that_suffice),
	    TALK(test_a_wrong_password),
	    TALK(test_what_is_forbidden_to_look_at_is_noted),
	    TALK(test_no_password_is_told),
	    TALK(test_a_replica),
	    TALK(test_nothing_on_its_disk),
	    TALK(test_what_a_crash_takes_is_noted),
	    TALK(test_a_full_memory_takes_the_log),
	    TALK(test_more_than_is_to_be_kept),
	    TALK(test_older_than_is_to_be_kept),
	};

	return talk_main_redis(
	    argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
