/*
 * files.h - are the files that we have open those that publishers use?
 *
 * A publisher finds the log, its -wal and its -shm by their names.  We are mute
 * as soon as one of the three that we have open is another one.  And even with
 * the right ones a commit may stay unseen: who removes a -shm that is in use
 * leaves a publisher that tells of its commits where nobody looks.
 */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

/* What moves when somebody writes to a file. */
struct stamp {
	off_t size;
	int64_t mtime_ns;
};

/* The index of a -wal, as far as it is of interest here. */
struct wal_index {
	uint32_t frames, backfilled; /* how many are in it, and in the log */
	uint32_t sum[2];	     /* the checksum of its last frame */
	unsigned char salt[8];	     /* those of the -wal it was made for */
};

struct files {
	uint64_t since;	 /* what was opened later is ours */
	unsigned losses; /* of pages, when the connection was made */
	/* as they were when all that is in them was seen */
	struct wal_index index;
	struct stamp log, wal;
	struct stamp plain; /* of the log: see files_note */
	/* as they were when the log was read last; see files_torn */
	struct wal_index read_index;
	struct stamp read;
	/* how far the frames behind the index were looked at, and for which */
	struct wal_index looking;
	uint32_t looked;
};

enum files_state {
	FILES_BUSY,	  /* not known: somebody is writing at this moment */
	FILES_SEEN,	  /* the connection sees what is in them */
	FILES_UNSEEN,	  /* a commit is in the -wal and not in its index */
	FILES_OVERWRITTEN /* the log was, and not by SQLite */
};

/* A connection is about to be made: what it opens is ours. */
void files_begin(struct files *);

/*
 * The connection is made.  What moved since files_begin was not written for it
 * to see: cp may have been at work.
 */
void files_opened(struct files *, sqlite3 *);

/* Did the log move so? */
bool files_moved(const struct files *);

/*
 * Are the open files those that have the names, and whole?  path: as it was
 * given.
 */
bool files_same(const struct files *, sqlite3 *, const char *path);

/* Was a page of a -shm lost since the connection was made?  Then they are not
   whole; it asks no file. */
bool files_lost(const struct files *);

/* Does the log have a -wal that we read? */
bool files_have_wal(const struct files *, sqlite3 *);

/*
 * Without a -wal everybody writes to the log itself, and so does cp.  SQLite
 * knows another schema by its number, and two copies may have the same number:
 * then it would write to the one by the schema of the other.  So whoever has
 * such a log open notes how it left it, and opens it again if it is not so any
 * more.
 */
void files_note(struct files *, sqlite3 *);
bool files_as_noted(const struct files *, sqlite3 *);

/*
 * Was the log written over since it was read last, and not by SQLite?  cp knows
 * nothing of locks, and no page tells that it is of another copy.  Ask it
 * within a read, when nobody may write to a log that has no -wal; with one,
 * only a checkpoint does, which notes that in the index.
 */
bool files_torn(struct files *, sqlite3 *);

/*
 * Does the connection see what is in the files?  Cheap while nobody writes, and
 * else bounded: some frames are read.
 */
enum files_state files_look(struct files *, sqlite3 *);

#endif
