/*
 * near.c - how far one word is from another.
 *
 * Each letter that is missing, too much, another one, or exchanged with its
 * neighbour counts one.  Up to two are a slip of the fingers, in a short word
 * one.  The beginning of a word, of three letters or more, counts one as well.
 */
#include <string.h>

#include "fcgi/base/near.h"

enum {
	NEAR_MAX = 40 /* of the longest word that is looked at */
};

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Three rows of the table of distances are enough. */
static unsigned
distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned rows[3][NEAR_MAX + 1], *two = rows[0], *one = rows[1],
					*now = rows[2], *spare;
	size_t i, j;

	for (j = 0; j <= m; j++)
		now[j] = (unsigned)j;
	for (i = 1; i <= n; i++) {
		spare = two;
		two = one;
		one = now;
		now = spare;
		now[0] = (unsigned)i;
		for (j = 1; j <= m; j++) {
			now[j] = least(least(one[j], now[j - 1]) + 1,
			    one[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				now[j] = least(now[j], two[j - 2] + 1);
		}
	}
	return now[m];
}

void
near_try(struct near *near, const char *word)
{
	size_t n = strlen(near->typed), m = strlen(word);
	unsigned off, most = n < 4 ? 1 : 2;

	if (n == 0 || n > NEAR_MAX || m > NEAR_MAX)
		return;
	off = n >= 3 && n < m && memcmp(near->typed, word, n) == 0
		  ? 1
		  : distance(near->typed, n, word, m);
	if (off <= most && (near->word == NULL || off < near->off)) {
		near->word = word;
		near->off = off;
	}
}
