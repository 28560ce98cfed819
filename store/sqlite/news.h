/*
 * news.h - when to look at a SQLite log: hint, ladder, sweep.
 *
 * Private to store/sqlite.  A hint is a change in the directory of the log's
 * files.  It comes before the commit is visible: SQLite writes the WAL first,
 * and then tells of the commit through shared memory, of which inotify says
 * nothing.  So after a hint we look at once, and again after delays that grow
 * like the rungs of a ladder.  Where no hint comes from (a network file
 * system) a slow sweep looks all the same.
 */
#ifndef NEWS_H
#define NEWS_H

#include <stdbool.h>

struct news {
	int epoll_fd; /* what a loop waits for: the two below */
	int inotify_fd, timer_fd;
	int watch;	  /* on the directory, or -1 */
	unsigned step;	  /* next rung of the ladder */
	unsigned poll_ms; /* the sweep; 0 is never */
	char *dir, *name; /* where the log is, and its file's name */
};

/* What came.  Any of them is a reason to look at the log. */
struct news_seen {
	bool look;  /* a hint, a rung or the sweep */
	bool hint;  /* a file was written: a commit is on its way */
	bool moved; /* a file came, went or changed its name; or the sweep */
};

/* Begins to watch the real file behind path.  0, or -1 with errno. */
int sqlite_news_open(struct news *, const char *path);
void sqlite_news_close(struct news *); /* takes one that news_open failed on */

/* Takes what has come.  After a look for it, news_next has to follow. */
struct news_seen sqlite_news_take(struct news *);

/*
 * Sets the timer for the next look.  It is called once, when the result of
 * this look is known, for setting a timer costs as much as a look.  hint: as
 * news_take said; found: there was a commit, and another may follow it.
 */
void sqlite_news_next(struct news *, bool hint, bool found);

/* Wants a look at once: the descriptor becomes readable. */
void sqlite_news_again(struct news *);

#endif
