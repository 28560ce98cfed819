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

/* --- a date and a time of day, ISO 8601 ----------------------------------- */

/*
 * What is read of a text.  A `+` of the text may have come as a blank: in a
 * query a `+` that nobody escaped means one.
 */
struct text {
	const char *s;
	bool basic; /* 20261122T080000, without `-` and `:` */
};

/* A time of day, or the length of an offset. */
struct clock {
	int hour, minute, second, ms;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes exactly n digits. */
static bool
take_digits(struct text *t, int n, int *value)
{
	for (*value = 0; n > 0; n--, t->s++) {
		if (!is_digit(*t->s))
			return false;
		*value = *value * 10 + (*t->s - '0');
	}
	return true;
}

/* Takes one of these characters.  NUL: none of them is next. */
static char
take_char(struct text *t, const char *of)
{
	return *t->s != '\0' && strchr(of, *t->s) != NULL ? *t->s++ : '\0';
}

/* Does another part of a clock follow?  Takes the colon before it. */
static bool
take_next(struct text *t)
{
	return t->basic ? is_digit(*t->s) : take_char(t, ":") != '\0';
}

/* A fraction of a second, as long as it likes; what is below a ms is lost. */
static bool
take_fraction(struct text *t, int *ms)
{
	int scale = 100;

	if (take_char(t, ".,") == '\0')
		return true;
	if (!is_digit(*t->s))
		return false;
	for (; is_digit(*t->s); t->s++, scale /= 10)
		*ms += (*t->s - '0') * scale;
	return true;
}

/* 08, 08:00, 08:00:00 or 08:00:00.123, and the same without colons. */
static bool
take_clock(struct text *t, struct clock *c)
{
	*c = (struct clock){0};
	if (!take_digits(t, 2, &c->hour) || c->hour > 23)
		return false;
	if (!take_next(t))
		return true;
	if (!take_digits(t, 2, &c->minute) || c->minute > 59)
		return false;
	if (!take_next(t))
		return true;
	return take_digits(t, 2, &c->second) && c->second <= 59 &&
	       take_fraction(t, &c->ms);
}

static int64_t
clock_ms(const struct clock *c)
{
	return ((c->hour * 60 + c->minute) * 60 + c->second) *
		   (int64_t)SECOND_MS +
	       c->ms;
}

/*
 * Nothing (which means UTC), Z, or +01:00, +0100, +01, +00:53:28.  A blank may
 * stand before the sign.
 */
static bool
take_offset(struct text *t, int64_t *ms)
{
	struct clock c;
	char sign;

	*ms = 0;
	if (*t->s == '\0' || take_char(t, "Zz") != '\0')
		return true;
	if (t->s[0] == ' ' && t->s[1] != '\0' && !is_digit(t->s[1]))
		t->s++;
	sign = take_char(t, "+- ");
	t->basic = strspn(t->s, "0123456789") != 2 || t->s[2] != ':';
	if (sign == '\0' || !take_clock(t, &c))
		return false;
	*ms = sign == '-' ? -clock_ms(&c) : clock_ms(&c);
	return true;
}

/*
 * [Europe/Berlin] and the like after an offset (RFC 9557), which Temporal
 * prints.  The offset says the time, so they are passed over.
 */
static bool
pass_zones(struct text *t)
{
	size_t n;

	while (take_char(t, "[") != '\0') {
		n = strcspn(t->s, "]");
		t->s += n;
		if (n == 0 || take_char(t, "]") == '\0')
			return false;
	}
	return true;
}

/* 2026 or, as JavaScript has years of more digits, +012026. */
static bool
take_year(struct text *t, int *year)
{
	char sign = take_char(t, "+- ");

	if (!take_digits(t, sign == '\0' ? 4 : 6, year))
		return false;
	if (sign == '-') {
		*year = -*year;
		return *year != 0;
	}
	return true;
}

/* The ms at which a day begins.  False for a day that does not exist. */
static bool
take_day(struct text *t, int64_t *ms)
{
	struct tm tm = {0}, real;

	if (!take_year(t, &tm.tm_year))
		return false;
	t->basic = take_char(t, "-") == '\0';
	if (!take_digits(t, 2, &tm.tm_mon) ||
	    (!t->basic && take_char(t, "-") == '\0') ||
	    !take_digits(t, 2, &tm.tm_mday))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	/* timegm turns a date that does not exist into another: refuse it. */
	real = tm;
	*ms = (int64_t)timegm(&real) * SECOND_MS;
	return real.tm_mon == tm.tm_mon && real.tm_mday == tm.tm_mday;
}

/* A day, or a day and a time of day, after a T or a blank. */
static bool
read_date_time(const char *s, int64_t *ms)
{
	struct text t = {.s = s};
	struct clock c;
	int64_t day, offset;

	if (!take_day(&t, &day))
		return false;
	*ms = day;
	if (*t.s == '\0')
		return true;
	if (take_char(&t, "Tt ") == '\0' || !take_clock(&t, &c) ||
	    !take_offset(&t, &offset) || !pass_zones(&t) || *t.s != '\0')
		return false;
	*ms = day + clock_ms(&c) - offset;
	return true;
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
