/*
 * input.c - standard input, read as it comes, until its end or a signal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/command/input.h"

enum {
	READ_BYTES = 64 * 1024 /* at once; a pipe holds no more */
};

/* A signal that is ignored, as by nohup, goes on being ignored. */
static void
ending_signals(sigset_t *set)
{
	static const int ending[] = {SIGHUP, SIGINT, SIGTERM};
	struct sigaction sa;
	size_t i;

	sigemptyset(set);
	for (i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (sigaction(ending[i], NULL, &sa) == 0 &&
		    sa.sa_handler != SIG_IGN)
			sigaddset(set, ending[i]);
}

int
input_open(struct input *in)
{
	sigset_t set;

	memset(in, 0, sizeof(*in));
	ending_signals(&set);
	in->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (in->signals == -1 || sigprocmask(SIG_BLOCK, &set, NULL) == -1) {
		log_error("signals", "%s", strerror(errno));
		return -1;
	}
	return 0;
}

static void
input_fail(struct input *in)
{
	log_error("standard input", "%s", strerror(errno));
	in->failed = in->ended = true;
}

static void
read_once(struct input *in)
{
	struct bytes *text = &in->text;
	ssize_t n = -1;

	bytes_trim(text);
	if (bytes_room(text, READ_BYTES) == 0)
		do
			n = read(STDIN_FILENO, text->s + text->len, READ_BYTES);
		while (n == -1 && errno == EINTR);
	if (n == -1) {
		input_fail(in);
		return;
	}
	text->len += (size_t)n;
	in->ended = in->ended || n == 0;
}

static void
input_signal(struct input *in)
{
	struct signalfd_siginfo si;

	if (read(in->signals, &si, sizeof(si)) == sizeof(si))
		in->stopped = (int)si.ssi_signo;
	in->ended = true;
}

bool
input_read(struct input *in, int ms)
{
	struct pollfd pfd[] = {{.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = in->signals, .events = POLLIN}};

	if (poll(pfd, 2, ms) == -1) {
		if (errno == EINTR || errno == EAGAIN)
			return false;
		input_fail(in);
		return true;
	}
	if (pfd[1].revents != 0)
		input_signal(in);
	if (pfd[0].revents != 0)
		read_once(in);
	return pfd[0].revents != 0 || pfd[1].revents != 0;
}

void
input_close(struct input *in)
{
	sigset_t set;

	bytes_free(&in->text);
	if (in->signals != -1)
		close(in->signals);
	if (in->stopped == 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, in->stopped);
	raise(in->stopped);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
