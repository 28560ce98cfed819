/*
 * server.c - the program, started and ended.
 *
 * It is waited for through a descriptor of the process, not with a sleep, and
 * killed by its own id alone.  It dies with the test, should that be killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "peer.h"
#include "within.h"

extern char **environ;

static struct server *servers;

static const char *
program(const char *variable, const char *otherwise)
{
	const char *s = getenv(variable);

	return s != NULL && *s != '\0' ? s : otherwise;
}

struct server *
prepare_nothing(void)
{
	struct server *sv = keep(sizeof(*sv));
	const char *tmp = getenv("TMPDIR");

	sv->dir = text("%s/talk.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(sv->dir) == NULL)
		talk_fail("mkdtemp %s: %s", sv->dir, strerror(errno));
	sv->db = text("%s/events.db", sv->dir);
	sv->socket = text("%s/s", sv->dir);
	sv->err = text("%s/err", sv->dir);
	sv->program = program("LARGESSE", "build/asan/largesse");
	sv->next = servers;
	servers = sv;
	return sv;
}

static void
init(struct server *sv)
{
	struct ran r = run_with(sv, NULL, "init", sv->db, NULL);

	if (r.status != 0)
		talk_fail("init ended with %d: %s", r.status, r.err);
}

struct server *
prepare(void)
{
	struct server *sv = prepare_nothing();

	init(sv);
	return sv;
}

struct server *
prepare_lean(void)
{
	struct server *sv = prepare_nothing();

	sv->program = program("LARGESSE_LEAN", "build/largesse");
	init(sv);
	return sv;
}

/* --- starting ------------------------------------------------------------- */

enum {
	WORDS_MAX = 40
};

static void
words_of(const char **word, size_t n, va_list ap)
{
	do {
		if (n == WORDS_MAX)
			talk_fail("too many arguments");
		word[n] = va_arg(ap, const char *);
	} while (word[n++] != NULL);
}

/* In the child: nothing of the caller's set-up may reach the program. */
static void
environment(const struct server *sv)
{
	for (char **e = environ; *e != NULL;) {
		char *name = strndup(*e, strcspn(*e, "="));

		if (strncmp(name, "LARGESSE", 8) == 0 ||
		    strcmp(name, "GATEWAY_INTERFACE") == 0)
			unsetenv(name);
		else
			e++;
		free(name);
	}
	for (const char **e = sv->env; e != NULL && *e != NULL; e++)
		putenv(strdup(*e));
}

/* In the child: onto 0, 1 and 2, which lose the mark that closes them. */
static void
descriptors(int in, int out, int err)
{
	int from[3] = {in, out, err};

	for (int i = 0; i < 3; i++)
		if (from[i] < 0)
			from[i] = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++) /* out of the way of 0, 1 and 2 */
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		dup2(from[i], i);
}

