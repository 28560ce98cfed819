/*
 * judge.h - from what was seen to what is wrong.  Pure.
 */
#ifndef DOCTOR_JUDGE_H
#define DOCTOR_JUDGE_H

#include "fcgi/doctor/evidence.h"

/* Adds all that is wrong, and a summary, to the report. */
void judge_evidence(const struct evidence *, struct report *);

/* Could .../health tell more of it? */
bool judge_doubtful(const struct visit *stream);

/* Is a probe worth trying, after what came of the stream? */
bool judge_usable(const struct visit *stream);

#endif
