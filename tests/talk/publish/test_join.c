/*
 * test_join.c - `publish --join` and `--end`: what comes on standard input
 * within a time is one event, nothing of it is lost, and the topic ends.
 *
 * A time that is over in no test is LONG; one that is always over is SHORT.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

#define LONG  "10s"
#define SHORT "1ms"

/* `publish' of topic `run', whose input is written by the test. */
struct producer {
	struct server *sv;
	int pipe;
};

#define produce(...)                                                          \
	({                                                                    \
		struct producer pr_ = {.sv = prepare()};                      \
		int in_ = open_pipe(&pr_);                                    \
		start_bare(pr_.sv, in_, -1, "publish", pr_.sv->db, "--topic", \
		    "run", ##__VA_ARGS__, NULL);                              \
		close(in_);                                                   \
		pr_;                                                          \
	})

static int
open_pipe(struct producer *pr)
{
	int fd[2];

	check(pipe2(fd, O_CLOEXEC) == 0);
	pr->pipe = fd[1];
	return fd[0];
}

static void
produce_bytes(const struct producer *pr, const char *s, size_t len)
{
	check(write(pr->pipe, s, len) == (ssize_t)len);
}

static void
produce_text(const struct producer *pr, const char *s)
{
	produce_bytes(pr, s, strlen(s));
}

/* All that was written is in the program. */
static bool
has_read(const struct producer *pr)
{
	int n = -1;

	check(ioctl(pr->pipe, FIONREAD, &n) == 0);
	return n == 0;
}

static void
produce_end(struct producer *pr)
{
	close(pr->pipe);
	want_exit_0(pr->sv);
}

static void
want_signalled(struct producer *pr, int signum)
{
	int status = await_exit(pr->sv);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != signum)
		talk_fail("wanted signal %d, came status %#x", signum,
		    (unsigned)status);
	close(pr->pipe);
}

static void
want_row(struct server *sv, size_t i, const char *event, const char *data)
{
	size_t n;
	struct logged *row = log_all(sv, &n);

	if (i >= n)
		talk_fail("wanted a row %zu, there are %zu", i, n);
	check(strcmp(row[i].topic, "run") == 0);
	if (strcmp(row[i].data, data) != 0)
		talk_fail("row %zu: wanted %s, came %s", i,
		    shown(data, strlen(data)),
		    shown(row[i].data, strlen(row[i].data)));
	if (event == NULL
		? row[i].event != NULL && *row[i].event != '\0'
		: row[i].event == NULL || strcmp(row[i].event, event) != 0)
		talk_fail("row %zu: its event is %s", i, row[i].event);
}

/* The rows of these data, and no others. */
#define want_rows(sv, ...)                                  \
	do {                                                \
		const char *const data_[] = {__VA_ARGS__};  \
		size_t n_ = sizeof(data_) / sizeof(*data_); \
		for (size_t i_ = 0; i_ < n_; i_++)          \
			want_row(sv, i_, NULL, data_[i_]);  \
		check(log_count(sv) == (int64_t)n_);        \
	} while (0)

/* --- the end ------------------------------------------------------------ */

static void
test_a_topic_is_ended(void)
{
	struct server *sv = prepare();
	struct ran r = run_with(sv, "not read\n", "publish", sv->db, "--topic",
	    "run", "--end", "exit 2", NULL);

	check(r.status == 0);
	check(strcmp(r.out, "") != 0);
	want_row(sv, 0, "stream-end", "exit 2");
	r = run_with(sv, NULL, "publish", sv->db, "--topic", "run", "--end",
	    "--uid", "end-7", "--quiet", "", NULL);
	check(r.status == 0 && *r.out == '\0');
	want_row(sv, 1, "stream-end", "");
	check(log_count(sv) == 2);
}

static void
test_a_stream_gets_all_and_ends(void)
{
	struct server *sv = serve();
	struct client *c = stream(sv, "/events?topic=run");

	check(run_with(sv, "so much\nfor that", "publish", sv->db, "--topic",
		  "run", "--join", LONG, "--end", NULL)
		  .status == 0);
	want_event(c, NULL, "message", "so much\nfor that");
	want_event(c, NULL, "stream-end", "");
	want_end(c);
}

static void
test_lines_and_the_end_of_them(void)
{
	struct server *sv = prepare();
	struct ran r = run_with(sv, "a\nb", "publish", sv->db, "--topic", "run",
	    "--event", "line", "--end", NULL);

	check(r.status == 0);
	want_row(sv, 0, "line", "a");
	want_row(sv, 1, "line", "b");
	want_row(sv, 2, "stream-end", "");
	r = run_with(
	    sv, "", "publish", sv->db, "--topic", "run", "--end", NULL);
	check(r.status == 0);
	want_row(sv, 3, "stream-end", "");
	check(log_count(sv) == 4);
}

