/*
 * revoke.h - ending streams whose topic or subject was taken away.
 */
#ifndef REVOKE_H
#define REVOKE_H

#include "fcgi/stream/hub.h"

enum revoking {
	REVOKING_DONE, /* all that was read of the log is sure to be right */
	REVOKING_MORE, /* there is more: again, and send nothing before */
	REVOKING_LATER /* the log cannot be read right now; likewise */
};

/* From now on.  Again after the log was replaced: then all that it has. */
void revoke_start(struct hub *, bool all);

/* Ends the streams that a revocation not yet seen is about. */
enum revoking revoke_turn(struct hub *);

#endif
