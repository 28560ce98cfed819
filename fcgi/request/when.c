/*
 * when.c - where to start in time: an age, or a time, as people write it.
 *
 * The whole text must be an age or a time.  A typing error must be refused
 * and not be read as another time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi/base/age.h"
#include "fcgi/request/request.h"

enum {
	SECOND_MS = 1000
};

/* Reads digits and moves *s behind them.  False: none, or too many. */
static bool
take_number(const char **s, int64_t *n)
{
	char *end;
	long long value;

	if (**s < '0' || **s > '9')
		return false;
	errno = 0;
	value = strtoll(*s, &end, 10);
	if (errno != 0)
		return false;
	*n = value;
	*s = end;
	return true;
}

static int
digits(const char *s, int n)
{
	int value = 0;

	while (n-- > 0)
		value = value * 10 + (*s++ - '0');
	return value;
}

/* 2026-11-22T08:00:00Z, and .123 after the seconds as JavaScript has it. */
static bool
read_date_time(const char *s, int64_t *ms)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	struct tm tm = {0}, real;
	int64_t fraction = 0, scale = 100;
	size_t i;

	for (i = 0; shape[i] != '\0'; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9'
				    : s[i] != shape[i])
			return false;
	tm.tm_year = digits(s, 4) - 1900;
	tm.tm_mon = digits(s + 5, 2) - 1;
	tm.tm_mday = digits(s + 8, 2);
	tm.tm_hour = digits(s + 11, 2);
	tm.tm_min = digits(s + 14, 2);
	tm.tm_sec = digits(s + 17, 2);
	s += i;
	if (s[0] == '.' && s[1] >= '0' && s[1] <= '9')
		for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10)
			fraction += (*s - '0') * scale;
	if (strcmp(s, "Z") != 0)
		return false;

	/* timegm turns a date that does not exist into another: refuse it. */
	real = tm;
	*ms = (int64_t)timegm(&real) * SECOND_MS + fraction;
	return real.tm_mon == tm.tm_mon && real.tm_mday == tm.tm_mday &&
	       real.tm_hour == tm.tm_hour && real.tm_min == tm.tm_min &&
	       real.tm_sec == tm.tm_sec;
}

bool
request_since(const char *s, int64_t *ms, bool *age)
{
	const int64_t time_s = 1000000000, time_ms = 1000000000000;
	const char *end = s;
	int64_t n;

	/*
	 * A bare number from 1e9 up is a time: as an age it would be 31 years,
	 * and a smaller number would be a time before 2001.
	 */
	if (take_number(&end, &n) && *end == '\0' && n >= time_s) {
		*ms = n >= time_ms ? n : n * SECOND_MS;
		*age = false;
		return true;
	}
	if (age_read(s, &n))
		*age = true;
	else if (read_date_time(s, &n))
		*age = false;
	else
		return false;
	*ms = n;
	return true;
}
