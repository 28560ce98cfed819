/*
 * redis.h - the log in a Redis stream.  Read this page of the room first.
 *
 * A reader has two links to Redis.  On one it waits for news, and on the other
 * it asks while streams catch up.  Nothing blocks: all I/O of a reader is done
 * in store_news, and who asks for what is not there is told STORE_LATER.  A
 * writer has one link, and waits.
 *
 *	redis.c		opens and closes; the table of the engine's functions
 *	news.c		hears of new entries and revocations
 *	ask.c		the questions that were asked; answer.c sends them
 *	full.c		a question to a Redis whose memory is full
 *	state.c		is it still the same log, and is all of it there?
 *	page.c		entries as events
 *	read.c, seek.c	readers, from what has come; revoke.c likewise
 *	entry.c		entries that clients come back with
 *	end.c		has a topic ended?  newest.c: those of late
 *	cuts.c		topics of which the middle of the log was cleared
 *	append.c	publishers; copy.c: a log that is copied to here
 *	words.c		a command with a script; script.c: the scripts in Lua
 *	init.c		makes and prunes; check.c examines
 *	once.c		a link for one command, as those two need it
 *
 * The room may include store/store.h, store/engine.h, its own headers and
 * those of link/, which has the connection.  It knows no SQL and no file, and
 * leaves what is the same for both engines to store/engine.c and store/id.c.
 */
#ifndef STORE_REDIS_H
#define STORE_REDIS_H

#include "store/engine.h"
#include "store/redis/link/link.h"
#include "store/redis/script.h"

enum {
	REDIS_ASKS = 64,
	REDIS_SEARCHES = 16,
	REDIS_COLD = 48,	/* most of them that are cold (see ask.c)... */
	REDIS_FLIGHT = 16,	/* questions that are at Redis at one time... */
	REDIS_FLIGHT_COLD = 2,	/* ...and of these, cold ones */
	REDIS_PASS = 200,	/* entries that one call goes through... */
	REDIS_PASS_ALL = 20000, /* ...and all calls of one seek */
	REDIS_ROWS_MAX = 256,
	REDIS_PAGE_BYTES = 256 * 1024,	      /* of a page, about */
	REDIS_UNBOUNDED = 1024 * 1024 * 1024, /* if no limit is set */
	REDIS_OPEN_MS = 2000,		      /* what opening waits for Redis */
	REDIS_WAIT_MS = 5000,		      /* what a writer waits */
	REDIS_IDLE_MS = 3000,  /* then the link that asks is given back */
	REDIS_SILENT_MS = 5000 /* then Redis does not answer */
};

/* What the log says of itself, all at one moment. */
struct redis_state {
	char log_id[40];	 /* "": this is no log */
	struct store_id last;	 /* the newest id ever given */
	struct store_id first;	 /* the oldest entry, if length > 0 */
	struct store_id entry;	 /* the newest entry, likewise */
	struct store_id deleted; /* the newest that XDEL took (see copy.c) */
	struct store_id revoked; /* the newest revocation, or 0 */
	struct store_id pruned;	 /* the newest that we pruned... */
	int64_t pruned_gone;	 /* ...and how many were gone by then */
	struct store_id cut;	 /* the newest id of a cut (cuts.c)... */
	uint64_t cuts;		 /* ...and how many were made */
	int64_t added, length;	 /* entries: ever (-1: not told), and now */
	bool marked;		 /* the entry asked about is there... */
	int64_t mark_ms;	 /* ...and says this time; 0: not known */
	int64_t time_ms;	 /* the server's */
	uint64_t keep_rows;	 /* as init has set it; 0: without limit */
	uint64_t keep_age_ms;	 /* likewise */
	int64_t oldest_ms;	 /* time of the first entry, or STORE_NO_TIME */
};

/* Entries of the stream, as they came: all there were in (after, upto]. */
struct redis_page {
	redisReply *owner;	   /* NULL: there is no page */
	const redisReply *entries; /* in owner; NULL: none */
	struct store_id after, upto;
	struct redis_state state; /* as it was when they were read */
};

/* What is asked for says what form the answer has to have. */
enum ask_kind {
	ASK_STATE,
	ASK_PAGE,    /* entries */
	ASK_REVOKED, /* entries of the other stream */
	ASK_ENTRY,   /* is there this entry? */
	ASK_ENTRIES, /* what redis_script_entries answers */
	ASK_ENDS,    /* what redis_script_ends answers */
	ASK_CUT,     /* what redis_script_cut answers */
	ASK_PLACE,   /* an id, or nil */
	ASK_SCAN,    /* what redis_script_last and redis_script_uid answer */
	ASK_SEARCH,  /* what redis_script_revoked answers */
	ASK_TEXT     /* or nil */
};

