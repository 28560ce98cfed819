/*
 * fuzz.h - what all fuzzers use: a check that ends the run when it fails, and
 * a way to read an input line by line.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define must(cond)                                               \
	do {                                                     \
		if (!(cond)) {                                   \
			fprintf(stderr, "must be: %s\n", #cond); \
			abort();                                 \
		}                                                \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/*
 * Takes a line off the input, into a block of its exact size, which the caller
 * frees.
 */
static inline char *
fuzz_line(const uint8_t **in, size_t *len)
{
	const uint8_t *end = memchr(*in, '\n', *len);
	size_t n = end != NULL ? (size_t)(end - *in) : *len;
	char *s = malloc(n + 1);

	must(s != NULL);
	memcpy(s, *in, n);
	s[n] = '\0';
	n += end != NULL;
	*in += n;
	*len -= n;
	return s;
}

#endif
