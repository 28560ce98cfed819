/*
 * cmd_tail.c - largesse tail: the stream on a terminal.
 *
 * From a URL it prints what a browser would get, through the web server.  From
 * a file it prints what the responder would send.
 */
#include <string.h>

#include "fcgi/base/log.h"
#include "fcgi/base/options.h"
#include "fcgi/command/commands.h"
#include "fcgi/command/tail.h"

/* clang-format off */
static const struct option list[] = {
	{"topic", "T", OPTION_LIST, AT_LIST(struct tail, topics),
	    .help = "a topic, prefix* or *; repeat; none: main"},
	{"last-event-id", "ID", OPTION_STRING,
	    AT_STRING(struct tail, last_event_id),
	    .help = "begin after this event; earliest: at the first"},
	{"last", "N", OPTION_UNSIGNED, AT_NUMBER(struct tail, last),
	    .help = "begin with the newest N events",
	    .absent = TAIL_NO_LAST, .max = INT64_MAX},
	{"count", "N", OPTION_UNSIGNED, AT_NUMBER(struct tail, count), "0",
	    .help = "end after N events; 0: never"},
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct tail, quiet),
	    .help = "do not say when it connects again"},
};
/* clang-format on */

static const struct options options = {
    .command = "tail",
    .usage = "FILE|URL [options]",
    .about = "Prints the events of a log, or of a URL as a browser's "
	     "EventSource would get\nthem, and connects again as it would.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 1,
    .operands_max = 1,
};

/* An id is sent in a header, so it must be one line. */
static bool
is_line(const char *s)
{
	return strpbrk(s, "\r\n") == NULL;
}

int
cmd_tail(int argc, char **argv)
{
	struct tail tail;
	int status = options_take(&options, &argc, argv, &tail);

	if (status != -1)
		return status;
	tail.source = argv[1];
	tail.on_terminal = command_on_terminal();
	if (tail.last_event_id != NULL && tail.last != TAIL_NO_LAST) {
		log_error("--last", "--last-event-id says where to begin");
		status = STATUS_USAGE;
	} else if (tail.last_event_id != NULL && !is_line(tail.last_event_id)) {
		log_error("--last-event-id", "an id is one line");
		status = STATUS_USAGE;
	} else if (command_is_url(tail.source)) {
		status = tail_url(&tail);
	} else {
		status = tail_file(&tail);
	}
	options_free(&options, &tail);
	return status;
}
