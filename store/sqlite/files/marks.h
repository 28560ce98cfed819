/*
 * marks.h - which rows of a log were read, so that they are known again.
 *
 * A log that was replaced by another copy of itself has some rows that streams
 * have got already, and others under the same ids.  The marks say where the two
 * part.  There is one for each of the newest rows and fewer for the older ones.
 */
#ifndef STORE_MARKS_H
#define STORE_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/* Enough of a row to tell it from another with the same id. */
struct row_mark {
	int64_t id, time_ms;
	uint64_t uid; /* a hash */
};

enum {
	MARKS = 1024,	 /* of the newest rows, and as many of older ones */
	MARKS_STEP = 64, /* of the older ones one in so many */
	MARKS_LOGS = 8	 /* copies and logs that are remembered */
};

struct marks {
	char log_id[40];
	uint64_t used;	 /* when it was the log in use; 0: never */
	int64_t seen_ms; /* when a commit to this copy was last seen */
	int64_t time_ms; /* the latest of a row that was ever marked */
	int64_t head;	 /* rows up to it were there, and few have a mark */
	/* The oldest row that the log in use does not have; id 0: none. */
	struct row_mark lost;
	struct mark_ring {
		uint64_t added; /* ever, less those that were forgotten */
		size_t n;	/* that are there */
		struct row_mark mark[MARKS];
	} recent, old;
};

/*
 * Reads the newest row up to an id, as it is now.  False: there is none, or it
 * cannot be read.
 */
typedef bool marks_read(void *arg, int64_t id, struct row_mark *);

/* Empty marks for this log. */
void marks_begin(struct marks *, const char *log_id);
/* The newest there is; NULL: none. */
const struct row_mark *marks_newest(const struct marks *);
/* Adds a row, if it comes after all that are there. */
void marks_add(struct marks *, const struct row_mark *);
/* Adds a row from long ago; before the first marks_add, in order of ids. */
void marks_add_old(struct marks *, const struct row_mark *);

/* The oldest that comes after an id; NULL: none. */
const struct row_mark *marks_after(const struct marks *, int64_t id);
/* 1: the row has this mark; 0: it is another row; -1: there is no row. */
int marks_compare_row(const struct row_mark *, marks_read *, void *arg);

/* Does the newest row that is there still have its mark?  True: or no row. */
bool marks_hold(const struct marks *, marks_read *, void *arg);

/* Where two copies of a log part. */
struct marks_part {
	int64_t low, high; /* rows up to low are in both, after high none are */
	size_t lost;	   /* marks of rows that the other copy does not have */
	struct row_mark first_lost; /* the oldest of them; id 0: none */
};

/*
 * Compares with the log that is there now, whose newest id is head.  It reads
 * no more than some rows, however many marks there are.
 */
struct marks_part marks_compare(
    const struct marks *, marks_read *read, void *arg, int64_t head);
/* Forgets the newest n. */
void marks_forget(struct marks *, size_t n);

#endif