/* A question.  Who asks the same again finds the answer. */
struct redis_ask {
	enum {
		ASK_FREE,
		ASK_QUEUED,
		ASK_SENT,
		ASK_DONE
	} stage;
	enum ask_kind kind;
	bool stale;	/* nobody is to have this answer */
	bool used;	/* somebody has */
	bool cold;	/* it waits for others (ask.c) */
	bool measured;	/* it was asked by redis_script_range */
	uint64_t order; /* in which it was asked */
	uint64_t turn;	/* in which the answer came */
	char *cmd;	/* as it is sent; NULL: of ASK_STATE */
	size_t cmd_len;
	size_t rows;	       /* of ASK_PAGE and ASK_REVOKED */
	unsigned skip;	       /* replies that come before the one */
	struct store_id floor; /* newest and mark when it was sent */
	struct store_id mark;
	struct store_id revoked;  /* the newest that was known then */
	struct redis_page page;	  /* the answer */
	const redisReply *answer; /* in page.owner */
	size_t bytes;
	int64_t asked_ms; /* when it was wanted last */
};

/* An id that a client came back with (entry.c). */
struct redis_entry {
	enum {
		ENTRY_FREE,
		ENTRY_WANTED,
		ENTRY_ASKED,
		ENTRY_KNOWN
	} stage;
	struct store_id id;
	uint64_t order; /* of the question, and the place in that */
	size_t index;
	uint64_t turn;	  /* in which its answer came, or was had */
	int64_t asked_ms; /* or answered */
	bool is;	  /* the entry is there */
	bool has_next;
	struct store_id next; /* it, or the next one */
	int64_t time_ms;      /* of that */
	struct redis_state state;
};

/* A topic, as two hashes of it. */
struct redis_topic {
	uint64_t a, b;
};

/* What is known of a topic (newest.c). */
struct redis_fact {
	struct redis_topic key;
	struct store_id id;   /* of its newest entry; 0: not known */
	bool is;	      /* or else the place is free */
	bool ended;	      /* with that entry */
	bool unsure;	      /* there may be more than Redis could look at */
	struct store_id upto; /* this is how it was there... */
	int64_t told_ms;      /* ...when Redis said so; 0: the entry came */
};

struct redis_half {
	struct redis_fact *at;
	size_t n, size;
};

struct redis_newest {
	struct redis_half now, before;
	struct store_id low, middle; /* they have all that came after this */
	struct store_id upto; /* how far the hash in Redis goes, as was told */
	uint64_t seed[2];
	size_t passed; /* entries that were gone back through, about */
};

/* What a subject lost: found in several steps, kept for a while (revoke.c). */
struct redis_search {
	char *subject; /* NULL: free */
	size_t len;
	int64_t issued_ms;
	struct store_id from, upto; /* looked through, and known to be there */
	bool begun, done, all;	    /* all: it lost every topic */
	char *topics;		    /* each with its length before it */
	size_t bytes, room;
	int64_t asked_ms;
};

struct redis {
	struct store base;
	struct redis_url *url;
	enum store_mode mode;
	int wait_ms; /* see store_open_within, or STORE_PATIENT */
	int timer_fd;
	unsigned poll_ms;
	struct redis_link news, link; /* the second asks, or writes */
	bool astray;		      /* who writes was sent to a replica */

	/* by what the log is known again (state.c) */
	struct store_id newest;	 /* the newest id heard of */
	struct store_id mark;	 /* the newest entry seen, or 0... */
	int64_t mark_ms;	 /* ...and the time it says; 0: not known */
	int64_t ok_ms;		 /* the server's time then */
	struct store_id last;	 /* the end of the log as a state told it... */
	struct store_id entry;	 /* ...and the newest entry there, or 0... */
	struct store_id deleted; /* ...and the newest that XDEL took */
	struct store_id start;	 /* the place before the oldest entry */
	struct store_id cut;	 /* the newest cut, ... */
	uint64_t cuts;		 /* ...and how many were made */

	/* news (news.c) */
	struct store_id known;	       /* all up to here was news... */
	struct store_id known_before;  /* ...and to here, when it came */
	struct store_id told;	       /* there is no more up to here */
	int64_t added;		       /* entries ever added up to known... */
	bool counted;		       /* ...if that is so */
	struct redis_page tail;	       /* the last news */
	struct store_id revoked_known; /* the newest that news brought */
	uint64_t session;	       /* of the link when news was asked for */
	bool waiting;		       /* for the answer */
	bool looking;		       /* it is of the state alone */
	bool passing;		       /* news was too large to be taken */
	bool early;		       /* its answer came before it could */
	int64_t waits_ms;	       /* since when it waits, and how long */
	unsigned block_ms;
	bool replaced;	   /* another log: news will find where it is new */
	redisReply *heard; /* its first part */
	struct store_id floor, asked_mark; /* newest, mark when asking */
	size_t rows, asked_rows; /* of a page, or of news; in the last wait */

