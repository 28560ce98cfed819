/*
 * callers.c - who has how many streams.
 *
 * When addresses are counted, the hash is of the address alone.  All callers
 * of one address then have one hash, and there are no more of them than an
 * address may have streams.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth/client/callers.h"

int
callers_open(
    struct callers *cs, const struct serve_conf *conf, char *why, size_t size)
{
	const struct option_list *l = &conf->trusted_proxy;
	size_t i;

	memset(cs, 0, sizeof(*cs));
	cs->max = conf->max_streams_per_address;
	cs->named = conf->status_addresses;
	cs->trusted = calloc(l->n + 1, sizeof(cs->trusted[0]));
	if (hash_open(&cs->table) == -1 || cs->trusted == NULL) {
		snprintf(why, size, "out of memory");
		callers_close(cs);
		return -1;
	}
	for (i = 0; i < l->n; i++) {
		if (!address_network_read(&cs->trusted[i], l->v[i])) {
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

static void
free_caller(struct hash_node *node)
{
	free(node);
}

void
callers_close(struct callers *cs)
{
	hash_close(&cs->table, free_caller);
	free(cs->trusted);
	memset(cs, 0, sizeof(*cs));
}

struct address
callers_address(const struct callers *cs, const struct request *rq)
{
	return address_client(address_of(rq, cs->trusted, cs->ntrusted));
}

static bool
same_address(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The callers with this hash, one after another.  It is their first member. */
static struct caller *
first_caller(const struct callers *cs, uint32_t hash)
{
	return (struct caller *)hash_first(&cs->table, hash);
}

static struct caller *
next_caller(const struct caller *c)
{
	return (struct caller *)hash_next(&c->node);
}

bool
callers_full(const struct callers *cs, const struct request *rq)
{
	const struct caller *c;
	struct address address;
	uint64_t n = 0;
	uint32_t hash;

	if (cs->max == 0)
		return false;
	address = callers_address(cs, rq);
	hash = hash_bytes(cs->table.seed, &address, sizeof(address));
	for (c = first_caller(cs, hash); c != NULL; c = next_caller(c))
		if (same_address(&c->address, &address))
			n += c->streams;
	return n >= cs->max;
}

static struct caller *
add_caller(struct callers *cs, const struct address *address,
    const char *subject, size_t len, uint32_t hash)
{
	struct caller *c = malloc(sizeof(*c) + len);

	if (c == NULL)
		return NULL;
	*c = (struct caller){.address = *address, .len = (uint16_t)len};
	if (len > 0)
		memcpy(c->subject, subject, len);
	hash_add(&cs->table, &c->node, hash);
	return c;
}

int
callers_join(struct callers *cs, const struct request *rq, const char *subject,
    size_t len, bool cold, struct caller **caller)
{
	struct address address = {{0}};
	struct caller *c;
	uint32_t hash;

	*caller = NULL;
	cold |= cs->named;
	if (cs->max == 0 && len == 0 && !cold)
		return 0;
	if (cs->max > 0 || cold)
		address = callers_address(cs, rq);
	hash = cs->max > 0 || len == 0
		   ? hash_bytes(cs->table.seed, &address, sizeof(address))
		   : hash_bytes(cs->table.seed, subject, len);
	for (c = first_caller(cs, hash); c != NULL; c = next_caller(c))
		if (same_address(&c->address, &address) && c->len == len &&
		    (len == 0 || memcmp(c->subject, subject, len) == 0))
			break;
	if (c == NULL)
		c = add_caller(cs, &address, subject, len, hash);
	if (c == NULL)
		return -1;
	c->streams++;
	*caller = c;
	return 0;
}

bool
callers_counts(const struct callers *cs, const struct caller *c)
{
	return cs->max > 0 || cs->named || c->len > 0;
}

void
callers_leave(struct callers *cs, struct caller *c)
{
	if (c == NULL || --c->streams > 0)
		return;
	hash_remove(&cs->table, &c->node);
	free(c);
}
