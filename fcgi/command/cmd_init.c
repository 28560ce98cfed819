/*
 * cmd_init.c - largesse init: make, adopt or upgrade a log.
 *
 * A limit that the command line does not name stays as it was set before; the
 * limit 0 takes it away.  With --topic or --ended the limits of that pattern
 * are meant, and all others stay.
 */
#include "fcgi/base/options.h"
#include "fcgi/command/commands.h"
#include "store/store.h"

struct init_conf {
	const char *topic;
	uint64_t rows, age_ms;
	bool ended, quiet;
};

/* clang-format off */
static const struct option list[] = {
	{"keep-rows", "N", OPTION_UNSIGNED, AT_NUMBER(struct init_conf, rows),
	    .help = "keep the newest N events or a few more; 0: all",
	    .absent = STORE_KEEP_SAME, .max = INT64_MAX},
	{"keep-age", "AGE", OPTION_AGE, AT_NUMBER(struct init_conf, age_ms),
	    .help = "keep events of this age, 7d or 12h; 0: all",
	    .absent = STORE_KEEP_SAME},
	{"topic", "PATTERN", OPTION_STRING,
	    AT_STRING(struct init_conf, topic),
	    .help = "the limits are for each of these topics: job/*"},
	{"ended", NULL, OPTION_FLAG, AT_FLAG(struct init_conf, ended),
	    .help = "remove topics that ended before that age"},
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct init_conf, quiet),
	    .help = "do not print the state of the log"},
};
/* clang-format on */

static const struct options options = {
    .command = "init",
    .usage = "FILE [options]",
    .about = "Makes the log in FILE, or upgrades it.  FILE may be an "
	     "application's own\ndatabase.  It is safe to run this twice.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 1,
    .operands_max = 1,
};

int
cmd_init(int argc, char **argv)
{
	struct init_conf conf;
	struct store_keep keep;
	char why[512];
	int status = options_take(&options, &argc, argv, &conf);

	if (status != -1)
		return status;
	if (!command_keeps(conf.topic, conf.ended, conf.rows != STORE_KEEP_SAME,
		conf.age_ms != STORE_KEEP_SAME))
		return STATUS_USAGE;
	keep = (struct store_keep){.rows = conf.rows,
	    .age_ms = conf.age_ms,
	    .topic = conf.topic,
	    .ended = conf.ended};
	if (store_init(argv[1], &keep, why, sizeof(why)) == -1)
		return command_failed(why);
	if (!conf.quiet)
		command_say("%s", why);
	return command_done();
}