static pid_t
spawn(struct server *sv, const char *const *word, int in, int out, int err)
{
	int exe = open(sv->program, O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (exe < 0)
		talk_fail("%s: %s", sv->program, strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		talk_fail("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		environment(sv);
		descriptors(in, out, err);
		if (sv->uid != 0 && setresuid(sv->uid, sv->uid, sv->uid) != 0)
			_exit(126);
		fexecve(exe, (char *const *)(uintptr_t)word, environ);
		_exit(127);
	}
	close(exe);
	return pid;
}

static int
open_err(const struct server *sv)
{
	int fd = open(sv->err, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		talk_fail("%s: %s", sv->err, strerror(errno));
	return fd;
}

static void
launch(struct server *sv, const char *const *word, int in, int out)
{
	int err = open_err(sv);

	if (sv->pid != 0)
		talk_fail("started twice");
	sv->pid = spawn(sv, word, in, out, err);
	close(err);
}

void
start_bare(struct server *sv, int in, int out, ...)
{
	const char *word[WORDS_MAX] = {"largesse"};
	va_list ap;

	va_start(ap, out);
	words_of(word, 1, ap);
	va_end(ap);
	launch(sv, word, in, out);
}

static void
start_with(struct server *sv, const char *first, va_list ap)
{
	const char *word[WORDS_MAX] = {"largesse", "serve", "--db", sv->db,
	    "--listen", text("unix:%s", sv->socket), first};

	if (first != NULL)
		words_of(word, 7, ap);
	launch(sv, word, -1, -1);
	await_listening(sv);
}

void
start(struct server *sv, ...)
{
	va_list ap;
	const char *first;

	va_start(ap, sv);
	first = va_arg(ap, const char *);
	start_with(sv, first, ap);
	va_end(ap);
}

struct server *
serve(void)
{
	struct server *sv = prepare();

	start(sv, NULL);
	return sv;
}

struct server *
serve_with(const char *argument, ...)
{
	struct server *sv = prepare();
	va_list ap;

	va_start(ap, argument);
	start_with(sv, argument, ap);
	va_end(ap);
	return sv;
}

static bool
has_exited(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) !=
		   0 ||
	       info.si_pid == pid;
}

void
await_listening(struct server *sv)
{
	int64_t deadline = now_ms() + PATIENCE_MS;

	while (!can_connect(sv)) {
		if (has_exited(sv->pid))
			talk_fail("the program ended instead of listening");
		talk_nap(deadline, "for it to listen");
	}
}

/* --- ending --------------------------------------------------------------- */

static bool
await_end(pid_t pid)
{
	struct pollfd p = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	int n = poll(&p, 1, PATIENCE_MS);

	close(p.fd);
	return n == 1;
}

int
await_exit(struct server *sv)
{
	int status;

	if (!await_end(sv->pid))
		talk_fail("the program does not end");
	waitpid(sv->pid, &status, 0);
	sv->pid = 0;
	return status;
}

static void
check_clean(struct server *sv)
{
	const char *err = errors(sv);

	if (strstr(err, "Sanitizer") != NULL ||
	    strstr(err, "runtime error") != NULL)
		talk_fail("a sanitizer spoke");
}

void
want_exit_0(struct server *sv)
{
	int status = await_exit(sv);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		talk_fail("wanted exit status 0; came %s %d",
		    WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	check_clean(sv);
}

void
stop(struct server *sv)
{
	kill(sv->pid, SIGTERM);
	want_exit_0(sv);
}

void
slay(struct server *sv)
{
	kill(sv->pid, SIGKILL);
	await_exit(sv);
}

void
servers_stop(void)
{
	for (struct server *sv = servers; sv != NULL; sv = sv->next) {
		if (sv->pid != 0 && sv->plain)
			want_exit_0(sv);
		else if (sv->pid != 0)
			stop(sv);
		check_clean(sv);
	}
}

static void
remove_dir(const char *dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", dir, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

void
servers_sweep(void)
{
	for (struct server *sv = servers; sv != NULL; sv = sv->next) {
		if (sv->pid != 0) {
			kill(sv->pid, SIGKILL);
			waitpid(sv->pid, NULL, 0);
		}
		remove_dir(sv->dir);
	}
	servers = NULL;
}

/* --- what it says --------------------------------------------------------- */

static char *
content(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct bytes b = {0};
	char buf[4096], *s;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		put(&b, buf, (size_t)n);
	if (fd >= 0)
		close(fd);
	s = text("%s", b.s != NULL ? b.s : "");
	bytes_free(&b);
	return s;
}

char *
errors(struct server *sv)
{
	return content(sv->err);
}

void
servers_report(void)
{
	enum {
		TAIL = 3000
	};

	for (struct server *sv = servers; sv != NULL; sv = sv->next) {
		const char *s = errors(sv);
		size_t len = strlen(s);

		fprintf(stderr, "--- stderr of %s:\n%s", sv->dir,
		    len > TAIL ? s + len - TAIL : s);
	}
}

static int
open_file(const char *path, const char *input)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		talk_fail("%s: %s", path, strerror(errno));
	if (input != NULL &&
	    write(fd, input, strlen(input)) != (ssize_t)strlen(input))
		talk_fail("%s: %s", path, strerror(errno));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

struct ran
run_with(struct server *sv, const char *input, ...)
{
	const char *word[WORDS_MAX] = {"largesse"};
	char *path[3] = {text("%s/run.in", sv->dir),
	    text("%s/run.out", sv->dir), text("%s/run.err", sv->dir)};
	int fd[3], status;
	va_list ap;
	pid_t pid;

	va_start(ap, input);
	words_of(word, 1, ap);
	va_end(ap);
	for (int i = 0; i < 3; i++)
		fd[i] = open_file(path[i], i == 0 ? input : NULL);
	pid = spawn(sv, word, fd[0], fd[1], fd[2]);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	if (!await_end(pid)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		talk_fail("largesse %s does not end", word[1] ? word[1] : "");
	}
	waitpid(pid, &status, 0);
	return (struct ran){
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	    content(path[1]), content(path[2])};
}
