/*
 * store.h - the event log, and the only door to it.  Read this page first.
 *
 * The log is a sequence of events with growing ids.  A reader asks for what
 * comes after an id, and nothing is remembered for the reader in between.
 * Behind the door is a SQLite file (sqlite/) or Redis at the other end of a
 * network (redis/):
 *
 *   - an id is opaque.  Compare two with store_id_cmp, print and parse them
 *     with the store they belong to, and do no arithmetic on them;
 *   - nothing here blocks a reader.  What cannot be answered now is
 *     STORE_LATER: ask the same again after store_fd has become readable.
 *     No call of a reader goes on for much longer than STORE_SLICE_NS,
 *     whatever is asked and whatever is in the log;
 *   - news comes through a descriptor, so any loop can wait for it.
 *
 * A store belongs to one thread.  Functions that return an enum store_result
 * leave their results untouched unless they return STORE_OK, or as said.
 *
 * door.c finds the engine, engine.h is what an engine provides, engine.c and
 * id.c are what both engines share.  fcgi/ includes this file and nothing else
 * of store/.  store/ includes nothing of fcgi/: it knows no HTTP and no stream.
 */
#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/clock.h"

/* A place in the log: that of an event, or the one before the first. */
struct store_id {
	uint64_t hi, lo; /* ordered by hi, then lo; {0, 0} is before all */
};

/* Text of a column: len bytes, any of them may be NUL.  s is NULL for NULL. */
struct store_text {
	const char *s;
	size_t len;
};

struct store_event {
	struct store_id id;
	struct store_text topic, event, data, uid;
	int64_t time_ms; /* since 1970; on appending 0 is now; STORE_NO_TIME */
	bool repeated;	 /* store_append: uid was there, id is the old one */
	bool too_large;	 /* reading: longer than store_set_event_max, data "" */
};

/* The time of an event is not known: it is too large, and stands behind that */
#define STORE_NO_TIME INT64_MIN

/* A topic as a reader asks for it.  As a prefix, "" is every topic. */
struct store_topic {
	const char *name; /* len bytes, no NUL among them */
	size_t len;
	bool prefix; /* every topic that begins with name */
};

enum store_result {
	STORE_OK,
	STORE_LATER,   /* not known yet: again when store_fd is readable */
	STORE_AGAIN,   /* its time is over: ask the same again (store_seek) */
	STORE_BUSY,    /* locked or out of reach: passing trouble, try again */
	STORE_GONE,    /* the place asked for was pruned (store_seek) */
	STORE_UNKNOWN, /* no such place in this log (store_seek) */
	STORE_FULL,    /* it is too large, or there is no room (store_append) */
	STORE_REFUSED, /* by a constraint or a trigger (store_append) */
	STORE_TAKEN,   /* a uid is that of another topic (store_append) */
	STORE_ERROR    /* broken: store_why says how */
};

enum store_mode {
	STORE_READ,
	STORE_WRITE
};

struct store;

/*
 * Open the log at path: a file, or an address of Redis (redis/link/url.h).  A
 * reader needs no right to change rows.  A log that was never made by
 * store_init is refused.  NULL on failure, and why (which takes size bytes)
 * says in one line what is wrong and what mends it.
 */
struct store *store_open(
    const char *path, enum store_mode, char *why, size_t size);

enum {
	STORE_PATIENT = -1 /* for as long as store_open waits */
};

/*
 * The same for whoever may not wait for long.  Opening waits up to wait_ms for
 * a lock or for an answer of Redis, and so does all that a writer does later.
 * If a reader cannot read the log by then, store_healthy says so at once.
 */
struct store *store_open_within(
    const char *path, enum store_mode, int wait_ms, char *why, size_t size);

/*
 * Can a log have this name?  No: it is for whoever wrote it to mend.  Whatever
 * else store_open refuses may be mended at the log, and is worth another look.
 */
bool store_is_name(const char *path);

/*
 * A store in the place of a log that is away, or cannot be opened: nothing can
 * be read from it, and why says the reason.  It has no descriptor.  NULL
 * without memory.
 */
struct store *store_open_away(const char *why);

/*
 * Of such a store: has nobody written to the files of the log since this was
 * asked last?  Who copies a log to its place is not disturbed so.  After some
 * times it is true all the same, for publishers may have come before us.
 */
bool store_away_rests(struct store *, const char *path);

/* Takes NULL and a store in any state. */
void store_close(struct store *);

/* Is the log at path at the other end of a network or a socket, and no file? */
bool store_is_remote(const char *path);

