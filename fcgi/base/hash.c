/*
 * hash.c - a hash table of things that carry their own place in it.
 *
 * The keys come from outside.  A seed that nobody knows keeps a client from
 * choosing keys that all fall into one bucket.
 */
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>

#include "fcgi/base/hash.h"

enum {
	FIRST_BUCKETS = 64
};

uint32_t
hash_bytes(uint32_t seed, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t h = seed;

	for (; len > 0; len--)
		h = (h ^ *p++) * 16777619U;
	return h ^ h >> 15;
}

int
hash_open(struct hash_table *t)
{
	memset(t, 0, sizeof(*t));
	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
		t->seed = 2166136261U;
	t->buckets = calloc(FIRST_BUCKETS, sizeof(t->buckets[0]));
	t->mask = FIRST_BUCKETS - 1;
	return t->buckets == NULL ? -1 : 0;
}

/* Takes the first node out of bucket i; NULL: there is none. */
static struct hash_node *
pop_node(struct hash_table *t, uint32_t i)
{
	struct hash_node *node = t->buckets[i];

	if (node != NULL)
		t->buckets[i] = node->next;
	return node;
}

void
hash_close(struct hash_table *t, void (*free_node)(struct hash_node *))
{
	struct hash_node *node;
	uint32_t i;

	for (i = 0; t->buckets != NULL && i <= t->mask; i++)
		while ((node = pop_node(t, i)) != NULL)
			free_node(node);
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

static void
link_node(struct hash_node **buckets, uint32_t mask, struct hash_node *node)
{
	struct hash_node **bucket = &buckets[node->hash & mask];

	node->next = *bucket;
	*bucket = node;
}

/* Twice the buckets.  Without memory the chains get longer: no harm. */
static void
grow_table(struct hash_table *t)
{
	uint32_t mask = t->mask * 2 + 1, i;
	struct hash_node **buckets = calloc(mask + 1, sizeof(buckets[0]));
	struct hash_node *node;

	if (buckets == NULL)
		return;
	for (i = 0; i <= t->mask; i++)
		while ((node = pop_node(t, i)) != NULL)
			link_node(buckets, mask, node);
	free(t->buckets);
	t->buckets = buckets;
	t->mask = mask;
}

void
hash_add(struct hash_table *t, struct hash_node *node, uint32_t hash)
{
	node->hash = hash;
	if (t->n++ > t->mask)
		grow_table(t);
	link_node(t->buckets, t->mask, node);
}

void
hash_remove(struct hash_table *t, struct hash_node *node)
{
	struct hash_node **p = &t->buckets[node->hash & t->mask];

	while (*p != node)
		p = &(*p)->next;
	*p = node->next;
	t->n--;
}

struct hash_node *
hash_after(const struct hash_table *t, const struct hash_node *node)
{
	uint32_t i = node == NULL ? 0 : (node->hash & t->mask) + 1;

	if (node != NULL && node->next != NULL)
		return node->next;
	while (i <= t->mask && t->buckets[i] == NULL)
		i++;
	return i <= t->mask ? t->buckets[i] : NULL;
}
