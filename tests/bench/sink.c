/*
 * sink.c - INSERT, XADD, POST, or a line for the ceiling program.
 *
 * Each is the cheapest way to publish there that does the whole work: a
 * prepared statement with synchronous=NORMAL, a kept connection, a stream
 * socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "publish.h"

struct sink {
	void (*put)(struct sink *, const char *data, size_t len);
	int fd;
	sqlite3 *db;
	sqlite3_stmt *insert, *insert_many;
	redisContext *redis;
	bool gathering;	   /* commands are sent at the commit */
	unsigned gathered; /* so many */
	const char *target, *topic;
};

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "publish: %s: %s\n", what, why);
	exit(1);
}

static struct sink *
sink_new(void (*put)(struct sink *, const char *, size_t))
{
	struct sink *s = calloc(1, sizeof(*s));

	if (s == NULL)
		fail("start", "no memory");
	s->put = put;
	s->fd = -1;
	return s;
}

/* The topic of what is put from now on; not of POST and bell.  It is kept. */
static void
sink_topic(struct sink *s, const char *topic)
{
	s->topic = topic;
	if (s->db != NULL)
		sqlite3_bind_text(s->insert, 1, topic, -1, SQLITE_STATIC);
}

/* --- SQLite ------------------------------------------------------------- */

static void
run_sql(struct sink *s, const char *sql)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail(sql, sqlite3_errmsg(s->db));
}

static void
put_row(struct sink *s, const char *data, size_t len)
{
	sqlite3_bind_text(s->insert, 2, data, (int)len, SQLITE_STATIC);
	if (sqlite3_step(s->insert) != SQLITE_DONE)
		fail("INSERT", sqlite3_errmsg(s->db));
	sqlite3_reset(s->insert);
}

static sqlite3_stmt *
prepare(struct sink *s, const char *sql)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st,
		NULL) != SQLITE_OK)
		fail(sql, sqlite3_errmsg(s->db));
	return st;
}

struct sink *
sink_sqlite(const char *file, const char *topic)
{
	struct sink *s = sink_new(put_row);

	if (sqlite3_open_v2(file, &s->db, SQLITE_OPEN_READWRITE, NULL) !=
	    SQLITE_OK)
		fail(file, sqlite3_errmsg(s->db));
	sqlite3_busy_timeout(s->db, 5000);
	run_sql(s, "PRAGMA synchronous=NORMAL");
	s->insert = prepare(s, "INSERT INTO events(topic, data) VALUES(?, ?)");
	s->insert_many = prepare(s,
	    "INSERT INTO events(topic, data) VALUES(?, ?), (?, ?), (?, ?), "
	    "(?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), "
	    "(?, ?), (?, ?), (?, ?), (?, ?), (?, ?)");
	sink_topic(s, topic);
	return s;
}

/* --- Redis -------------------------------------------------------------- */

static void
take_reply(struct sink *s)
{
	redisReply *r = NULL;

	if (redisGetReply(s->redis, (void **)&r) != REDIS_OK)
		fail("redis", s->redis->errstr);
	if (r->type == REDIS_REPLY_ERROR)
		fail("redis", r->str);
	freeReplyObject(r);
}

static void
put_entry(struct sink *s, const char *data, size_t len)
{
	redisAppendCommand(s->redis, "XADD %s * topic %s data %b", s->target,
	    s->topic, data, len);
	if (s->gathering)
		s->gathered++;
	else
		take_reply(s);
}

struct sink *
sink_redis(const char *path, const char *stream, const char *topic)
{
	struct sink *s = sink_new(put_entry);

	s->target = stream;
	s->topic = topic;
	s->redis = redisConnectUnix(path);
	if (s->redis == NULL || s->redis->err != 0)
		fail(path, s->redis != NULL ? s->redis->errstr : "no memory");
	return s;
}

/* --- sockets ------------------------------------------------------------ */

static void
write_all(struct sink *s, const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = send(s->fd, buf, len, MSG_NOSIGNAL);

		if (n < 0)
			fail("send", strerror(errno));
		buf += n;
		len -= (size_t)n;
	}
}

