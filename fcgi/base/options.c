/*
 * options.c - the words and the environment of a command, read by its table.
 *
 * The command line wins: it is read first, and the environment is asked only
 * for options that no word has named.  Defaults are read as if a user had
 * typed them, so they are what the help says.
 */
#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/command.h"
#include "fcgi/base/env.h"
#include "fcgi/base/log.h"
#include "fcgi/base/near.h"
#include "fcgi/base/options.h"

enum {
	NAME_SIZE = 64,
	WHY_SIZE = 512
};

/* One reading of one command's options. */
struct reading {
	const struct options *os;
	void *conf;
	bool given[OPTIONS_MAX];
	char *why;
	size_t size;
};

/* Says what is wrong.  Returns 0, for callers that return 0 or false. */
static int __attribute__((format(printf, 3, 4)))
wrong(struct reading *r, const char *what, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(r->why, r->size, "%s: ", what);

	if (n >= 0 && (size_t)n < r->size) {
		va_start(ap, fmt);
		vsnprintf(r->why + n, r->size - (size_t)n, fmt, ap);
		va_end(ap);
	}
	return 0;
}

/* what is how the user gave the value: --name or LARGESSE_NAME. */
static bool
set_value(struct reading *r, size_t i, const char *value, const char *what)
{
	char why[WHY_SIZE];

	r->given[i] = true;
	return option_set(&r->os->list[i], value, what[0] != '-', r->conf, why,
		   sizeof(why)) ||
	       wrong(r, what, "%s", why);
}

static size_t
find_option(const struct options *os, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < os->n; i++)
		if (strlen(os->list[i].name) == len &&
		    memcmp(os->list[i].name, name, len) == 0)
			break;
	return i;
}

/* Says that there is no option --name, and which one was meant.  Returns 0. */
static int
no_option(struct reading *r, const char *what)
{
	struct near near = {.typed = what + 2};
	size_t i;

	for (i = 0; i < r->os->n; i++)
		near_try(&near, r->os->list[i].name);
	near_try(&near, "help");
	if (near.word != NULL)
		return wrong(
		    r, what, "no such option, did you mean --%s?", near.word);
	return wrong(
	    r, what, "no such option, see largesse %s --help", r->os->command);
}

/* Takes --name and the value after it.  Returns how many words, or 0. */
static int
read_option(struct reading *r, char **words)
{
	const char *name = words[0] + 2, *value;
	size_t len = strcspn(name, "="), i = find_option(r->os, name, len);
	char what[NAME_SIZE];
	int n = 1;

	snprintf(what, sizeof(what), "--%.*s", (int)len, name);
	if (i == r->os->n)
		return no_option(r, what);
	value = name[len] == '=' ? name + len + 1 : NULL;
	if (r->os->list[i].kind == OPTION_FLAG) {
		if (value != NULL)
			return wrong(r, what, "takes no value");
		value = "yes";
	} else if (value == NULL) {
		value = words[1];
		n = 2;
	}
	if (value == NULL)
		return wrong(r, what, "needs a value, %s", r->os->list[i].arg);
	return set_value(r, i, value, what) ? n : 0;
}

/* Reads the words after argv[0] and moves operands to the front. */
static enum options_result
read_words(struct reading *r, int *argc, char **argv)
{
	int i, n, operands = 1;
	bool ended = false;

	for (i = 1; i < *argc; i += n) {
		n = 1;
		if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[operands++] = argv[i];
		} else if (strcmp(argv[i], "--") == 0) {
			ended = true;
		} else if (strcmp(argv[i], "--help") == 0 ||
			   strcmp(argv[i], "-h") == 0) {
			return OPTIONS_HELP;
		} else if (argv[i][1] != '-') {
			wrong(r, argv[i], "options begin with --");
			return OPTIONS_WRONG;
		} else if ((n = read_option(r, argv + i)) == 0) {
			return OPTIONS_WRONG;
		}
	}
	argv[operands] = NULL;
	*argc = operands;
	return OPTIONS_OK;
}

static bool
read_env(struct reading *r, char *const *env)
{
	char name[NAME_SIZE];
	const char *value;
	size_t i;

	for (i = 0; i < r->os->n; i++) {
		option_variable(&r->os->list[i], name, sizeof(name));
		value = r->given[i] ? NULL : env_value(env, name);
		if (value != NULL && !set_value(r, i, value, name))
			return false;
	}
	return true;
}

/* Is everything there that is needed, and nothing too much? */
static bool
is_complete(struct reading *r, int argc, char **argv)
{
	const struct options *os = r->os;
	char what[NAME_SIZE];
	size_t i;

	for (i = 0; i < os->n; i++)
		if (os->list[i].needed && !r->given[i]) {
			snprintf(what, sizeof(what), "--%s", os->list[i].name);
			return wrong(r, what, "is needed: %s, %s",
			    os->list[i].arg, os->list[i].help);
		}
	if (argc - 1 < os->operands_min)
		return wrong(r, os->command, "usage: largesse %s %s",
		    os->command, os->usage);
	if (argc - 1 > os->operands_max)
		return wrong(r, argv[os->operands_max + 1],
		    "one too many, usage: largesse %s %s", os->command,
		    os->usage);
	return true;
}

enum options_result
options_read(const struct options *os, int *argc, char **argv, char *const *env,
    void *conf, char *why, size_t size)
{
	struct reading r = {.os = os, .conf = conf, .why = why, .size = size};
	enum options_result result;
	size_t i;

	assert(os->n <= OPTIONS_MAX);
	for (i = 0; i < os->n; i++)
		option_clear(&os->list[i], conf);
	result = read_words(&r, argc, argv);
	if (result != OPTIONS_OK)
		return result;
	if (os->environment && env != NULL && !read_env(&r, env))
		return OPTIONS_WRONG;
	return is_complete(&r, *argc, argv) ? OPTIONS_OK : OPTIONS_WRONG;
}

int
options_take(const struct options *os, int *argc, char **argv, void *conf)
{
	char why[WHY_SIZE];

	switch (options_read(os, argc, argv, environ, conf, why, sizeof(why))) {
	case OPTIONS_OK:
		return -1;
	case OPTIONS_HELP:
		options_help(os, stdout);
		options_free(os, conf);
		return command_done();
	default:
		log_plain(why);
		options_free(os, conf);
		return STATUS_USAGE;
	}
}

void
options_free(const struct options *os, void *conf)
{
	size_t i;

	for (i = 0; i < os->n; i++)
		option_free(&os->list[i], conf);
}

void
options_help(const struct options *os, FILE *f)
{
	const struct option *o;
	char left[NAME_SIZE];

	fprintf(f, "usage: largesse %s %s\n\n%s\n", os->command, os->usage,
	    os->about);
	if (os->n > 0)
		fprintf(f, "\n");
	for (o = os->list; o < os->list + os->n; o++) {
		snprintf(left, sizeof(left), "--%s %s", o->name,
		    o->arg != NULL ? o->arg : "");
		fprintf(f, "  %-27s %s", left, o->help);
		if (o->initial != NULL)
			fprintf(f, " (%s)", o->initial);
		fprintf(f, "\n");
	}
	if (os->environment && os->n > 0)
		fprintf(f,
		    "\nAn option can also be given in the environment: "
		    "--max-streams is\nLARGESSE_MAX_STREAMS.  The command line "
		    "wins.\n");
}
