/*
 * visit.c - what came of a request, read from its headers and blocks.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/doctor/visit.h"

enum {
	OLD_S = 2,     /* that an answer is older than its request */
	HELD_MS = 250, /* a busy machine alone does not make a tick so late */
	HELD_TICKS = 4 /* fewer ticks prove nothing */
};

/* --- headers ------------------------------------------------------------ */

static void
copy_text(char *to, size_t size, const char *s, size_t len)
{
	if (len >= size)
		len = size - 1;
	memcpy(to, s, len);
	to[len] = '\0';
}

static void
read_status(struct visit *v, const char *line, size_t len)
{
	char text[64];
	unsigned major = 0, minor = 0;

	copy_text(text, sizeof(text), line, len);
	if (sscanf(text, "HTTP/%u.%u %u", &major, &minor, &v->status) != 3)
		sscanf(text, "HTTP/%u %u", &major, &v->status);
	v->http = major * 10 + minor;
}

/* Where the value begins, if the line is this header; else NULL. */
static const char *
value_of(const char *line, size_t len, const char *name, size_t *value_len)
{
	size_t n = strlen(name);
	const char *s = line + n + 1, *end = line + len;

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (unsigned char)end[-1] <= ' ')
		end--;
	*value_len = (size_t)(end - s);
	return s;
}

static void
read_cache(struct visit *v, const char *line, size_t len)
{
	char text[VISIT_TEXT];
	const char *s;
	size_t n;

	if (value_of(line, len, "Expires", &n) != NULL)
		v->expires = true;
	if ((s = value_of(line, len, "Age", &n)) != NULL) {
		copy_text(text, sizeof(text), s, n);
		v->age_s = atof(text);
	} else if ((s = value_of(line, len, "X-Cache", &n)) != NULL ||
		   (s = value_of(line, len, "X-Cache-Status", &n)) != NULL) {
		copy_text(text, sizeof(text), s, n);
		v->hit |= strncasecmp(text, "hit", 3) == 0;
	}
}

void
visit_header(struct visit *v, const char *line, size_t len)
{
	const struct {
		const char *name;
		char *to;
		size_t size;
	} wanted[] = {
	    {"Server", v->server, sizeof(v->server)},
	    {"Via", v->via, sizeof(v->via)},
	    {"Content-Type", v->type, sizeof(v->type)},
	    {"Content-Encoding", v->encoding, sizeof(v->encoding)},
	    {"Access-Control-Allow-Origin", v->allow_origin,
		sizeof(v->allow_origin)},
	    {"Location", v->location, sizeof(v->location)},
	};
	size_t i, n, have = strlen(v->cache_control);
	const char *s;

	if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
		read_status(v, line, len);
	read_cache(v, line, len);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if ((s = value_of(line, len, wanted[i].name, &n)) != NULL)
			copy_text(wanted[i].to, wanted[i].size, s, n);
	/* There may be several, and all of them count. */
	s = value_of(line, len, "Cache-Control", &n);
	if (s != NULL && have + 2 < sizeof(v->cache_control)) {
		if (have > 0)
			have += (size_t)sprintf(v->cache_control + have, ", ");
		copy_text(v->cache_control + have,
		    sizeof(v->cache_control) - have, s, n);
	}
}

/* --- blocks ------------------------------------------------------------- */

/* The value of the first line with this field in the block, or NULL. */
static const char *
block_field(const char *text, const char *name, size_t *len)
{
	size_t n = strlen(name);
	const char *line = text;

	while (*line != '\0') {
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			line += n + 1;
			line += *line == ' ';
			*len = strcspn(line, "\n");
			return line;
		}
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return NULL;
}

static bool
is_word(const char *s, size_t len, const char *word)
{
	return s != NULL && strlen(word) == len && memcmp(s, word, len) == 0;
}

static uint64_t
count_member(const json_t *j, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(j, name));

	return n > 0 ? (uint64_t)n : 0;
}

static void
copy_member(const json_t *j, const char *name, char *to, size_t size)
{
	const char *s = json_string_value(json_object_get(j, name));

	if (s != NULL)
		copy_text(to, size, s, strlen(s));
}

static void
read_echo(struct echo *e, const json_t *j)
{
	const char *gateway = json_string_value(json_object_get(j, "gateway"));

	if (!json_is_object(j))
		return;
	e->heard = true;
	e->cgi = gateway != NULL && strcmp(gateway, "cgi") == 0;
	e->heartbeat_ms = count_member(j, "heartbeat_ms");
	e->forwarded_for = count_member(j, "forwarded_for");
	copy_member(j, "protocol", e->protocol, sizeof(e->protocol));
	copy_member(j, "software", e->software, sizeof(e->software));
	copy_member(j, "via", e->via, sizeof(e->via));
	copy_member(j, "forwarded_proto", e->forwarded_proto,
	    sizeof(e->forwarded_proto));
	e->query = count_member(j, "query");
	e->path = count_member(j, "path");
	e->address = count_member(j, "address");
	e->last_event_id = count_member(j, "last_event_id");
	e->authorization = count_member(j, "authorization");
	e->cookie = count_member(j, "cookie");
	e->accept = count_member(j, "accept");
	e->accept_encoding = count_member(j, "accept_encoding");
	e->origin = count_member(j, "origin");
}

