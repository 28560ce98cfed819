/*
 * fuzz_request.c - a request is refused in one line, or it keeps every limit
 * that request.h promises.
 *
 * Its topics are then written as a query again, with every byte escaped.  Read
 * a second time, they must be the same topics.
 *
 * input	a byte, which says how many topics are allowed; then parameters,
 *		each of which ends with LF
 */
#include "fcgi/request/request.h"
#include "tests/fuzz/eventstream.h"
#include "tests/fuzz/fuzz.h"

enum {
	PARAMS_MAX = 64
};

/* NAME=VALUE strings, each in a block of its exact size. */
static char **
environment(const uint8_t *in, size_t len)
{
	char **env = calloc(PARAMS_MAX + 1, sizeof(*env));
	size_t i;

	must(env != NULL);
	for (i = 0; i < PARAMS_MAX && len > 0; i++)
		env[i] = fuzz_line(&in, &len);
	return env;
}

static void
check_topic(const struct request_topic *t)
{
	struct text decoded = decode(t->name, t->len);
	size_t i;

	must(t->len <= REQUEST_TOPIC_BYTES);
	must(t->len > 0 || t->prefix);
	must(text_is(&decoded, t->name, t->len));
	for (i = 0; i < t->len; i++) {
		must((uint8_t)t->name[i] >= 0x20 && t->name[i] != 0x7f);
		must(t->name[i] != '*');
		must((uint8_t)t->name[i] != 0xc2 ||
		     (uint8_t)t->name[i + 1] >= 0xa0);
	}
	free(decoded.s);
}

static void
check_topics(const struct request *r, size_t max)
{
	size_t i;

	must(r->ntopics >= 1);
	must(r->ntopics == 1 || r->ntopics <= max);
	must(r->ntopics <= REQUEST_TOPICS_MAX);
	for (i = 0; i < r->ntopics; i++) {
		check_topic(&r->topics[i]);
		must(i == 0 ||
		     request_topic_cmp(&r->topics[i - 1], &r->topics[i]) < 0);
	}
}

static void
check_start(const struct request *r)
{
	size_t len = strnlen(r->last_id, sizeof(r->last_id)), i;

	must(len < sizeof(r->last_id));
	must((r->start == START_ID) == (len > 0));
	must((r->start == START_LAST) == (r->count > 0));
	must(r->count <= 1000000000);
	must(strcmp(r->last_id, "earliest") != 0);
	for (i = 0; i < len; i++)
		must(r->last_id[i] >= 0x20 && r->last_id[i] < 0x7f);
	switch (r->start) {
	case START_NOW:
	case START_EARLIEST:
	case START_ID:
	case START_LAST:
		must(r->since_ms == 0 && !r->since_age);
		break;
	case START_SINCE:
		must(!r->since_age || r->since_ms >= 0);
		break;
	default:
		abort();
	}
}

/* Writes the same topics as a query, the last one first, every byte as %XX. */
static void
check_again(const struct request *r)
{
	struct text query = {0};
	struct request again;
	const char *why = NULL;
	char *env[2] = {NULL, NULL}, byte[4];
	size_t i, j;

	text_add(&query, "QUERY_STRING=", 13);
	for (i = r->ntopics; i-- > 0;) {
		text_add(&query, "&topic=", 7);
		for (j = 0; j < r->topics[i].len; j++) {
			snprintf(byte, sizeof(byte), "%%%02x",
			    (uint8_t)r->topics[i].name[j]);
			text_add(&query, byte, 3);
		}
		if (r->topics[i].prefix)
			text_add(&query, "*", 1);
	}
	env[0] = query.s;
	must(request_read(&again, env, NULL, SIZE_MAX, &why) == 0);
	must(again.ntopics == r->ntopics);
	for (i = 0; i < r->ntopics; i++)
		must(request_topic_cmp(&again.topics[i], &r->topics[i]) == 0);
	request_free(&again);
	free(query.s);
}

/* Every text must be inside a parameter or the decoded query. */
static void
touch(const char *s)
{
	must(s == NULL || (*s != '\0' && strlen(s) < SIZE_MAX));
}

/* What was signed is a part of a parameter, and has been read. */
static void
check_signed(const struct request *r)
{
	const struct request_signed *sign = &r->sign;

	if (sign->text == NULL)
		return;
	must(r->path == PATH_STREAM && r->access_token == NULL);
	must(sign->len <= REQUEST_SIGNED_BYTES || sign->text != r->query);
	must(strlen(sign->text) > sign->len && sign->text[sign->len] == '&');
	must(memchr(sign->text, '=', sign->len) != NULL);
	must(sign->said[SAID_EXPIRES].s != NULL && !sign->said_twice);
	must(sign->expires_ms >= 0 && sign->issued_ms >= 0);
	must(sign->said[SAID_SUB].s == NULL ||
	     strlen(sign->said[SAID_SUB].s) == sign->said[SAID_SUB].size);
}

static void
check_request(const struct request *r, size_t max)
{
	must(r->method <= METHOD_OTHER);
	must(r->path <= PATH_UNKNOWN);
	must(r->content_length >= -1);
	must(r->address != NULL && r->query != NULL);
	touch(r->user);
	touch(r->authorization);
	touch(r->cookie);
	touch(r->origin);
	touch(r->content_type);
	touch(r->access_token);
	touch(r->protocol);
	touch(r->forwarded_for);
	touch(r->preflight);
	check_topics(r, max);
	check_start(r);
	check_signed(r);
	check_again(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct request_body body = {"", 0};
	struct request r;
	const char *why = NULL;
	size_t max, i;
	char **env;
	int status;

	if (len == 0)
		return 0;
	max = in[0];
	env = environment(in + 1, len - 1);
	for (i = 0; env[i] != NULL; i++) /* the last one is the body, too */
		body = (struct request_body){env[i], strlen(env[i])};
	status = request_read(&r, env, &body, max, &why);
	if (status == 0)
		check_request(&r, max);
	else {
		must(status == 400 || status == 413 || status == 415);
		must(why != NULL && *why != '\0');
		must(strchr(why, '\n') == NULL);
	}
	request_free(&r);
	for (i = 0; env[i] != NULL; i++)
		free(env[i]);
	free(env);
	return 0;
}
