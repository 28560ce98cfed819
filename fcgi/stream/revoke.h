/*
 * revoke.h - ends the streams of a topic or a subject that was revoked.
 */
#ifndef REVOKE_H
#define REVOKE_H

#include "fcgi/stream/hub.h"

enum revoking {
	REVOKING_DONE, /* every event that was read may be sent */
	REVOKING_MORE, /* there are more: ask again, and send nothing before */
	REVOKING_LATER /* the log cannot be read now: the same */
};

/*
 * Revocations count from now on.  After the log was replaced it is called
 * again, with all set: then every revocation in the new log counts.
 */
void revoke_start(struct hub *, bool all);

/* Reads new revocations, and ends the streams that they are about. */
enum revoking revoke_turn(struct hub *);

#endif
