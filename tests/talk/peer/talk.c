/*
 * talk.c - runs a claim, makes it fail, and cleans up after it.
 *
 * cmocka leaves a failed test with longjmp, so a test cannot free what it
 * opened on its way out.  All of that stands in lists, here and in the other
 * files of the peer, and is freed when the test is over.  Those lists are the
 * only mutable globals.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

struct kept {
	struct kept *next;
	max_align_t memory[];
};

static struct kept *kept;

void *
keep(size_t size)
{
	struct kept *k = calloc(1, sizeof(*k) + size);

	if (k == NULL)
		abort();
	k->next = kept;
	kept = k;
	return k->memory;
}

char *
text(const char *fmt, ...)
{
	va_list ap;
	char *made, *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&made, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	s = memcpy(keep((size_t)n + 1), made, (size_t)n);
	free(made);
	return s;
}

static size_t
show_byte(char *to, unsigned char c)
{
	if (c == '\n')
		return (size_t)sprintf(to, "\\n");
	if (c == '\r')
		return (size_t)sprintf(to, "\\r");
	if (c < 0x20 || c >= 0x7f)
		return (size_t)sprintf(to, "\\x%02x", c);
	*to = (char)c;
	return 1;
}

char *
shown(const char *s, size_t len)
{
	enum {
		SHOWN_MAX = 300
	};
	size_t n = len < SHOWN_MAX ? len : SHOWN_MAX;
	char *to = keep(4 * n + 40), *p = to;

	*p++ = '"';
	for (size_t i = 0; i < n; i++)
		p += show_byte(p, (unsigned char)s[i]);
	*p++ = '"';
	if (n < len)
		sprintf(p, "... (%zu bytes)", len);
	return to;
}

int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * (int64_t)1000 + ts.tv_nsec / 1000000;
}

void
talk_nap(int64_t deadline, const char *what)
{
	struct timespec nap = {.tv_nsec = 5 * 1000000};

	if (now_ms() > deadline)
		talk_fail("waited in vain %s", what);
	nanosleep(&nap, NULL);
}

void
talk_fail(const char *fmt, ...)
{
	va_list ap;
	char why[4096];

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	for (char *s = why; (s = strchr(s, '\n')) != NULL;)
		*s = ' ';
	printf("# %s\n", why);
	fprintf(stderr, "%s\n", why);
	servers_report();
	fail();
	abort();
}

/*
 * The claim, and what is claimed of every responder: that it ends in good
 * order.  The clients leave first; how a responder ends with streams open is
 * the business of test_signals.c.
 */
void
talk_hold(void **state)
{
	void (*claim)(void) = *state;

	claim();
	clients_sweep();
	servers_stop();
}

int
talk_sweep(void **state)
{
	(void)state;
	clients_sweep();
	logs_sweep();
	servers_sweep();
	while (kept != NULL) {
		struct kept *k = kept;

		kept = k->next;
		free(k);
	}
	return 0;
}

/* Each claim's name says the engine, when that is not SQLite. */
static void
name_claims(struct CMUnitTest *to, const struct CMUnitTest *tests, size_t n)
{
	const char *engine = log_engine()->name;

	for (size_t i = 0; i < n; i++) {
		to[i] = tests[i];
		if (asprintf((char **)(uintptr_t)&to[i].name, "%s on %s",
			tests[i].name, engine) < 0)
			abort();
	}
}

int
talk_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
	struct CMUnitTest *named = calloc(n, sizeof(*named));
	int rc;

	name_claims(named, tests, n);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (argc > 1)
		cmocka_set_test_filter(text("%s*", argv[1]));
	rc = _cmocka_run_group_tests(argv[0], named, n, NULL, NULL);
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)named[i].name);
	free(named);
	redis_end();
	return rc;
}

static int
talk_main_on(const struct log_engine *engine, int argc, char **argv,
    const struct CMUnitTest *tests, size_t n)
{
	if (log_engine() == engine)
		return talk_main(argc, argv, tests, n);
	printf("1..0\n");
	return 0;
}

int
talk_main_sqlite(
    int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
	return talk_main_on(&log_sqlite, argc, argv, tests, n);
}

int
talk_main_redis(int argc, char **argv, const struct CMUnitTest *tests, size_t n)
{
	return talk_main_on(&log_redis, argc, argv, tests, n);
}