	/* questions (ask.c) */
	struct redis_ask ask[REDIS_ASKS];
	size_t sent[REDIS_ASKS], nsent; /* in order */
	size_t ask_bytes;
	uint64_t ask_session;
	bool full;	/* Redis's memory was full: see full.c */
	bool careful;	/* an answer was too large: ask for less (ask.c) */
	uint64_t asked; /* how many so far */
	struct redis_search search[REDIS_SEARCHES];
	struct redis_entries *entries; /* NULL: none was asked for */
	struct redis_newest topics;
	struct redis_wishes *wishes; /* as entries, of end.c */
	int64_t ask_used_ms;
	uint64_t turn;
	bool held; /* answers of the moment are good until release */

	/* the verdict that goes with the last read (read.c) */
	struct {
		bool is;
		struct store_id after;
		struct redis_state state;
		bool whole; /* nothing after it was missing */
	} served;

	/* a number that a client came back with, and its time (seek.c) */
	struct store_id number;
	int64_t number_ms;
};

static inline struct redis *
redis_of(const struct store *st)
{
	return (struct redis *)st;
}

/* The end of a wait of ms, or of a shorter one if it was opened so. */
static inline int64_t
redis_until(const struct redis *rs, int ms)
{
	return clock_steady_ms() +
	       (rs->wait_ms == STORE_PATIENT || rs->wait_ms > ms ? ms
								 : rs->wait_ms);
}

/* --- once.c --- */

/*
 * A link that waits, for what is done once; each function gives the reply to
 * one command.  NULL and why; link.kind says more.
 */
struct redis_once {
	struct redis_url *url;
	struct redis_link link;
};
bool redis_once_open(
    struct redis_once *, const char *path, char *why, size_t size);
redisReply *redis_once_script(struct redis_once *, const char *script, int argc,
    const char **argv, char *why, size_t size);
redisReply *redis_once_ask(
    struct redis_once *, int argc, const char **argv, char *why, size_t size);
void redis_once_close(struct redis_once *);

/* --- state.c --- */

/* Reads an id that Redis wrote.  False: it is none. */
bool redis_id(const redisReply *, struct store_id *);
size_t redis_id_print(struct store_id, char buf[STORE_ID_SIZE]);

/* Reads what the state script said; false when that was an error. */
bool redis_state_read(const redisReply *, struct redis_state *);
/* Why it was false. */
const char *redis_state_why(const redisReply *);
/* Lets go of the link because of what came for the state. */
void redis_state_reject(struct redis_link *, const redisReply *);

enum redis_verdict {
	LOG_SAME,
	LOG_OTHER, /* another, or gone back in time */
	LOG_NONE   /* there is no log, or not yet */
};
/* floor and mark are what was known when it was asked for. */
enum redis_verdict redis_state_judge(const struct redis *,
    const struct redis_state *, struct store_id floor, struct store_id mark);
/* It is our log: remembers how far it is.  mark is what it was asked about. */
void redis_state_note(
    struct redis *, const struct redis_state *, struct store_id mark);
/* It is our log from now on. */
void redis_state_adopt(struct redis *, const struct redis_state *);
/* Asks for the state on a link, by the script that it has loaded. */
bool redis_put_state(struct redis *, struct redis_link *, struct store_id mark);
/* Are all events after id still there? */
bool redis_state_whole(const struct redis_state *, struct store_id);
/* May there have been an entry of this id, which is not there? */
bool redis_state_removed(const struct redis_state *, struct store_id);
/* The place before the oldest entry. */
struct store_id redis_state_floor(const struct redis_state *);

/* --- news.c --- */
store_news_fn redis_news;
/* Begins to wait for news, if it can. */
void redis_news_ask(struct redis *);
void redis_news_close(struct redis *);
/* Trouble with the log, in these words. */
void redis_bad(struct redis *, const char *why);

/* --- ask.c --- */

/*
 * The answer to a question, or NULL: it was asked, and will come.  It has the
 * form that its kind says.
 */
const struct redis_ask *redis_ask_state(struct redis *);
const struct redis_ask *redis_ask_page(struct redis *, struct store_id after);
const struct redis_ask *redis_ask_revoked(
    struct redis *, struct store_id after, size_t rows);
const struct redis_ask *redis_ask_command(struct redis *, enum ask_kind,
    int argc, const char **argv, const size_t *lens);
/* The answer is not needed any more. */
void redis_ask_taken(struct redis *, const struct redis_ask *);
/* What a question that has no answer yet results in. */
enum store_result redis_later(struct redis *);
/* Opening has seen the state: as if it had been asked for. */
void redis_ask_answered(struct redis *, const struct redis_state *);

