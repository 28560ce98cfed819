/*
 * progress.h - what the doctor does meanwhile, for a person who waits.
 *
 * It is one line on standard error, if that is a terminal.  The line is
 * written anew each second, and is gone before the report comes.
 */
#ifndef DOCTOR_PROGRESS_H
#define DOCTOR_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shown;
	int64_t begun_ns;
	unsigned long long all_s; /* about so long it takes in all */
	const char *what;
};

void progress_begin(struct progress *);
/* From here on the doctor does this; it lives as long as the progress. */
void progress_step(
    struct progress *, unsigned long long all_s, const char *what);
void progress_show(const struct progress *);
void progress_end(struct progress *);

#endif
