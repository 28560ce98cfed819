/*
 * page.c - entries of the stream as events, and how many to ask for at once.
 *
 * An entry may have been added by hand: fields may be missing, or be others.
 */
#include <stdlib.h>
#include <string.h>

#include "store/redis/redis.h"

enum {
	PAGE_BYTES = 256 * 1024, /* of a page, about */
	ROWS_MIN = 4
};

void
redis_page_free(struct redis_page *p)
{
	if (p->owner != NULL)
		freeReplyObject(p->owner);
	memset(p, 0, sizeof(*p));
}

/* The next page is made longer or shorter, after how large this one was. */
void
redis_pace(struct redis *rs, const redisReply *entries, size_t rows)
{
	size_t bytes = 0, i, j;

	for (i = 0; i < entries->elements; i++) {
		const redisReply *e = entries->element[i];

		if (e->elements != 2 || e->element[1]->elements == 0)
			continue;
		for (j = 0; j < e->element[1]->elements; j++)
			bytes += e->element[1]->element[j]->len;
	}
	if (bytes > PAGE_BYTES && entries->elements > 0) {
		rs->rows = entries->elements * PAGE_BYTES / bytes;
		if (rs->rows < ROWS_MIN)
			rs->rows = ROWS_MIN;
	} else if (bytes < PAGE_BYTES / 4 && entries->elements == rows &&
		   rs->rows < REDIS_ROWS_MAX)
		rs->rows *= 2;
}

static int64_t
read_ms(const redisReply *r, int64_t none)
{
	char *end;
	long long n;

	if (r->len == 0 || r->str[0] < '0' || r->str[0] > '9')
		return none;
	n = strtoll(r->str, &end, 10);
	return *end == '\0' ? n : none;
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
		ev->time_ms = read_ms(r, ev->time_ms);
}

/* A uid that can be read as an id would be taken for one on coming back. */
static bool
is_uid(struct store_text t)
{
	struct store_id id;

	return t.len > 0 && !store_id_parse(&store_dashed, t.s, t.len, &id);
}

bool
redis_event(const redisReply *entry, struct store_event *ev)
{
	const redisReply *f;
	size_t i;

	*ev = (struct store_event){.topic = {"main", 4}, .data = {"", 0}};
	if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
	    !redis_id(entry->element[0], &ev->id))
		return false;
	ev->time_ms = (int64_t)ev->id.hi;
	f = entry->element[1];
	for (i = 0; f->type == REDIS_REPLY_ARRAY && i + 1 < f->elements; i += 2)
		if (f->element[i]->type == REDIS_REPLY_STRING &&
		    f->element[i + 1]->type == REDIS_REPLY_STRING)
			set_field(ev, f->element[i], f->element[i + 1]);
	if (ev->uid.s != NULL && !is_uid(ev->uid))
		ev->uid = (struct store_text){NULL, 0};
	return true;
}
