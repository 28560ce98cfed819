/*
 * sqlite.h - the log in a SQLite file.  Read this page of the room first.
 *
 * Only this room speaks SQL.  It may include store/store.h, store/engine.h and
 * its own headers, and nothing of store/redis.  What is the same for both
 * engines is left to store/engine.c and store/id.c.
 *
 *	sqlite.c	opens and closes; the table of the engine's functions
 *	connect.c	the connection and its statements; what an error means
 *	snapshot.c	the transaction that every read is
 *	place.c		what its mount, directory and names forbid
 *	identity.c	is this still the same log?
 *	row.c		an event as a row
 *	read.c, seek.c	pages of events; the place where a reader starts
 *	find.c		does an id or a uid still stand for one place?
 *	news.c		when to look for a commit; follow.c looks
 *	revoke.c	what was taken away from readers
 *	append.c	publishers; copy.c a log that is copied to here
 *
 * Commands at a terminal have a connection of their own (sql.c): schema.c
 * makes a log, with retention.c and modes.c; prune.c removes rows; watch.c
 * makes triggers; check/ looks for what is wrong.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <sys/stat.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "store/engine.h"
#include "store/sqlite/news.h"

/* The columns of every statement that reads events, in this order. */
#define EVENT_COLUMNS "id, topic, event, data, uid, time"
enum {
	COL_ID,
	COL_TOPIC,
	COL_EVENT,
	COL_DATA,
	COL_UID,
	COL_TIME
};

enum sqlite_statement {
	ST_VERSION, /* PRAGMA data_version; while it stands on its row, all
		       reads see one state of the log */
	ST_SELF,    /* log id and sequence */
	ST_SCAN,    /* events after an id */
	ST_ROW,	    /* one event by id */
	ST_UID,	    /* an id by uid */
	ST_FIRST,   /* the oldest id */
	ST_BACK,    /* events before an id, newest first */
	ST_BEGIN,   /* the writer's */
	ST_INSERT,
	ST_INSERT_ROWS, /* INSERT_ROWS of them, without uid */
	ST_TAKEN,	/* id and topic of the event that has a uid */
	ST_COMMIT,
	ST_ROLLBACK,
	ST_MARK, /* a place in the transaction, to go back to */
	ST_UNDO,
	ST_KEEP,
	ST_COUNT
};

enum revoke_statement {
	REVOKE_AFTER,	/* revocations after an id */
	REVOKE_SUBJECT, /* of a subject, not before a time */
	REVOKE_COUNT
};

enum {
	TOPICS_MAX = 64, /* exact topics that are read by the index */
	INSERT_ROWS = 16 /* that one statement adds */
};

/* Enough of a row to tell it from another with the same id. */
struct row_mark {
	int64_t id, time_ms;
	uint64_t uid; /* a hash */
};

/* By what this log is known again. */
struct identity {
	dev_t dev;
	ino_t ino, shm_ino; /* of the file and of its -shm; 0: none seen */
	uint32_t version;   /* data_version when last verified; 0 is never */
	struct row_mark last;
	int64_t ok_ms; /* when it was last seen to be this log */
};

struct sqlite {
	struct store base;
	char *path;
	sqlite3 *db; /* NULL while the log is out of reach */
	sqlite3_stmt *st[ST_COUNT];
	sqlite3_stmt *revoke[REVOKE_COUNT]; /* a log may lack their table */
	sqlite3_stmt *topic_asc[TOPICS_MAX], *topic_desc[TOPICS_MAX];
	enum store_mode mode;
	bool lazy;     /* a commit does not wait for the disk */
	bool singly;   /* a trigger of the log's wants rows one by one */
	bool watching; /* news is open */
	struct news news;
	uint32_t news_version; /* data_version that news told of */
	struct identity self;
	bool inside;   /* ST_VERSION stands on its row: a transaction is open */
	bool hold;     /* it is not to end with the read that began it */
	bool replaced; /* seen to be another log: news will say so */
	int64_t seq;   /* of the last enter: the newest id ever given */
	int64_t pruned; /* likewise: the newest id ever removed */
};

static inline struct sqlite *
sqlite_of(struct store *st)
{
	return (struct sqlite *)st;
}

/* --- connect.c --- */

