/*
 * hash.h - a hash of bytes, for tables and comparisons in memory: FNV-1a.
 */
#ifndef STORE_HASH_H
#define STORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define STORE_HASH_BEGIN UINT64_C(14695981039346656037)

static inline uint64_t
store_hash_add(uint64_t hash, uint64_t n)
{
	return (hash ^ n) * UINT64_C(1099511628211);
}

static inline uint64_t
store_hash(uint64_t hash, const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		hash = store_hash_add(hash, (unsigned char)s[i]);
	return hash;
}

#endif
