/*
 * listeners.c - how many streams each topic has, in all workers.
 */
#include <sys/mman.h>

#include <string.h>

#include "fcgi/base/hash.h"
#include "fcgi/base/listeners.h"

static size_t
size_of_listeners(uint64_t n)
{
	return sizeof(struct listeners) + n * sizeof(struct listeners_table);
}

struct listeners *
listeners_make(uint64_t n, uint32_t seed)
{
	struct listeners *all = mmap(NULL, size_of_listeners(n),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		return NULL;
	all->n = n;
	all->seed = seed;
	return all;
}

void
listeners_free(struct listeners *all)
{
	if (all != NULL)
		munmap(all, size_of_listeners(all->n));
}

/* Where the counters of a topic are, one in each row. */
struct places {
	uint32_t slot[LISTENERS_ROWS];
};

static struct places
places_of(
    const struct listeners *all, const char *name, size_t len, bool prefix)
{
	struct places p;
	uint32_t i, hash;

	for (i = 0; i < LISTENERS_ROWS; i++) {
		hash = hash_bytes(all->seed + 2 * i + prefix, name, len);
		p.slot[i] = (hash ^ hash >> 16) % LISTENERS_SLOTS;
	}
	return p;
}

void
listeners_count(struct listeners *all, uint64_t worker, const char *name,
    size_t len, bool prefix, int more)
{
	struct listeners_table *t = &all->of[worker];
	struct places p = places_of(all, name, len, prefix);
	uint32_t i;

	for (i = 0; i < LISTENERS_ROWS; i++)
		t->slots[i][p.slot[i]] += (uint32_t)more;
	if (prefix)
		t->prefixes[len] += (uint32_t)more;
}

void
listeners_forget(struct listeners *all, uint64_t worker)
{
	memset(&all->of[worker], 0, sizeof(all->of[worker]));
}

static uint32_t
least_count(const struct listeners_table *t, const struct places *p)
{
	uint32_t least = t->slots[0][p->slot[0]], i;

	for (i = 1; i < LISTENERS_ROWS; i++)
		if (t->slots[i][p->slot[i]] < least)
			least = t->slots[i][p->slot[i]];
	return least;
}

static uint64_t
sum_of(const struct listeners *all, uint64_t but, const char *name, size_t len,
    bool prefix)
{
	struct places p = places_of(all, name, len, prefix);
	uint64_t sum = 0, i;

	for (i = 0; i < all->n; i++)
		if (i != but && (!prefix || all->of[i].prefixes[len] > 0))
			sum += least_count(&all->of[i], &p);
	return sum;
}

uint64_t
listeners_others(
    const struct listeners *all, uint64_t worker, const char *name, size_t len)
{
	uint64_t sum = sum_of(all, worker, name, len, false);
	size_t i;

	for (i = 0; i <= len; i++)
		sum += sum_of(all, worker, name, i, true);
	return sum;
}

uint64_t
listeners_of(const struct listeners *all, uint64_t worker, const char *name,
    size_t len, bool prefix)
{
	struct places p = places_of(all, name, len, prefix);

	return least_count(&all->of[worker], &p);
}
