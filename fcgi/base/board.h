/*
 * board.h - what a worker shows the others: the topics with the most streams,
 * and the slowest streams.
 *
 * Pure.  Each worker writes its own side and reads all of them, so that each
 * can answer for all.  A side is copied whole: while its worker writes it, a
 * reader waits for nobody and does without it.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BOARD_TOPICS = 20,
	BOARD_SLOW = 8,
	BOARD_NAME = 256,  /* bytes of a topic, with `*` and without a NUL */
	BOARD_ADDRESS = 46 /* bytes of an address, with its NUL */
};

struct board_topic {
	uint64_t streams;
	uint16_t len;
	char name[BOARD_NAME]; /* a prefix ends with `*` */
};

struct board_slow {
	uint64_t since_ms; /* since 1970: the last byte that it took */
	uint16_t len;
	uint16_t more; /* topics besides this one */
	char name[BOARD_NAME];
	char address[BOARD_ADDRESS]; /* empty: not to be told */
};

/* What one worker shows. */
struct board_side {
	uint32_t ntopics, nslow;
	bool whole;				 /* it has no other topics */
	struct board_topic topics[BOARD_TOPICS]; /* most streams first */
	struct board_slow slow[BOARD_SLOW];	 /* the longest first */
};

/* Of all workers, in memory that they share. */
struct board_slot {
	uint32_t turn; /* odd while its worker writes */
	struct board_side side;
};

struct board {
	uint64_t n;
	struct board_slot of[];
};

/* Memory for n workers; processes forked later share it.  NULL without. */
struct board *board_make(uint64_t n);
void board_free(struct board *); /* takes NULL */

void board_write(struct board *, uint64_t worker, const struct board_side *);

/* False: it is being written at this moment, and *side is empty. */
bool board_read(const struct board *, uint64_t worker, struct board_side *);

/* The worker is gone, and its streams with it. */
void board_forget(struct board *, uint64_t worker);

#endif
