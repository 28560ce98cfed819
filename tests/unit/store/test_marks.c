/*
 * test_marks.c - where two copies of a log part, by the marks of the rows that
 * were read.
 */
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/files/marks.h"
#include "tests/unit/cm.h"

enum {
	ROWS = 5000
};

/* The log that is there now: the time of each row, 0 for one that is gone. */
struct rows {
	int64_t time_ms[ROWS];
	int reads; /* of rows, in all */
};

static bool
read_row(void *arg, int64_t id, struct row_mark *m)
{
	struct rows *rows = arg;

	rows->reads++;
	if (id >= ROWS)
		id = ROWS - 1;
	while (id > 0 && rows->time_ms[id] == 0)
		id--;
	if (id < 1)
		return false;
	*m = (struct row_mark){id, rows->time_ms[id], 0};
	return true;
}

/* n rows, the same up to `same', and the marks of another n. */
static void
set_up(struct rows *rows, struct marks *m, int64_t n, int64_t same)
{
	int64_t id;

	memset(rows, 0, sizeof(*rows));
	memset(m, 0, sizeof(*m));
	marks_begin(m, "log");
	for (id = 1; id <= n; id++) {
		struct row_mark mark = {id, id, 0};

		marks_add(m, &mark);
		rows->time_ms[id] = id <= same ? id : -id;
	}
}

/* Among the newest rows it is exact, and never is a row sent again. */
static void
test_where_two_copies_part(void **state)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	struct marks *m = calloc(1, sizeof(*m));
	struct marks_part p;
	int64_t same, n = ROWS - 1;

	(void)state;
	for (same = 0; same <= n; same += same < n - 20 ? 7 : 1) {
		set_up(rows, m, n, same);
		p = marks_compare(m, read_row, rows, n);
		assert_true(p.low <= same && p.high >= same);
		assert_true(p.high - p.low <= MARKS_STEP);
		if (same > n - MARKS)
			assert_int_equal(p.low, p.high);
		if (same < n)
			assert_true(p.first_lost.id > same);
	}
	free(rows);
	free(m);
}

/* A copy that is shorter: after its end everything is new. */
static void
test_a_shorter_copy(void **state)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	struct marks *m = calloc(1, sizeof(*m));
	struct marks_part p;

	(void)state;
	set_up(rows, m, 100, 100);
	p = marks_compare(m, read_row, rows, 60);
	assert_int_equal(p.low, 60);
	assert_int_equal(p.high, 60);
	assert_int_equal(p.lost, 40);
	assert_int_equal(p.first_lost.id, 61);
	marks_forget(m, p.lost);
	assert_int_equal(marks_newest(m)->id, 60);
	p = marks_compare(m, read_row, rows, 60);
	assert_int_equal(p.lost, 0);
	free(rows);
	free(m);
}

/* A turn of the loop has to be short, however much of the log is another. */
static void
test_few_rows_are_read(void **state)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	struct marks *m = calloc(1, sizeof(*m));
	struct marks_part p;
	int64_t same, id, n = ROWS - 1;

	(void)state;
	for (same = 0; same <= n; same += 97) {
		set_up(rows, m, n, same);
		marks_compare(m, read_row, rows, n);
		assert_true(rows->reads <= 64);
		/* Of most rows the copy has none, and of some another. */
		for (id = 1; id <= n; id++)
			if (id % 50 != 0)
				rows->time_ms[id] = 0;
		rows->reads = 0;
		p = marks_compare(m, read_row, rows, n);
		assert_true(rows->reads <= 150);
		assert_true(p.low <= same && p.high >= same - 50);
		if (same > n - MARKS + 50)
			assert_int_equal(p.low, same - same % 50);
	}
	free(rows);
	free(m);
}

/* Rows that were removed prove nothing; the next that is there does. */
static void
test_rows_that_are_gone(void **state)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	struct marks *m = calloc(1, sizeof(*m));

	(void)state;
	set_up(rows, m, 50, 50);
	assert_true(marks_hold(m, read_row, rows));
	rows->time_ms[50] = rows->time_ms[49] = 0;
	assert_true(marks_hold(m, read_row, rows));
	rows->time_ms[48] = -1;
	assert_false(marks_hold(m, read_row, rows));
	memset(rows, 0, sizeof(*rows));
	assert_true(marks_hold(m, read_row, rows));
	free(rows);
	free(m);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_where_two_copies_part),
	    cmocka_unit_test(test_a_shorter_copy),
	    cmocka_unit_test(test_few_rows_are_read),
	    cmocka_unit_test(test_rows_that_are_gone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("marks", tests, NULL, NULL);
}
