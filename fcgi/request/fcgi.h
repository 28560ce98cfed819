/*
 * fcgi.h - the header of a FastCGI record, written and read (FastCGI 1.0,
 * section 3.3).
 *
 * Its numbers are those of libfcgi's fastcgi.h, which has nothing but them.
 */
#ifndef FCGI_H
#define FCGI_H

#include <stddef.h>
#include <stdint.h>

#include <fastcgi.h>

struct fcgi_record {
	unsigned type;
	uint16_t id;
	const uint8_t *content;
	size_t len;  /* of the content */
	size_t size; /* with header and padding */
};

/* Writes the header of a record with len bytes of content, at most 65535. */
static inline void
fcgi_header(uint8_t h[FCGI_HEADER_LEN], unsigned type, uint16_t id, size_t len,
    size_t padding)
{
	h[0] = FCGI_VERSION_1;
	h[1] = (uint8_t)type;
	h[2] = (uint8_t)(id >> 8);
	h[3] = (uint8_t)id;
	h[4] = (uint8_t)(len >> 8);
	h[5] = (uint8_t)len;
	h[6] = (uint8_t)padding;
	h[7] = 0;
}

/* Reads a header, whatever its version.  The content need not be there. */
static inline struct fcgi_record
fcgi_read(const uint8_t *h)
{
	size_t len = (size_t)h[4] << 8 | h[5];

	return (struct fcgi_record){.type = h[1],
	    .id = (uint16_t)(h[2] << 8 | h[3]),
	    .content = h + FCGI_HEADER_LEN,
	    .len = len,
	    .size = FCGI_HEADER_LEN + len + h[6]};
}

#endif
