/*
 * test_inherit.c - whatever the starter has left behind, the program works:
 * signals that are ignored or blocked, descriptors that are closed, a reader of
 * its messages that goes away, passwords that others could read.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"

/*
 * Starts `serve' by a shell, which runs `before' and then becomes the program
 * with `after' behind its words.
 */
static void
start_by_shell(
    struct server *sv, int out, const char *before, const char *after)
{
	const char *program = sv->program;

	sv->program = "/bin/sh";
	start_bare(sv, -1, out, "-c",
	    text("%s; exec %s serve --db '%s' --listen unix:%s %s", before,
		program, sv->db, sv->socket, after),
	    NULL);
	sv->program = program;
	await_listening(sv);
}

static bool
replaced(const struct server *sv, pid_t old)
{
	pid_t pids[8];

	return children_of(sv->pid, pids, 8) == 2 && pids[0] != old &&
	       pids[1] != old;
}

/* The parent has to say that a worker died, and nobody listens to it. */
static void
test_a_parent_whose_messages_nobody_reads_lives_on(void)
{
	struct server *sv = prepare();
	pid_t pids[8];
	int end[2];

	check(pipe2(end, O_CLOEXEC) == 0);
	start_by_shell(sv, end[1], ":", "--workers 2 2>&1");
	close(end[1]);
	until(children_of(sv->pid, pids, 8) == 2);
	close(end[0]);
	check(kill(pids[0], SIGKILL) == 0);
	until(replaced(sv, pids[0]) || kill(sv->pid, 0) != 0 ||
	      waitpid(sv->pid, NULL, WNOHANG) != 0);
	check(replaced(sv, pids[0]));
	stream(sv, "/events");
}

static void
test_a_process_whose_messages_nobody_reads_starts(void)
{
	struct server *sv = prepare();
	int end[2];

	check(pipe2(end, O_CLOEXEC) == 0);
	close(end[0]);
	start_by_shell(sv, end[1], ":", "2>&1");
	close(end[1]);
	stream(sv, "/events");
}

static void
test_a_starter_that_ignores_signals_does_not_matter(void)
{
	struct server *sv = prepare();
	pid_t pids[8];

	start_by_shell(sv, -1, "trap '' TERM INT HUP PIPE CHLD", "--workers 2");
	until(children_of(sv->pid, pids, 8) == 2);
	check(kill(pids[0], SIGKILL) == 0);
	until(replaced(sv, pids[0]));
	stop(sv);
}

