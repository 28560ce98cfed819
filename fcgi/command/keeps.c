/*
 * keeps.c - what init and prune say of topics is looked at before a log is.
 */
#include <string.h>

#include "fcgi/base/log.h"
#include "fcgi/command/commands.h"
#include "fcgi/request/request.h"

bool
command_keeps(const char *topic, bool ended, bool rows, bool age)
{
	struct request_topic name;
	const char *wrong =
	    topic == NULL ? NULL : request_topic(&name, topic, strlen(topic));

	if (wrong != NULL)
		log_error(topic, "%s", wrong);
	else if (ended && rows)
		log_error("--ended", "goes with no --keep-rows: all rows of "
				     "such a topic are removed");
	else if (ended && !age)
		log_error("--ended", "say with --keep-age how long ago");
	else if (topic != NULL && !rows && !age)
		log_error("--topic", "say how much is kept with --keep-rows or "
				     "--keep-age");
	else
		return true;
	return false;
}
