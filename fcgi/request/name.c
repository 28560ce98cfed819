/*
 * name.c - a name of the query that is almost one of ours.
 *
 * Pages and libraries append names of their own, such as `_=1` against caches,
 * so a name that is not known is passed over.  But `topic[]`, which PHP and
 * jQuery write for a list, `Topic` or `topics` would be passed over, too: the
 * stream would be that of `main`, and whoever wrote it would never learn why
 * nothing comes.  A body has no such guests, so there each name has to be known
 * (publish/body.c).
 */
#include <string.h>

#include "fcgi/request/request.h"

enum {
	LETTERS = 16 /* more than any of our names has */
};

/* clang-format off */
static const struct near_name {
	const char *letters; /* of a name, in lower case */
	bool typed;	     /* is a typing error away a mistake as well? */
	const char *why;
} names[] = {
	{"topic", true, "the query has a name that is not known: "
	    "did you mean topic, once for each topic?"},
	{"since", true, "the query has a name that is not known: "
	    "did you mean since?"},
	{"last", false, "the query has a name that is not known: "
	    "did you mean last?"},
	{"lasts", false, "the query has a name that is not known: "
	    "did you mean last?"},
	{"lasteventid", true, "the query has a name that is not known: "
	    "did you mean lastEventId?"},
	{"lastid", false, "the query has a name that is not known: "
	    "did you mean lastEventId?"},
	{"accesstoken", true, "the query has a name that is not known: "
	    "did you mean access_token?"},
	{"endevent", true, "the query has a name that is not known: "
	    "did you mean endEvent?"},
	{"sign", false, "the query has a name that is not known: "
	    "did you mean sign?"},
};
/* clang-format on */

/*
 * The letters of a name, in lower case, up to a bracket.  `&amp;`, which is
 * what HTML has for a `&`, leaves `amp;` before the name.  Returns how many
 * letters there are, or LETTERS when there are too many.
 */
static size_t
take_letters(char letters[LETTERS], const char *s, size_t len)
{
	const char *end = s + len;
	size_t n = 0;

	if (len > 4 && memcmp(s, "amp;", 4) == 0)
		s += 4;
	for (; s < end && *s != '[' && n < LETTERS; s++)
		if ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z')
			letters[n++] = (char)(*s | 0x20);
	return n;
}

/* Is a b, but for one letter too many, too few or wrong, or two swapped? */
static bool
is_typing_error(const char *a, size_t n, const char *b, size_t m)
{
	while (n > 0 && m > 0 && *a == *b)
		a++, b++, n--, m--;
	while (n > 0 && m > 0 && a[n - 1] == b[m - 1])
		n--, m--;
	return (n <= 1 && m <= 1) ||
	       (n == 2 && m == 2 && a[0] == b[1] && a[1] == b[0]);
}

const char *
request_name_wrong(const char *s, size_t len)
{
	char letters[LETTERS];
	size_t n = take_letters(letters, s, len), i, m;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		m = strlen(names[i].letters);
		if ((n == m && memcmp(letters, names[i].letters, n) == 0) ||
		    (names[i].typed &&
			is_typing_error(letters, n, names[i].letters, m)))
			return names[i].why;
	}
	return NULL;
}