/*
 * The name of the log at path, for messages: no password is in it.  Messages
 * about a log begin with it.
 */
void store_show(const char *path, char *buf, size_t size);

/*
 * What is wrong with the place of this log although it can be read, in one line
 * for whoever started us; NULL: nothing.  Found when it was opened.
 */
const char *store_doubt(const struct store *);

/* The last trouble in words.  Good until the next call; never NULL. */
const char *store_why(const struct store *);

/*
 * For a reader: the texts of one event, in bytes, that it has any use for.
 * What is longer is not read into memory; the event comes with too_large set
 * and with its data empty.  0, as at first: no limit.
 */
void store_set_event_max(struct store *, uint64_t bytes);

/* The random id of this log, as text.  Good until the log is replaced. */
const char *store_log_id(const struct store *);

/* How large the log is, and how long it keeps what it has. */
struct store_size {
	bool known;	      /* false: not now */
	uint64_t bytes;	      /* of all files of the log; 0: not known */
	int64_t rows;	      /* events that are there; -1: not known */
	uint64_t keep_rows;   /* as init has set it; 0: without limit */
	uint64_t keep_age_ms; /* likewise */
	int64_t oldest_ms;    /* time of the oldest event; or STORE_NO_TIME */
};

/*
 * For a reader.  A file is asked once a second at most.  Of Redis it is what
 * the last look at the log told: nothing is asked for it.
 */
void store_size(struct store *, struct store_size *);

/* --- ids ---------------------------------------------------------------- */

#define STORE_ID_SIZE 48 /* room for any printed id with its NUL */

int store_id_cmp(struct store_id, struct store_id); /* <0, 0, >0 */

/* A place before this event and after all earlier ones. */
struct store_id store_id_before(struct store_id);

/* Prints into buf, returns the length without the NUL. */
size_t store_id_print(
    const struct store *, struct store_id, char buf[STORE_ID_SIZE]);

/*
 * Reads an id that came from outside, strictly: the whole text and nothing
 * else.  False, with *id untouched, when it is not one (it may be a uid).
 */
bool store_id_parse(
    const struct store *, const char *s, size_t len, struct store_id *id);

/*
 * A number says nothing of the life of the log that it is from.  A log that was
 * made anew, or restored from an older copy, gives the same numbers to other
 * events.  So what a client gets is the number with a check after it, such as
 * `41-k52q', which is made of the id and the time of the event.  Redis's own
 * ids, ms-seq, have their time in them and no check.  Where the time is not
 * known there is the number alone.
 */
size_t store_event_print_id(
    const struct store *, const struct store_event *, char buf[STORE_ID_SIZE]);

/*
 * Prints a place for a client that is to come back with it: with the check of
 * the event that is there.  Where there is none it is the event before it, for
 * from there one reads the same.  If that is not known now, the place alone.
 */
size_t store_place_print(
    struct store *, struct store_id, char buf[STORE_ID_SIZE]);

/* --- reading ------------------------------------------------------------ */

/*
 * Called for each event in order of ids.  The texts are good until it
 * returns.  It returns false to end the page after this event.
 */
typedef bool store_each(void *arg, const struct store_event *);

/* What a read of the log has covered. */
struct store_span {
	struct store_id upto; /* all up to here was read, wanted or not */
	bool at_end; /* and there was nothing more when the read began */
};

/*
 * Reads up to limit events that come after an id, of any of n topics (n 0:
 * all).  A page may end early, even empty, when many events had to be passed
 * over: span says how far it came, and the reader goes on from there.  It is
 * one short transaction, which is over when this returns.  All of it comes
 * from one log: STORE_BUSY when that is not the log known so far, and
 * store_news will say so.  A read that fails may have handed out events before:
 * they are good, and the next read goes on after the last of them.
 */
enum store_result store_read(struct store *, struct store_id after,
    const struct store_topic *topics, size_t n, size_t limit, store_each *each,
    void *arg, struct store_span *span);

/*
 * Until store_release all reads, news and seeks see one state of the log and
 * take its locks once.  Hold it for one turn and not longer: a log that is
 * held cannot be checkpointed to its end.
 */
void store_hold(struct store *);
void store_release(struct store *);

/*
 * Releases it, as the caller is about to wait for store_fd.  Whoever asks for
 * news while the log is held calls this before waiting.
 */
void store_wait(struct store *);

/*
 * Has the last store_news brought an answer for which somebody was told
 * STORE_LATER?  If not, it is of no use to ask again yet.
 */
bool store_answered(const struct store *);

