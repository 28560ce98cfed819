/*
 * control.h - what the responder itself says on a stream.
 *
 * Pure.  Event types that begin with `stream-` are ours.  No row of the log
 * can forge one: sse.c changes such a type.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "fcgi/request/request.h"
#include "store/store.h"

enum gap_reason {
	GAP_NONE,
	GAP_PRUNED,    /* events after the place were pruned */
	GAP_UNKNOWN,   /* this log never had that place */
	GAP_REPLACED,  /* another log is there now, or an older copy */
	GAP_TOO_LARGE, /* this takes the place of one event over the limit */
	GAP_FOLDED     /* the next event has what those after the place had */
};

enum {
	CONTROL_HEAD_SIZE = 1024,
	CONTROL_GAP_SIZE = 1024,
	CONTROL_LOG_BYTES = 128, /* of a log's id; a longer one is cut */
	/* the first block: in JSON a byte of a topic can become six */
	CONTROL_OPEN_SIZE =
	    4096 + REQUEST_TOPICS_MAX * (REQUEST_TOPIC_BYTES * 6 + 4),
	CONTROL_BEAT_SIZE = 192,
	CONTROL_EXPIRE_SIZE = 64,
	CONTROL_BYE_SIZE = 128
};

/* The word for a reason, as it stands in JSON, metrics and the manual. */
const char *control_gap_word(enum gap_reason);

/*
 * The headers of a stream, with more lines (or NULL), and the empty line after
 * them; at most CONTROL_HEAD_SIZE bytes.  A probe has the same.  Returns their
 * length.
 */
size_t control_head(char *buf, const char *more);

/*
 * `event: stream-gap`: the place that was asked for, and the id after which
 * the stream goes on, which is also its `id:`.  Of asked, REQUEST_ID_BYTES at
 * most are told.  Returns its length.
 */
size_t control_gap(char buf[CONTROL_GAP_SIZE], enum gap_reason,
    const char *asked, const char *id);

/*
 * The first bytes of a stream: `retry:` and the event `stream-start`, whose
 * `id:` is the place where the stream starts.  If beat_s is not 0, it also has
 * the time between beats and that of the server, in ms since 1970.  Returns its
 * length.
 */
size_t control_start(char *buf, size_t size, unsigned retry_ms, const char *id,
    const struct request *, const char *log_id, unsigned beat_s,
    int64_t now_ms);

/*
 * `event: stream-beat`: a heartbeat that a page can see.  It has the time of
 * the server, in ms since 1970, and the id up to which all was sent.
 */
size_t control_beat(
    char buf[CONTROL_BEAT_SIZE], int64_t now_ms, const char *id);

/* `event: stream-expire`: the token is good for so many seconds more. */
size_t control_expire(char buf[CONTROL_EXPIRE_SIZE], unsigned seconds);

/*
 * A block with an id and no data: a place that no page sees.  too_large: a
 * comment says that the event which was there is.  At most CONTROL_GAP_SIZE
 * bytes.  Returns its length.
 */
size_t control_place(char *buf, struct store_text id, bool too_large);

/* A block that only says when a browser may connect again. */
size_t control_retry(char buf[CONTROL_BYE_SIZE], unsigned retry_ms);

/*
 * The last bytes of a stream, `event: stream-retry`: when the client may
 * connect again, and why it ended.  A block of `retry:` alone would be an empty
 * message to some clients, and nothing to others.
 */
size_t control_bye(
    char buf[CONTROL_BYE_SIZE], unsigned retry_ms, const char *reason);

/* A comment line, sent when nothing else was sent for a while. */
#define CONTROL_HEARTBEAT ":\n"

/*
 * Writes s as a JSON string with its quotes; 6 * len + 2 bytes suffice. Control
 * characters are escaped, and what is no UTF-8 becomes U+FFFD.
 */
size_t control_json(char *buf, const char *s, size_t len);

#endif
