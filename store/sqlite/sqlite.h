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
 *	guard.c		what keeps a log with foreign things in it from harm
 *	row.c		an event as a row
 *	read.c, seek.c	pages of events; the place where a reader starts
 *	find.c		does an id or a uid still stand for one place?
 *	cuts.c		rows that were removed from the middle
 *	merge.c		the ids of some topics, by their index
 *	end.c		has a topic ended?
 *	size.c		how large the log is, and what it keeps
 *	news.c		when to look for a commit; follow.c looks
 *	revoke.c	what was taken away from readers
 *	append.c	publishers; copy.c a log that is copied to here
 *
 * files/ says which files are open (opened.c), whether they are those that
 * publishers use (files.c), and which of a log's rows were read (marks.c).
 *
 * Commands at a terminal have a connection of their own (sql.c): in keep/,
 * schema.c makes a log, with retention.c and modes.c, prune.c removes rows and
 * watch.c makes triggers; check/ looks for what is wrong.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <sys/stat.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "store/engine.h"
#include "store/sqlite/files/files.h"
#include "store/sqlite/files/marks.h"
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
	ST_SELF,    /* log id, sequence and schema */
	ST_SCAN,    /* events after an id */
	ST_ROW,	    /* one event by id */
	ST_UPTO,    /* the newest event up to an id */
	ST_UID,	    /* an id by uid */
	ST_FIRST,   /* the oldest id */
	ST_OLDEST,  /* the time of that event */
	ST_KEPT,    /* what init has set to be kept, by its key */
	ST_PASS,    /* id and topic of events after an id */
	ST_NEXT,    /* the next id after an id */
	ST_TOPIC,   /* the topic of one event by id */
	ST_TYPE,    /* the event type of one event by id */
	ST_TIME,    /* id and time of the event after an id */
	ST_BACK,    /* id and topic of events up to an id, newest first */
	ST_BEFORE,  /* the newest id up to an id */
	ST_REMOVED, /* when the newest of the removed events was removed */
	ST_TIME_AT, /* id and time of the newest event up to an id */
	ST_BEGIN,   /* the writer's */
	ST_SCHEMA,
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

enum {
	SELF_SCHEMA = 6 /* the column of ST_SELF */
};

enum revoke_statement {
	REVOKE_AFTER,	/* revocations after an id */
	REVOKE_NEXT,	/* the next id after an id */
	REVOKE_ALL,	/* of a subject, of all topics: the newest */
	REVOKE_TOPIC,	/* of a subject, the last topic: its newest */
	REVOKE_BEFORE,	/* the same of the topic before that */
	REVOKE_SUBJECT, /* of a subject, not before a time, without an index */
	REVOKE_COUNT
};

enum cut_statement {
	CUT_OF,	  /* that of a topic, if it is after a place and newer */
	CUT_FROM, /* topics with a cut, from this one on */
	CUT_UPTO, /* id and topic of those between two places, newest first */
	CUT_MADE, /* number and topic of those after a number */
	CUT_LAST, /* the last place with a cut */
	CUT_COUNT
};

enum index_statement {
	INDEX_AFTER, /* ids of a topic after an id */
	INDEX_UPTO,  /* ids of a topic up to an id, newest first */
	INDEX_TOPIC, /* the first topic that is not before this one */
	INDEX_ROWS,  /* the rows of a topic after an id */
	INDEX_ODD,   /* is any topic no text? */
	INDEX_COUNT
};

enum {
	FOLLOW_SETTLE_MS = 30, /* without a move: the files are in place */
	FOLLOW_TRIES = 5,      /* to see a commit by opening the files again */

	INSERT_ROWS = 16,     /* that one statement adds */
	FORGOTTEN_WORDS = 16, /* logs whose marks are gone */
	MERGE_MEMOS = 64,     /* topics that were too many for the index... */
	MERGE_SKIP = 15	      /* ...and are read without it so often */
};

/* The newest row at or before a place, as it was read last. */
struct row_memo {
	uint32_t version; /* data_version then; 0: none was read */
	int64_t place, id, time_ms;
};

/* By what this log is known again. */
struct identity {
	uint32_t version;    /* data_version when last verified; 0 is never */
	struct marks *marks; /* a reader's; the rows that it has read */
	int64_t seq;	     /* the highest that was seen */
	int64_t taken_ms;    /* since when it is this copy of it */
	int64_t ok_ms;	     /* when it was last seen to be this log */
};

enum {
	IDENTITY_SEEDS = 11, /* rows that are marked in a log that is new */
	IDENTITY_LOOKS = 8   /* at each copy, for a row that is back */
};