enum {
	STORE_SLICE_NS = 1000000, /* what one call of a reader takes */
	STORE_LAST_MAX = 10000	  /* the newest events that can be asked for */
};

/* Where a reader may ask to start. */
enum store_from {
	STORE_FROM_HEAD,  /* after the newest event there is */
	STORE_FROM_FIRST, /* before the oldest event there is */
	STORE_FROM_ID,	  /* after this id */
	STORE_FROM_UID,	  /* after the event with this uid */
	STORE_FROM_LAST,  /* the newest count of these topics, then on */
	STORE_FROM_TIME	  /* after the newest event older than time_ms */
};

/* How far a seek has come when it is STORE_AGAIN or STORE_LATER. */
struct store_come {
	bool begun;
	uint32_t life;	       /* of which log; another one is begun anew */
	struct store_id place; /* all after it was looked at */
	struct store_id found; /* the answer, as far as it is known */
	uint64_t left;	       /* events still to be found */
	uint64_t passed;       /* events looked at, about */
	bool by_uid;	       /* no such id: it is looked for as a uid */
	bool other;	       /* another event has that id */
};

struct store_seek {
	enum store_from from;
	struct store_id id;
	struct store_text uid;
	bool named;	/* the id is a client's: the event has to be the same */
	uint32_t check; /* that came with it; 0: none */
	uint64_t count; /* more than STORE_LAST_MAX counts as that */
	int64_t time_ms;
	const struct store_topic *topics; /* not for TIME; n 0: all */
	size_t n;
	uint64_t cuts; /* for ID and UID: the cuts that are known already */
	bool folded;   /* set: see STORE_GONE */

	struct store_come come; /* set to zero by the caller */
};

/*
 * What a client came back with: sets from, and what belongs to it.  It is a
 * number, a number with its check, an id of Redis, or else a uid.  The text has
 * to last as long as the seek.
 */
void store_seek_named(
    const struct store *, const char *s, size_t len, struct store_seek *);

/*
 * Finds the place after which the reader reads on.  STORE_GONE: events after
 * the place were removed.  *id is the place before the oldest one left; or it
 * is the place asked for, when older events of other topics are left and only
 * some of these topics were cut (store_cuts).  folded: they were not lost but
 * folded, so the next event of the topic has what they had, too.
 * STORE_UNKNOWN: this log never had it (another log's, another life's of this
 * one, or one still to come), or its event has none of these topics; *id is the
 * head.  STORE_AGAIN: not found yet; ask with the same seek, which goes on
 * where it stopped.
 */
enum store_result store_seek(
    struct store *, struct store_seek *, struct store_id *id);

/*
 * A cut is where events of one topic were removed and older ones of other
 * topics stayed.  This is how many were made in this log so far, when it was
 * last read; 0 where none is noted.  A reader that remembers it from when its
 * place was found, and says so at the next seek, is told of each cut once;
 * UINT64_MAX: of none.  When that seek is STORE_AGAIN, seek->cuts is what it
 * may say next.
 */
uint64_t store_cuts(const struct store *);

/*
 * An event of this type says that its topic has ended.  A later event of the
 * topic opens it again.
 */
#define STORE_END_TYPE "stream-end"

bool store_is_end(const struct store_event *);

/*
 * Where this topic has ended: *end is the place of its newest event if that is
 * such an event, and {0, 0} if it is another or if there is none.
 */
enum store_result store_end(
    struct store *, struct store_text topic, struct store_id *end);

/* --- news --------------------------------------------------------------- */

/*
 * A descriptor that becomes readable when there may be news; call store_news
 * then, and only read the log if it says so.  Owned by the store.
 */
int store_fd(const struct store *);

/* How often to look without any hint, in ms; 0 is never.  250 at first. */
void store_set_poll(struct store *, unsigned ms);

enum store_news {
	STORE_QUIET,   /* nothing to do */
	STORE_LOOK,    /* read after the newest id you know: there is more */
	STORE_REPLACED /* this is another log, or the same gone back in time:
			  no id you know means anything; *id is the place
			  from which its events are new to you */
};

/*
 * Takes what the descriptor has to say.  *id is set for STORE_REPLACED only.
 */
enum store_news store_news(struct store *, struct store_id *id);

/*
 * Can the log be read right now?  If not, store_why has the reason.  Trouble
 * ends with a read that ended well, not with one that began; and where a part
 * of the log cannot be read, it lasts as long as somebody asks for that part.
 */
bool store_healthy(const struct store *);

/*
 * Of a log that cannot be read: is it that a newer largesse has made it?  Then
 * only an upgrade of this program helps.
 */
bool store_is_newer(const struct store *);

