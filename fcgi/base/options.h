/*
 * options.h - the options of a command, as one table.
 *
 * A command declares its options in a table.  The command line, the
 * environment and the help are all read and printed by that table, so a new
 * option is one line.  Each value is put in a struct of the command, at the
 * offset that the table names.
 *
 *   --name value, --name=value; -- ends the options; operands may stand
 *   between options.  If an option is given twice the last one counts, unless
 *   it is a list.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdio.h>

#include "fcgi/base/option.h"

/* Options of one command. */
enum {
	OPTIONS_MAX = 64
};

struct options {
	const char *command;	   /* the word after `largesse` */
	const char *usage;	   /* what follows it */
	const char *about;	   /* what it does, in a line or a few */
	const struct option *list; /* n of them */
	size_t n;
	int operands_min, operands_max;
	bool environment; /* --max-streams is LARGESSE_MAX_STREAMS too */
};

enum options_result {
	OPTIONS_OK,
	OPTIONS_HELP, /* --help or -h was among them */
	OPTIONS_WRONG /* why says `what: why` */
};

/*
 * Sets the defaults, then reads the words after argv[0], then, if the command
 * has .environment, takes options that no word named from env (NULL: there is
 * none; an empty value counts as none).  On OPTIONS_OK argv[1] to
 * argv[*argc - 1] are the operands.  conf is overwritten; give it to
 * options_free whatever the result.
 */
enum options_result options_read(const struct options *, int *argc, char **argv,
    char *const *env, void *conf, char *why, size_t size);

/*
 * The same with the environment of the process; help and errors are printed.
 * Returns -1 to go on, or the exit status: then conf was freed.
 */
int options_take(const struct options *, int *argc, char **argv, void *conf);

void options_free(const struct options *, void *conf);

void options_help(const struct options *, FILE *);

#endif