/* What was read of a log that is to be taken for ours. */
struct identity_read {
	char log_id[40];    /* empty: it is no log */
	int64_t low, high;  /* up to low its rows were read, after high not */
	int64_t seen_ms;    /* older rows between were read, too; 0: all */
	struct marks *near; /* of the copy that was most like it; or NULL */
	size_t lost;	    /* of those marks: how many it does not have */
	struct row_mark first_lost[MARKS_LOGS]; /* see struct marks */
	struct row_mark seed[IDENTITY_SEEDS];
	struct row_mark place; /* id 0: none */
	int seeds;
};

/* How the files of the log are followed (follow.c). */
struct follow {
	struct files files;
	int64_t looked_ms;   /* when they were last looked at */
	int64_t attached_ms; /* when the connection was made */
	int64_t settle_ms;   /* the files are moved: not before this time... */
	int64_t settle_max_ms;	 /* ...which is put off up to this one */
	int64_t settle_after_ms; /* pause of the files that is waited for */
	int64_t away_ms;	 /* since when it is not open; 0: it is */
	int64_t failed_ms; /* pause after it could not be opened; 0: it could */
	unsigned unseen;   /* times that a commit was not seen, in a row */
	bool other;	   /* another log was there; were its files at rest? */
	bool broken; /* a page or a file could not be read: attach again */
	bool torn;   /* it was written over in the middle of a read: likewise */
	int misses; /* pages that SQLite had not in memory, when it was asked */
	bool told_deaf, told_unseen, told_mode; /* see store_warning */
};

struct sqlite {
	struct store base;
	char *path;
	sqlite3 *db; /* NULL while the log is out of reach */
	sqlite3_stmt *st[ST_COUNT];
	sqlite3_stmt *revoke[REVOKE_COUNT]; /* a log may lack their table */
	sqlite3_stmt *cuts[CUT_COUNT];	    /* likewise */
	sqlite3_stmt *index[INDEX_COUNT];   /* or its index: see merge.c */
	bool index_known;		    /* it was seen whether it has */
	uint32_t plain_version; /* data_version whose topics are all text */
	struct merge_memo {
		uint64_t hash;
		unsigned skip; /* times that the index is not asked */
	} memo[MERGE_MEMOS];
	int64_t guard_ns;    /* since when a statement runs; see guard.c */
	int64_t guard_ms;    /* how long it may; 0: never opened */
	uint64_t length_max; /* the event_max that SQLite knows of */
	int schemas;	     /* of the log that ST_SELF has seen */
	enum store_mode mode;
	int wait_ms;   /* see store_open_within, or STORE_PATIENT */
	bool in_loop;  /* it waits for nobody's lock any more */
	bool lazy;     /* a commit does not wait for the disk */
	bool singly;   /* a trigger of the log's wants rows one by one */
	bool watching; /* news is open */
	struct news news;
	uint32_t news_version; /* data_version that news told of */
	struct identity self;
	struct follow follow;
	struct marks marks[MARKS_LOGS]; /* of this log and of those before it */
	uint64_t logs;			/* how many there were */
	uint64_t forgotten[FORGOTTEN_WORDS]; /* a bit for each, by its id */
	bool whole;    /* all rows are read in order, and have marks */
	int failed;    /* code of SQLite: a part of this read has; 0: none */
	bool inside;   /* ST_VERSION stands on its row: a transaction is open */
	bool hold;     /* it is not to end with the read that began it */
	bool replaced; /* seen to be another log: news will say so */
	int64_t seq;   /* of the last enter: the newest id ever given */
	int64_t schema; /* likewise: the number of the log's schema */
	int64_t newest; /* likewise: of the rows that there are; 0: none */
	int64_t pruned; /* likewise: the newest id ever removed */
	struct row_memo row;
};

/*
 * The newest id that a row has or had; never less than 0, whatever the log
 * says. The sequence may be further: an event whose uid is there already takes
 * a number, and gives it to no row.  Such a number is no place to wait at.  A
 * copy of the log from before has it still to give, and nothing would tell that
 * row from one that was read.
 */
static inline int64_t
sqlite_head(const struct sqlite *sq)
{
	int64_t head = sq->seq;

	if (sq->pruned != INT64_MAX && sq->newest < head)
		head = sq->newest > sq->pruned ? sq->newest : sq->pruned;
	if (head > sq->seq)
		head = sq->seq;
	return head > 0 ? head : 0;
}

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
/* A reader was opened: from now on it delays nobody. */
void sqlite_in_loop(struct sqlite *);
/* Gives back the connection; db is NULL then. */
void sqlite_detach(struct sqlite *);
/*
 * The same for the files that have our path now.  False: there are none, or
 * they are being replaced at this moment.
 */
