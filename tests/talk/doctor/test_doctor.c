/*
 * test_doctor.c - the doctor finds what is wrong with a log, and only that,
 * and how it tells.
 */
#include <sys/resource.h>

#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/exam.h"

/* --- nothing ------------------------------------------------------------ */

static void
test_a_log_that_is_well(void)
{
	want_healthy(examine(log_of(10)));
}

static void
test_healthy_while_it_is_served(void)
{
	struct server *sv = log_of(10);
	struct client *c;

	start(sv, NULL);
	c = stream(sv, "/events");
	append(sv, "main", "x");
	want_event(c, NULL, NULL, "x");
	want_healthy(examine(sv));
	append(sv, "main", "y");
	want_event(c, NULL, NULL, "y");
}

static void
test_no_limit_is_noted(void)
{
	const char *s = examine(prepare());

	want_healthy(s);
	check(has_note(s, "retention"));
}

static void
test_a_limit_is_nothing_to_note(void)
{
	check(!has_note(examine(log_of(3)), "retention"));
}

/* The doctor says the same as a stream is told. */
static void
test_summary_names_the_log(void)
{
	struct server *sv = log_of(7);
	const char *s = examine(sv);

	start(sv, NULL);
	check(strstr(json(s, "$.summary"),
		  json(stream(sv, "/events")->start, "$.log")) != NULL);
}

/* --- no log ------------------------------------------------------------- */

static void
test_a_log_out_of_reach(void)
{
	struct server *sv = log_of(3);
	const char *s;

	log_lose(sv);
	s = examine(sv);
	log_find(sv);
	want_only(s, json(s, "$.findings[0].code"));
	check(strcmp(json(s, "$.findings[0].level"), "error") == 0);
	want_healthy(examine(sv));
}

static void
test_init_mends_a_log_that_was_never_made(void)
{
	struct server *sv = prepare_nothing();
	const char *s = examine(sv), *line;

	want_only(s, json(s, "$.findings[0].code"));
	check(strcmp(json(s, "$.findings[0].level"), "error") == 0);
	line = json(s, "$.findings[0].mend[0].line");
	check(line != NULL && strncmp(line, "largesse init ", 14) == 0);
	check(strstr(line, sv->db) != NULL);
	check(run_with(sv, NULL, "init", sv->db, NULL).status == 0);
	want_healthy(examine(sv));
}

/* --- users and limits --------------------------------------------------- */

static void
test_user_that_does_not_exist(void)
{
	struct server *sv = log_of(3);
	struct ran r = run_with(
	    sv, NULL, "doctor", sv->db, "--user", "no such user", NULL);

	check(r.status == 2);
	check(strstr(r.err, "no such user") != NULL);
}

static void
test_descriptors_for_so_many_streams(void)
{
	struct server *sv = log_of(3);
	struct rlimit rl;

	check(getrlimit(RLIMIT_NOFILE, &rl) == 0);
	check(rl.rlim_max > 100 && rl.rlim_max < 1000000000);
	want_healthy(examine_with(sv, "--max-streams", "50"));
	want_only(examine_with(sv, "--max-streams",
		      text("%llu", (unsigned long long)rl.rlim_max)),
	    "descriptors");
}

/* --- how it is told ----------------------------------------------------- */

static void
test_told_on_a_terminal(void)
{
	struct server *sv = log_of(3);
	const char *code, *s;
	struct ran r;

	r = run_with(sv, NULL, "doctor", sv->db, NULL);
	check(r.status == 0);
	check(strstr(r.out, "\nhealthy\n") != NULL);
	log_remove(sv);
	s = examine(sv);
	code = json(s, "$.findings[0].code");
	r = run_with(sv, NULL, "doctor", sv->db, NULL);
	check(r.status == 1);
	check(strstr(r.out, text("error: %s (certain)\n", code)) != NULL);
	check(strstr(r.out, json(s, "$.findings[0].mend[0].line")) != NULL);
	check(strstr(r.out, "\n1 finding\n") != NULL);
}

static void
test_wrong_usage(void)
{
	struct server *sv = prepare_nothing();

	check(run_with(sv, NULL, "doctor", NULL).status == 2);
	check(run_with(sv, NULL, "doctor", "a", "b", NULL).status == 2);
	check(run_with(sv, NULL, "doctor", "http://x/", "--header", "x", NULL)
		  .status == 2);
	check(run_with(sv, NULL, "doctor", "http://x/", "--origin",
		  "http://x/y", NULL)
		  .status == 2);
	check(run_with(sv, NULL, "doctor", "http://x/", "--idle", "301", NULL)
		  .status == 2);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_log_that_is_well),
	    TALK(test_healthy_while_it_is_served),
	    TALK(test_no_limit_is_noted),
	    TALK(test_a_limit_is_nothing_to_note),
	    TALK(test_summary_names_the_log),
	    TALK(test_a_log_out_of_reach),
	    TALK(test_init_mends_a_log_that_was_never_made),
	    TALK(test_user_that_does_not_exist),
	    TALK(test_descriptors_for_so_many_streams),
	    TALK(test_told_on_a_terminal),
	    TALK(test_wrong_usage),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
