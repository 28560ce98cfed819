/*
 * page.c - entries of the stream as events, and how many to ask for at once.
 *
 * An entry may have been added by hand: fields may be missing, or be others.
 */
#include <stdlib.h>
#include <string.h>

#include "store/redis/redis.h"

enum {
	ROWS_MIN = 4
};

void
redis_page_free(struct redis_page *p)
{
	if (p->owner != NULL)
		freeReplyObject(p->owner);
	memset(p, 0, sizeof(*p));
}

/* Two texts for each field; a third part says that the entry was too long. */
static bool
is_entry(const redisReply *e, struct store_id *id)
{
	const redisReply *f;
	size_t i;

	if (e->type != REDIS_REPLY_ARRAY || e->elements < 2 ||
	    e->elements > 3 || !redis_id(e->element[0], id))
		return false;
	f = e->element[1];
	if (f->type != REDIS_REPLY_ARRAY || f->elements % 2 != 0)
		return false;
	for (i = 0; i < f->elements; i++)
		if (f->element[i]->type != REDIS_REPLY_STRING)
			return false;
	return true;
}

bool
redis_entries(const redisReply *r, struct store_id after, size_t most)
{
	struct store_id id;
	size_t i;

	if (r->type != REDIS_REPLY_ARRAY || r->elements > most)
		return false;
	for (i = 0; i < r->elements; i++) {
		if (!is_entry(r->element[i], &id) ||
		    store_id_cmp(id, after) <= 0)
			return false;
		after = id;
	}
	return true;
}

/* The next page is made longer or shorter, after how large this one was. */
void
redis_pace(struct redis *rs, const redisReply *entries, size_t rows)
{
	size_t bytes = 0, i, j;

	for (i = 0; i < entries->elements; i++) {
		const redisReply *fields = entries->element[i]->element[1];

		for (j = 0; j < fields->elements; j++)
			bytes += fields->element[j]->len;
	}
	if (bytes > REDIS_PAGE_BYTES && entries->elements > 0) {
		rs->rows = entries->elements * REDIS_PAGE_BYTES / bytes;
		if (rs->rows < ROWS_MIN)
			rs->rows = ROWS_MIN;
	} else if (bytes < REDIS_PAGE_BYTES / 4 && entries->elements == rows &&
		   rs->rows < REDIS_ROWS_MAX)
		rs->rows *= 2;
}

int64_t
redis_ms(struct store_text t, struct store_id id)
{
	int64_t none = id.hi < STORE_TIME_MAX ? (int64_t)id.hi : STORE_TIME_MAX;
	char *end;
	long long n;

	if (t.len == 0 || t.s[0] < '0' || t.s[0] > '9')
		return none;
	n = strtoll(t.s, &end, 10);
	return end == t.s + t.len && n <= STORE_TIME_MAX ? n : none;
}

static void
set_field(struct store_event *ev, const redisReply *name, const redisReply *r)
{
	static const struct {
		const char *name;
		size_t at;
	} fields[] = {
	    {"topic", offsetof(struct store_event, topic)},
	    {"event", offsetof(struct store_event, event)},
	    {"data", offsetof(struct store_event, data)},
	    {"uid", offsetof(struct store_event, uid)},
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strcmp(name->str, fields[i].name) == 0) {
			*(struct store_text *)((char *)ev + fields[i].at) =
			    (struct store_text){r->str, r->len};
			return;
		}
	if (strcmp(name->str, "time") == 0)
		ev->time_ms =
		    redis_ms((struct store_text){r->str, r->len}, ev->id);
}

/* A uid that can be read as an id would be taken for one on coming back. */
static bool
is_uid(struct store_text t)
{
	struct store_id id;

	return t.len > 0 && !store_id_parse(&store_dashed, t.s, t.len, &id);
}

/* Is there more text than a reader has any use for?  Then its data goes. */
static void
bound_event(struct store_event *ev, uint64_t most)
{
	size_t n = ev->topic.len + ev->event.len + ev->data.len + ev->uid.len;

	ev->too_large = ev->too_large || (most > 0 && n > most);
	if (ev->too_large)
		ev->data = (struct store_text){"", 0};
}

bool
redis_event(const redisReply *entry, uint64_t most, struct store_event *ev)
{
	const redisReply *f;
	size_t i;

	*ev = (struct store_event){.topic = {"main", 4}, .data = {"", 0}};
	if (!is_entry(entry, &ev->id))
		return false;
	ev->time_ms = redis_ms((struct store_text){NULL, 0}, ev->id);
	f = entry->element[1];
	for (i = 0; i < f->elements; i += 2)
		set_field(ev, f->element[i], f->element[i + 1]);
	if (ev->uid.s != NULL && !is_uid(ev->uid))
		ev->uid = (struct store_text){NULL, 0};
	ev->too_large = entry->elements == 3;
	bound_event(ev, most);
	return true;
}