static void
test_a_starter_that_blocks_signals_does_not_matter(void)
{
	struct server *sv = prepare();
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	start(sv, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	stream(sv, "/events");
	stop(sv);
}

/* With workers and without: what becomes of the descriptors that we look at. */
static void
want_own_descriptors(const char *more)
{
	struct server *sv = prepare();
	struct client *c;
	char to[64];

	start_by_shell(sv, -1, ":", text("%s <&- >&- 2>&-", more));
	for (int fd = 0; fd <= 2; fd++) {
		ssize_t n = readlink(
		    text("/proc/%d/fd/%d", sv->pid, fd), to, sizeof(to) - 1);

		check(n > 0);
		to[n] = '\0';
		if (strncmp(to, "pipe:", 5) != 0)
			talk_fail("descriptor %d is %s", fd, to);
	}
	c = stream(sv, "/events");
	append(sv, "main", "x");
	want_event(c, NULL, "message", "x");
	stop(sv);
}

static void
test_closed_descriptors_do_not_become_sockets(void)
{
	want_own_descriptors("");
}

static void
test_closed_descriptors_of_workers(void)
{
	want_own_descriptors("--workers 2");
}

/* Its words go to stdout, which it must not take for the log or a client. */
static void
test_a_command_says_that_stdout_is_closed(void)
{
	struct server *sv = prepare();
	const char *program = sv->program;
	struct ran r;

	sv->program = "/bin/sh";
	r = run_with(
	    sv, NULL, "-c", text("exec %s --version >&-", program), NULL);
	sv->program = program;
	want_one_line(&r, 1);
}

/* --- secrets ------------------------------------------------------------- */

/* A file of /proc/PID, with a | for each NUL. */
static char *
proc_file(const struct server *sv, const char *name)
{
	FILE *f = fopen(text("/proc/%d/%s", sv->pid, name), "re");
	char *s = keep(65536);
	size_t n;

	check(f != NULL);
	n = fread(s, 1, 65535, f);
	fclose(f);
	for (size_t i = 0; i < n; i++)
		if (s[i] == '\0')
			s[i] = '|';
	return s;
}

static const char *
write_key(struct server *sv)
{
	char *key = text("%s/key", sv->dir);
	FILE *f = fopen(key, "we");

	check(f != NULL && fputs("0123456789abcdef0123456789abcdef\n", f) >= 0);
	fclose(f);
	return key;
}

static void
test_secrets_are_taken_out_of_sight(void)
{
	struct server *sv = prepare();
	const char *key = write_key(sv), *line;

	sv->env = (const char *[]){"LARGESSE_TOKEN=sesame-1",
	    "http_proxy=http://me:sesame-2@proxy:3128", "LARGESSE_RETRY=777",
	    "PAGE=/events?topic=a&expires=1&sign=sesame-5&lastEventId=1", NULL};
	start(sv, "--key-file", key, "--issuer", "https://me:sesame-3@shop/a",
	    "--audience", "https://shop/?access_token=sesame-4&b=1", NULL);
	line = proc_file(sv, "cmdline");
	check(strstr(line, "sesame") == NULL);
	check(strstr(line, "|https://me:x@shop/a|") != NULL);
	check(strstr(line, "|https://shop/?access_token=x&b=1|") != NULL);
	check(strstr(proc_file(sv, "environ"), "sesame") == NULL);
	check(strstr(proc_file(sv, "environ"), "LARGESSE_RETRY=777") != NULL);
	check(
	    strstr(proc_file(sv, "environ"), "&sign=x&lastEventId=1") != NULL);
	check(strstr(errors(sv), "sesame") == NULL);
}

static uid_t
owner_of_memory(const struct server *sv)
{
	struct stat st;

	check(stat(text("/proc/%d/mem", sv->pid), &st) == 0);
	return st.st_uid;
}

/* The kernel gives what cannot be dumped to root. */
static void
test_who_knows_a_key_is_not_dumped(void)
{
	struct server *sv = prepare_lean();
	const char *key = write_key(sv);

	log_share(sv);
	become_nobody(sv);
	if (sv->uid == 0)
		return; /* only root sees the difference */
	check(chown(key, sv->uid, (gid_t)-1) == 0);
	start(sv, NULL);
	check(owner_of_memory(sv) == sv->uid);
	stop(sv);
	start(sv, "--key-file", key, NULL);
	check(owner_of_memory(sv) == 0);
	check(strstr(proc_file(sv, "limits"),
		  "Max core file size        0                    0") != NULL);
	stop(sv);
	start(sv, "--key-file", key, "--publish", "--workers", "2", NULL);
	check(want_headers(get(sv, "/events/health", NULL)) == 200);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_a_parent_whose_messages_nobody_reads_lives_on),
	    TALK(test_a_process_whose_messages_nobody_reads_starts),
	    TALK(test_a_starter_that_ignores_signals_does_not_matter),
	    TALK(test_a_starter_that_blocks_signals_does_not_matter),
	    TALK(test_closed_descriptors_do_not_become_sockets),
	    TALK(test_closed_descriptors_of_workers),
	    TALK(test_a_command_says_that_stdout_is_closed),
	    TALK(test_secrets_are_taken_out_of_sight),
	    TALK(test_who_knows_a_key_is_not_dumped),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