/*
 * When the log was last seen as it is: a read ended well, or a look found that
 * there is nothing new.  Of clock_steady_ms; 0: never so far.
 */
int64_t store_seen_ms(const struct store *);

/*
 * What is wrong with the log although it can be read, in words.  Each such
 * thing is told once; NULL: there is nothing new.  Good until the next call of
 * store_news.
 */
const char *store_warning(struct store *);

/* --- revoking ----------------------------------------------------------- */

/*
 * That a topic is taken from its readers, or a subject from all topics, or a
 * subject from a topic.  The other one is NULL; topic may be a prefix*.
 */
struct store_revocation {
	struct store_text topic, subject; /* good until the call returns */
	int64_t time_ms; /* holds for what was given out before */
};
typedef void store_each_revoked(void *arg, const struct store_revocation *);

/*
 * Calls with up to limit revocations that come after *after, in order; *after
 * becomes the last of them, also if then the read fails.  With limit 0 it
 * becomes the newest there is.  A reader that reads events first and asks for
 * revocations then knows all that were there before any of these events.
 */
enum store_result store_revocations(struct store *, struct store_id *after,
    size_t limit, store_each_revoked *, void *arg);

/* Had the log any after this one, when it was last read? */
bool store_revocations_after(const struct store *, struct store_id);

/*
 * Those of a subject that hold for a token that was issued at this time.  Of a
 * topic the newest may do, and instead of very many topics comes one row that
 * is about all of them.
 */
enum store_result store_revoked(struct store *, struct store_text subject,
    int64_t issued_ms, store_each_revoked *, void *arg);

/* --- writing and keeping ------------------------------------------------ */

/*
 * Appends n events in one transaction: all of them or none.  Sets id and
 * repeated of each.  An event whose uid the log has already is not added
 * again.  If the uid is that of an event of another topic, in the log or among
 * these, nothing is added: STORE_TAKEN.  Otherwise who may publish to one topic
 * could take the uids of all others.  This call may wait, up to five seconds,
 * for another publisher, then it is STORE_BUSY.  A reader's loop does not make
 * it.
 */
enum store_result store_append(struct store *, struct store_event *, size_t n);

/* What one of several publishers has: all of it is appended or none. */
struct store_batch {
	struct store_event *events; /* n of them */
	size_t n;
	enum store_result result; /* set; but for STORE_OK, why says it */
	char why[256];
};

/*
 * Appends what several publishers have, in one transaction where that can be,
 * so that they share its cost.  A batch that fails fails alone.  STORE_OK:
 * the batch is committed.  STORE_LATER: no answer came, so it may have been
 * written, or may be yet.  With any other result nothing of it is written.  A
 * log that was replaced is found by its path again.  It may wait as
 * store_append.
 */
void store_append_all(struct store *, struct store_batch *, size_t n);

/*
 * There is nothing to append for now.  A writer gives back what it holds of the
 * log, so that it is in nobody's way; the next append takes it again.
 */
void store_rest(struct store *);

/*
 * True, as a writer begins: when a commit is told it is on the disk, and
 * survives a crash of the machine.  False: it survives only a crash of the
 * process, and costs less.  0, or -1: why.
 */
int store_set_synchronous(struct store *, bool on);

/*
 * How much to keep; 0 is without limit.  With a topic: of the topics of this
 * pattern, the newest rows of each.  If ended is set nothing is kept of those
 * that ended longer ago than age_ms, and everything of all others.
 */
struct store_keep {
	uint64_t rows;
	uint64_t age_ms;
	const char *topic; /* `name', `prefix*' or `*'; NULL: see above */
	bool ended;
};

/* In either place of store_keep: what store_init has set before. */
#define STORE_KEEP_SAME UINT64_MAX

/*
 * Makes the log at path, or upgrades it; run twice it changes nothing.  keep
 * may be NULL: what is set stays.  Returns 0, or -1 and why; on success why
 * says in one line what there is now.
 */
int store_init(
    const char *path, const struct store_keep *keep, char *why, size_t size);

/* Which changes of a table of the log's database become events. */
struct store_watch {
	const char *table;
	const char *topic;	  /* NULL: the table's name */
	const char *topic_column; /* or NULL; topic is for where it is NULL */
	const char *columns;	  /* names between commas; NULL: all */
	bool on_insert, on_update, on_delete;
};

/*
 * Installs triggers for that, in place of those of an earlier call for this
 * table.  0, or -1 and why; on success why says in one line what there is now.
 */
int store_watch(
    const char *path, const struct store_watch *, char *why, size_t size);

