/*
 * test_sandbox.c - what the program may not do once it serves, and that it
 * serves all the same.  It is the program without sanitizers, which has the
 * filter.
 *
 * What a stranger could make it do is done to it: the test stops the process,
 * as a debugger does, and lets it ask the kernel for something.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/posts.h"

static struct server *
lean(struct server *sv)
{
	sv->program = prepare_lean()->program;
	return sv;
}

/* A number of /proc/PID/status. */
static long
number_of(pid_t pid, const char *name)
{
	const struct server any = {.pid = pid};

	return status_number(&any, name);
}

/* --- who is shut in ------------------------------------------------------ */

static void
want_shut_in(pid_t pid)
{
	until(number_of(pid, "Seccomp") == 2);
	check(number_of(pid, "NoNewPrivs") == 1);
}

static void
test_each_process_of_it_is_shut_in(void)
{
	struct server *sv = lean(ready());
	pid_t pids[4], writer[2];

	start(sv, "--workers", "2", NULL);
	want_shut_in(sv->pid);
	until(children_of(sv->pid, pids, 4) == 2);
	for (int i = 0; i < 2; i++) {
		want_shut_in(pids[i]);
		until(children_of(pids[i], writer, 2) == 1);
		want_shut_in(writer[0]);
	}
}

static void
want_open(struct server *sv, const char *option)
{
	struct client *c;

	start(sv, option, NULL);
	c = stream(sv, "/events");
	check(number_of(sv->pid, "Seccomp") == 0);
	until(writer_of(sv) != 0);
	want_id(post(sv, FORM, "data=x"), 201);
	want_event(c, NULL, "message", "x");
	check(number_of(writer_of(sv), "Seccomp") == 0);
	stop(sv);
}

static void
test_no_sandbox_shuts_nobody_in(void)
{
	struct server *sv = lean(ready());
	const char **env = keep(5 * sizeof(*env));

	want_open(sv, "--no-sandbox");
	memcpy(env, sv->env, 3 * sizeof(*env));
	env[3] = "LARGESSE_NO_SANDBOX=yes";
	sv->env = env;
	want_open(sv, NULL);
}

/* --- what nobody can make it do ------------------------------------------ */

#ifdef __x86_64__
/* Goes on to the next stop at a system call: its begin or its end. */
static int
next_stop(pid_t pid)
{
	int status, sig = 0;

	do {
		check(ptrace(PTRACE_SYSCALL, pid, 0, sig) == 0);
		check(waitpid(pid, &status, __WALL) == pid);
		sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
	} while (WIFSTOPPED(status) && sig != SIGTRAP);
	return status;
}

/*
 * Puts a system call in the place of the next one that the process makes.
 * Returns what the kernel answered, or the signal that ended the process, with
 * *dead set.  The process is gone then, in both cases.
 */
static long
inject(pid_t pid, bool *dead, long nr, long a, long b, long c)
{
	struct user_regs_struct regs;
	int status;

	check(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0);
	check(waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status));
	check(WIFSTOPPED(next_stop(pid)));
	check(ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0);
	regs.orig_rax = (unsigned long long)nr;
	regs.rdi = (unsigned long long)a;
	regs.rsi = (unsigned long long)b;
	regs.rdx = (unsigned long long)c;
	regs.r10 = MAP_PRIVATE | MAP_ANONYMOUS;
	regs.r8 = (unsigned long long)-1;
	regs.r9 = 0;
	check(ptrace(PTRACE_SETREGS, pid, 0, &regs) == 0);
	/* The end of the call is seen even if the filter ends the process. */
	status = next_stop(pid);
	if (WIFSTOPPED(status)) {
		check(ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0);
		status = next_stop(pid);
	}
	*dead = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	if (*dead)
		return SIGSYS;
	/* It may fall over what the call has answered: it asked for another. */
	if (!WIFSIGNALED(status)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, __WALL);
	}
	return (long)regs.rax;
}

/*
 * Does it wait for what comes?  Only then it is all shut in: where libuv would
 * make a ring, there is another filter earlier.
 */
