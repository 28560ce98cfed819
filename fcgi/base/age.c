/*
 * age.c - a length of time as people write it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/age.h"

enum {
	SECOND_MS = 1000
};

bool
age_read(const char *s, int64_t *ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = {
	    {"", SECOND_MS},
	    {"ms", 1},
	    {"s", SECOND_MS},
	    {"m", 60 * SECOND_MS},
	    {"h", 3600 * SECOND_MS},
	    {"d", 24 * 3600 * SECOND_MS},
	    {"w", 7 * 24 * 3600 * (int64_t)SECOND_MS},
	};
	long long n;
	int64_t all;
	char *unit;
	size_t i;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoll(s, &unit, 10);
	for (i = 0; errno == 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].name) == 0 &&
		    !__builtin_mul_overflow(n, units[i].ms, &all)) {
			*ms = all;
			return true;
		}
	return false;
}
