/*
 * redis.h - a redis-server that belongs to one test, and a connection to it.
 *
 * The server has a directory of its own and listens on a socket in it, on no
 * port.  It dies with the test, and is ended by its process id.  The test
 * speaks with it through hiredis, not through the program's own link.
 */
#ifndef TESTS_REDIS_H
#define TESTS_REDIS_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

enum {
	REDIS_WORDS = 24,
	REDIS_PATIENCE_S = 60
};

struct redis_server {
	char dir[128], socket[160];
	const char *words[REDIS_WORDS]; /* more options, then NULL */
	pid_t pid;			/* 0: not running */
	redisContext *to;		/* a client's connection */
};

static inline void
redis_exec(const struct redis_server *rs)
{
	/*
	 * With everysec, Redis keeps what it has answered for up to two
	 * seconds while the disk is slow, and SIGKILL loses it.
	 */
	const char *argv[16 + REDIS_WORDS] = {"redis-server", "--port", "0",
	    "--unixsocket", rs->socket, "--dir", rs->dir, "--save", "",
	    "--logfile", "redis.log", "--appendfsync", "no"};
	int log, n = 13, i;

	for (i = 0; rs->words[i] != NULL; i++)
		argv[n++] = rs->words[i];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log = open("/dev/null", O_RDWR);
	dup2(log, 0);
	dup2(log, 1);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static inline bool
redis_connect(struct redis_server *rs)
{
	redisReply *r;
	bool ok;

	if (rs->to != NULL)
		redisFree(rs->to);
	rs->to = redisConnectUnix(rs->socket);
	if (rs->to == NULL || rs->to->err != 0)
		return false;
	r = redisCommand(rs->to, "PING");
	ok = r != NULL && r->type != REDIS_REPLY_ERROR;
	if (r != NULL)
		freeReplyObject(r);
	return ok;
}

/* Starts it again in its directory, with what that has.  False: it ended. */
static inline bool
redis_start(struct redis_server *rs)
{
	static const struct timespec nap = {.tv_nsec = 2 * 1000000};
	int tries = REDIS_PATIENCE_S * 500;

	unlink(rs->socket);
	fflush(NULL);
	rs->pid = fork();
	if (rs->pid == 0)
		redis_exec(rs);
	while (tries-- > 0 && !redis_connect(rs)) {
		if (waitpid(rs->pid, NULL, WNOHANG) == rs->pid) {
			rs->pid = 0;
			return false;
		}
		nanosleep(&nap, NULL);
	}
	return tries > 0;
}

/* sig is SIGKILL, or SIGTERM by which it saves what it is told to save. */
static inline void
redis_stop(struct redis_server *rs, int sig)
{
	if (rs->to != NULL)
		redisFree(rs->to);
	rs->to = NULL;
	if (rs->pid > 0) {
		kill(rs->pid, sig);
		waitpid(rs->pid, NULL, 0);
	}
	rs->pid = 0;
}

/* In a new directory; words are copied as pointers. */
static inline bool
redis_new(struct redis_server *rs)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(rs->dir, sizeof(rs->dir), "%s/redis.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(rs->dir) == NULL || chmod(rs->dir, 0755) == -1)
		return false;
	strcpy(stpcpy(rs->socket, rs->dir), "/sock");
	return redis_start(rs);
}

/* Ends it and takes its files away. */
static inline void
redis_gone(struct redis_server *rs)
{
	pid_t pid;

	redis_stop(rs, SIGKILL);
	if (rs->dir[0] != '\0' && (pid = fork()) >= 0) {
		if (pid == 0) {
			execlp("rm", "rm", "-rf", "--", rs->dir, (char *)NULL);
			_exit(127);
		}
		waitpid(pid, NULL, 0);
	}
	memset(rs, 0, sizeof(*rs));
}

#endif
