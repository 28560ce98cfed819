/*
 * news.c - when to look at a SQLite log: hint, ladder, sweep.
 *
 * libuv's file watching is not used here.  It does not ask for IN_CLOSE_WRITE,
 * by which a `sqlite3` of one statement tells that its commit is done.  And
 * its timers have whole milliseconds, but the first rungs of the ladder need
 * less.
 */
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite/news.h"

/*
 * Microseconds from one look to the next.  Those before the break are for the
 * commit that the hint announced.  Those after it are for a second commit that
 * came so soon that there was one hint for both.
 */
static const unsigned ladder_us[] = {30, 40, 60, 100, 270, 500, 1000, 3000,
    5000, 10000, 30000, 50000, 100000, /**/ 1000, 4000, 15000, 80000};
enum {
	RUNGS = sizeof(ladder_us) / sizeof(ladder_us[0]),
	RUNG_FOUND = RUNGS - 4
};

#define WATCHED                                                             \
	(IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO | \
	    IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF)

static int
watch_fd(struct news *nw, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(nw->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* The time from one sweep to the next; 0: there is none. */
static unsigned
sweep_ms(const struct news *nw)
{
	unsigned ms = nw->poll_ms;

	if (nw->watch == -1 && (ms == 0 || ms > NEWS_DEAF_MS))
		ms = NEWS_DEAF_MS;
	if (nw->soon_ms != 0 && (ms == 0 || ms > nw->soon_ms))
		ms = nw->soon_ms;
	return ms;
}

/* The next look: the ladder's next rung, else the sweep, else none. */
static void
arm_look(struct news *nw)
{
	unsigned us =
	    nw->step < RUNGS ? ladder_us[nw->step] : sweep_ms(nw) * 1000;
	struct itimerspec at = {
	    .it_value.tv_sec = us / 1000000,
	    .it_value.tv_nsec = us % 1000000 * 1000,
	};

	nw->due = false;
	timerfd_settime(nw->timer_fd, 0, &at, NULL);
}

/* SQLite puts its files beside the real file, not beside a link to it. */
static int
set_path(struct news *nw, const char *path)
{
	char real[PATH_MAX], *slash, *dir, *name;

	if (realpath(path, real) == NULL)
		return -1;
	slash = strrchr(real, '/');
	name = strdup(slash + 1);
	slash[slash == real ? 1 : 0] = '\0';
	dir = strdup(real);
	if (dir == NULL || name == NULL) {
		free(dir);
		free(name);
		return -1;
	}
	free(nw->dir);
	free(nw->name);
	nw->dir = dir;
	nw->name = name;
	return 0;
}

/* Watches the directory, if that can be done now. */
static void
listen_to_directory(struct news *nw)
{
	struct stat sb;

	if (nw->inotify_fd == -1) {
		nw->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (nw->inotify_fd != -1 &&
		    watch_fd(nw, nw->inotify_fd) == -1) {
			close(nw->inotify_fd);
			nw->inotify_fd = -1;
		}
	}
	if (nw->inotify_fd != -1)
		nw->watch = inotify_add_watch(nw->inotify_fd, nw->dir, WATCHED);
	nw->deaf = nw->watch == -1 ? errno : 0;
	if (nw->watch != -1 && stat(nw->dir, &sb) == 0) {
		nw->dev = sb.st_dev;
		nw->ino = sb.st_ino;
	}
}

int
sqlite_news_open(struct news *nw, const char *path)
{
	memset(nw, 0, sizeof(*nw));
	nw->epoll_fd = nw->inotify_fd = nw->timer_fd = nw->watch = -1;
	nw->poll_ms = 250;
	nw->step = RUNGS;
	if (set_path(nw, path) == -1)
		return -1;
	nw->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	nw->timer_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (nw->epoll_fd == -1 || nw->timer_fd == -1 ||
	    watch_fd(nw, nw->timer_fd) == -1)
		return -1;
	listen_to_directory(nw);
	arm_look(nw);
	return 0;
}

void
sqlite_news_close(struct news *nw)
{
	if (nw->inotify_fd != -1)
		close(nw->inotify_fd);
	if (nw->timer_fd != -1)
		close(nw->timer_fd);
	if (nw->epoll_fd != -1)
		close(nw->epoll_fd);
	free(nw->dir);
	free(nw->name);
	nw->dir = nw->name = NULL;
	nw->epoll_fd = nw->inotify_fd = nw->timer_fd = -1;
}

/* Is this one of the log's files?  NAME, NAME-wal, NAME-shm, NAME-journal. */
static bool
is_ours(const struct news *nw, const char *name)
{
	size_t len = strlen(nw->name);

	if (strncmp(name, nw->name, len) != 0)
		return false;
	name += len;
	return *name == '\0' || strcmp(name, "-wal") == 0 ||
	       strcmp(name, "-shm") == 0 || strcmp(name, "-journal") == 0;
}

static void
take_one(struct news *nw, const struct inotify_event *ev, struct news_seen *sn)
{
	if (ev->wd != nw->watch && (ev->mask & IN_Q_OVERFLOW) == 0)
		return;		   /* of a directory that was watched before */
	if (ev->mask & IN_IGNORED) /* it is gone; the sweep watches a new one */
		nw->watch = -1;
	if (ev->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_MOVE_SELF)) {
		sn->look = sn->moved = true;
		return;
	}
	if (ev->len == 0 || !is_ours(nw, ev->name))
		return;
	sn->look = true;
	if (ev->mask & (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM))
		sn->moved = true;
}

static void
take_inotify(struct news *nw, struct news_seen *sn)
{
	char buf[8192] __attribute__((aligned(8)));
	ssize_t n;
	char *p;

	if (nw->inotify_fd == -1)
		return;
	do { /* until the rest of buf could hold an event: no more are there */
		n = read(nw->inotify_fd, buf, sizeof(buf));
		for (p = buf; p < buf + n;) {
			struct inotify_event *ev = (struct inotify_event *)p;

			take_one(nw, ev, sn);
			p += sizeof(*ev) + ev->len;
		}
	} while (n > (ssize_t)(sizeof(buf) - sizeof(struct inotify_event) -
			       NAME_MAX - 1));
}

struct news_seen
sqlite_news_take(struct news *nw)
{
	struct news_seen sn = {false, false, false, false};
	uint64_t ticks;

	take_inotify(nw, &sn);
	if (sn.look) {
		sn.hint = true;
		return sn;
	}
	if (read(nw->timer_fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return sn;
	sn.look = true;
	if (nw->step >= RUNGS)
		sn.moved = true; /* the sweep looks at everything */
	else if (++nw->step == RUNG_FOUND)
		nw->step = RUNGS;
	sn.late = nw->step >= RUNGS;
	if (nw->watch == -1 && sn.moved)
		listen_to_directory(nw);
	nw->due = true;
	return sn;
}

void
sqlite_news_next(struct news *nw, bool hint, bool found)
{
	if (found && (hint || nw->step < RUNG_FOUND))
		nw->step = RUNG_FOUND;
	else if (hint)
		nw->step = 0;
	else
		return;
	nw->due = true;
}

void
sqlite_news_arm(struct news *nw)
{
	if (nw->due)
		arm_look(nw);
}

void
sqlite_news_follow(struct news *nw, const char *path)
{
	char dir[PATH_MAX];
	struct stat sb;
	bool same;

	snprintf(dir, sizeof(dir), "%s", nw->dir);
	if (set_path(nw, path) == -1)
		return;
	same = strcmp(dir, nw->dir) == 0 && stat(dir, &sb) == 0 &&
	       sb.st_dev == nw->dev && sb.st_ino == nw->ino;
	if (same || nw->watch == -1)
		return;
	inotify_rm_watch(nw->inotify_fd, nw->watch);
	listen_to_directory(nw);
}

void
sqlite_news_within(struct news *nw, unsigned ms)
{
	if (ms == nw->soon_ms)
		return;
	nw->soon_ms = ms;
	if (nw->step >= RUNGS)
		arm_look(nw);
}

void
sqlite_news_again(struct news *nw)
{
	struct itimerspec at = {.it_value.tv_nsec = 1};

	nw->due = false;
	timerfd_settime(nw->timer_fd, 0, &at, NULL);
}