bool sqlite_reattach(struct sqlite *);
/*
 * The files under the connection are not those that publishers use, or are
 * being replaced: gives it back, and why says that.  They are opened again when
 * nobody has moved any of them, or written to it, for so many ms.
 */
void sqlite_let_go(struct sqlite *, unsigned ms);
/* The same for a writer, which may wait.  False: the log is out of reach. */
bool sqlite_ready(struct sqlite *);
/* A read has ended well, or nothing is new: trouble is over. */
void sqlite_seen(struct sqlite *);

/* Takes the last error of the database down as why; says what it means... */
enum store_result sqlite_trouble(struct sqlite *);
/* ...to a reader, and this one to a writer. */
enum store_result sqlite_write_trouble(struct sqlite *);
/* Says that the file is no log: STORE_ERROR. */
enum store_result sqlite_no_log(struct sqlite *);

int sqlite_set_synchronous(struct store *, bool on);

/* --- guard.c: each is for a connection that is open --- */

/* Makes a reader's connection safe, and bounds the time of a statement. */
void guard_open(struct sqlite *);
/* From now on others wait in the loop: the bound is a small one. */
void guard_opened(struct sqlite *);
/* A statement begins, or has come to a row that is handed out. */
void guard_begin(struct sqlite *);
/* Are our tables tables?  STORE_ERROR: not all, and why says which. */
enum store_result guard_tables(struct sqlite *);
/*
 * Is the log one that this program knows?  STORE_ERROR: a newer one has made
 * it, and why says so.  An older log is known.
 */
enum store_result guard_schema(struct sqlite *, int64_t schema);
/* The same when the log was just opened. */
enum store_result guard_opening(struct sqlite *);
/* guard_tables, if the tables have changed since; ST_SELF was read. */
enum store_result guard_tables_again(struct sqlite *);

/* --- snapshot.c --- */

/*
 * Begins a read: until sqlite_leave all statements see one state of the log,
 * and it is the log we know.  Anything but STORE_OK needs no leave.
 */
enum store_result sqlite_enter(struct sqlite *);
void sqlite_leave(struct sqlite *);

/* The same of whatever log is there; see identity_read. */
enum store_result sqlite_enter_any(struct sqlite *, struct identity_read *);
/* Ends a read although it may be held. */
void sqlite_end(struct sqlite *);

/*
 * Was the log written over in the middle of this read?  Then what was read
 * since the last time that this was asked counts for nothing, and failed is
 * set.  It is asked before anything is handed out.  It costs a system call if a
 * page was read since, or if it is to be certain: of a text on pages of its own
 * SQLite does not tell.
 */
bool sqlite_is_torn(struct sqlite *, bool certain);

/* --- size.c --- */
void sqlite_size(struct store *, struct store_size *);

/* --- row.c --- */
struct store_text sqlite_text(sqlite3_stmt *, int column);
/* The same of a column that is never NULL; a table made by hand may differ. */
struct store_text sqlite_some_text(sqlite3_stmt *, int column);
/* The row of EVENT_COLUMNS that it stands on; good until the next step. */
struct store_event sqlite_event(const struct sqlite *, sqlite3_stmt *);
/*
 * Steps a statement of a reader.  What cannot be read is not what is not there:
 * if it is neither a row nor the end, nor a row that is too large, the read has
 * failed, whatever else it finds.
 */
int sqlite_step(struct sqlite *, sqlite3_stmt *);
/* Notes the same, if this code of SQLite says so. */
void sqlite_note(struct sqlite *, int rc);
/*
 * Steps a statement whose row is a number, and resets it.  none: there is no
 * row, or it is NULL, or the read has failed.
 */
int64_t sqlite_number(struct sqlite *, sqlite3_stmt *, int64_t none);
/* No copy is made: it has to last until the statement is reset. */
void sqlite_bind_text(sqlite3_stmt *, int i, struct store_text);
/*
 * Binds topic, event, data, uid (unless it is left out) and time from
 * parameter i on; now stands for a time of 0.  Returns the next parameter.
 */
int sqlite_bind_event(
    sqlite3_stmt *, int i, const struct store_event *, bool uid, int64_t now);

/* --- merge.c --- */

/* Gives back its statements: what it knows of the index may not be true. */
void sqlite_merge_forget(struct sqlite *);