/* As many lines as a transaction takes, and one more or less. */
static void
test_the_end_of_a_batch(void)
{
	char *lines = keep(2 * 501 + 1);

	for (int n = 499; n <= 501; n++) {
		struct server *sv = prepare();

		for (int i = 0; i < n; i++)
			memcpy(lines + 2 * i, "x\n", 3);
		check(run_with(sv, lines, "publish", sv->db, "--topic", "run",
			  "--end", NULL)
			  .status == 0);
		check(log_count(sv) == n + 1);
		want_row(sv, (size_t)n, "stream-end", "");
	}
}

/* The lines of the manual. */
static void
test_the_exit_status_of_a_build(void)
{
	struct server *sv = prepare();
	FILE *sh = popen(
	    text("cd '%s' && largesse() { '%s/%s' \"$@\"; }\n"
		 "{ (echo cc a.c; exit 3) 2>&1; echo $? >status; } |\n"
		 "    largesse publish '%s' --topic run --join 50ms --quiet\n"
		 "largesse publish '%s' --topic run --quiet"
		 " --end \"exit $(cat status)\"\n",
		sv->dir, *sv->program == '/' ? "" : getcwd(keep(4096), 4096),
		sv->program, sv->db, sv->db),
	    "r");

	check(sh != NULL && pclose(sh) == 0);
	want_row(sv, 0, NULL, "cc a.c\n");
	want_row(sv, 1, "stream-end", "exit 3");
	check(log_count(sv) == 2);
}

/* Whatever was written stands before it. */
static void
test_the_end_comes_last(void)
{
	struct producer pr = produce("--join", SHORT, "--end");

	for (int i = 0; i < 100; i++)
		produce_text(&pr, text("%d ", i));
	produce_end(&pr);
	want_row(pr.sv, (size_t)log_count(pr.sv) - 1, "stream-end", "");
}

/* --- text --------------------------------------------------------------- */

static char *
all_text(struct server *sv, size_t *rows)
{
	struct logged *row = log_all(sv, rows);
	struct bytes all = {0};
	char *s;

	put_text(&all, "");
	for (size_t i = 0; i < *rows; i++)
		put_text(&all, row[i].data);
	s = text("%s", all.s);
	bytes_free(&all);
	return s;
}

static void
test_what_comes_within_the_time_is_one_event(void)
{
	struct producer pr = produce("--join", LONG);

	for (int i = 0; i < 10; i++) {
		produce_text(&pr, i % 3 == 0 ? "to\nken " : "ken\n\n");
		until(has_read(&pr));
	}
	check(log_count(pr.sv) == 0);
	produce_end(&pr);
	want_rows(pr.sv, "to\nken ken\n\nken\n\nto\nken ken\n\nken\n\n"
			 "to\nken ken\n\nken\n\nto\nken ");
}

/* Standard input stays open all the time. */
static void
test_nothing_is_held_for_longer(void)
{
	struct producer pr = produce("--join", "20ms");

	produce_text(&pr, "no line end");
	until(log_count(pr.sv) == 1);
	produce_text(&pr, "\nand more");
	until(log_count(pr.sv) == 2);
	produce_end(&pr);
	want_rows(pr.sv, "no line end", "\nand more");
}

/* Its input does not end, and few of its bytes come after a pause. */
static void
test_a_producer_that_writes_on_is_published(void)
{
	struct producer pr = produce("--join", SHORT);
	size_t written = 0, rows;
	char *all;

	while (log_count(pr.sv) < 5) {
		for (int i = 0; i < 50; i++)
			produce_text(&pr, "x");
		written += 50;
	}
	produce_end(&pr);
	all = all_text(pr.sv, &rows);
	check(strlen(all) == written && strspn(all, "x") == written);
}

