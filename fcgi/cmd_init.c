/*
 * cmd_init.c - `largesse init`: makes the log, or upgrades it.
 */
#include <stdio.h>

#include "fcgi/command.h"
#include "fcgi/log.h"
#include "fcgi/options.h"
#include "store/store.h"

/* clang-format off */
static const struct option list[] = {
	{"keep-rows", "N", OPTION_UNSIGNED,
	    AT_NUMBER(struct store_keep, rows), "0",
	    .help = "keep about the newest N events; 0: all"},
	{"keep-age", "AGE", OPTION_AGE,
	    AT_NUMBER(struct store_keep, age_ms), "0",
	    .help = "keep events of the last 7d, 12h, 30m; 0: all"},
};
/* clang-format on */

static const struct options init_options = {
    .command = "init",
    .usage = "FILE [options]",
    .about = "Makes the event log, or upgrades it.  Safe to run twice.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 1,
    .operands_max = 1,
};

int
cmd_init(int argc, char **argv)
{
	struct store_keep keep;
	char why[512];
	int status = options_take(&init_options, &argc, argv, &keep);

	if (status != -1)
		return status;
	status = store_init(argv[1],
	    keep.rows == 0 && keep.age_ms == 0 ? NULL : &keep, why, sizeof(why));
	if (status == -1) {
		log_plain(why);
		return STATUS_FAILED;
	}
	puts(why);
	return command_done();
}
