/*
 * hash.h - a hash table of things that carry their own place in it.
 *
 * What is kept has a struct hash_node as its first member, so neither adding
 * nor finding allocates.  The table knows hashes only: whoever looks walks
 * the nodes of one hash and compares keys himself.  All but growing is O(1).
 */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_node {
	struct hash_node *next; /* in the same bucket */
	uint32_t hash;
};

struct hash_table {
	struct hash_node **buckets;
	uint32_t mask; /* buckets less 1; a power of two less 1 */
	uint32_t n;    /* nodes */
	uint32_t seed; /* random; what hashes of this table begin with */
};

/* FNV-1a over these bytes, begun with a seed, a table's for example. */
uint32_t hash_bytes(uint32_t seed, const void *bytes, size_t len);

/* -1 without memory. */
int hash_open(struct hash_table *);
/* Calls free_node for each node that is left.  Takes a table of zeros. */
void hash_close(struct hash_table *, void (*free_node)(struct hash_node *));

void hash_add(struct hash_table *, struct hash_node *, uint32_t hash);
void hash_remove(struct hash_table *, struct hash_node *);

/* The node itself or the first after it with this hash, or NULL. */
static inline struct hash_node *
hash_same(struct hash_node *node, uint32_t hash)
{
	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

/* The nodes with this hash, one after another, then NULL. */
static inline struct hash_node *
hash_first(const struct hash_table *t, uint32_t hash)
{
	return hash_same(t->buckets[hash & t->mask], hash);
}

static inline struct hash_node *
hash_next(const struct hash_node *node)
{
	return hash_same(node->next, node->hash);
}

/*
 * All nodes, in no order: the one after this one, the first after NULL.  Add
 * and remove nothing on the way.
 */
struct hash_node *hash_after(
    const struct hash_table *, const struct hash_node *);

#endif
