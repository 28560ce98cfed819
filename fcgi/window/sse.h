/*
 * sse.h - an event as text/event-stream (WHATWG HTML, section 9.2).
 *
 * Pure: no socket, no clock, no store.  Whatever bytes a row holds, what is
 * written here is valid UTF-8 and exactly one event: one `id:`, at most one
 * `event:`, one `data:` a line, one blank line.
 *
 *   data     CR LF, CR and LF each end a line, as the parser has it; NUL and
 *            other control characters stay; NULL is the empty text
 *   event    CR, LF and NUL become U+FFFD; NULL or empty: no field.  Types
 *            that begin with `stream-` are ours: in a row the `-` becomes
 *            U+FFFD, so that no publisher can forge a gap.  What we say
 *            ourselves is therefore not written by sse_event
 *   uid      stands for the id if sse_uid_ok, otherwise the number does
 *   any      bytes that are not UTF-8 become U+FFFD, one for each maximal
 *            subpart, as a browser's decoder would have it
 */
#ifndef SSE_H
#define SSE_H

#include "store/store.h"

/* Room enough for sse_event to write this event; most need a bit less. */
size_t sse_event_size(const struct store_event *);

/*
 * Writes the event to buf, which holds sse_event_size bytes, with `id` as
 * its printed number.  Returns the bytes written; no NUL is added.
 */
size_t sse_event(char *buf, const struct store_event *, const char *id);

/*
 * May this uid be an id on the wire?  It comes back in a header, through web
 * servers that refuse controls and bytes above 0x7e and trim blanks: 1 to 128
 * bytes, 0x21 to 0x7e, not all digits, not `earliest`, and not `?`, which is
 * what request.h makes of an id that cannot be ours.
 */
bool sse_uid_ok(struct store_text uid);

/*
 * Copies text to buf as UTF-8, every bad byte sequence, and with line true
 * also CR, LF and NUL, replaced by U+FFFD.  buf holds 3 * len bytes.
 */
size_t sse_utf8(char *buf, const char *s, size_t len, bool line);

#endif
