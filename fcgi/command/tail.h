/*
 * tail.h - what `largesse tail` was asked for, and its two ways to do it.
 */
#ifndef TAIL_H
#define TAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi/base/options.h"

struct tail {
	const char *source;	   /* FILE or URL */
	struct option_list topics; /* as typed: `news`, `news*`; none: main */
	const char *last_event_id; /* NULL: not given */
	uint64_t last;		   /* TAIL_NO_LAST: not given */
	uint64_t count;		   /* events, then end; 0: go on */
	bool quiet;
	bool on_terminal; /* what it prints is shown, not obeyed */
};

#define TAIL_NO_LAST UINT64_MAX

/*
 * Print the stream on standard output until the count is reached, the stream
 * ends for good or something fails.  Return the exit status, and have said
 * what failed.
 */
int tail_file(const struct tail *);
int tail_url(const struct tail *);

#endif
