/*
 * reason.c - why a stream ended, in a word.
 */
#include "fcgi/base/reason.h"

const char *
reason_word(enum end_reason reason)
{
	static const char *const words[END_REASONS] = {
	    [END_LEFT] = "left",
	    [END_ABORTED] = "aborted",
	    [END_WRITE] = "write",
	    [END_STALLED] = "stalled",
	    [END_AGE] = "age",
	    [END_TOKEN] = "token",
	    [END_REVOKED] = "revoked",
	    [END_SHUTDOWN] = "shutdown",
	    [END_CUT_EVENT] = "cut-event",
	    [END_PROTOCOL] = "protocol",
	    [END_MEMORY] = "memory",
	};

	return words[reason];
}
