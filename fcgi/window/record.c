/*
 * record.c - FastCGI records going out.
 */
#include <string.h>

#include "fcgi/request/fcgi.h"
#include "fcgi/window/record.h"

void
record_header(uint8_t h[RECORD_HEADER], uint16_t id, uint16_t len)
{
	/* Padding is recommended, not required, and costs bytes. */
	fcgi_header(h, FCGI_STDOUT, id, len, 0);
}

void
record_end(uint8_t end[RECORD_END_SIZE], uint16_t id)
{
	memset(end, 0, RECORD_END_SIZE);
	fcgi_header(end, FCGI_STDOUT, id, 0, 0);
	fcgi_header(end + RECORD_HEADER, FCGI_END_REQUEST, id, 8, 0);
}

bool
record_is_abort(const char *bytes, size_t len)
{
	const uint8_t *h = (const uint8_t *)bytes;

	return len >= RECORD_HEADER && h[0] == FCGI_VERSION_1 &&
	       h[1] == FCGI_ABORT_REQUEST && len == fcgi_read(h).size;
}

size_t
record_room(const struct record *r)
{
	return r->left > 0 ? r->left : RECORD_MAX;
}

size_t
record_frame(const struct record *r, uint16_t id, size_t len,
    uint8_t head[RECORD_HEADER])
{
	uint8_t h[RECORD_HEADER];

	if (r->left == 0) {
		record_header(head, id, (uint16_t)len);
		return RECORD_HEADER;
	}
	record_header(h, id, r->whole);
	memcpy(head, h + RECORD_HEADER - r->header_left, r->header_left);
	return r->header_left;
}

size_t
record_sent(struct record *r, size_t head_len, size_t content_len, size_t sent)
{
	if (sent == 0)
		return 0;
	if (r->left == 0)
		r->left = r->whole = (uint16_t)content_len;
	if (sent < head_len) {
		r->header_left = (uint8_t)(head_len - sent);
		return 0;
	}
	r->header_left = 0;
	r->left -= (uint16_t)(sent - head_len);
	return sent - head_len;
}
