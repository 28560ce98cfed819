/*
 * workers.c - several processes on one listening socket.
 *
 * The parent does nothing but wait for signals: a child has ended, or the
 * signal is passed on to the children.  A worker that dies at once is started
 * again only after a pause.  Without the pause, a log that cannot be opened
 * would keep the machine busy.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "fcgi/base/command.h"
#include "fcgi/base/log.h"
#include "fcgi/serve/workers.h"

enum {
	PAUSE_S = 1
}; /* pause after a life that was shorter */

/* What the parent knows of a worker. */
struct life {
	pid_t pid; /* 0: none */
	time_t born;
};

struct parent {
	struct tallies *tallies;
	struct spread *spread;
	struct life lives[CONF_WORKERS_MAX];
	sigset_t waited, before; /* what we wait for; the mask of a worker */
	bool closing;
};

static time_t
now_s(void)
{
	return clock_steady_ms() / 1000;
}

/* Starts worker i.  True in the new process. */
static bool
start(struct parent *pt, uint64_t i)
{
	pid_t self = getpid(), pid;

	spread_start(pt->spread, i);
	pid = fork();
	if (pid == -1) {
		log_error("worker", "cannot start: %s", strerror(errno));
		return false;
	}
	if (pid > 0) {
		pt->lives[i] = (struct life){pid, now_s()};
		return false;
	}
	sigprocmask(SIG_SETMASK, &pt->before, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* no worker outlives the parent */
	if (getppid() != self)
		raise(SIGTERM);
	return true;
}

/*
 * A worker has ended.  Its totals are kept for the worker that comes after it;
 * what it held is gone.
 */
static void
bury(struct parent *pt, pid_t pid, int status, bool quiet)
{
	uint64_t i;

	for (i = 0; i < pt->tallies->n && pt->lives[i].pid != pid; i++)
		;
	if (i == pt->tallies->n)
		return;
	pt->lives[i].pid = 0;
	tallies_forget(pt->tallies, i);
	spread_leave(pt->spread, i);
	if (!pt->closing)
		log_warning(quiet, "worker",
		    "%d ended by %s %d, starting another", (int)pid,
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status)
					: WEXITSTATUS(status));
}

/*
 * Starts the workers that are missing.  True in a new worker; *again: it is not
 * the first in its place.  *wait: the pause of a worker is not over yet.
 */
static bool
start_missing(struct parent *pt, uint64_t *started, bool *again, bool *wait)
{
	uint64_t i;

	*wait = false;
	for (i = 0; i < pt->tallies->n && !pt->closing; i++) {
		if (pt->lives[i].pid != 0)
			continue;
		if (pt->lives[i].born != 0 &&
		    now_s() - pt->lives[i].born < PAUSE_S) {
			*wait = true;
			continue;
		}
		*again = pt->lives[i].born != 0;
		if (start(pt, i)) {
			*started = i;
			return true;
		}
	}
	return false;
}

static bool
any_left(const struct parent *pt)
{
	uint64_t i;

	for (i = 0; i < pt->tallies->n; i++)
		if (pt->lives[i].pid != 0)
			return true;
	return false;
}

static void
take_signal(struct parent *pt, int signum, bool quiet)
{
	uint64_t i;
	int status;
	pid_t pid;

	if (signum == SIGCHLD) {
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			bury(pt, pid, status, quiet);
		return;
	}
	if (signum == SIGTERM || signum == SIGINT)
		pt->closing = true;
	for (i = 0; i < pt->tallies->n; i++)
		if (pt->lives[i].pid != 0)
			kill(pt->lives[i].pid, signum);
}

int
workers_run(struct tallies *all, struct spread *spread, bool quiet,
    workers_work *work, void *arg, bool *child)
{
	static const struct timespec pause = {PAUSE_S, 0};
	struct parent pt = {.tallies = all, .spread = spread};
	bool wait, again;
	uint64_t i;
	int signum;

	*child = false;
	sigemptyset(&pt.waited);
	sigaddset(&pt.waited, SIGCHLD);
	sigaddset(&pt.waited, SIGTERM);
	sigaddset(&pt.waited, SIGINT);
	sigaddset(&pt.waited, SIGHUP);
	sigprocmask(SIG_BLOCK, &pt.waited, &pt.before);
	do {
		if (start_missing(&pt, &i, &again, &wait)) {
			*child = true;
			return work(arg, i, again);
		}
		signum = sigtimedwait(&pt.waited, NULL, wait ? &pause : NULL);
		if (signum > 0)
			take_signal(&pt, signum, quiet);
	} while (!pt.closing || any_left(&pt));
	sigprocmask(SIG_SETMASK, &pt.before, NULL);
	return STATUS_DONE;
}
