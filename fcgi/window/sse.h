/*
 * sse.h - an event as text/event-stream (WHATWG HTML, section 9.2).
 *
 * Pure: no socket, no clock, no store.  Whatever bytes a row has, the result is
 * valid UTF-8 and exactly one event: one `id:`, at most one `event:`, a `data:`
 * for each line, one blank line.
 *
 *   data     CR LF, CR and LF each end a line, as in a browser's parser; NUL
 *            and other control characters stay; NULL is the empty text
 *   event    CR, LF and NUL become U+FFFD; NULL or empty: no field.  Types
 *            that begin with `stream-` are ours: in a row the `-` becomes
 *            U+FFFD, so that no publisher can forge a gap; but `stream-end` is
 *            theirs, too.  (Our own events are written by control.c)
 *   uid      is the id on the wire if sse_uid_ok; otherwise the row's id is
 *   any      bytes that are not UTF-8 become U+FFFD, one for each maximal
 *            subpart, as in a browser's decoder
 */
#ifndef SSE_H
#define SSE_H

#include "store/store.h"

/* The bytes that sse_event may need for this event; it may write fewer. */
size_t sse_event_size(const struct store_event *);

/*
 * Writes the event to buf, which holds sse_event_size bytes, with `id` as
 * its printed id.  Returns the bytes written; no NUL is added.
 */
size_t sse_event(char *buf, const struct store_event *, const char *id);

/* Is it a type that only we may send?  `stream-end' is not. */
bool sse_type_is_ours(const char *s, size_t len);

/* The id that such an event has: its uid, or else `id'. */
struct store_text sse_id(const struct store_event *, const char *id);

/*
 * Writes a block without an id: data, and its type unless that is empty.  buf
 * holds SSE_LAST_SIZE(bytes of both) bytes.
 */
size_t sse_last(char *buf, struct store_text event, struct store_text data);
#define SSE_LAST_SIZE(n) (32 + 7 * (n))

/*
 * Can this uid be an id on the wire?  It comes back in a header, through web
 * servers that refuse controls and bytes above 0x7e and trim blanks.  So it
 * has 1 to 128 bytes from 0x21 to 0x7e, is not all digits, not `earliest`, and
 * not `?` (REQUEST_ID_UNKNOWN).
 */
bool sse_uid_ok(struct store_text uid);

/*
 * Copies text to buf as UTF-8.  Every bad byte sequence is replaced by U+FFFD;
 * with line true, so are CR, LF and NUL.  buf holds 3 * len bytes.
 */
size_t sse_utf8(char *buf, const char *s, size_t len, bool line);

#endif
