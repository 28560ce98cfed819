/*
 * way.c - what a client asks for whose way here harms streams.
 *
 * A proxy may hold a stream until it ends, hold its last bytes, or cut it after
 * a while.  The client cannot change that, but it can ask for a stream that
 * gets through: with a heartbeat that it sees, with an end, or with bytes that
 * push others out.  Where even GETs are held, the same is asked for by POST.
 */
#include <string.h>
#include <strings.h>

#include "fcgi/request/request_self.h"

enum {
	NUMBER_MAX = 1000000000
};

/* Digits and nothing else.  What is more than NUMBER_MAX counts as that. */
static bool
digits_of(const struct query_pair *pair, uint32_t *number)
{
	const char *s = pair->value;
	uint32_t n = 0;

	if (pair->value_len == 0 || strspn(s, "0123456789") != pair->value_len)
		return false;
	for (; *s != '\0' && n < NUMBER_MAX / 10; s++)
		n = n * 10 + (uint32_t)(*s - '0');
	*number = *s == '\0' ? n : NUMBER_MAX;
	return true;
}

static const char *
read_beat(struct request_way *way, const struct query_pair *pair)
{
	return digits_of(pair, &way->beat_s) && way->beat_s > 0
		   ? NULL
		   : "beat: not a number of seconds from 1 up";
}

static const char *
read_age(struct request_way *way, const struct query_pair *pair)
{
	way->has_age = true;
	return digits_of(pair, &way->age_s) ? NULL
					    : "age: not a number of seconds";
}

static const char *
read_pad(struct request_way *way, const struct query_pair *pair)
{
	return digits_of(pair, &way->pad) ? NULL : "pad: not a number of bytes";
}

/* `poll' alone, or `poll=1'. */
static const char *
read_poll(struct request_way *way, const struct query_pair *pair)
{
	way->poll = true;
	return pair->value_len == 0 ||
		       (pair->value_len == 1 && pair->value[0] == '1')
		   ? NULL
		   : "poll: it has no value";
}

static const struct way_name {
	const char *name;
	const char *(*read)(struct request_way *, const struct query_pair *);
} names[] = {
    {"beat", read_beat},
    {"age", read_age},
    {"pad", read_pad},
    {"poll", read_poll},
};

static const struct way_name *
find_name(const struct query_pair *pair)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (query_is(pair, names[i].name))
			return &names[i];
	return NULL;
}

bool
way_is_pair(const struct query_pair *pair)
{
	return find_name(pair) != NULL;
}

bool
way_read_pair(
    struct request *r, const struct query_pair *pair, const char **wrong)
{
	const struct way_name *name = find_name(pair);

	*wrong = name != NULL ? name->read(&r->way, pair) : NULL;
	return name != NULL;
}

bool
way_is_form(const struct request *r)
{
	static const char form[] = "application/x-www-form-urlencoded";
	size_t len = sizeof(form) - 1;

	return r->content_encoding == NULL &&
	       (r->content_type == NULL ||
		   (strncasecmp(r->content_type, form, len) == 0 &&
		       strchr("; \t", r->content_type[len]) != NULL));
}

const char *
request_way_wrong(const struct request *r)
{
	const struct request_way *way = &r->way;

	if (way->has_age && way->age_s == 0 && !way->poll)
		return "age: from 1 up, or with poll";
	if (!r->form.bare || (way->beat_s == 0 && !way->has_age && !way->poll))
		return NULL;
	return "start=bare: such a stream has no event of ours, so it cannot "
	       "have beat, age or poll";
}
