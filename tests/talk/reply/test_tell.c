/*
 * test_tell.c - what the error log is told, and with which level.
 */
#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/peer.h"

static void
test_log_tells_once_that_all_streams_are_open(void)
{
	struct server *sv = serve_with("--max-streams", "2", NULL);
	struct client *a = stream(sv, "/events"), *b = stream(sv, "/events");
	int i;

	until(errors_with(sv, "streams: all 2 are open") == 1);
	for (i = 0; i < 5; i++)
		want_sent_away(sv, NULL);
	leave(a);
	until(errors_with(sv, "streams: there is room again") == 1);
	stream(sv, "/events");
	until(errors_with(sv, "streams: all 2 are open") == 2);
	leave(b);
}

/* Bytes that are no FastCGI, on a stream that is open. */
static void
break_stream(struct server *sv)
{
	struct client *c = stream(sv, "/events");
	struct bytes odd = {0};

	put_text(&odd, "this is no record");
	check(say(c, &odd));
	bytes_free(&odd);
	want_closed(c);
}

/* The word is that of /status; and it is said once a minute at most. */
static void
test_log_tells_of_streams_that_ended_for_a_fault(void)
{
	struct server *sv = serve();
	int64_t began;
	size_t told;
	int i;

	leave(stream(sv, "/events"));
	break_stream(sv);
	until(errors_with(sv, "streams: some ended: ") == 1);
	began = now_ms();
	check(errors_with(sv, " 1 protocol\n") == 1);
	for (i = 0; i < 3; i++)
		break_stream(sv);
	stop(sv);
	told = errors_with(sv, "streams: some ended: ");
	check(told <= 1 + (size_t)(now_ms() - began) / 59000);
	check(errors_with(sv, "some ended: 1 left") == 0);
	check(errors_with(sv, " 4 protocol") == 1); /* at the end */
}

static void
test_log_tells_at_the_end_why_streams_ended(void)
{
	struct server *sv = serve();

	leave(stream(sv, "/events"));
	stream(sv, "/events");
	stream(sv, "/events");
	stop(sv);
	check(errors_with(sv, "stopped: streams ended:") == 1);
	check(errors_with(sv, " 2 shutdown") == 1);
}

static void
test_log_tells_nothing_of_it_when_quiet(void)
{
	struct server *sv = serve_with("--quiet", "--max-streams", "2", NULL);

	stream(sv, "/events");
	break_stream(sv);
	stream(sv, "/events");
	stop(sv);
	check(*errors(sv) == '\0');
}

static void
test_log_tells_that_keys_are_read_again(void)
{
	struct server *sv = prepare();
	const char *key = text("%s/key", sv->dir);
	FILE *f = fopen(key, "w");

	check(f != NULL);
	fputs("0123456789abcdef0123456789abcdef", f);
	fclose(f);
	start(sv, "--key-file", key, NULL);
	check(kill(sv->pid, SIGHUP) == 0);
	until(errors_with(sv, "keys: are read again") == 1);
}

/* --- levels --------------------------------------------------------------- */

/* Starts it with JOURNAL_STREAM; off is added to the number of the file. */
static struct server *
serve_in_journal(unsigned off, const char *option, const char *value)
{
	struct server *sv = prepare();
	const char **env = keep(2 * sizeof(*env));
	struct stat sb;

	start(sv, NULL);
	stop(sv);
	check(stat(sv->err, &sb) == 0);
	env[0] = text("JOURNAL_STREAM=%ju:%ju", (uintmax_t)sb.st_dev,
	    (uintmax_t)sb.st_ino + off);
	env[1] = NULL;
	sv->env = env;
	start(sv, option, value, NULL);
	return sv;
}

static void
test_lines_have_levels_in_the_journal(void)
{
	struct server *sv = serve_in_journal(0, "--max-streams", "1");

	until(errors_with(sv, "\n<6>largesse: listening") == 1);
	stream(sv, "/events");
	until(errors_with(sv, "\n<4>largesse: streams: all 1 are open") == 1);
	log_lose(sv);
	until(errors_with(sv, "\n<3>largesse: ") == 1);
	log_find(sv);
	until(errors_with(sv, "can be read again") == 1);
	stop(sv);
	check(errors_with(sv, "\n<6>largesse: stopped") == 1);
}

static void
test_worker_that_died_is_a_warning(void)
{
	struct server *sv = serve_in_journal(0, "--workers", "2");
	pid_t pids[8];

	until(children_of(sv->pid, pids, 8) == 2);
	check(kill(pids[0], SIGKILL) == 0);
	until(errors_with(sv, "\n<4>largesse: worker: ") == 1);
}

/* The journal is another file: stderr was sent elsewhere. */
static void
test_lines_have_no_level_elsewhere(void)
{
	struct server *sv = serve_in_journal(1, "--max-streams", "1");

	until(errors_with(sv, "\nlargesse: listening") == 1);
	check(strchr(errors(sv), '<') == NULL);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_log_tells_once_that_all_streams_are_open),
	    TALK(test_log_tells_of_streams_that_ended_for_a_fault),
	    TALK(test_log_tells_at_the_end_why_streams_ended),
	    TALK(test_log_tells_nothing_of_it_when_quiet),
	    TALK(test_log_tells_that_keys_are_read_again),
	    TALK(test_lines_have_levels_in_the_journal),
	    TALK(test_worker_that_died_is_a_warning),
	    TALK(test_lines_have_no_level_elsewhere),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
