/*
 * board.c - what a worker shows the others.
 *
 * A writer makes the number of its slot odd, writes, and makes it even again.
 * A reader that finds another number after its copy than before, or an odd one,
 * has read while the other wrote.  It tries some times and gives up, because a
 * worker may be stopped in the middle.
 */
#include <sys/mman.h>

#include <string.h>

#include "fcgi/base/board.h"

enum {
	READS = 16
};

static size_t
size_of_board(uint64_t n)
{
	return sizeof(struct board) + n * sizeof(struct board_slot);
}

struct board *
board_make(uint64_t n)
{
	struct board *b = mmap(NULL, size_of_board(n), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		return NULL;
	b->n = n;
	return b;
}

void
board_free(struct board *b)
{
	if (b != NULL)
		munmap(b, size_of_board(b->n));
}

/* A worker that was stopped in the middle has left the number odd. */
void
board_write(struct board *b, uint64_t worker, const struct board_side *side)
{
	struct board_slot *slot = &b->of[worker];
	uint32_t turn = slot->turn & ~1U;

	__atomic_store_n(&slot->turn, turn + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	slot->side = *side;
	__atomic_store_n(&slot->turn, turn + 2, __ATOMIC_RELEASE);
}

/* A worker that was taken over does not make the others read past an end. */
static void
bound(struct board_side *side)
{
	uint32_t i;

	if (side->ntopics > BOARD_TOPICS)
		side->ntopics = BOARD_TOPICS;
	if (side->nslow > BOARD_SLOW)
		side->nslow = BOARD_SLOW;
	for (i = 0; i < side->ntopics; i++)
		if (side->topics[i].len > BOARD_NAME)
			side->topics[i].len = BOARD_NAME;
	for (i = 0; i < side->nslow; i++) {
		if (side->slow[i].len > BOARD_NAME)
			side->slow[i].len = BOARD_NAME;
		side->slow[i].address[BOARD_ADDRESS - 1] = '\0';
	}
}

bool
board_read(const struct board *b, uint64_t worker, struct board_side *side)
{
	const struct board_slot *slot = &b->of[worker];
	uint32_t turn;
	int i;

	for (i = 0; i < READS; i++) {
		turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
		*side = slot->side;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (turn % 2 == 0 &&
		    turn == __atomic_load_n(&slot->turn, __ATOMIC_RELAXED)) {
			bound(side);
			return true;
		}
	}
	memset(side, 0, sizeof(*side));
	return false;
}

void
board_forget(struct board *b, uint64_t worker)
{
	const struct board_side none = {0};

	board_write(b, worker, &none);
}
