/*
 * end.c - has a topic ended?
 */
#include "store/redis/redis.h"

enum store_result
redis_end_of(struct store *store, struct store_text topic, struct store_id *end)
{
	(void)store;
	(void)topic;
	*end = (struct store_id){0, 0};
	return STORE_OK;
}