enum {
	MERGE_TOPICS = 256, /* that are read side by side */
	MERGE_SURE = 32,    /* of prefixes, found without a look at the clock */
	MERGE_FIRST = 2,    /* ids of a topic that are read at first */
	MERGE_AHEAD = 16,   /* and at a time later */
	MERGE_NAMES = 16384 /* bytes of the topics that prefixes stand for */
};

struct merge_topic {
	const char *name;
	size_t len;
	int64_t from; /* the ids come after this, or going back up to this */
	int64_t ids[MERGE_AHEAD];
	int n, at; /* of ids: how many there are, and which is next */
	bool last; /* there are none after those */
};

/* Some topics that are read side by side. */
struct merge {
	struct sqlite *sq;
	bool back, failed;
	int64_t until_ns; /* finding the topics may take no longer */
	size_t looked;	  /* topics that prefixes stand for */
	size_t n;	  /* topics that have something to come */
	int64_t next[MERGE_TOPICS];
	struct merge_topic topic[MERGE_TOPICS];
	char names[MERGE_NAMES];
	size_t names_len;
};

/*
 * The ids of these topics after an id, or going back those up to it; between
 * enter and leave.  False: it has to be done without the index.
 */
bool sqlite_merge_begin(struct merge *, struct sqlite *,
    const struct store_topic *, size_t n, int64_t from, bool back);
/* The next of them.  False: no more, unless failed is set. */
bool sqlite_merge_next(struct merge *, int64_t *id);

/* --- the engine's functions, each in the file of its name --- */
store_read_fn sqlite_read;
store_seek_fn sqlite_seek;
store_place_fn sqlite_place;		 /* find.c */
store_end_fn sqlite_end_of;		 /* end.c */
store_revocations_fn sqlite_revocations; /* revoke.c */
store_revoked_fn sqlite_revoked;
store_append_fn sqlite_append;
store_append_all_fn sqlite_append_all;
store_copy_begin_fn sqlite_copy_begin; /* copy.c */
store_copy_in_fn sqlite_copy_in;
store_numbers_fn sqlite_numbers;
store_removed_fn sqlite_removed;
store_news_fn sqlite_news; /* follow.c */
void sqlite_set_poll(struct store *, unsigned ms);

/* After the newest event older than time_ms; between enter and leave. */
int64_t sqlite_seek_time(struct sqlite *, int64_t time_ms);
/*
 * The same, going back from the end: after the newest event that is older, or
 * whose time lies ahead of now, which says nothing.
 */
int64_t sqlite_seek_new(struct sqlite *, int64_t time_ms, int64_t now_ms);

/* --- find.c --- */

enum row {
	ROW_FOUND,
	ROW_NONE,
	ROW_LARGE, /* there is one, too large for its time to be read */
	ROW_FAILED
};

/* The newest row at or before a place: its id and time; between enter and
   leave. */
enum row sqlite_row_at(
    struct sqlite *, int64_t place, int64_t *id, int64_t *time_ms);

/*
 * The place of seek->id or of seek->uid; oldest is the place before the oldest
 * event.  As store_seek says; between enter and leave.
 */
enum store_result sqlite_find_id(
    struct sqlite *, const struct store_seek *, int64_t oldest, int64_t *id);
enum store_result sqlite_find_uid(
    struct sqlite *, const struct store_seek *, int64_t oldest, int64_t *id);

/* --- cuts.c --- */

/*
 * A place was found, with this result.  Was anything of the topics removed
 * after it, of which the reader does not know?  STORE_GONE, as store_seek says;
 * between enter and leave.
 */
enum store_result sqlite_find_cut(
    struct sqlite *, struct store_seek *, enum store_result, int64_t place);
/* Gives back its statements. */
void sqlite_cuts_forget(struct sqlite *);

/* --- identity.c --- */

/*
 * Reads what identity_take wants to know of the log that is there; between
 * enter and leave, and nothing changes by it.  STORE_UNKNOWN: it is no log.
 * STORE_BUSY: it could not be read.
 */
enum store_result identity_read(struct sqlite *, struct identity_read *);
/* Reads the newest row up to the place where streams go on. */
void identity_read_place(struct sqlite *, struct identity_read *, int64_t id);
/* Takes this log for ours.  All was read: failed is 0. */
void identity_take(struct sqlite *, const struct identity_read *);
/* Is it the log we know, and not gone back in time?  STORE_UNKNOWN if not;
   between enter and leave, with ST_SELF not yet read. */
enum store_result identity_verify(struct sqlite *);
/* Remembers that an event was read, if it is the newest so far. */
void identity_mark(struct sqlite *, const struct store_event *);
/* The same of a row that was passed over; likewise. */
void identity_mark_id(struct sqlite *, struct store_id);

#endif