static void
test_a_character_is_not_cut(void)
{
	static const char *const character[] = {
	    "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\r\n"};
	struct producer pr = produce("--join", SHORT);

	for (int i = 0; i < 4; i++)
		for (const char *c = character[i]; c[1] != '\0'; c++) {
			int64_t n = log_count(pr.sv);

			produce_bytes(&pr, "a", 1);
			produce_bytes(
			    &pr, character[i], (size_t)(c + 1 - character[i]));
			until(log_count(pr.sv) > n);
			n = log_count(pr.sv);
			produce_text(&pr, c + 1);
			until(log_count(pr.sv) > n);
		}
	produce_end(&pr);
	for (size_t i = 0; i < (size_t)log_count(pr.sv); i++) {
		size_t n;
		struct logged *row = log_all(pr.sv, &n);
		const char *s = row[i].data;

		check(strcmp(s, "a") == 0 || strcmp(s, "\r\n") == 0 ||
		      (s[0] & 0xc0) == 0xc0);
	}
}

/* What is no UTF-8 is passed on, too, and at the end also a part of one. */
static void
test_what_is_no_text_is_passed_on(void)
{
	struct server *sv = prepare();
	size_t rows;

	check(run_with(sv, "a\xff\x80\x80\x80\x80 b\xe2\x82", "publish", sv->db,
		  "--topic", "run", "--join", SHORT, NULL)
		  .status == 0);
	check(strcmp(all_text(sv, &rows), "a\xff\x80\x80\x80\x80 b\xe2\x82") ==
	      0);
}

/* 300 KB within the time: rows of 64 KiB, each of whole characters. */
static void
test_an_event_is_not_joined_for_ever(void)
{
	struct server *sv = prepare();
	char *much = keep(300001);
	struct logged *row;
	size_t rows;

	for (int i = 0; i < 300000; i += 3)
		memcpy(much + i, "\xe2\x82\xac", 4);
	check(run_with(sv, much, "publish", sv->db, "--topic", "run", "--join",
		  LONG, NULL)
		  .status == 0);
	check(strcmp(all_text(sv, &rows), much) == 0);
	check(rows == 5);
	row = log_all(sv, &rows);
	for (size_t i = 0; i < rows; i++) {
		size_t len = strlen(row[i].data);

		check(len <= 65536 && len % 3 == 0);
		check(i == rows - 1 || len > 65000);
	}
}

/* --- chunks ------------------------------------------------------------- */

#define DELTA(text) "{\"type\":\"text\",\"n\":1.50,\"delta\":\"" text "\"}"

static void
test_chunks_are_joined(void)
{
	struct server *sv = prepare();
	struct ran r = run_with(sv,
	    "{\"type\":\"start\"}\n" DELTA("Hel") "\r\n" DELTA("lo, ") "\n" DELTA(
		"\\u00e4\\n") "\n" DELTA("") "\n"
					     "{\"type\":\"text\",\"n\":2,"
					     "\"delta\":\"other\"}\n"
					     "\n[DONE]\n" DELTA(
						 "after") "\n" DELTA("wards"),
	    "publish", sv->db, "--topic", "run", "--join", LONG, "--join-at",
	    "delta", "--end", NULL);

	check(r.status == 0);
	want_row(sv, 0, NULL, "{\"type\":\"start\"}");
	want_row(sv, 1, NULL, DELTA("Hello, \\u00e4\\n"));
	want_row(
	    sv, 2, NULL, "{\"type\":\"text\",\"n\":2,\"delta\":\"other\"}");
	want_row(sv, 3, NULL, "");
	want_row(sv, 4, NULL, "[DONE]");
	want_row(sv, 5, NULL, DELTA("afterwards"));
	want_row(sv, 6, "stream-end", "");
	check(log_count(sv) == 7);
}

/* A chunk that cannot grow is not held back, and what was before it is not. */
static void
test_a_chunk_waits_for_no_other(void)
{
	struct producer pr =
	    produce("--join", LONG, "--join-at", "choices.0.delta.content");

	produce_text(&pr, "{\"choices\":[]}\n");
	until(log_count(pr.sv) == 1);
	produce_text(&pr,
	    "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n"
	    "{\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n{}\n");
	until(log_count(pr.sv) == 3);
	produce_end(&pr);
	want_rows(pr.sv, "{\"choices\":[]}",
	    "{\"choices\":[{\"delta\":{\"content\":\"ab\"}}]}", "{}");
}

static void
test_a_chunk_is_not_held_for_longer(void)
{
	struct producer pr = produce("--join", "20ms", "--join-at", "delta");

	produce_text(&pr, DELTA("a") "\n");
	until(log_count(pr.sv) == 1);
	produce_text(&pr, DELTA("b") "\n");
	until(log_count(pr.sv) == 2);
	produce_end(&pr);
	want_rows(pr.sv, DELTA("a"), DELTA("b"));
}

