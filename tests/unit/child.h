/*
 * child.h - one of our commands, run in a process of its own.
 *
 * Its three descriptors are pipes, so a test talks to it as a shell would.  A
 * test waits until the output is there.  CHILD_WAIT_MS is far more than a busy
 * machine needs; only a test that fails waits so long.
 */
#ifndef CHILD_H
#define CHILD_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cm.h"

#include "fcgi/base/command.h"

enum {
	CHILD_WORDS = 16,
	CHILD_TEXT = 8192,
	CHILD_WAIT_MS = 60000
};

struct child {
	pid_t pid;
	int in, out, err; /* the other ends of its 0, 1 and 2 */
	char text[CHILD_TEXT];
};

/* Starts a command; its words end with NULL. */
static inline void
child_start(struct child *ch, command *run, const char *const *words)
{
	char *argv[CHILD_WORDS + 1];
	int in[2], out[2], err[2], argc;

	for (argc = 0; words[argc] != NULL; argc++) {
		assert_true(argc < CHILD_WORDS);
		argv[argc] = (char *)words[argc];
	}
	argv[argc] = NULL;
	assert_true(pipe(in) == 0 && pipe(out) == 0 && pipe(err) == 0);
	fflush(stdout);
	ch->pid = fork();
	assert_true(ch->pid >= 0);
	if (ch->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		closefrom(3);
		exit(run(argc, argv));
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	ch->in = in[1];
	ch->out = out[0];
	ch->err = err[0];
}

/* Reads into text until it is `want` long or, with NULL, to the end. */
static inline void
child_read(struct child *ch, int fd, const char *want)
{
	size_t len = 0, need = want != NULL ? strlen(want) : CHILD_TEXT - 1;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n = 1;

	while (len < need && n > 0) {
		if (poll(&pfd, 1, CHILD_WAIT_MS) != 1)
			fail_msg(
			    "nothing came after: %.*s", (int)len, ch->text);
		n = read(fd, ch->text + len, need - len);
		assert_true(n >= 0);
		len += (size_t)n;
	}
	ch->text[len] = '\0';
	if (want != NULL)
		assert_string_equal(ch->text, want);
}

static inline void
child_write(struct child *ch, const char *s)
{
	assert_int_equal(write(ch->in, s, strlen(s)), strlen(s));
}

static inline void
child_close_in(struct child *ch)
{
	if (ch->in != -1)
		close(ch->in);
	ch->in = -1;
}

/* The rest of its output, its errors and its exit status must be these. */
static inline void
child_ends(struct child *ch, const char *out, const char *err, int status)
{
	int got;

	child_close_in(ch);
	child_read(ch, ch->out, NULL);
	assert_string_equal(ch->text, out);
	child_read(ch, ch->err, NULL);
	assert_string_equal(ch->text, err);
	close(ch->out);
	close(ch->err);
	assert_int_equal(waitpid(ch->pid, &got, 0), ch->pid);
	assert_true(WIFEXITED(got));
	assert_int_equal(WEXITSTATUS(got), status);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
