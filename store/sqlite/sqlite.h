/*
 * sqlite.h - the SQLite engine's insides, shared by its rooms.
 *
 * Private to store/: sqlite.c opens, read.c reads, seek.c finds places,
 * append.c writes, identity.c knows the log again, news.c knows when to look
 * and follow.c what is new then.
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
	size_t data_len, topic_len;
	char head[16];
};

/* By what this log is known again. */
struct identity {
	dev_t dev;
	ino_t ino, shm_ino; /* of the file and of its -shm; 0: none seen */
	char log_id[40];
	uint32_t version; /* data_version when last verified; 0 is never */
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
	int64_t pruned;	   /* likewise: the newest id ever removed */
	int64_t revoked;   /* likewise: the newest id of a revocation, or 0 */
	int64_t bad_since; /* ms, monotonic; 0 while all is well */
};

/* --- sqlite.c --- */

/*
 * Begins a read: until sqlite_leave all statements see one state of the log,
 * and it is the log we know.  Anything but STORE_OK needs no leave.
 */
enum store_result sqlite_enter(struct sqlite *);
void sqlite_leave(struct sqlite *);

/*
 * The same of whatever log is there, which is taken for ours: self.log_id is
 * empty when it is none.
 */
enum store_result sqlite_enter_any(struct sqlite *);
/* Ends a read although it may be held. */
void sqlite_end(struct sqlite *);

/* The file under our path is another: leave the old one, take it. */
bool sqlite_reattach(struct sqlite *);

/* Takes the last error of the database down as why; says what it means. */
enum store_result sqlite_trouble(struct sqlite *);

/* A statement for the i-th exact topic, prepared when first wanted. */
sqlite3_stmt *sqlite_topic_statement(struct sqlite *, size_t i, bool newest);

struct store_text sqlite_text(sqlite3_stmt *, int column);
/* The row of EVENT_COLUMNS that it stands on; good until the next step. */
struct store_event sqlite_event(sqlite3_stmt *);
/* No copy is made: it has to last until the statement is reset. */
void sqlite_bind_text(sqlite3_stmt *, int i, struct store_text);

/* --- read.c --- */
enum store_result sqlite_read(struct store *, struct store_id after,
    const struct store_topic *, size_t n, size_t limit, store_each *, void *arg,
    struct store_span *);

/* --- follow.c --- */
enum store_news sqlite_news(struct store *, struct store_id *);
int sqlite_fd(const struct store *);
void sqlite_set_poll(struct store *, unsigned ms);

/* --- seek.c --- */
enum store_result sqlite_seek(
    struct store *, const struct store_seek *, struct store_id *);
/* After the newest event older than time_ms; between enter and leave. */
int64_t sqlite_seek_time(struct sqlite *, int64_t time_ms);

/* --- revoke.c --- */
enum store_result sqlite_revocations(struct store *, struct store_id *,
    size_t limit, store_each_revoked *, void *arg);
bool sqlite_revocations_after(const struct store *, struct store_id);
enum store_result sqlite_revoked(struct store *, struct store_text subject,
    int64_t issued_ms, store_each_revoked *, void *arg);

/* --- append.c --- */
enum store_result sqlite_append(struct store *, struct store_event *, size_t n);
void sqlite_append_all(struct store *, struct store_batch *, size_t n);
int sqlite_set_synchronous(struct store *, bool on);

/* --- copy_sqlite.c --- */
enum store_result sqlite_copy_begin(struct store *, const struct store_origin *,
    struct store_copied *, store_each *newest, void *arg);
enum store_result sqlite_copy_in(struct store *, const struct store_copy *);
enum store_result sqlite_numbers(struct store *, uint64_t *n);
/* Where an id of Redis lies in a log that was copied from there; -1: none. */
int64_t sqlite_moved(struct sqlite *, struct store_text was);

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
