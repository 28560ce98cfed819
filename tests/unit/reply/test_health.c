/*
 * test_health.c - does this process deliver?  The log, the streams and the time
 * that has passed are what the test says.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/hub.h"
#include "tests/unit/stub.h"

#include "fcgi/reply/health.h"
#include "fcgi/stream/todo.h"

struct world {
	struct stub stub;
	struct serve_conf conf;
	uv_loop_t loop;
	struct hub hub;
	struct stream stream;
	int said, terminal; /* a file in the place of stderr, and stderr */
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char db[] = "x.db";

	assert_non_null(w);
	w->conf = (struct serve_conf){.db = strdup(db),
	    .poll_ms = 250,
	    .gather_ms = 100,
	    .window_bytes = 1 << 20,
	    .max_event_bytes = 1 << 20,
	    .page_rows = 100};
	strcpy(w->stub.store.why, "x.db: locked");
	lone_hub_open(&w->hub, &w->loop, &w->conf, &w->stub.store);
	w->hub.looked_ms = clock_steady_ms();
	w->said = memfd_create("stderr", MFD_CLOEXEC);
	w->terminal = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_int_equal(dup2(w->said, STDERR_FILENO), STDERR_FILENO);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	dup2(w->terminal, STDERR_FILENO);
	close(w->terminal);
	close(w->said);
	lone_hub_close(&w->hub, &w->loop);
	free((char *)w->conf.db);
	free(w);
	return 0;
}

/* Time passes, and the log is looked at all the while. */
static void
pass(struct world *w, unsigned ms)
{
	w->hub.wheel.start_ms -= ms;
	w->hub.looked_ms = clock_steady_ms();
}

/* The log is out of reach, or it is back. */
static void
lose_log(struct world *w, bool lost)
{
	w->stub.store.bad_since_ms =
	    lost ? clock_steady_ms() - STORE_BAD_MS : 0;
}

/* The stream is sent all that it is due. */
static void
send_all(struct world *w)
{
	todo_pop(&w->hub.todo)->waits = 0;
}

static bool
is_well(struct world *w)
{
	return health_why(&w->hub) == NULL;
}

/* So many lines with this in them were said. */
static int
said(struct world *w, const char *what)
{
	char text[8192];
	ssize_t n = pread(w->said, text, sizeof(text) - 1, 0);
	const char *p = text;
	int times = 0;

	assert_true(n >= 0);
	text[n] = '\0';
	for (; (p = strstr(p, what)) != NULL; p++)
		times++;
	return times;
}

#define LATE "some have waited"
#define SENT "are sent what they are due again"
#define LOST "x.db: locked"
#define BACK "can be read again"

/* --- the streams --------------------------------------------------------- */

/* A turn looks at them once a second; who asks hears how it is now. */
static void
test_the_answer_is_of_the_moment_of_the_question(void **state)
{
	struct world *w = *state;

	todo_add(&w->hub, &w->stream);
	pass(w, 4000);
	health_turn(&w->hub);
	assert_true(is_well(w));
	pass(w, 600);
	health_turn(&w->hub);
	assert_false(is_well(w));
	send_all(w);
	pass(w, 300);
	health_turn(&w->hub);
	assert_true(is_well(w));
}

/* The log may be looked at as seldom as one likes, but not a stream. */
static void
test_streams_do_not_wait_for_the_poll(void **state)
{
	struct world *w = *state;

	w->conf.poll_ms = 60000;
	todo_add(&w->hub, &w->stream);
	pass(w, 6000);
	assert_false(is_well(w));
	assert_int_equal(said(w, LATE " for more than 4 s"), 1);
	send_all(w);
	pass(w, 300);
	w->hub.looked_ms -= 100000;
	assert_true(is_well(w));
	w->hub.looked_ms -= 30000;
	assert_false(is_well(w));
}

/* While events gather, streams may have to wait for the look after that. */
static void
test_streams_wait_while_events_gather(void **state)
{
	struct world *w = *state;

	w->conf.gather_ms = 10000;
	todo_add(&w->hub, &w->stream);
	pass(w, 19000);
	assert_true(is_well(w));
	pass(w, 2000);
	assert_false(is_well(w));
}

/*
 * One stream is sent to, and the next one has waited for as long.  That is one
 * time of trouble and not many.
 */
static void
test_waiting_about_as_long_as_is_allowed_is_told_once(void **state)
{
	struct stream other = {.waits = 0};
	struct world *w = *state;
	int i;

	todo_add(&w->hub, &w->stream);
	for (i = 0; i < 10; i++) {
		pass(w, 2000);
		todo_add(&w->hub, i % 2 ? &w->stream : &other);
		pass(w, 2750);
		assert_false(is_well(w));
		send_all(w);
		pass(w, 250);
		assert_false(is_well(w));
	}
	send_all(w);
	pass(w, 250);
	assert_true(is_well(w));
	assert_int_equal(said(w, LATE), 1);
	assert_int_equal(said(w, SENT), 1);
}

/* --- what is said -------------------------------------------------------- */

static void
test_each_change_of_the_reason_is_said_once(void **state)
{
	struct world *w = *state;
	int i;

	lose_log(w, true);
	todo_add(&w->hub, &w->stream);
	for (i = 0; i < 30; i++) {
		pass(w, 250);
		health_turn(&w->hub);
	}
	assert_int_equal(said(w, LOST), 1);
	assert_int_equal(said(w, LATE), 0);
	lose_log(w, false);
	for (i = 0; i < 30; i++) {
		pass(w, 250);
		assert_false(is_well(w));
	}
	assert_int_equal(said(w, BACK), 1);
	assert_int_equal(said(w, LATE), 1);
	lose_log(w, true);
	for (i = 0; i < 30; i++) {
		pass(w, 250);
		assert_false(is_well(w));
	}
	assert_int_equal(said(w, LOST), 2);
	lose_log(w, false);
	send_all(w);
	for (i = 0; i < 30; i++) {
		pass(w, 250);
		assert_true(is_well(w));
	}
	assert_int_equal(said(w, BACK), 2);
	assert_int_equal(said(w, LATE), 1);
	assert_int_equal(said(w, "\n"), 5);
}

/*
 * The log can be read again, and in the same turn the streams were sent what
 * they had waited for: their waiting is no news.
 */
static void
test_streams_that_waited_for_the_log_are_no_news(void **state)
{
	struct world *w = *state;

	todo_add(&w->hub, &w->stream);
	pass(w, 10000);
	lose_log(w, true);
	assert_false(is_well(w));
	health_turn(&w->hub);
	lose_log(w, false);
	send_all(w);
	health_turn(&w->hub);
	assert_true(is_well(w));
	assert_int_equal(said(w, "\n"), 2);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define HEALTH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	    HEALTH(test_the_answer_is_of_the_moment_of_the_question),
	    HEALTH(test_streams_do_not_wait_for_the_poll),
	    HEALTH(test_streams_wait_while_events_gather),
	    HEALTH(test_waiting_about_as_long_as_is_allowed_is_told_once),
	    HEALTH(test_each_change_of_the_reason_is_said_once),
	    HEALTH(test_streams_that_waited_for_the_log_are_no_news),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
