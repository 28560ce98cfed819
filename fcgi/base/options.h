/*
 * options.h - a command's options, as one table.
 *
 * A command declares what it takes; reading the command line, reading the
 * environment and printing the help all follow from the table, so an option
 * more is one line more.  Values land in a struct of the command's own, at
 * the offset that the table names.
 *
 *   --name value, --name=value; -- ends the options; operands may stand
 *   between options.  The last of an option that is given twice counts,
 *   unless it is a list.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
	OPTION_STRING, /* const char *: as given, of argv or the environment */
	OPTION_UNSIGNED, /* uint64_t: decimal */
	OPTION_OCTAL,	 /* uint64_t: the mode of a file */
	OPTION_AGE,	 /* uint64_t: ms, from seconds or 500ms 90s 10m 2h 7d */
	OPTION_BYTES,	 /* uint64_t: a number, or with K, M or G of 1024 */
	OPTION_LIST,	 /* struct option_list: once for each */
	OPTION_FLAG	 /* bool: takes no value */
};

/* Strings in the order they were given.  options_free frees it. */
struct option_list {
	char **v;
	size_t n;
};

struct option {
	const char *name; /* without the dashes */
	const char *arg;  /* what the help calls its value */
	enum option_kind kind;
	size_t offset;	     /* of its place, by the macros below */
	const char *initial; /* as typed; NULL is none, zero or false */
	const char *help;    /* one line */
	uint64_t min, max;   /* of numbers, in the unit kept; max 0: none */
	uint64_t absent;     /* a number's value, not given and no initial */
	bool needed;	     /* refused without it */
};

/* Offsets that do not compile for a member of the wrong type. */
#define OPTION_AT(type, of, member) \
	_Generic(((of *)0)->member, type : offsetof(of, member))
#define AT_STRING(of, member) OPTION_AT(const char *, of, member)
#define AT_NUMBER(of, member) OPTION_AT(uint64_t, of, member)
#define AT_LIST(of, member)   OPTION_AT(struct option_list, of, member)
#define AT_FLAG(of, member)   OPTION_AT(bool, of, member)

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
	OPTIONS_HELP, /* --help was among them */
	OPTIONS_WRONG /* why says `what: why` */
};

/*
 * Sets defaults, then what the words after argv[0] say, then, where a command
 * wants it, what the environment says of the rest (an empty value is none;
 * env NULL: no environment).  On OPTIONS_OK argv[1] to argv[*argc - 1] are the
 * operands.  conf is set anew and is to be given to options_free, whatever
 * the result.
 */
enum options_result options_read(const struct options *, int *argc, char **argv,
    char *const *env, void *conf, char *why, size_t size);

/*
 * The same for the process's own environment, with help and errors told to
 * the user.  Returns -1 to go on, or the exit status.
 */
int options_take(const struct options *, int *argc, char **argv, void *conf);

void options_free(const struct options *, void *conf);

void options_help(const struct options *, FILE *);

/* --- one option (option_value.c) ---------------------------------------- */

/*
 * Puts a value in its place in conf.  False, with conf untouched and why
 * saying what is wrong with it, if it is not one.  A list takes one value
 * from the command line and, with blanks true, all those between blanks.
 */
bool option_set(const struct option *, const char *value, bool blanks,
    void *conf, char *why, size_t size);

/* Its default, or none. */
void option_clear(const struct option *, void *conf);

/* Frees what the option allocated. */
void option_free(const struct option *, void *conf);

/* LARGESSE_MAX_STREAMS for max-streams.  Returns buf. */
char *option_variable(const struct option *, char *buf, size_t size);

/* The bytes of `64`, `256K`, `16M`, `1G`.  False, *n untouched, otherwise. */
bool option_bytes(const char *s, uint64_t *n);

#endif
