/*
 * reason.h - why a stream ended: one value, one word, the same in the log,
 * the metrics and the manual.
 */
#ifndef REASON_H
#define REASON_H

enum end_reason {
	END_LEFT,      /* the client, or the web server for it, closed */
	END_ABORTED,   /* the web server sent FCGI_ABORT_REQUEST */
	END_WRITE,     /* writing failed for another reason */
	END_STALLED,   /* did not read for --stall seconds */
	END_AGE,       /* open for --max-age seconds: told to come back */
	END_TOKEN,     /* its token has expired: told to come back */
	END_REVOKED,   /* taken away by a row of largesse_revoke: likewise */
	END_SHUTDOWN,  /* the responder stops: told to come back */
	END_CUT_EVENT, /* half an event was out when its row went away */
	END_PROTOCOL,  /* bytes that are no FastCGI */
	END_MEMORY,
	END_REASONS /* their number */
};

const char *reason_word(enum end_reason);

#endif
