/*
 * token_memory.c - tokens whose signature was found good not long ago.
 *
 * The place of a token is told by its last bytes, which are its signature's:
 * nobody without a key can choose them and be remembered.  How long comparing
 * takes says nothing of what is in memory.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "fcgi/auth/token_memory.h"

static size_t
slot_of(const char *s, size_t len)
{
	size_t i = len > 16 ? len - 16 : 0;
	uint32_t h = 2166136261u; /* FNV-1a */

	for (; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h % TOKEN_MEMORY_SLOTS;
}

json_t *
token_recall(const struct token_memory *tm, const char *s, size_t len)
{
	size_t i = slot_of(s, len);

	if (tm->slots[i].token == NULL || tm->slots[i].len != len ||
	    CRYPTO_memcmp(tm->slots[i].token, s, len) != 0)
		return NULL;
	return json_incref(tm->slots[i].claims);
}

static void
forget(struct token_memory *tm, size_t i)
{
	free(tm->slots[i].token);
	json_decref(tm->slots[i].claims);
	memset(&tm->slots[i], 0, sizeof(tm->slots[i]));
}

void
token_remember(
    struct token_memory *tm, const char *s, size_t len, json_t *claims)
{
	size_t i = slot_of(s, len);
	char *copy;

	if (len > TOKEN_MEMORY_MAX || (copy = malloc(len)) == NULL)
		return;
	forget(tm, i);
	memcpy(copy, s, len);
	tm->slots[i].token = copy;
	tm->slots[i].len = len;
	tm->slots[i].claims = json_incref(claims);
}

void
token_forget_all(struct token_memory *tm)
{
	size_t i;

	for (i = 0; i < TOKEN_MEMORY_SLOTS; i++)
		forget(tm, i);
}
