/*
 * gate_run.h - the content of a request's records, for the gate's files alone.
 */
#ifndef GATE_RUN_H
#define GATE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/request/fcgi.h"

/* The content of all records of one type that belong to the request. */
struct gate_run {
	const uint8_t *at, *end;    /* what is left of the record at hand */
	const uint8_t *next, *stop; /* the records after it, all whole */
	unsigned type;
	uint16_t id;
	bool begun; /* records before BEGIN_REQUEST are of an older request */
};

/* The records from start to stop, all whole. */
static inline struct gate_run
gate_run_start(
    const uint8_t *start, const uint8_t *stop, unsigned type, uint16_t id)
{
	return (struct gate_run){
	    .next = start, .stop = stop, .type = type, .id = id};
}

/* Goes on to the next record when this one is used up.  False at the end. */
bool gate_run_more(struct gate_run *);

/* A length of one byte, or of four with the first bit set. */
bool gate_run_length(struct gate_run *, size_t *n);

/* Passes over n bytes of a name or value.  Returns what is wrong, or NULL. */
const char *gate_run_text(struct gate_run *, size_t n, bool name);

#endif