static bool
is_waiting(pid_t pid)
{
	static const long calls[] = {SYS_epoll_wait, SYS_epoll_pwait, SYS_poll,
	    SYS_ppoll, SYS_read, SYS_recvfrom, SYS_recvmsg};
	FILE *f = fopen(text("/proc/%d/syscall", (int)pid), "re");
	long nr = -1;
	size_t i;

	if (f == NULL)
		return false;
	if (fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	fclose(f);
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (nr == calls[i])
			return true;
	return false;
}

/* The process of sv that a call is done to: itself, a worker or a writer. */
static pid_t
await_target(struct server *sv, int depth)
{
	pid_t pid = sv->pid, list[8];

	while (depth-- > 0) {
		until(children_of(pid, list, 8) > 0);
		pid = list[0];
	}
	want_shut_in(pid);
	until(is_waiting(pid));
	return pid;
}

struct call {
	const char *name;
	long nr, a, b, c;
};

/* Each of the calls ends it at once. */
static const struct call deadly[] = {{"execve", SYS_execve, 0, 0, 0},
    {"execveat", SYS_execveat, -1, 0, 0}, {"fork", SYS_fork, 0, 0, 0},
    {"ptrace", SYS_ptrace, PTRACE_TRACEME, 0, 0},
    {"process_vm_readv", SYS_process_vm_readv, 1, 0, 0},
    {"socket of packets", SYS_socket, AF_PACKET, SOCK_RAW, 0},
    {"socket of AX.25", SYS_socket, 3, SOCK_RAW, 0},
    {"socket of AF_VSOCK", SYS_socket, AF_VSOCK, SOCK_STREAM, 0},
    {"bpf", SYS_bpf, 0, 0, 0}, {"keyctl", SYS_keyctl, 0, 0, 0},
    {"mount", SYS_mount, 0, 0, 0}, {"setuid", SYS_setuid, 0, 0, 0},
    {"unshare", SYS_unshare, CLONE_NEWUSER, 0, 0}};

/* It answers ENOSYS: that is no call of ours. */
static const struct call unknown[] = {
    {"memory to execute", SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC},
    {"memory to write and execute", SYS_mmap, 0, 4096,
	PROT_READ | PROT_WRITE | PROT_EXEC},
    {"clone3", SYS_clone3, 0, 0, 0},
    {"io_uring_setup", SYS_io_uring_setup, 1, 0, 0},
    {"personality", SYS_personality, 0xffffffff, 0, 0},
    {"dumpable again", SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0},
    {"another's limits", SYS_prlimit64, 1, 7, 0},
    {"rename", SYS_rename, 0, 0, 0}, {"chmod", SYS_chmod, 0, 0, 0}};

static void
want_answers(struct server *(*make)(void), int depth, const char *workers)
{
	size_t i, n = sizeof(deadly) / sizeof(deadly[0]);
	size_t all = n + sizeof(unknown) / sizeof(unknown[0]);

	for (i = 0; i < all; i++) {
		const struct call *call = i < n ? &deadly[i] : &unknown[i - n];
		struct server *sv = lean(make());
		bool dead;
		long said;

		start(sv, "--workers", workers, NULL);
		said = inject(await_target(sv, depth), &dead, call->nr, call->a,
		    call->b, call->c);
		if (dead != (i < n) || said != (dead ? SIGSYS : -38))
			talk_fail("%s: %s %ld", call->name,
			    dead ? "ended by" : "answered", said);
		if (depth == 0)
			sv->pid = 0; /* it has been waited for */
		else
			slay(sv);
	}
}

static void
test_a_responder_does_nothing_else(void)
{
	want_answers(prepare, 0, "1");
}

static void
test_a_worker_does_nothing_else(void)
{
	want_answers(prepare, 1, "2");
}

static void
test_a_writer_does_nothing_else(void)
{
	want_answers(ready, 1, "1");
}

/* It starts the writer, and so it can execute that, and nothing else. */
static void
test_who_starts_the_writer_executes_nothing_else(void)
{
	struct server *sv = lean(ready());
	bool dead;

	start(sv, NULL);
	check(
	    inject(await_target(sv, 0), &dead, SYS_execve, 0, 0, 0) == SIGSYS &&
	    dead);
	sv->pid = 0;
	sv = lean(ready());
	start(sv, NULL);
	check(inject(await_target(sv, 0), &dead, SYS_clone, SIGCHLD, 0, 0) ==
		  -38 &&
	      !dead);
	sv->pid = 0;
}

/* Only a log on Redis takes a socket of its own. */
static void
test_a_log_in_a_file_takes_no_network(void)
{
	struct server *sv = lean(prepare());
	bool dead, remote = strstr(sv->db, "redis") != NULL;
	long said;

	start(sv, NULL);
	said = inject(
	    await_target(sv, 0), &dead, SYS_socket, AF_INET, SOCK_STREAM, 0);
	check(!dead && (remote ? said >= 0 : said == -38));
	sv->pid = 0;
}
#endif

/* --- it serves all the same ---------------------------------------------- */

static bool
has_other_child(pid_t pid, pid_t old)
{
	pid_t list[8];
	int n = children_of(pid, list, 8);

	for (int i = 0; i < n; i++)
		if (list[i] == old)
			return false;
	return n > 0;
}

static void
write_key(struct server *sv, const char *key)
{
	FILE *f = fopen(text("%s/key", sv->dir), "we");

	check(f != NULL && fputs(key, f) >= 0);
	fclose(f);
}

/* A writer and keys: both come anew. */
static void
test_a_writer_and_keys_come_anew(void)
{
	struct server *sv = lean(ready());
	struct client *st;
	const struct event *e;
	pid_t old;
	int status;

	start(sv, NULL);
	st = stream(sv, "/events");
	want_id(post(sv, FORM, "data=one"), 201);
	want_event(st, NULL, "message", "one");
	old = writer_of(sv);
	check(kill(old, SIGKILL) == 0);
	until(has_other_child(sv->pid, old));
	want_shut_in(writer_of(sv));
	do
		status = want_headers(post(sv, FORM, "data=two&uid=u2"));
	while (status == 503);
	check(status == 201);
	want_event(st, "u2", "message", "two");
	write_key(sv, "fedcba9876543210fedcba9876543210\n");
	kill(sv->pid, SIGHUP);
	until(want_headers(post(sv, FORM, "data=no")) == 401);
	take_token(sv, "--publish", "*");
	want_id(post(sv, FORM, "data=three"), 201);
	do /* some were published before the key was read again */
		e = want_next(st);
	while (strcmp(e->data, "no") == 0);
	check(strcmp(e->data, "three") == 0);
	check(want_headers(get(sv, "/events/health", NULL)) == 200);
}

static void
test_workers_come_anew_and_their_writers(void)
{
	struct server *sv = lean(ready());
	pid_t pids[8], writer[2];

	start(sv, "--workers", "1", NULL);
	stop(sv);
	start(sv, "--workers", "2", NULL);
	until(children_of(sv->pid, pids, 8) == 2);
	until(children_of(pids[0], writer, 2) == 1);
	check(kill(pids[0], SIGKILL) == 0);
	until(children_of(sv->pid, writer, 2) == 2 && writer[0] != pids[0] &&
	      writer[1] != pids[0]);
	for (int i = 0; i < 2; i++) {
		pid_t own[2];

		until(children_of(writer[i], own, 2) == 1);
		want_shut_in(own[0]);
	}
	for (int i = 0; i < 20; i++)
		want_id(post(sv, FORM, text("data=%d", i)), 201);
}

static void
test_a_log_that_is_lost_and_replaced(void)
{
	struct server *sv = lean(prepare()), *other = prepare();
	struct client *st;

	append(sv, "main", "one");
	append(other, "main", "other");
	start(sv, NULL);
	st = stream(sv, "/events");
	log_replace(sv, other);
	want_gap(st);
	append(sv, "main", "two");
	until(want_headers(get(sv, "/events/health", NULL)) == 200);
	log_lose(sv);
	until(want_headers(get(sv, "/events/health", NULL)) == 503);
	log_find(sv);
	until(want_headers(get(sv, "/events/health", NULL)) == 200);
	st = stream(sv, "/events");
	append(sv, "main", "three");
	want_event(st, NULL, "message", "three");
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TALK(test_each_process_of_it_is_shut_in),
	    TALK(test_no_sandbox_shuts_nobody_in),
#ifdef __x86_64__
	    TALK(test_a_responder_does_nothing_else),
	    TALK(test_a_worker_does_nothing_else),
	    TALK(test_a_writer_does_nothing_else),
	    TALK(test_who_starts_the_writer_executes_nothing_else),
	    TALK(test_a_log_in_a_file_takes_no_network),
#endif
	    TALK(test_a_writer_and_keys_come_anew),
	    TALK(test_workers_come_anew_and_their_writers),
	    TALK(test_a_log_that_is_lost_and_replaced),
	};

	return talk_main(argc, argv, tests, sizeof(tests) / sizeof(*tests));
}
