/*
 * option.h - one option: what it takes, and where its value goes.
 */
#ifndef OPTION_H
#define OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_STRING, /* const char *: as given, of argv or the environment */
	OPTION_UNSIGNED, /* uint64_t: decimal */
	OPTION_OCTAL,	 /* uint64_t: the mode of a file */
	OPTION_AGE,	 /* uint64_t: ms, from seconds or 500ms 90s 10m 2h 7d */
	OPTION_BYTES,	 /* uint64_t: a number, or with K, M or G of 1024 */
	OPTION_LIST,	 /* struct option_list: may be given many times */
	OPTION_FLAG	 /* bool: takes no value */
};

/* Strings in the order in which they were given. */
struct option_list {
	char **v;
	size_t n;
};

struct option {
	const char *name; /* without the dashes */
	const char *arg;  /* what the help calls its value */
	enum option_kind kind;
	size_t offset;	     /* in the conf, by the macros below */
	const char *initial; /* as typed; NULL is none, zero or false */
	const char *help;    /* one line */
	uint64_t min, max;   /* of numbers, as they are kept; max 0: none */
	uint64_t absent;     /* a number without initial, if not given */
	bool needed;	     /* refused without it */
};

/* The offset of a member; it does not compile for another type. */
#define OPTION_AT(type, of, member) \
	_Generic(((of *)0)->member, type : offsetof(of, member))
#define AT_STRING(of, member) OPTION_AT(const char *, of, member)
#define AT_NUMBER(of, member) OPTION_AT(uint64_t, of, member)
#define AT_LIST(of, member)   OPTION_AT(struct option_list, of, member)
#define AT_FLAG(of, member)   OPTION_AT(bool, of, member)

/*
 * Puts a value in its place in conf.  False if it is not a value: then conf is
 * untouched and why says what is wrong.  A list takes the whole of it as one
 * value or, with blanks true, the values between blanks.
 */
bool option_set(const struct option *, const char *value, bool blanks,
    void *conf, char *why, size_t size);

/* Sets its default, or none. */
void option_clear(const struct option *, void *conf);

/* Frees what the option allocated. */
void option_free(const struct option *, void *conf);

/* LARGESSE_MAX_STREAMS for max-streams.  Returns buf. */
char *option_variable(const struct option *, char *buf, size_t size);

/* The bytes of `64`, `256K`, `16M`, `1G`.  False, *n untouched, otherwise. */
bool option_bytes(const char *s, uint64_t *n);

#endif
