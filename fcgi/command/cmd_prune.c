/*
 * cmd_prune.c - largesse prune: remove old events now, to the row.
 *
 * It is for a log without retention triggers, or for cron beside them.  Only
 * the limits on the command line apply; if there is none, those apply that
 * init has set.
 */
#include <inttypes.h>
#include <stdio.h>

#include "fcgi/base/options.h"
#include "fcgi/command/commands.h"
#include "store/store.h"

struct prune_conf {
	const char *topic;
	uint64_t rows, age_ms;
	bool ended, quiet;
};

/* clang-format off */
static const struct option list[] = {
	{"keep-rows", "N", OPTION_UNSIGNED, AT_NUMBER(struct prune_conf, rows),
	    .help = "keep the newest N events",
	    .absent = STORE_KEEP_SAME, .min = 1, .max = INT64_MAX},
	{"keep-age", "AGE", OPTION_AGE, AT_NUMBER(struct prune_conf, age_ms),
	    .help = "keep events of this age, 7d or 12h",
	    .absent = STORE_KEEP_SAME, .min = 1},
	{"topic", "PATTERN", OPTION_STRING,
	    AT_STRING(struct prune_conf, topic),
	    .help = "the limits are for each of these topics: job/*"},
	{"ended", NULL, OPTION_FLAG, AT_FLAG(struct prune_conf, ended),
	    .help = "remove topics that ended before that age"},
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct prune_conf, quiet),
	    .help = "do not print how many were removed"},
};
/* clang-format on */

static const struct options options = {
    .command = "prune",
    .usage = "FILE [options]",
    .about = "Removes old events: by the limits given here, or without "
	     "any by those that\ninit has set.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 1,
    .operands_max = 1,
};

/* If only one limit was given, the other is without limit. */
static struct store_keep
only_given(const struct prune_conf *conf)
{
	struct store_keep keep = {.rows = conf->rows,
	    .age_ms = conf->age_ms,
	    .topic = conf->topic,
	    .ended = conf->ended};

	if (keep.rows == STORE_KEEP_SAME && keep.age_ms == STORE_KEEP_SAME)
		return keep;
	if (keep.rows == STORE_KEEP_SAME)
		keep.rows = 0;
	if (keep.age_ms == STORE_KEEP_SAME)
		keep.age_ms = 0;
	return keep;
}

int
cmd_prune(int argc, char **argv)
{
	struct prune_conf conf;
	struct store_keep keep;
	char why[512];
	int64_t removed;
	int status = options_take(&options, &argc, argv, &conf);

	if (status != -1)
		return status;
	if (!command_keeps(conf.topic, conf.ended, conf.rows != STORE_KEEP_SAME,
		conf.age_ms != STORE_KEEP_SAME))
		return STATUS_USAGE;
	keep = only_given(&conf);
	removed = store_prune(argv[1], &keep, why, sizeof(why));
	if (removed == -1)
		return command_failed(why);
	if (!conf.quiet)
		printf("%" PRId64 "\n", removed);
	return command_done();
}
