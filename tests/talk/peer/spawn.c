/*
 * spawn.c - starts one process of the program.
 *
 * The process gets its environment, three descriptors and a user, and nothing
 * else of the test's.  It dies when the test is killed.  To wait for its end,
 * the test polls a descriptor of the process and does not sleep.
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

extern char **environ;

void
spawn_words(const char **word, size_t n, va_list ap)
{
	do {
		if (n == SPAWN_WORDS_MAX)
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

pid_t
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

bool
spawn_await(pid_t pid)
{
	struct pollfd p = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	int n = poll(&p, 1, PATIENCE_MS);

	close(p.fd);
	return n == 1;
}

char *
spawn_content(const char *path)
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
	const char *word[SPAWN_WORDS_MAX] = {"largesse"};
	char *path[3] = {text("%s/run.in", sv->dir),
	    text("%s/run.out", sv->dir), text("%s/run.err", sv->dir)};
	int fd[3], status;
	va_list ap;
	pid_t pid;

	va_start(ap, input);
	spawn_words(word, 1, ap);
	va_end(ap);
	for (int i = 0; i < 3; i++)
		fd[i] = open_file(path[i], i == 0 ? input : NULL);
	pid = spawn(sv, word, fd[0], fd[1], fd[2]);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	if (!spawn_await(pid)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		talk_fail("largesse %s does not end", word[1] ? word[1] : "");
	}
	waitpid(pid, &status, 0);
	return (struct ran){
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
	    spawn_content(path[1]), spawn_content(path[2])};
}

void
want_one_line(const struct ran *r, int status)
{
	const char *end = strchr(r->err, '\n');

	if (r->status != status || strncmp(r->err, "largesse: ", 10) != 0 ||
	    end == NULL || end[1] != '\0' || *r->out != '\0')
		talk_fail("wanted status %d and one line `largesse: ...`; "
			  "came %d: %s and on stdout %s",
		    status, r->status, shown(r->err, strlen(r->err)),
		    shown(r->out, strlen(r->out)));
}

struct ran
serve_ends(struct server *sv)
{
	return run_with(sv, NULL, "serve", "--db", sv->db, "--listen",
	    text("unix:%s", sv->socket), NULL);
}

void
become_nobody(struct server *sv)
{
	if (getuid() == 0)
		sv->uid = 65534;
	check(chmod(sv->dir, 0777) == 0);
}
