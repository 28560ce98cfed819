/*
 * fuzz_request_when.c - a time is read as what it says, and a typing error is
 * refused.
 *
 * input	a letter, and then:
 *		t  any text.  If it is a time or an age, it is none any more
 *		   with something behind it.
 *		w  numbers, of which a time is made and written in one of the
 *		   forms that are known.  It must be read as that time.
 *		q  a query string.  What is read of it must be there.
 */
#include "fcgi/request/query.h"
#include "fcgi/request/request.h"
#include "tests/fuzz/fuzz.h"

enum {
	DAY_MS = 24 * 3600 * 1000
};

static uint32_t
take(const uint8_t **in, size_t *len, uint32_t n)
{
	uint32_t value = 0;
	int i;

	for (i = 0; i < 3 && *len > 0; i++, ++*in, --*len)
		value = value << 8 | **in;
	return value % n;
}

/* --- any text ----------------------------------------------------------- */

static void
check_text(const uint8_t *in, size_t len)
{
	static const char *const behind[] = {"x", "-", ":", "/", "\x01"};
	char *s = fuzz_line(&in, &len), *more;
	int64_t ms = 42, again;
	bool age = false, age_again;
	size_t i;

	if (!request_since(s, &ms, &age)) {
		free(s);
		return;
	}
	must(!age || ms >= 0);
	must(request_since(s, &again, &age_again));
	must(again == ms && age == age_again);
	for (i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		must(asprintf(&more, "%s%s", s, behind[i]) > 0);
		must(!request_since(more, &again, &age_again));
		free(more);
	}
	free(s);
}

/* --- a time that is known ----------------------------------------------- */

/* By counting; 1970 is a year of 365 days. */
static void
date_of(int64_t day, int *year, int *month, int *mday)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int n, leap;

	for (*year = 1970;; ++*year) {
		leap = *year % 4 == 0 && (*year % 100 != 0 || *year % 400 == 0);
		if (day < 365 + leap)
			break;
		day -= 365 + leap;
	}
	for (*month = 0;; ++*month) {
		n = days[*month] + (*month == 1 && leap);
		if (day < n)
			break;
		day -= n;
	}
	++*month;
	*mday = (int)day + 1;
}

static void
want_time(const char *s, int64_t want)
{
	int64_t ms = -1;
	bool age = true;

	if (!request_since(s, &ms, &age) || age || ms != want) {
		fprintf(stderr, "%s is read as %lld, meant was %lld\n", s,
		    (long long)ms, (long long)want);
		abort();
	}
}

static void
check_time(const uint8_t *in, size_t len)
{
	int64_t day = take(&in, &len, 25000);
	uint32_t of_day = take(&in, &len, DAY_MS), form = take(&in, &len, 5);
	int offset = (int)take(&in, &len, 24 * 60), y, m, d;
	int64_t ms = day * DAY_MS + of_day;
	int hour = (int)(of_day / 3600000), min = (int)(of_day / 60000 % 60);
	int sec = (int)(of_day / 1000 % 60), part = (int)(of_day % 1000);
	char s[128], z[16], sign = take(&in, &len, 2) ? '+' : '-';

	date_of(day, &y, &m, &d);
	snprintf(z, sizeof(z), form & 1 ? "%c%02d%02d" : "%c%02d:%02d", sign,
	    offset / 60, offset % 60);
	switch (form) {
	case 0:
	case 1:
		snprintf(s, sizeof(s), "%04d-%02d-%02dT%02d:%02d:%02d.%03d%s",
		    y, m, d, hour, min, sec, part, z);
		ms += (sign == '+' ? -1 : 1) * (int64_t)offset * 60000;
		break;
	case 2:
		snprintf(s, sizeof(s), "%04d%02d%02dT%02d%02d%02d,%03d9Z", y, m,
		    d, hour, min, sec, part);
		break;
	case 3:
		snprintf(s, sizeof(s), "%04d-%02d-%02d", y, m, d);
		ms = day * DAY_MS;
		break;
	default:
		if (ms < INT64_C(1000000000000))
			ms += INT64_C(1000000000000);
		snprintf(s, sizeof(s), "%lld", (long long)ms);
	}
	want_time(s, ms);
}

/* --- a query -------------------------------------------------------------- */

static void
check_query(const uint8_t *in, size_t len)
{
	char *s = malloc(len + 1);
	struct query q = {s, s + len};
	struct query_pair pair;
	char *at = s;
	size_t n = 0;

	must(s != NULL);
	memcpy(s, in, len);
	s[len] = '\0';
	for (; query_next(&q, &pair); n++) {
		must(pair.name >= at && pair.name + pair.name_len <= q.end);
		must(pair.value >= pair.name + pair.name_len);
		must(pair.value + pair.value_len <= s + len);
		must(pair.name[pair.name_len] == '\0');
		must(pair.value[pair.value_len] == '\0');
		must(q.at > at);
		at = q.at;
	}
	must(q.at == s + len && n <= len);
	free(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	if (len == 0)
		return 0;
	if (in[0] == 't')
		check_text(in + 1, len - 1);
	else if (in[0] == 'w')
		check_time(in + 1, len - 1);
	else
		check_query(in + 1, len - 1);
	return 0;
}
