/*
 * revoke.c - what was taken away from readers, in a stream of its own.
 *
 * Its entries have the fields topic and subject.  The time of an entry is that
 * of its id, unless a field time gives another.  News tells that there are new
 * entries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/words.h"

static struct store_text
find_field(const redisReply *entry, const char *name)
{
	const redisReply *f = entry->element[1];
	size_t i;

	for (i = 0; f->type == REDIS_REPLY_ARRAY && i + 1 < f->elements; i += 2)
		if (strcmp(f->element[i]->str, name) == 0)
			return (struct store_text){
			    f->element[i + 1]->str, f->element[i + 1]->len};
	return (struct store_text){NULL, 0};
}

/* When it was revoked: as the field time says, or else the id. */
static int64_t
revoked_ms(const redisReply *entry, struct store_id id)
{
	struct store_text t = find_field(entry, "time");

	return t.len > 0 ? strtoll(t.s, NULL, 10) : (int64_t)id.hi;
}

/*
 * Hands out the entries that are not from before since_ms; *last becomes the
 * id of the last entry.  Returns the number of entries, older ones included.
 */
static size_t
each_entry(const redisReply *r, int64_t since_ms, store_each_revoked *each,
    void *arg, struct store_id *last)
{
	size_t i, n = r->type == REDIS_REPLY_ARRAY ? r->elements : 0;

	for (i = 0; i < n; i++) {
		const redisReply *e = r->element[i];
		struct store_revocation rv;

		if (e->type != REDIS_REPLY_ARRAY || e->elements != 2 ||
		    !redis_id(e->element[0], last))
			continue;
		rv = (struct store_revocation){.topic = find_field(e, "topic"),
		    .subject = find_field(e, "subject"),
		    .time_ms = revoked_ms(e, *last)};
		if ((rv.topic.s != NULL || rv.subject.s != NULL) &&
		    rv.time_ms >= since_ms)
			each(arg, &rv);
	}
	return n;
}

enum store_result
redis_revocations(struct store *store, struct store_id *after, size_t limit,
    store_each_revoked *each, void *arg)
{
	struct redis *rs = redis_of(store);
	char from[STORE_ID_SIZE + 1] = "(", count[24];
	const char *argv[] = {
	    "XRANGE", rs->url->key[KEY_REVOKED], from, "+", "COUNT", count};
	const struct redis_ask *a;
	struct store_id last = *after;
	size_t n;

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	if (limit == 0 || store_id_cmp(rs->base.revoked, *after) <= 0) {
		if (limit == 0)
			*after = rs->base.revoked;
		return STORE_OK;
	}
	redis_id_print(*after, from + 1);
	snprintf(count, sizeof(count), "%zu", limit);
	if ((a = redis_ask_command(rs, 6, argv, NULL, false)) == NULL)
		return redis_later(rs);
	n = each_entry(a->answer, INT64_MIN, each, arg, &last);
	if (n < limit) /* those deleted since need no look */
		last = a->page.state.revoked;
	*after = last;
	return STORE_OK;
}

enum store_result
redis_revoked(struct store *store, struct store_text subject, int64_t issued_ms,
    store_each_revoked *each, void *arg)
{
	struct redis *rs = redis_of(store);
	const struct redis_ask *a = NULL;
	struct redis_words w;
	struct store_id last;

	if (rs->base.log_id[0] == '\0')
		return redis_later(rs);
	if (redis_words_begin(
		&w, rs, "EVAL", redis_script_revoked, 2, REDIS_NUMBER_SIZE)) {
		redis_words_add(&w, subject.s, subject.len);
		redis_words_number(&w, "%lld", issued_ms < 0 ? 0 : issued_ms);
		a = redis_ask_words(rs, &w, false);
	}
	if (a == NULL)
		return redis_later(rs);
	each_entry(a->answer, issued_ms, each, arg, &last);
	return STORE_OK;
}