/* Takes them away.  The number of triggers, or -1 and why. */
int store_unwatch(const char *path, const char *table, char *why, size_t size);

/* Calls with a line for each table that is watched.  0, or -1 and why. */
int store_watched(const char *path, void (*each)(void *arg, const char *line),
    void *arg, char *why, size_t size);

/*
 * Removes what keep does not allow, or if it is NULL what store_init has set
 * does not.  Returns rows removed, or -1 and why.
 */
int64_t store_prune(
    const char *path, const struct store_keep *keep, char *why, size_t size);

/* How the rows of a topic become few. */
struct store_fold {
	const char *topic;
	size_t max_bytes; /* no event gets larger, all of its texts together */
	bool lines;	  /* a line feed is put between two of them */
	/*
	 * Where the text that is joined stands in the data: n bytes from at.
	 * What is before it and behind it has to be the same in both.  False:
	 * this event is joined with no other.  NULL: all of the data is joined.
	 */
	bool (*text_of)(
	    void *arg, const char *s, size_t len, size_t *at, size_t *n);
	void *arg;
};

/*
 * Joins neighbours of a topic that has ended, if they are of one event type,
 * into the last of them, which keeps its id, time and uid.  The ends stay.
 * Returns rows removed, or -1; why says in one line what came of it.
 */
int64_t store_fold(
    const char *path, const struct store_fold *, char *why, size_t size);

/* --- copying ------------------------------------------------------------ */

/*
 * The highest number that was ever an event's id in this log.  It counts also
 * if that was before the log was copied to an engine whose ids are not
 * numbers.  0: there was none.
 */
enum store_result store_numbers(struct store *, uint64_t *n);

/*
 * The newest id that was removed from this log, or 0.  An older id that is not
 * there may have been removed, too.
 */
enum store_result store_removed(struct store *, struct store_id *);

/* The log that is copied. */
struct store_origin {
	const char *log_id;
	struct store_id base; /* all up to here is gone from it; 0: nothing */
	uint64_t numbers;
};

/* How far the copy has come, in places of the other log. */
struct store_copied {
	struct store_id upto;
	struct store_id revoked; /* likewise, of revocations */
};

/*
 * Makes this log, open for writing, the copy of another: a client that comes
 * back with an id of the other finds its place in this one.  If this log has
 * events already it must be a copy of the other.  Then the copying goes on
 * from where *done says, and newest is called with the newest event here,
 * under the id that it has in the other.  STORE_REFUSED if this is another log
 * with events of its own.  It may wait as store_append.
 */
enum store_result store_copy_begin(struct store *, const struct store_origin *,
    struct store_copied *done, store_each *newest, void *arg);

/* What comes next: all there is in the other log in (after, upto]. */
struct store_copy {
	const char *log_id;
	struct store_id after, upto;
	const struct store_event *events; /* n of them, id and time as there */
	size_t n;
	const struct store_revocation *revoked; /* nrevoked of them */
	size_t nrevoked;
	struct store_id revoked_upto;
	struct store_id removed; /* from the other log, as store_removed says */
};

/*
 * Adds it, all or nothing, with ids by which readers find the events again.  A
 * number stays.  Any other id stays on an engine that has such ids, and else
 * becomes the uid.  STORE_REFUSED when someone else wrote here since.  After
 * STORE_BUSY it may have been done: store_copy_begin tells.
 */
enum store_result store_copy_in(struct store *, const struct store_copy *);

/* --- checking ----------------------------------------------------------- */

enum store_grade {
	STORE_SICK,   /* readers or publishers fail */
	STORE_AILING, /* they will fail, or some do, or it is slow */
	STORE_NOTE    /* nothing is wrong */
};

enum {
	STORE_MENDS = 3
};

/* Texts are good until the call returns, but code and effect for ever. */
struct store_finding {
	const char *code; /* one word that does not change */
	enum store_grade grade;
	bool certain;		       /* or else likely */
	const char *seen;	       /* what is the case */
	const char *effect;	       /* what it does */
	const char *mend[STORE_MENDS]; /* commands, then NULL */
};

typedef void store_found(void *arg, const struct store_finding *);

struct store_check {
	const char *const *users; /* nusers that must open it, besides us */
	size_t nusers;
	store_found *found;
	void *arg;
};

/*
 * Looks at the log and at what lies beside it for what goes wrong, changes
 * nothing, and takes a second or two.  summary is one line of what is there.
 * Returns 0, or -1 without memory or such a user, and summary says so.
 */
int store_check(
    const char *path, const struct store_check *, char *summary, size_t size);

#endif
