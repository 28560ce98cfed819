/*
 * command.h - what a command is, and what all of them share.
 *
 * Each command is a function cmd_NAME in a file of that name; argv[0] is the
 * command's own word.  A command returns its exit status.  If that is not
 * STATUS_DONE, the command has said why on stderr.  The room that has a
 * command declares it; this file knows none of them.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2 /* wrong usage */
};

typedef int command(int argc, char **argv);

/*
 * The two ways to end: STATUS_DONE if all that was printed has gone out, else
 * STATUS_FAILED, and it says so; or STATUS_FAILED after it has said why, which
 * is `what: why`.
 */
int command_done(void);
int command_failed(const char *why);

/*
 * Is standard output a terminal?  What came from a log or from a server is
 * shown on one and obeyed by none; into a file or a pipe it goes as it is.
 */
bool command_on_terminal(void);
/* Print text in that manner, or a line.  Line ends of the text stay. */
void command_print(const char *s, size_t len, bool on_terminal);
void command_say(const char *line, ...) __attribute__((format(printf, 1, 2)));

/* Does it begin with http:// or https://? */
bool command_is_url(const char *);

#endif