static void
read_tick(struct visit *v, const char *data, size_t len, double now_ms)
{
	json_t *j = json_loadb(data, len, 0, NULL);
	struct tick *t = &v->ticks[v->nticks];

	if (j == NULL || v->nticks == VISIT_TICKS) {
		json_decref(j);
		return;
	}
	t->n = count_member(j, "n");
	t->sent_ms = (double)count_member(j, "sent");
	t->came_ms = now_ms;
	v->nticks++;
	v->of = (unsigned)count_member(j, "of");
	read_echo(&v->echo, json_object_get(j, "echo"));
	json_decref(j);
}

/* stream-start, if it says the time, and each stream-beat. */
static void
keep_beat(struct visit *v, const char *data, size_t len, double now_ms)
{
	json_t *j = json_loadb(data, len, 0, NULL);
	uint64_t sent = count_member(j, "time"), beat = count_member(j, "beat");

	if (sent > 0 && v->nbeats < VISIT_BEATS)
		v->beats[v->nbeats++] =
		    (struct tick){.sent_ms = (double)sent, .came_ms = now_ms};
	if (beat > 0 && beat <= UINT16_MAX)
		v->beat_s = (unsigned)beat;
	json_decref(j);
}

static void
read_end(struct visit *v, const char *data, size_t len)
{
	json_t *j = json_loadb(data, len, 0, NULL);

	v->ended = true;
	copy_member(j, "reason", v->reason, sizeof(v->reason));
	json_decref(j);
}

void
visit_block(struct visit *v, const char *text, double now_ms)
{
	const char *type, *data;
	size_t type_len = 0, data_len = 0, retry_len;

	if (block_field(text, "retry", &retry_len) != NULL)
		v->retry = true;
	type = block_field(text, "event", &type_len);
	data = block_field(text, "data", &data_len);
	if (is_word(type, type_len, "stream-start"))
		v->started = true;
	if (data == NULL)
		return;
	if (is_word(type, type_len, "stream-probe"))
		read_tick(v, data, data_len, now_ms);
	else if (is_word(type, type_len, "stream-retry"))
		read_end(v, data, data_len);
	else if (is_word(type, type_len, "stream-start") ||
		 is_word(type, type_len, "stream-beat"))
		keep_beat(v, data, data_len, now_ms);
}

/* --- caches ------------------------------------------------------------- */

bool
visit_from_cache(const struct visit *v)
{
	return v->hit || v->age_s >= v->head_ms / 1000 + OLD_S;
}

double
visit_made_ms(const struct visit *v)
{
	if (v->nbeats > 0)
		return v->beats[0].sent_ms;
	return v->nticks > 0 ? v->ticks[0].sent_ms : 0;
}

/* --- ticks -------------------------------------------------------------- */

bool
visit_full(const struct visit *v)
{
	return v->nticks > 0 && v->ticks[v->nticks - 1].n >= v->of;
}

double
visit_lateness(const struct visit *v, double late[VISIT_TICKS])
{
	double fastest = 0, latest = 0, took;
	unsigned i;

	for (i = 0; i < v->nticks; i++) {
		took = v->ticks[i].came_ms - v->ticks[i].sent_ms;
		if (i == 0 || took < fastest)
			fastest = took;
	}
	for (i = 0; i < v->nticks; i++) {
		took = v->ticks[i].came_ms - v->ticks[i].sent_ms;
		late[i] = took - fastest;
		if (late[i] > latest)
			latest = late[i];
	}
	return latest;
}

bool
visit_held(const struct visit *v)
{
	double late[VISIT_TICKS];
	unsigned i, n = 0;

	if (v->nticks < HELD_TICKS)
		return false;
	visit_lateness(v, late);
	for (i = 0; i < v->nticks; i++)
		n += late[i] > HELD_MS;
	return n * 2 >= v->nticks;
}

bool
visit_gathered(const struct visit *v)
{
	unsigned i, n = 0;

	if (v->nticks < HELD_TICKS)
		return false;
	for (i = 1; i < v->nticks; i++) {
		const struct tick *a = &v->ticks[i - 1], *b = &v->ticks[i];

		n += b->came_ms - a->came_ms < (b->sent_ms - a->sent_ms) / 4;
	}
	return n * 4 >= v->nticks;
}
