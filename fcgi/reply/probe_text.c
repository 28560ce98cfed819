/*
 * probe_text.c - the query of a probe, and the text of its ticks.
 *
 * The client is told what came through of its request, and anybody may ask.  So
 * no value is repeated that could be a secret.  Of the software in the way only
 * names are told, and no address.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/window/control.h"
#include "fcgi/base/env.h"
#include "fcgi/reply/probe.h"
#include "fcgi/request/query.h"

enum {
	VALUE_BYTES = 128 /* of a text, at most */
};

/* --- the query ---------------------------------------------------------- */

/* Reads a number: digits and nothing else, within bounds. */
static bool
read_number(
    const struct query_pair *pair, uint64_t min, uint64_t max, uint64_t *n)
{
	const char *s = pair->value;
	size_t len = pair->value_len;
	uint64_t v;

	if (len == 0 || len > 9 || strspn(s, "0123456789") != len)
		return false;
	v = strtoull(s, NULL, 10);
	if (v < min || v > max)
		return false;
	*n = v;
	return true;
}

static const char *
read_pair(struct probe_ask *ask, const struct query_pair *pair)
{
	if (query_is(pair, "ticks") &&
	    !read_number(pair, 1, PROBE_TICKS, &ask->ticks))
		return "ticks: not a number from 1 to 40";
	if (query_is(pair, "every") && !read_number(pair, PROBE_EVERY_MIN_MS,
					   PROBE_SILENCE_MS, &ask->every_ms))
		return "every: not a number of ms from 20 to 2000 "
		       "(two ticks: to 300000)";
	if (query_is(pair, "size") &&
	    !read_number(pair, 0, PROBE_SIZE, &ask->size))
		return "size: not a number of bytes up to 16384";
	return NULL;
}

static const char *
check_ask(const struct probe_ask *ask)
{
	if (ask->ticks > 2 && ask->every_ms > PROBE_EVERY_MS)
		return "every: more than 2000 ms";
	if (ask->ticks > 2 && (ask->ticks - 1) * ask->every_ms > PROBE_MS)
		return "ticks: longer than 15 s in all";
	if (ask->ticks * ask->size > PROBE_BYTES)
		return "size: more than 256 KiB in all";
	return NULL;
}

const char *
probe_ask_read(struct probe_ask *ask, const char *text)
{
	char *copy = strdup(text);
	const char *wrong = NULL;
	struct query_pair pair;
	struct query query;

	if (copy == NULL)
		return "out of memory";
	*ask = (struct probe_ask){20, 100, 0};
	query.at = copy;
	query.end = copy + strlen(copy);
	while (wrong == NULL && query_next(&query, &pair))
		wrong = read_pair(ask, &pair);
	free(copy);
	return wrong != NULL ? wrong : check_ask(ask);
}

/* --- the text of a tick ------------------------------------------------- */

/*
 * Writes a member whose value came from outside: cut to VALUE_BYTES, and every
 * byte that is not printable ASCII becomes `?`.
 */
static char *
put_text(char *p, const char *name, const char *value, size_t len)
{
	char clean[VALUE_BYTES];
	size_t i;

	p += sprintf(p, ",\"%s\":", name);
	if (value == NULL)
		return p + sprintf(p, "null");
	if (len > sizeof(clean))
		len = sizeof(clean);
	for (i = 0; i < len; i++)
		clean[i] = value[i] >= ' ' && value[i] <= '~' ? value[i] : '?';
	return p + control_json(p, clean, len);
}

static char *
put_value(char *p, const char *name, const char *value)
{
	return put_text(p, name, value, value == NULL ? 0 : strlen(value));
}

/* Writes `nginx` for `nginx/1.22.1`: the version could help an attacker. */
static char *
put_software(char *p, const char *value)
{
	return put_text(
	    p, "software", value, value == NULL ? 0 : strcspn(value, "/ ("));
}

static const char *
scheme(char *const *env)
{
	const char *https = env_value(env, "HTTPS");

	if (https != NULL && strcmp(https, "off") != 0)
		return "https";
	return env_value(env, "REQUEST_SCHEME");
}

static unsigned
count_list(const char *s)
{
	unsigned n = s != NULL;

	for (; s != NULL && *s != '\0'; s++)
		n += *s == ',';
	return n;
}

size_t
probe_echo(char buf[PROBE_TEXT_SIZE / 2], char *const *env, bool framed,
    uint64_t heartbeat_ms)
{
	static const char *const lengths[][2] = {
	    {"query", "QUERY_STRING"},
	    {"path", "PATH_INFO"},
	    {"address", "REMOTE_ADDR"},
	    {"last_event_id", "HTTP_LAST_EVENT_ID"},
	    {"authorization", "HTTP_AUTHORIZATION"},
	    {"cookie", "HTTP_COOKIE"},
	    {"accept", "HTTP_ACCEPT"},
	    {"accept_encoding", "HTTP_ACCEPT_ENCODING"},
	    {"origin", "HTTP_ORIGIN"},
	};
	const char *value;
	char *p = buf;
	size_t i;

	p += sprintf(p, "{\"gateway\":\"%s\",\"heartbeat_ms\":%" PRIu64,
	    framed ? "fastcgi" : "cgi", heartbeat_ms);
	p = put_value(p, "protocol", env_value(env, "SERVER_PROTOCOL"));
	p = put_value(p, "scheme", scheme(env));
	p = put_software(p, env_value(env, "SERVER_SOFTWARE"));
	p = put_value(p, "via", env_value(env, "HTTP_VIA"));
	p = put_value(
	    p, "forwarded_proto", env_value(env, "HTTP_X_FORWARDED_PROTO"));
	p += sprintf(p, ",\"forwarded_for\":%u",
	    count_list(env_value(env, "HTTP_X_FORWARDED_FOR")));
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		value = env_value(env, lengths[i][1]);
		p += sprintf(p, ",\"%s\":%zu", lengths[i][0],
		    value == NULL ? 0 : strlen(value));
	}
	*p++ = '}';
	*p = '\0';
	return (size_t)(p - buf);
}

size_t
probe_tick(char *buf, uint64_t n, const struct probe_ask *ask, uint64_t sent_ms,
    const char *echo)
{
	char text[PROBE_TEXT_SIZE];
	size_t len, pad = 0;

	len = (size_t)snprintf(text, sizeof(text),
	    "event: stream-probe\ndata: {\"n\":%" PRIu64 ",\"of\":%" PRIu64
	    ",\"sent\":%" PRIu64 "%s%s}\n\n",
	    n, ask->ticks, sent_ms,
	    echo == NULL ? "" : ",\"echo\":", echo == NULL ? "" : echo);
	/* A comment fills the tick up; no page gets to see it. */
	if (ask->size > len + 2) {
		pad = ask->size - len;
		memset(buf, '.', pad);
		buf[0] = ':';
		buf[pad - 1] = '\n';
	}
	memcpy(buf + pad, text, len);
	return pad + len;
}
