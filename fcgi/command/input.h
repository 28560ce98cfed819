/*
 * input.h - standard input, read as it comes, until its end or a signal.
 *
 * SIGHUP, SIGINT and SIGTERM are an end, too: what was written to the pipe
 * before the signal is still read, so nothing is lost on the way.
 */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>

#include "fcgi/base/bytes.h"

struct input {
	struct bytes text; /* read, and not used yet */
	bool ended;	   /* nothing comes any more */
	bool failed;	   /* because it could not be read, which was said */
	int stopped;	   /* the signal that ended it, or 0 */
	int signals;	   /* the descriptor that tells of one */
};

/* From here on the signals end the input and not the process.  0 or -1. */
int input_open(struct input *);

/*
 * Waits up to ms, or for ever with -1, until something can be read, and reads
 * once.  False: the time is over and nothing came.
 */
bool input_read(struct input *, int ms);

/* If a signal has ended the input it now ends the process. */
void input_close(struct input *);

#endif
