/*
 * token_memory.c - tokens whose signature was checked not long ago.
 *
 * The last bytes of a token decide its slot.  They are part of the signature,
 * so nobody without a key can choose the slot of a token that is remembered.
 * The comparison takes the same time for all bytes, so its time tells nothing
 * about a remembered token.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "fcgi/auth/token_memory.h"
#include "fcgi/base/hash.h"

static size_t
slot_of(const char *s, size_t len)
{
	size_t n = len < 16 ? len : 16;

	return hash_bytes(0, s + len - n, n) % TOKEN_MEMORY_SLOTS;
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
forget_slot(struct token_memory *tm, size_t i)
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
	forget_slot(tm, i);
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
		forget_slot(tm, i);
}
