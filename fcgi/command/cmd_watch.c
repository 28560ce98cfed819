/*
 * cmd_watch.c - largesse watch: a table's changes become events.
 *
 * One command makes, lists and removes a table's triggers.  To make them again
 * replaces the old ones.
 */
#include <stdio.h>
#include <string.h>

#include "fcgi/base/log.h"
#include "fcgi/base/options.h"
#include "fcgi/command/commands.h"
#include "store/store.h"

struct watch_conf {
	const char *topic, *topic_column, *columns, *events;
	bool list, remove, quiet;
};

/* clang-format off */
static const struct option list[] = {
	{"topic", "T", OPTION_STRING, AT_STRING(struct watch_conf, topic),
	    .help = "topic of the events; without this: the table"},
	{"topic-column", "C", OPTION_STRING,
	    AT_STRING(struct watch_conf, topic_column),
	    .help = "the column with the topic of each row"},
	{"columns", "A,B", OPTION_STRING,
	    AT_STRING(struct watch_conf, columns),
	    .help = "columns in the event; without this: all"},
	{"events", "E,F", OPTION_STRING, AT_STRING(struct watch_conf, events),
	    "insert,update,delete", .help = "changes that make an event"},
	{"list", NULL, OPTION_FLAG, AT_FLAG(struct watch_conf, list),
	    .help = "print which tables are watched"},
	{"remove", NULL, OPTION_FLAG, AT_FLAG(struct watch_conf, remove),
	    .help = "stop watching this table"},
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct watch_conf, quiet),
	    .help = "do not print what was done"},
};
/* clang-format on */

static const struct options options = {
    .command = "watch",
    .usage = "FILE TABLE [options] | FILE --list",
    .about = "Makes triggers that turn each change of a table into an "
	     "event.  The table is in\nthe same database as the log.  The "
	     "type of the event says what was done, and\nits data is the "
	     "row as JSON.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 1,
    .operands_max = 2,
};

/* `insert,update,delete` or some of them. */
static bool
read_events(const char *s, struct store_watch *watch)
{
	static const char *const words[] = {"insert", "update", "delete"};
	bool *const flags[] = {
	    &watch->on_insert, &watch->on_update, &watch->on_delete};
	size_t len, i;

	for (; *s != '\0'; s += len + (s[len] == ',')) {
		len = strcspn(s, ",");
		for (i = 0; i < 3; i++)
			if (strlen(words[i]) == len &&
			    memcmp(words[i], s, len) == 0)
				break;
		if (i == 3)
			return false;
		*flags[i] = true;
	}
	return watch->on_insert || watch->on_update || watch->on_delete;
}

static void
print_line(void *arg, const char *line)
{
	(void)arg;
	command_say("%s", line);
}

static int
unwatch_table(const struct watch_conf *conf, char **argv)
{
	char why[512];
	int n = store_unwatch(argv[1], argv[2], why, sizeof(why));

	if (n == -1)
		return command_failed(why);
	if (!conf->quiet)
		command_say("%s: %s", argv[2],
		    n > 0 ? "watched no more" : "was not watched");
	return command_done();
}

static int
watch_table(const struct watch_conf *conf, char **argv)
{
	struct store_watch watch = {.table = argv[2],
	    .topic = conf->topic,
	    .topic_column = conf->topic_column,
	    .columns = conf->columns};
	char why[512];

	if (!read_events(conf->events, &watch)) {
		log_error("--events",
		    "'%s' is not of insert, update and delete", conf->events);
		return STATUS_USAGE;
	}
	if (store_watch(argv[1], &watch, why, sizeof(why)) == -1)
		return command_failed(why);
	if (!conf->quiet)
		command_say("%s", why);
	return command_done();
}

int
cmd_watch(int argc, char **argv)
{
	struct watch_conf conf;
	char why[512];
	int status = options_take(&options, &argc, argv, &conf);

	if (status != -1)
		return status;
	if (conf.list) {
		if (store_watched(
			argv[1], print_line, NULL, why, sizeof(why)) == -1)
			return command_failed(why);
		return command_done();
	}
	if (argc < 3) {
		log_error("watch", "which TABLE?  Or --list");
		return STATUS_USAGE;
	}
	return conf.remove ? unwatch_table(&conf, argv)
			   : watch_table(&conf, argv);
}
