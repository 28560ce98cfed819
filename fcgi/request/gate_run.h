/*
 * gate_run.h - the records of a request, for gate.c and its own alone.
 */
#ifndef GATE_RUN_H
#define GATE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi/request/fcgi.h"
#include "fcgi/request/gate.h"

/* The content of all records of one type that belong to the request. */
struct gate_run {
	const uint8_t *at, *end;    /* what is left of the record at hand */
	const uint8_t *next, *stop; /* the records behind it, all whole */
	unsigned type;
	uint16_t id;
	bool begun; /* what comes before BEGIN is an older request's */
};

/* From the start of buf to where the scan has come. */
struct gate_run gate_run_start(
    const struct gate *, const uint8_t *buf, unsigned type);

/* Goes on to the next record when this one is used up.  False at the end. */
bool gate_run_more(struct gate_run *);

/* A length of one byte, or of four with the first bit set. */
bool gate_run_length(struct gate_run *, size_t *n);

/* Passes over n bytes of a name or value.  Returns what is wrong, or NULL. */
const char *gate_run_text(struct gate_run *, size_t n, bool name);

#endif