/* Wants a question for all that entry.c or end.c have by then. */
void redis_ask_batch(struct redis *, enum ask_kind);

/* Answers of the moment are no longer good. */
void redis_ask_expire(struct redis *);
void redis_ask_forget(struct redis *); /* all of them */
void redis_ask_free(struct redis *, struct redis_ask *);
bool redis_ask_queued(const struct redis *); /* is any to be sent? */
/* The next that may be sent now, or NULL. */
struct redis_ask *redis_ask_next(struct redis *);
/*
 * An answer was larger than it may be: from now on entries are asked for by a
 * script that leaves out what is too long.
 */
void redis_ask_less(struct redis *);
/* Sets the timer for when a link or a question wants a turn. */
void redis_arm(struct redis *);

/* --- answer.c --- */

/* I/O.  LOG_OTHER: an answer was not our log's. */
enum redis_verdict redis_ask_turn(struct redis *);

/* --- entry.c --- */

/* What is known of an id; NULL: it was asked for, and will be. */
const struct redis_entry *redis_entry(struct redis *, struct store_id);
/* Sets the command of such a question, as it is sent.  False: none is needed.
 */
bool redis_entries_put(struct redis *, struct redis_ask *);
void redis_entries_take(struct redis *, const struct redis_ask *);
void redis_entries_forget(struct redis *);

/* --- newest.c --- */
void redis_newest_begin(struct redis *);
void redis_newest_free(struct redis *);
struct redis_topic redis_newest_key(const struct redis *, struct store_text);
/* What is known of a topic, or NULL. */
struct redis_fact *redis_newest_find(const struct redis *, struct redis_topic);
/* It has an entry of this id.  NULL: a newer one is known, or no memory. */
struct redis_fact *redis_newest_note(
    struct redis *, struct redis_topic, struct store_id, bool ended);
/* The same, unless one is known.  False: there is no room for it. */
bool redis_newest_older(
    struct redis *, struct redis_topic, struct store_id, bool ended);
/* Notes these entries, if any of them comes after a place. */
void redis_newest_entries(
    struct redis *, const redisReply *, struct store_id after);

/* --- end.c, for answer.c --- */

/* As redis_entries_put, of topics that may have ended. */
bool redis_ends_put(struct redis *, struct redis_ask *);
void redis_ends_take(struct redis *, const struct redis_ask *);
void redis_ends_forget(struct redis *);

/* --- cuts.c --- */

/*
 * A place was found.  STORE_GONE if entries after it were cut from the topics
 * of the seek; or STORE_LATER.
 */
enum store_result redis_find_cut(
    struct redis *, const struct store_seek *, struct store_id);
/* store_prune of topics that have ended. */
int64_t redis_prune_ended(
    struct redis_once *, const struct store_keep *, char *why, size_t size);

/* --- full.c --- */
/* Queues a command (NULL: none) and the state of the log as one script. */
bool redis_full_put(
    struct redis *, const char *cmd, size_t len, struct store_id mark);

/* --- page.c --- */
void redis_page_free(struct redis_page *);
/* most: bytes of its texts, or 0; see store_set_event_max. */
bool redis_event(const redisReply *entry, uint64_t most, struct store_event *);
/* Are these entries, in order, after an id, and not more than so many? */
bool redis_entries(const redisReply *, struct store_id after, size_t most);
/* The time of an entry: as its field time says, or else its id. */
int64_t redis_ms(struct store_text, struct store_id);
/* Sets how much of a page is asked for next, after how large this one was. */
void redis_pace(struct redis *, const redisReply *entries, size_t rows);

/* --- the engine's functions, each in the file of its name --- */
store_read_fn redis_read;
store_seek_fn redis_seek;
store_place_fn redis_place;		/* seek.c */
store_end_fn redis_end_of;		/* end.c */
store_revocations_fn redis_revocations; /* revoke.c */
store_revoked_fn redis_revoked;
void redis_search_forget(struct redis *); /* all that was found */
store_append_fn redis_append;
store_append_all_fn redis_append_all;
int redis_set_synchronous(struct store *, bool on); /* append.c */
store_copy_begin_fn redis_copy_begin;		    /* copy.c */
store_copy_in_fn redis_copy_in;
store_numbers_fn redis_numbers;
store_removed_fn redis_removed;

/* --- append.c, also for copy.c --- */

/* What an error of Redis means to who writes. */
enum store_result redis_append_trouble(struct redis *, const redisReply *);
/* That it cannot be reached, and why. */
enum store_result redis_out_of_reach(struct redis *);
/* Is there a log to be written?  What is only out of reach is STORE_BUSY. */
enum store_result redis_writer_look(struct redis *);

#endif
