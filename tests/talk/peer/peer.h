/*
 * peer.h - what a conversation with the real program is made of.
 *
 * A test is a claim: a function that holds one conversation.  It gets a
 * directory, a log and a responder of its own.  It speaks with the responder
 * over FastCGI, as a web server does, and with the log through the engine's
 * own library, SQLite or hiredis.  The peer shares no code with the program:
 * it was written from the texts of FastCGI 1.0 and WHATWG HTML 9.2.  A claim
 * does not know which engine its log is on (log/log.c).
 *
 * No function sleeps and hopes.  A function that waits does so until the
 * thing itself is there.  If that takes longer than PATIENCE_MS, the function
 * says what was wanted and what came instead, and ends the test.
 *
 * Whatever a test opened is closed after it, also when it fails.  The test
 * never frees what these functions return.  A test fails if its responder
 * does not end with 0 on SIGTERM, or if a sanitizer reported something.
 */
#ifndef PEER_H
#define PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>
#include <sqlite3.h>

/* Far more than a busy machine needs: only a test that fails waits so long. */
enum {
	PATIENCE_MS = 60000
};

/* --- a test (talk.c) --------------------------------------------------- */

/* clang-format off */
#define TALK(claim) \
	{ #claim, talk_hold, NULL, talk_sweep, (void *)(claim) }
/* clang-format on */

void talk_hold(void **state);
int talk_sweep(void **state);

/* Runs them all, or those that argv[1] names (`*` and `?` as in a shell). */
int talk_main(int argc, char **argv, const struct CMUnitTest *, size_t n);
/* Claims about a log in SQLite: with the log on another engine, none. */
int talk_main_sqlite(
    int argc, char **argv, const struct CMUnitTest *, size_t n);
int talk_main_redis(int argc, char **argv, const struct CMUnitTest *, size_t n);

/* Ends the test.  Takes what printf does. */
void talk_fail(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* Memory and text that last as long as the test. */
void *keep(size_t size);
char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* len bytes of s as C would write them, cut short if they are many. */
char *shown(const char *s, size_t len);

int64_t now_ms(void); /* of a clock that only goes forward */

/*
 * Looks every few milliseconds whether the condition holds, as it will; fails
 * the test if it still does not when patience ends.
 */
#define until(condition)                                       \
	do {                                                   \
		int64_t until_ = now_ms() + PATIENCE_MS;       \
		while (!(condition))                           \
			talk_nap(until_, "until " #condition); \
	} while (0)
void talk_nap(int64_t deadline, const char *what);

#define check(condition)                                                   \
	do {                                                               \
		if (!(condition))                                          \
			talk_fail("%s:%d: not so: %s", __FILE__, __LINE__, \
			    #condition);                                   \
	} while (0)

/* --- bytes that grow (bytes.c) ----------------------------------------- */

struct bytes {
	char *s; /* len bytes and a NUL, once something was put; else NULL */
	size_t len, size;
};

void put(struct bytes *, const void *s, size_t len);
void put_text(struct bytes *, const char *);
void bytes_cut(struct bytes *, size_t len); /* the first len are done with */
void bytes_free(struct bytes *);

/* --- the program and its log (server.c, log/log.c) --------------------- */

struct server {
	struct server *next;
	char *dir, *db, *socket, *err; /* paths */
	const char *program;	       /* build/asan/largesse */
	const char **env;  /* NULL, or NAME=VALUE for its next start */
	const char *token; /* `Bearer ...', that who posts to it has */
	int port;	   /* 0: it listens on socket, else on 127.0.0.1 */
	uid_t uid;	   /* it runs as, if not ours: 0 */
	pid_t pid;	   /* 0: not running */
	bool plain;	   /* started as CGI: ends when its client leaves */
};

/* A directory and a log, and nothing running.  `largesse init` makes it. */
struct server *prepare(void);
struct server *prepare_nothing(void); /* not even a log */

/* The same without sanitizers, where memory is measured. */
struct server *prepare_lean(void);

/*
 * Starts `largesse serve --db DB --listen unix:SOCKET` with these further
 * arguments up to a NULL, and returns when it takes connections.
 */
void start(struct server *, ...) __attribute__((sentinel));

/* prepare and start. */
struct server *serve(void);
struct server *serve_with(const char *argument, ...) __attribute__((sentinel));

/*
 * Starts the program with just these words after its name; its standard input
 * and output are these descriptors (-1: /dev/null).
 */
void start_bare(struct server *, int in, int out, ...)
    __attribute__((sentinel));
/* Such a descriptor, as spawn-fcgi hands it over: clients come to it. */
int listening_socket(const struct server *);

void await_listening(struct server *); /* until it takes connections */
bool can_connect(const struct server *);

int await_exit(struct server *);    /* its wait status, when it has ended */
void want_exit_0(struct server *);  /* it ends by itself, clean */
void stop(struct server *);	    /* SIGTERM, and it ends with 0, clean */
void freeze(const struct server *); /* SIGSTOP, and it has stopped */
void freeze_when(struct server *, bool (*is)(struct server *));
void slay(struct server *);    /* kill -9 */
char *errors(struct server *); /* what it said on stderr, all starts */
size_t errors_with(struct server *, const char *words); /* how often */

/* One run of the program to its end. */
struct ran {
	int status; /* of exit; 128 + the signal's number, when it died of one
		     */
	char *out, *err;
};
/* LARGESSE_... variables are unset but for those of sv->env. */
struct ran run_with(struct server *, const char *input, ...)
    __attribute__((sentinel));
/* `serve', which is to end instead of listening. */
struct ran serve_ends(struct server *);
/* It ended so, and said one line on stderr alone. */
void want_one_line(const struct ran *, int status);
/* Root may do everything, so from here on it runs as somebody else. */
void become_nobody(struct server *);

/* Connections to it that it has not closed yet, those left by us too. */
size_t count_connections(const struct server *);
int children_of(pid_t, pid_t *list, int most); /* how many are in list */
size_t count_descriptors(const struct server *, const char *containing);
size_t count_threads(const struct server *);
long status_number(const struct server *, const char *name);
long memory_kb(const struct server *); /* what of it is in memory */
int port_of(const struct server *);    /* that it listens on, 0: none */

/* Another process's view of the log: each opens it, acts, and closes it. */
int64_t append(struct server *, const char *topic, const char *data);
int64_t append_event(struct server *, const char *topic, const char *event,
    const char *data, const char *uid);
int64_t append_bytes(struct server *, const char *data, size_t len);
int64_t append_timed(struct server *, const char *data, int64_t time_ms);
/* n rows in one transaction; data is `N ` and x up to size bytes. */
int64_t append_many(
    struct server *, const char *topic, int first, int n, size_t size);
/* A child that appends `WHO.I' to main n times, each by itself, and ends. */
void append_as_a_process(struct server *, int who, int n);

/* A row; what is NULL or 0 is left to the log. */
struct column {
	const char *s;
	size_t len;
};
struct row {
	int64_t id;
	struct column topic, event, data, uid;
	int64_t time_ms;
};
struct column column(const char *);
/* In one transaction.  The last one's id. */
int64_t append_rows(struct server *, const struct row *, size_t n);

struct revocation {
	const char *topic, *subject; /* or NULL */
	int64_t time_ms;	     /* 0: now */
};
void log_revoke(struct server *, const char *topic, const char *subject);
/* In one transaction, and after them a row unless it is NULL. */
void log_revoke_many(
    struct server *, const struct revocation *, size_t n, const struct row *);

int64_t log_count(struct server *);
int64_t log_next(struct server *, int64_t id); /* after id; 0: none */
void log_remove_before(struct server *, int64_t id);
const char *log_shown(const struct server *); /* in messages about it */
void log_share(struct server *);	      /* with users that are not ours */

/* Everything in it, in order; what a row does not have is NULL. */
struct logged {
	char *id; /* as streams are told it, if there is no uid */
	char *topic, *event, *data, *uid;
	int64_t time_ms;
};
struct logged *log_all(struct server *, size_t *n);

/* A row in a transaction that is not ended yet; abandoned, as if killed. */
struct transaction;
struct transaction *log_begin(struct server *, const char *data);
void log_commit(struct transaction *);
void log_abandon(struct transaction *);

/* The engine's own program appends: sqlite3, redis-cli. */
struct ran log_tool(struct server *, const char *topic, const char *data);

/* --- what may befall a log (log/sqlite_harm.c, log/redis_harm.c) -------- */

void log_lose(struct server *); /* it is out of reach... */
void log_find(struct server *); /* ...and back again */
void log_remove(struct server *);
/* The other, which nobody serves, takes its place and loses its own. */
void log_replace(struct server *, struct server *by);
/* A server of which nothing runs, with the log as it is now. */
struct server *log_copy(struct server *);
/* What is in the other's is in this one, which stays where it is. */
void log_restore(struct server *, struct server *from);
/* Still the same log, but its only row has the first of all ids. */
void log_rewind(struct server *, const char *data);
/* Another largesse has given it this number of its schema; 1 is ours. */
void log_schema(struct server *, int);
void log_only_read(struct server *); /* from here on, by this server */
/* From here on there is an event that it refuses: its JSON. */
const char *log_refuses(struct server *);
void log_hold(struct server *); /* whoever writes has to wait... */
void log_let_go(struct server *);
/* ...and so has whoever reads.  On SQLite only before it is served. */
void log_shut(struct server *);
void log_reopen(struct server *);

/* --- of a log on Redis alone (log/redis.c) ------------------------------ */

/* Says a command, whose words have blanks between, and what is answered. */
char *redis_text(const char *command);
const char *redis_stream(const struct server *); /* its key */
void redis_down(int signum);
void redis_up(void);

/* --- of a log in SQLite alone (log/sqlite.c) ---------------------------- */

void sql(struct server *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int64_t sql_number(struct server *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A publisher that stays connected.  Closed after the test. */
sqlite3 *log_open(const char *path);
void log_close(sqlite3 *);
void log_run(sqlite3 *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int log_try(sqlite3 *, const char *statement); /* SQLite's code */
/* One row with bytes as they are; type is SQLITE_TEXT or SQLITE_BLOB. */
int64_t log_append_bytes(sqlite3 *, int type, const char *data, size_t len);

/* --- FastCGI (record.c) ------------------------------------------------ */

enum {
	R_BEGIN = 1,
	R_ABORT,
	R_END,
	R_PARAMS,
	R_STDIN,
	R_STDOUT,
	R_STDERR,
	R_DATA,
	R_GET_VALUES,
	R_GET_VALUES_RESULT,
	R_UNKNOWN_TYPE,
	RESPONDER = 1,
	AUTHORIZER,
	FILTER,
	KEEP_CONN = 1,
	REQUEST_COMPLETE = 0,
	CANT_MPX_CONN,
	OVERLOADED,
	UNKNOWN_ROLE
};

void put_record(struct bytes *, int type, int id, const void *content,
    size_t len, size_t padding);
void put_begin(struct bytes *, int id, int role, int flags);
void put_pair(struct bytes *, const char *name, const char *value);
void put_length(struct bytes *, uint32_t); /* as pairs have them */

/*
 * The parameters that nginx would send for this request, each replaced by one
 * of the same name in the list of names and values up to a NULL.
 */
void put_params(struct bytes *, const char *method, const char *uri, va_list);

/* A whole request with body (NULL: none), as nginx frames it. */
void put_request(struct bytes *, int id, int flags, const char *method,
    const char *uri, const char *body, ...) __attribute__((sentinel));

/* --- a client (client.c) ----------------------------------------------- */

struct client {
	struct client *next;
	int fd;
	int id;		   /* of the request that it speaks of */
	bool keep_conn;	   /* asked not to close */
	bool plain;	   /* a CGI program's output: no records */
	bool may_be_cut;   /* closed within a record is no failure */
	struct bytes raw;  /* heard, not yet a whole record */
	struct bytes odd;  /* records, whole, that are not of this request */
	struct bytes out;  /* content of its FCGI_STDOUT */
	size_t at;	   /* bytes of out that were wanted and seen */
	struct bytes head; /* the headers, once want_headers has seen them */
	bool ended;	   /* END_REQUEST came... */
	int protocol_status;
	uint32_t app_status;
	bool closed;	       /* the program closed the connection */
	struct bytes field[3]; /* of the event being read: type, id, data */
	bool has_id, has_data;
	struct bytes last_id; /* what a browser would come back with */
	int64_t retry;	      /* the last one, -1: none yet */
	int comments;	      /* lines seen */
	char *start;	      /* JSON of stream-start */
	char *gap;	      /* JSON of a stream-gap that nobody wanted yet */
	char *reason;	      /* of stream-retry, see want_farewell */
};

struct client *join(struct server *); /* connects, says nothing */
struct client *client_of(int fd);     /* takes over a descriptor */

/* False when the program closed its end meanwhile. */
bool say(struct client *, const struct bytes *);
void leave(struct client *);

/* GET of uri; names and values of parameters up to a NULL. */
struct client *get(struct server *, const char *uri, ...)
    __attribute__((sentinel));
struct client *ask(struct server *, const char *method, const char *uri,
    const char *body, ...) __attribute__((sentinel));

/*
 * Takes in what has come, waiting for it up to the deadline.  False: it
 * passed, or there will be nothing more.
 */
bool hear(struct client *, int64_t deadline);

struct record {
	int type, id;
	size_t len;
	const char *content;
};
/* The next record that is not this request's output or end. */
struct record want_record(struct client *);

/* --- what is wanted of it (want.c, event.c) ---------------------------- */

/* These bytes, exactly, next.  Comment lines before them are passed over. */
void want(struct client *, const char *);
void want_bytes(struct client *, const char *, size_t);

/* Headers to the empty line.  The status, 200 if there is no Status. */
int want_headers(struct client *);
const char *header(struct client *, const char *name); /* NULL: has none */

/*
 * A number on the wire has a check behind it, `41-k52q', and most tests are not
 * about that: what is wanted has the number alone, and is met by either.  This
 * is the text without its check, or the text itself; and how long the check is
 * that stands here, 0 if there is none.
 */
const char *plain_id(const char *);
size_t check_len(const char *s, size_t len);

/* A comment line is next, and nothing behind it. */
void want_comment(struct client *);

/* What is between the headers and the end of the request. */
char *body_of(struct client *);

/* A whole answer that is not a stream: this status, one line of text, end. */
void want_refusal(struct client *, int status);

/*
 * The beginning of a stream: 200, retry, stream-start.  Returns its id.  A
 * stream-gap may stand before it; want_gap has it then.
 */
const char *want_start(struct client *);

/* A stream of uri that has started. */
struct client *stream(struct server *, const char *uri);

/*
 * Asks for uri after id, as a browser does, until it gets a stream; that has
 * started then.  Any answer before that must be: come back.
 */
struct client *come_back(struct server *, const char *uri, const char *id);
struct client *get_in_the_end(struct server *, const char *id); /* for main */

struct event {
	const char *type; /* "message" when there is none */
	const char *id;	  /* NULL: none of its own; without its check... */
	const char *told; /* ...and as it came */
	const char *data; /* len bytes and a NUL */
	size_t len;
};
/* Read as a browser would.  Good until the next event is read. */
const struct event *want_next(struct client *);
const struct event *next_or_end(struct client *); /* NULL: the end came */

/* NULL for an id or a type that does not matter. */
void want_event(
    struct client *, const char *id, const char *type, const char *data);

/* An event with these bytes as data. */
void want_data(struct client *, const char *, size_t);

/* stream-gap is next.  Returns its JSON, which has reason, asked and id. */
const char *want_gap(struct client *);

/* Nothing is on its way: an event appended now is the next to come. */
void want_nothing_more(struct client *, struct server *, const char *topic);

/* The end: END_REQUEST, and unless keep_conn the connection closed. */
void want_end(struct client *);
/* stream-expire is next.  Returns the seconds that it tells. */
int64_t want_warning(struct client *);

/* stream-retry and the end, no other event before it.  The milliseconds. */
int64_t want_farewell(struct client *);
/* Whoever asks for a stream, with an id or NULL, is told to come back. */
void want_sent_away(struct server *, const char *id);
/* Closed, with or without an END_REQUEST. */
void want_closed(struct client *);

/* The member of a JSON text at path `$.x` as text; NULL: it has none. */
char *json(const char *text, const char *path);
int64_t json_number(const char *text, const char *path); /* it has one */

#endif
