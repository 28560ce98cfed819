/*
 * report.h - what was found: how it shows, what it does, how sure that is,
 * and the line that mends it.
 */
#ifndef DOCTOR_REPORT_H
#define DOCTOR_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
	FINDING_MENDS = 8,
	REPORT_WAYS = 5
};

enum level {
	LEVEL_ERROR,   /* streams do not work */
	LEVEL_WARNING, /* they work badly, or not always */
	LEVEL_NOTE     /* good to know; nothing is wrong */
};

enum sure {
	SURE_CERTAIN, /* it was seen */
	SURE_LIKELY,  /* what was seen rarely has another cause */
	SURE_PERHAPS
};

struct mend {
	char *where; /* which server, or what to do there */
	char *line;
	bool other; /* it is for when those before it are not the cause */
};

struct finding {
	const char *code; /* one word; never changes its meaning */
	enum level level;
	enum sure sure;
	char *seen;
	const char *effect; /* what it does to a user */
	const char *now;    /* how users get through meanwhile, or NULL */
	struct mend mends[FINDING_MENDS];
	size_t nmends;
};

/* One of the ways of largesse.js. */
struct report_way {
	const char *name;
	bool works;
	char *how; /* "works", or "no" and why, in words */
};

/* The report of one address or one file. */
struct report {
	const char *subject;
	char *summary; /* one line of what was measured, or NULL */
	struct finding *findings;
	size_t n, size;
	struct report_way ways[REPORT_WAYS]; /* of an address */
	size_t nways;
	bool failed; /* without memory: not all is there */
};

/* Good until the next is added.  Never NULL: without memory it exits. */
struct finding *report_add(struct report *, const char *code, enum level,
    enum sure, const char *effect, const char *seen, ...)
    __attribute__((format(printf, 6, 7)));
void report_mend(struct report *, struct finding *, const char *where,
    const char *line, ...) __attribute__((format(printf, 4, 5)));
/* The mend that was added last is less likely than those before. */
void report_mend_other(struct finding *);
void report_add_way(struct report *, const char *name, bool works,
    const char *how, ...) __attribute__((format(printf, 4, 5)));
void report_summary(struct report *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

/* Is there a finding of this code? */
bool report_has(const struct report *, const char *code);

/* Is something wrong?  Notes do not count. */
bool report_sick(const struct report *);

void report_print(const struct report *, FILE *);
void report_print_json(const struct report *, FILE *);
void report_free(struct report *);

#endif
