/*
 * news.h - when to look at a SQLite log: hint, ladder, sweep.
 *
 * Private to store/sqlite.  A hint is a change in the directory of the log's
 * files.  It comes before the commit is visible: SQLite writes the WAL first,
 * and then tells of the commit through shared memory, of which inotify says
 * nothing.  So after a hint we look at once, and again after delays that grow
 * like the rungs of a ladder.  Where no hint comes from (a network file
 * system) a slow sweep looks all the same.
 *
 * The kernel may have no inotify for us: a user has only so many.  Then the
 * sweep is a quick one, and at each we try again.
 */
#ifndef NEWS_H
#define NEWS_H

#include <sys/types.h>

#include <stdbool.h>

enum {
	NEWS_DEAF_MS = 50 /* the sweep without inotify; --poll may be less */
};

struct news {
	int epoll_fd; /* what a loop waits for: the two below */
	int inotify_fd, timer_fd;
	int watch;	  /* on the directory, or -1 */
	int deaf;	  /* errno: why there is no inotify; 0: there is */
	unsigned step;	  /* next rung of the ladder */
	bool due;	  /* the timer is to be set for that */
	unsigned poll_ms; /* the sweep; 0 is never */
	unsigned soon_ms; /* a sweep that is wanted sooner; 0: none */
	char *dir, *name; /* where the log is, and its file's name */
	dev_t dev;	  /* of the directory that is watched */
	ino_t ino;
};

/* What came.  Any of them is a reason to look at the log. */
struct news_seen {
	bool look;  /* a hint, a rung or the sweep */
	bool hint;  /* a file was written: a commit is on its way */
	bool moved; /* a file came, went or changed its name; or the sweep */
	bool late;  /* no hint in a while: what was announced must be there */
};

/* Begins to watch the real file behind path.  0, or -1 with errno. */
int sqlite_news_open(struct news *, const char *path);
void sqlite_news_close(struct news *); /* takes one that news_open failed on */

/*
 * Takes what has come.  After a look for it, news_next has to follow, and
 * before anybody waits, news_arm.
 */
struct news_seen sqlite_news_take(struct news *);

/*
 * Says when the next look is, when the result of this look is known.  hint: as
 * news_take said; found: there was a commit, and another may follow it.
 */
void sqlite_news_next(struct news *, bool hint, bool found);

/*
 * Sets the timer for it.  That costs as much as a look, and in a virtual
 * machine more, so it is done once and when what was found has been sent.
 */
void sqlite_news_arm(struct news *);

/*
 * The log may be in another directory now: path may be a link, and a directory
 * may be moved.
 */
void sqlite_news_follow(struct news *, const char *path);

/* Until it is called again there is a sweep every so many ms.  0: as usual. */
void sqlite_news_within(struct news *, unsigned ms);

/* Wants a look at once: the descriptor becomes readable. */
void sqlite_news_again(struct news *);

#endif
