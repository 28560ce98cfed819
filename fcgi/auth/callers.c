/*
 * callers.c - whose streams these are.
 *
 * Where addresses are counted, the hash is of the address alone: then all of
 * its callers stand in one chain, which is no longer than the limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth/callers.h"

enum {
	TABLE_MIN = 64
};

static uint32_t
hash_bytes(uint32_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes, *end = p + len;

	h ^= 2166136261U;
	while (p < end)
		h = (h ^ *p++) * 16777619U;
	return h ^ h >> 15;
}

int
callers_open(
    struct callers *cs, const struct serve_conf *conf, char *why, size_t size)
{
	const struct option_list *l = &conf->trusted_proxy;
	size_t i;

	memset(cs, 0, sizeof(*cs));
	cs->max = conf->max_streams_per_address;
	cs->seed = (uint32_t)random();
	cs->mask = TABLE_MIN - 1;
	cs->table = calloc(TABLE_MIN, sizeof(cs->table[0]));
	cs->trusted = calloc(l->n + 1, sizeof(cs->trusted[0]));
	if (cs->table == NULL || cs->trusted == NULL) {
		snprintf(why, size, "out of memory");
		callers_close(cs);
		return -1;
	}
	for (i = 0; i < l->n; i++) {
		if (!network_read(&cs->trusted[i], l->v[i])) {
			snprintf(why, size,
			    "--trusted-proxy: '%s' is neither an address nor "
			    "ADDRESS/BITS",
			    l->v[i]);
			callers_close(cs);
			return -1;
		}
		cs->ntrusted++;
	}
	return 0;
}

void
callers_close(struct callers *cs)
{
	struct caller *c;
	uint32_t i;

	for (i = 0; cs->table != NULL && i <= cs->mask; i++)
		while ((c = cs->table[i]) != NULL) {
			cs->table[i] = c->next;
			free(c);
		}
	free(cs->table);
	free(cs->trusted);
	memset(cs, 0, sizeof(*cs));
}

static struct address
client(const struct callers *cs, const struct request *rq)
{
	struct address none = {{0}};

	if (cs->max == 0)
		return none;
	return address_client(address_of(rq, cs->trusted, cs->ntrusted));
}

static bool
same(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
callers_full(const struct callers *cs, const struct request *rq)
{
	struct address address = client(cs, rq);
	const struct caller *c;
	uint64_t n = 0;
	uint32_t hash;

	if (cs->max == 0)
		return false;
	hash = hash_bytes(cs->seed, &address, sizeof(address));
	for (c = cs->table[hash & cs->mask]; c != NULL; c = c->next)
		if (same(&c->address, &address))
			n += c->streams;
	return n >= cs->max;
}

/* Twice as long.  Without memory it stays as it is, and chains get long. */
static void
grow(struct callers *cs)
{
	uint32_t size = (cs->mask + 1) * 2, i;
	struct caller **table = calloc(size, sizeof(table[0])), *c;

	if (table == NULL)
		return;
	for (i = 0; i <= cs->mask; i++)
		while ((c = cs->table[i]) != NULL) {
			cs->table[i] = c->next;
			c->next = table[c->hash & (size - 1)];
			table[c->hash & (size - 1)] = c;
		}
	free(cs->table);
	cs->table = table;
	cs->mask = size - 1;
}

static struct caller *
make(struct callers *cs, const struct address *address, const char *subject,
    size_t len, uint32_t hash)
{
	struct caller *c = malloc(sizeof(*c) + len);

	if (c == NULL)
		return NULL;
	if (cs->n > cs->mask)
		grow(cs);
	*c = (struct caller){.next = cs->table[hash & cs->mask],
	    .hash = hash,
	    .address = *address,
	    .len = (uint16_t)len};
	if (len > 0)
		memcpy(c->subject, subject, len);
	cs->table[hash & cs->mask] = c;
	cs->n++;
	return c;
}

int
callers_join(struct callers *cs, const struct request *rq, const char *subject,
    size_t len, struct caller **caller)
{
	struct address address = client(cs, rq);
	struct caller *c;
	uint32_t hash;

	*caller = NULL;
	if (cs->max == 0 && len == 0)
		return 0;
	hash = cs->max > 0 ? hash_bytes(cs->seed, &address, sizeof(address))
			   : hash_bytes(cs->seed, subject, len);
	for (c = cs->table[hash & cs->mask]; c != NULL; c = c->next)
		if (same(&c->address, &address) && c->len == len &&
		    (len == 0 || memcmp(c->subject, subject, len) == 0))
			break;
	if (c == NULL)
		c = make(cs, &address, subject, len, hash);
	if (c == NULL)
		return -1;
	c->streams++;
	*caller = c;
	return 0;
}

void
callers_leave(struct callers *cs, struct caller *c)
{
	struct caller **p;

	if (c == NULL || --c->streams > 0)
		return;
	for (p = &cs->table[c->hash & cs->mask]; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	free(c);
	cs->n--;
}
