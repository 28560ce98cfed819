/*
 * cmd_fold.c - largesse fold: the many rows of a run that is over become few.
 *
 * A run that was written a word at a time is thousands of rows.  Once it is
 * over nobody needs the pieces: whoever opens it later gets them joined.
 */
#include <string.h>

#include "fcgi/base/chunk.h"
#include "fcgi/base/log.h"
#include "fcgi/base/options.h"
#include "fcgi/command/commands.h"
#include "fcgi/request/request.h"
#include "store/store.h"

struct fold_conf {
	const char *join;
	uint64_t max_event_bytes;
	bool lines, quiet;
};

/* clang-format off */
static const struct option list[] = {
	{"join", "PATH", OPTION_STRING, AT_STRING(struct fold_conf, join),
	    .help = "join JSON at this path: choices.0.delta.content"},
	{"lines", NULL, OPTION_FLAG, AT_FLAG(struct fold_conf, lines),
	    .help = "put a line end between events"},
	{"max-event", "BYTES", OPTION_BYTES,
	    AT_NUMBER(struct fold_conf, max_event_bytes), "1M",
	    .help = "make no event that is larger", .min = 1, .max = 1 << 30},
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct fold_conf, quiet),
	    .help = "do not say what was done"},
};
/* clang-format on */

static const struct options options = {
    .command = "fold",
    .usage = "FILE TOPIC [options]",
    .about = "Joins the events of a topic that has ended into one, so "
	     "that a page that opens\nit later gets one event and the end.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 2,
    .operands_max = 2,
};

static bool
text_at(void *path, const char *s, size_t len, size_t *at, size_t *n)
{
	struct chunk c;

	if (!chunk_find(&c, s, len, path))
		return false;
	*at = c.at;
	*n = c.n;
	return true;
}

/* Is it one topic, and are the options such as can be used together? */
static bool
is_usage(const struct fold_conf *conf, const char *name)
{
	struct request_topic topic;
	const char *wrong = request_topic(&topic, name, strlen(name));

	if (wrong != NULL)
		log_error(name, "%s", wrong);
	else if (topic.prefix)
		log_error(name, "one topic is folded, by its name");
	else if (conf->join != NULL && conf->lines)
		log_error("--lines", "goes with no --join");
	else
		return true;
	return false;
}

static int
fold(const struct fold_conf *conf, const char *path, const char *topic)
{
	struct store_fold what = {
	    .topic = topic,
	    .max_bytes = conf->max_event_bytes,
	    .lines = conf->lines,
	    .text_of = conf->join != NULL ? text_at : NULL,
	    .arg = (void *)conf->join,
	};
	char why[512];

	if (store_fold(path, &what, why, sizeof(why)) == -1)
		return command_failed(why);
	if (!conf->quiet)
		command_say("%s", why);
	return command_done();
}

int
cmd_fold(int argc, char **argv)
{
	struct fold_conf conf;
	int status = options_take(&options, &argc, argv, &conf);

	if (status != -1)
		return status;
	return is_usage(&conf, argv[2]) ? fold(&conf, argv[1], argv[2])
					: STATUS_USAGE;
}