/*
 * Opens the file and prepares what is asked of it.  STORE_BUSY: it is worth
 * trying again; STORE_ERROR: it is not, this is no log of ours.
 */
enum store_result sqlite_attach(struct sqlite *);
/* Gives back the connection; db is NULL then. */
void sqlite_detach(struct sqlite *);
/* The same for the file that has our path now.  False: there is none. */
bool sqlite_reattach(struct sqlite *);

/* Takes the last error of the database down as why; says what it means... */
enum store_result sqlite_trouble(struct sqlite *);
/* ...to a reader, and this one to a writer. */
enum store_result sqlite_write_trouble(struct sqlite *);
/* Says that the file is no log: STORE_ERROR. */
enum store_result sqlite_no_log(struct sqlite *);

/* A statement for the i-th exact topic, prepared when first wanted. */
sqlite3_stmt *sqlite_topic_statement(struct sqlite *, size_t i, bool newest);
int sqlite_set_synchronous(struct store *, bool on);

/* --- snapshot.c --- */

/*
 * Begins a read: until sqlite_leave all statements see one state of the log,
 * and it is the log we know.  Anything but STORE_OK needs no leave.
 */
enum store_result sqlite_enter(struct sqlite *);
void sqlite_leave(struct sqlite *);

/*
 * The same of whatever log is there, which is taken for ours: base.log_id is
 * empty when it is none.
 */
enum store_result sqlite_enter_any(struct sqlite *);
/* Ends a read although it may be held. */
void sqlite_end(struct sqlite *);

/* --- row.c --- */
struct store_text sqlite_text(sqlite3_stmt *, int column);
/* The row of EVENT_COLUMNS that it stands on; good until the next step. */
struct store_event sqlite_event(sqlite3_stmt *);
/* No copy is made: it has to last until the statement is reset. */
void sqlite_bind_text(sqlite3_stmt *, int i, struct store_text);
/*
 * Binds topic, event, data, uid (unless it is left out) and time from
 * parameter i on; now stands for a time of 0.  Returns the next parameter.
 */
int sqlite_bind_event(
    sqlite3_stmt *, int i, const struct store_event *, bool uid, int64_t now);

/* --- the engine's functions, each in the file of its name --- */
store_read_fn sqlite_read;
store_seek_fn sqlite_seek;
store_revocations_fn sqlite_revocations; /* revoke.c */
store_revoked_fn sqlite_revoked;
store_append_fn sqlite_append;
store_append_all_fn sqlite_append_all;
store_copy_begin_fn sqlite_copy_begin; /* copy.c */
store_copy_in_fn sqlite_copy_in;
store_numbers_fn sqlite_numbers;
store_news_fn sqlite_news; /* follow.c */
void sqlite_set_poll(struct store *, unsigned ms);

/* After the newest event older than time_ms; between enter and leave. */
int64_t sqlite_seek_time(struct sqlite *, int64_t time_ms);
/* Where an id of Redis lies in a log that was copied from there; -1: none. */
int64_t sqlite_moved(struct sqlite *, struct store_text was);

/* --- find.c --- */

/*
 * The place of an id or of seek->uid; oldest is the place before the oldest
 * event.  As store_seek says; between enter and leave.
 */
enum store_result sqlite_find_id(
    struct sqlite *, struct store_id want, int64_t oldest, int64_t *id);
enum store_result sqlite_find_uid(
    struct sqlite *, const struct store_seek *, int64_t oldest, int64_t *id);

/* --- identity.c --- */

/*
 * Are the files of this name still those that were opened?  The -shm too: one
 * that was removed under us is no longer where publishers tell of commits.
 */
bool identity_same_file(struct sqlite *);
/* Remembers the files as they are now; sb is that of the log's. */
void identity_take_files(struct sqlite *, const struct stat *sb);
/* Remembers file and log as they are now; between enter and leave. */
void identity_take(struct sqlite *);
/* Is it the log we know, and not gone back in time?  STORE_UNKNOWN if not;
   between enter and leave, with ST_SELF not yet read. */
enum store_result identity_verify(struct sqlite *);
/* Remembers the row of this id, if it is the newest so far; likewise. */
void identity_mark(struct sqlite *, struct store_id);

#endif
