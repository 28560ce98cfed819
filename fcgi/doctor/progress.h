/*
 * progress.h - what the doctor does meanwhile, for a person who waits.
 *
 * It is one line on standard error.  On a terminal the line is written anew
 * each second, and is gone before the report comes.  Elsewhere it is said once,
 * when the wait is long, and it stays.
 */
#ifndef DOCTOR_PROGRESS_H
#define DOCTOR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shown;  /* on a terminal */
	bool silent; /* elsewhere: it was said, or a program reads all */
	int64_t begun_ns;
	unsigned long long all_s; /* about so long it takes in all */
	const char *what;
};

/* silent: say nothing if it is no terminal. */
void progress_begin(struct progress *, bool silent);
/* From here on the doctor does this; it lives as long as the progress. */
void progress_step(
    struct progress *, unsigned long long all_s, const char *what);
/* Call it at least once a second. */
void progress_show(struct progress *);
void progress_end(struct progress *);

#endif
