/*
 * test_board.c - what a worker shows the others is read whole or not at all.
 */
#include <sys/wait.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/board.h"
#include "tests/unit/cm.h"

enum {
	ROUNDS = 200000
};

/* A side of which every number and every letter says the same. */
static void
fill(struct board_side *side, unsigned n)
{
	uint32_t i;

	memset(side, 0, sizeof(*side));
	side->ntopics = BOARD_TOPICS;
	for (i = 0; i < BOARD_TOPICS; i++) {
		side->topics[i].streams = n;
		side->topics[i].len = BOARD_NAME;
		memset(side->topics[i].name, 'a' + (int)(n % 26), BOARD_NAME);
	}
}

static void
check_whole(const struct board_side *side)
{
	struct board_side same;

	if (side->ntopics == 0)
		return; /* nothing was written so far */
	fill(&same, (unsigned)side->topics[0].streams);
	assert_memory_equal(side, &same, sizeof(same));
}

static void
test_side_is_read_whole_while_it_is_written(void **state)
{
	struct board *b = board_make(2);
	struct board_side side;
	unsigned i, read = 0;
	pid_t pid;

	(void)state;
	assert_non_null(b);
	if ((pid = fork()) == 0) {
		for (i = 0;; i++) {
			fill(&side, i);
			board_write(b, 1, &side);
		}
	}
	for (i = 0; i < ROUNDS && (i < 1000 || read < 1000); i++)
		if (board_read(b, 1, &side)) {
			check_whole(&side);
			read += side.ntopics > 0;
		}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(read > 0);
	board_free(b);
}

/* A worker may be stopped in the middle, and its place is given to another. */
static void
test_half_a_side_is_nothing(void **state)
{
	struct board *b = board_make(1);
	struct board_side side;

	(void)state;
	fill(&side, 1);
	board_write(b, 0, &side);
	b->of[0].turn++;
	assert_false(board_read(b, 0, &side));
	assert_int_equal(side.ntopics, 0);
	board_forget(b, 0);
	assert_true(board_read(b, 0, &side));
	assert_int_equal(side.ntopics, 0);
	fill(&side, 2);
	board_write(b, 0, &side);
	memset(&side, 0, sizeof(side));
	assert_true(board_read(b, 0, &side));
	check_whole(&side);
	assert_int_equal(side.topics[0].streams, 2);
	board_free(b);
}

/* Who began to read before the worker was gone does not take half for whole. */
static void
test_a_side_is_forgotten_as_one_is_written(void **state)
{
	struct board *b = board_make(1);
	struct board_side side;
	uint32_t turn;

	(void)state;
	fill(&side, 1);
	board_write(b, 0, &side);
	turn = b->of[0].turn;
	board_forget(b, 0);
	assert_true(b->of[0].turn > turn);
	turn = b->of[0].turn++; /* it was stopped in the middle */
	board_forget(b, 0);
	assert_true(b->of[0].turn > turn);
	assert_int_equal(b->of[0].turn % 2, 0);
	board_write(b, 0, &side);
	assert_true(b->of[0].turn > turn);
	board_free(b);
}

static void
test_lengths_that_cannot_be_are_bounded(void **state)
{
	struct board *b = board_make(1);
	struct board_side side;

	(void)state;
	memset(&side, 0xff, sizeof(side));
	board_write(b, 0, &side);
	assert_true(board_read(b, 0, &side));
	assert_int_equal(side.ntopics, BOARD_TOPICS);
	assert_int_equal(side.nslow, BOARD_SLOW);
	assert_int_equal(side.topics[BOARD_TOPICS - 1].len, BOARD_NAME);
	assert_int_equal(side.slow[BOARD_SLOW - 1].len, BOARD_NAME);
	assert_int_equal(side.slow[0].address[BOARD_ADDRESS - 1], 0);
	board_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_side_is_read_whole_while_it_is_written),
	    cmocka_unit_test(test_half_a_side_is_nothing),
	    cmocka_unit_test(test_a_side_is_forgotten_as_one_is_written),
	    cmocka_unit_test(test_lengths_that_cannot_be_are_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
