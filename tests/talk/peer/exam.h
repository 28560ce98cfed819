/*
 * exam.h - what `largesse doctor' reports of a log.
 *
 * A finding of the level `note' is passed over unless a test asks for it: the
 * notes depend on the user who runs the tests.
 */
#ifndef EXAM_H
#define EXAM_H

#include "tests/talk/peer/peer.h"

/* The report of `largesse doctor DB --json'... */
const char *examine(struct server *);
/* ...and one option with its value. */
const char *examine_with(
    struct server *, const char *option, const char *value);

/* The one finding of the report.  Returns what was seen. */
const char *want_only(const char *report, const char *code);
/* And this is the line that mends it, or the first of them. */
void want_mend(const char *report, const char *code, const char *line);
void want_healthy(const char *report);
bool has_note(const char *report, const char *code);

/* A log that keeps little, so that retention is nothing to speak of. */
struct server *log_of(int rows);

#endif