/* Reads one answer with a Content-Length; anything but 2xx is fatal. */
static void
read_answer(struct sink *s)
{
	char buf[4096], *end = NULL, *field;
	size_t len = 0, want = sizeof(buf) - 1;

	while (len < want) {
		ssize_t n = recv(s->fd, buf + len, want - len, 0);

		if (n <= 0)
			fail("POST", n == 0 ? "closed" : strerror(errno));
		len += (size_t)n;
		buf[len] = '\0';
		if (end != NULL || (end = strstr(buf, "\r\n\r\n")) == NULL)
			continue;
		field = strcasestr(buf, "\ncontent-length:");
		want = (size_t)(end + 4 - buf) +
		       (field != NULL ? strtoul(field + 16, NULL, 10) : 0);
	}
	if (strncmp(buf, "HTTP/1.1 2", 10) != 0)
		fail("POST", buf);
}

static void
put_post(struct sink *s, const char *data, size_t len)
{
	char buf[8192];
	int n = snprintf(buf, sizeof(buf),
	    "POST %s HTTP/1.1\r\nHost: localhost\r\n"
	    "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%.*s",
	    s->target, len, (int)len, data);

	write_all(s, buf, (size_t)n);
	read_answer(s);
}

struct sink *
sink_post(const char *port, const char *target)
{
	struct sink *s = sink_new(put_post);
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)atoi(port)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;

	s->target = target;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(s->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		fail(port, strerror(errno));
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return s;
}

static void
put_bell(struct sink *s, const char *data, size_t len)
{
	char buf[8192];

	memcpy(buf, data, len);
	buf[len] = '\n';
	write_all(s, buf, len + 1);
}

struct sink *
sink_bell(const char *path)
{
	struct sink *s = sink_new(put_bell);
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(s->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		fail(path, strerror(errno));
	return s;
}

/* --- all ---------------------------------------------------------------- */

void
sink_begin(struct sink *s)
{
	if (s->db != NULL)
		run_sql(s, "BEGIN IMMEDIATE");
	s->gathering = s->redis != NULL;
}

/*
 * Rows of many topics change a page of the index each.  With the default of
 * 1,000 pages to a checkpoint, there would be forty checkpoints a second.
 */
void
sink_prepare_many(struct sink *s)
{
	if (s->db == NULL)
		return;
	run_sql(s, "PRAGMA wal_autocheckpoint = 8000");
	run_sql(s, "PRAGMA cache_size = -20000");
}

/* As `largesse publish` does it: so many rows cost less in one statement. */
static bool
put_rows(struct sink *s, size_t n, const char *const *topics,
    const char *const *data, size_t len)
{
	size_t i;

	if (s->db == NULL || n != SINK_MANY)
		return false;
	for (i = 0; i < n; i++) {
		sqlite3_bind_text(s->insert_many, (int)(2 * i + 1), topics[i],
		    -1, SQLITE_STATIC);
		sqlite3_bind_text(s->insert_many, (int)(2 * i + 2), data[i],
		    (int)len, SQLITE_STATIC);
	}
	if (sqlite3_step(s->insert_many) != SQLITE_DONE)
		fail("INSERT", sqlite3_errmsg(s->db));
	sqlite3_reset(s->insert_many);
	return true;
}

void
sink_put_many(struct sink *s, size_t n, const char *const *topics,
    const char *const *data, size_t len)
{
	size_t i;

	if (put_rows(s, n, topics, data, len))
		return;
	for (i = 0; i < n; i++) {
		sink_topic(s, topics[i]);
		sink_put(s, data[i], len);
	}
}

void
sink_put(struct sink *s, const char *data, size_t len)
{
	s->put(s, data, len);
}

void
sink_commit(struct sink *s)
{
	if (s->db != NULL)
		run_sql(s, "COMMIT");
	for (; s->gathered > 0; s->gathered--)
		take_reply(s);
	s->gathering = false;
}
