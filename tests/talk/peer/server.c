/*
 * server.c - prepares, starts and ends one responder with a directory of its
 * own.  It is ended by its process id, and by nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

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
	sv->db = log_engine()->name_log(sv);
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

/* --- starting ---------------------------------------------------------- */

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

int
listening_socket(const struct server *sv)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(strlen(sv->socket) < sizeof(sun.sun_path));
	strcpy(sun.sun_path, sv->socket);
	check(fd != -1);
	check(bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0);
	check(listen(fd, 1024) == 0);
	return fd;
}

void
start_bare(struct server *sv, int in, int out, ...)
{
	const char *word[SPAWN_WORDS_MAX] = {"largesse"};
	va_list ap;

	va_start(ap, out);
	spawn_words(word, 1, ap);
	va_end(ap);
	launch(sv, word, in, out);
}

static void
start_with(struct server *sv, const char *first, va_list ap)
{
	const char *word[SPAWN_WORDS_MAX] = {"largesse", "serve", "--db",
	    sv->db, "--listen", text("unix:%s", sv->socket), first};

	if (first != NULL)
		spawn_words(word, 7, ap);
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

/* --- ending ------------------------------------------------------------ */

int
await_exit(struct server *sv)
{
	int status;

	if (!spawn_await(sv->pid))
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
freeze(const struct server *sv)
{
	int status;

	check(kill(sv->pid, SIGSTOP) == 0);
	check(waitpid(sv->pid, &status, WUNTRACED) == sv->pid);
	check(WIFSTOPPED(status));
}

void
freeze_when(struct server *sv, bool (*is)(struct server *))
{
	freeze(sv);
	while (!is(sv)) {
		check(kill(sv->pid, SIGCONT) == 0);
		usleep(5000);
		freeze(sv);
	}
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

/* --- what it says ------------------------------------------------------ */

char *
errors(struct server *sv)
{
	return spawn_content(sv->err);
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

size_t
errors_with(struct server *sv, const char *words)
{
	const char *s = errors(sv);
	size_t n = 0;

	while ((s = strstr(s, words)) != NULL) {
		s += strlen(words);
		n++;
	}
	return n;
}