/* Chunks of 100 bytes: rows of up to 64 KiB.  One that is larger stays. */
static void
test_a_chunk_does_not_grow_for_ever(void)
{
	struct server *sv = prepare();
	struct bytes in = {0};
	struct logged *row;
	char *large = keep(100001);
	size_t rows;

	memset(large, 'y', 100000);
	for (int i = 0; i < 1000; i++)
		put_text(&in, text("{\"delta\":\"%0100d\"}\n", i));
	put_text(&in, text("{\"delta\":\"%s\"}\n", large));
	check(run_with(sv, in.s, "publish", sv->db, "--topic", "run", "--join",
		  LONG, "--join-at", "delta", NULL)
		  .status == 0);
	bytes_free(&in);
	row = log_all(sv, &rows);
	check(rows == 3);
	check(strlen(row[0].data) <= 65536 && strlen(row[0].data) > 65000);
	check(strlen(row[0].data) + strlen(row[1].data) == 100000 + 2 * 12);
	check(strlen(row[2].data) == 100000 + 12);
}

/* --- signals ------------------------------------------------------------ */

static void
test_a_signal_publishes_what_was_read(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	for (int i = 0; i < 3; i++) {
		struct producer pr;

		signal(signals[i], SIG_DFL); /* whoever runs us may ignore it */
		pr = produce("--join", LONG, "--end");
		produce_text(&pr, "half a sen");
		until(has_read(&pr));
		check(log_count(pr.sv) == 0);
		check(kill(pr.sv->pid, signals[i]) == 0);
		want_signalled(&pr, signals[i]);
		want_row(pr.sv, 0, NULL, "half a sen");
		want_row(pr.sv, 1, "stream-end", "stopped");
		check(log_count(pr.sv) == 2);
	}
}

/* Also what is still in the pipe, also without --join, and then no end. */
static void
test_a_signal_publishes_what_was_written(void)
{
	struct producer pr = produce();

	produce_text(&pr, "first\n");
	until(log_count(pr.sv) == 1);
	freeze(pr.sv);
	produce_text(&pr, "second\nhalf a li");
	check(kill(pr.sv->pid, SIGTERM) == 0);
	check(kill(pr.sv->pid, SIGCONT) == 0);
	want_signalled(&pr, SIGTERM);
	want_rows(pr.sv, "first", "second", "half a li");
}

/* In the background of a script SIGINT is ignored, and it stays so. */
static void
test_a_signal_that_is_ignored(void)
{
	struct producer pr;

	signal(SIGINT, SIG_IGN);
	pr = produce("--join", LONG, "--end");
	signal(SIGINT, SIG_DFL);
	produce_text(&pr, "a");
	until(has_read(&pr));
	check(kill(pr.sv->pid, SIGINT) == 0);
	produce_text(&pr, "b");
	produce_end(&pr);
	want_row(pr.sv, 0, NULL, "ab");
	want_row(pr.sv, 1, "stream-end", "");
}

/* --- usage -------------------------------------------------------------- */

static void
test_what_has_no_meaning_is_refused(void)
{
	static const char *const words[][4] = {{"--join", "50ms", "data"},
	    {"--join", "0"}, {"--join", "50"}, {"--join-at", "delta"},
	    {"--end", "--event=e", "data"}, {"--end", "--uid", "u"}};
	struct server *sv = prepare();
	struct ran r;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		r = run_with(sv, "x", "publish", sv->db, words[i][0],
		    words[i][1], words[i][2], NULL);
		want_one_line(&r, 2);
	}
	check(log_count(sv) == 0);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_topic_is_ended),
	    TALK(test_a_stream_gets_all_and_ends),
	    TALK(test_lines_and_the_end_of_them),
	    TALK(test_the_end_of_a_batch),
	    TALK(test_the_exit_status_of_a_build),
	    TALK(test_the_end_comes_last),
	    TALK(test_what_comes_within_the_time_is_one_event),
	    TALK(test_nothing_is_held_for_longer),
	    TALK(test_a_producer_that_writes_on_is_published),
	    TALK(test_a_character_is_not_cut),
	    TALK(test_what_is_no_text_is_passed_on),
	    TALK(test_an_event_is_not_joined_for_ever),
	    TALK(test_chunks_are_joined),
	    TALK(test_a_chunk_waits_for_no_other),
	    TALK(test_a_chunk_is_not_held_for_longer),
	    TALK(test_a_chunk_does_not_grow_for_ever),
	    TALK(test_a_signal_publishes_what_was_read),
	    TALK(test_a_signal_publishes_what_was_written),
	    TALK(test_a_signal_that_is_ignored),
	    TALK(test_what_has_no_meaning_is_refused),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
