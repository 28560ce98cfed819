/*
 * log.c - the event log as its publishers see it.  Each call goes to the
 * engine that the environment variable LARGESSE_TALK_LOG names: sqlite, which
 * is also the default, or redis.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

const struct log_engine *
log_engine(void)
{
	const char *s = getenv("LARGESSE_TALK_LOG");

	return s != NULL && strcmp(s, "redis") == 0 ? &log_redis : &log_sqlite;
}

struct column
column(const char *s)
{
	return (struct column){s, s == NULL ? 0 : strlen(s)};
}

int64_t
append_rows(struct server *sv, const struct row *rows, size_t n)
{
	return log_engine()->append(sv, rows, n);
}

int64_t
append_event(struct server *sv, const char *topic, const char *event,
    const char *data, const char *uid)
{
	struct row row = {.topic = column(topic),
	    .event = column(event),
	    .data = column(data),
	    .uid = column(uid)};

	return append_rows(sv, &row, 1);
}

int64_t
append(struct server *sv, const char *topic, const char *data)
{
	return append_event(sv, topic, NULL, data, NULL);
}

int64_t
append_bytes(struct server *sv, const char *data, size_t len)
{
	struct row row = {.data = {data, len}};

	return append_rows(sv, &row, 1);
}

int64_t
append_timed(struct server *sv, const char *data, int64_t time_ms)
{
	struct row row = {.data = column(data), .time_ms = time_ms};

	return append_rows(sv, &row, 1);
}

int64_t
append_many(struct server *sv, const char *topic, int first, int n, size_t size)
{
	struct row *rows = calloc((size_t)n, sizeof(*rows));
	char *data = malloc((size_t)n * (size + 16)), *p = data;
	int64_t id;

	for (int i = 0; i < n; i++) {
		size_t len = (size_t)sprintf(p, "%d ", first + i);

		if (len < size) {
			memset(p + len, 'x', size - len);
			len = size;
		}
		rows[i].topic = column(topic);
		rows[i].data = (struct column){p, len};
		p += len;
	}
	id = append_rows(sv, rows, (size_t)n);
	free(rows);
	free(data);
	return id;
}

void
append_as_a_process(struct server *sv, int who, int n)
{
	if (fork() != 0)
		return;
	for (int i = 0; i < n; i++)
		append(sv, NULL, text("%d.%d", who, i));
	_exit(0);
}

int64_t
log_count(struct server *sv)
{
	return log_engine()->count(sv);
}

int64_t
log_next(struct server *sv, int64_t id)
{
	return log_engine()->next(sv, id);
}

void
log_remove_before(struct server *sv, int64_t id)
{
	log_engine()->remove_before(sv, id);
}

void
log_revoke(struct server *sv, const char *topic, const char *subject)
{
	struct revocation rv = {.topic = topic, .subject = subject};

	log_engine()->revoke(sv, &rv, 1, NULL);
}

void
log_revoke_many(struct server *sv, const struct revocation *rv, size_t n,
    const struct row *row)
{
	log_engine()->revoke(sv, rv, n, row);
}

const char *
log_shown(const struct server *sv)
{
	return log_engine()->shown(sv);
}

void
log_share(struct server *sv)
{
	log_engine()->share(sv);
}

/* --- a transaction ------------------------------------------------------- */

struct transaction *
log_begin(struct server *sv, const char *data)
{
	struct row row = {.data = column(data)};
	void *t = log_engine()->hand->begin(sv);

	log_engine()->hand->add(t, &row);
	return t;
}

void
log_commit(struct transaction *t)
{
	log_engine()->hand->end(t, true);
}

void
log_abandon(struct transaction *t)
{
	log_engine()->hand->end(t, false);
}

struct ran
log_tool(struct server *sv, const char *topic, const char *data)
{
	return log_engine()->hand->tool(sv, topic, data);
}

struct logged *
log_all(struct server *sv, size_t *n)
{
	return log_engine()->hand->all(sv, n);
}

/* --- what befalls it ------------------------------------------------------ */

#define BEFALLS(what)                         \
	void log_##what(struct server *sv)    \
	{                                     \
		log_engine()->harm->what(sv); \
	}

BEFALLS(lose)
BEFALLS(find)
BEFALLS(remove)
BEFALLS(only_read)
BEFALLS(hold)
BEFALLS(let_go)
BEFALLS(shut)
BEFALLS(reopen)

void
log_replace(struct server *sv, struct server *by)
{
	log_engine()->harm->replace(sv, by);
}

struct server *
log_copy(struct server *sv)
{
	struct server *to = prepare_nothing();

	log_engine()->harm->copy(sv, to);
	return to;
}

void
log_restore(struct server *sv, struct server *from)
{
	log_engine()->harm->restore(sv, from);
}

void
log_rewind(struct server *sv, const char *data)
{
	struct row row = {.data = column(data)};

	log_engine()->harm->rewind(sv, &row);
}

void
log_schema(struct server *sv, int number)
{
	log_engine()->harm->schema(sv, number);
}

const char *
log_refuses(struct server *sv)
{
	return log_engine()->harm->refuses(sv);
}
