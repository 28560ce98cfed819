/*
 * address.h - whose request this is, as far as an address can tell.
 *
 * Pure.  Behind another proxy the web server sees that proxy's address, and
 * the client's stands in X-Forwarded-For, where anyone may write.  So it is
 * believed only as far as trusted proxies wrote it.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "fcgi/base/options.h"
#include "fcgi/request/request.h"

/* IPv6, or IPv4 mapped into it.  All zero: none that could be read. */
struct address {
	uint8_t byte[16];
};

struct network {
	struct address address;
	unsigned bits; /* of 128 */
};

/* Reads `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`, a port after it. */
bool address_read(struct address *, const char *s, size_t len);

/* Reads an address or ADDRESS/BITS. */
bool network_read(struct network *, const char *s);

bool network_has(const struct network *, const struct address *);

/*
 * The client's address: REMOTE_ADDR, or if that is one of n trusted proxies
 * the newest in X-Forwarded-For that is not.
 */
struct address address_of(
    const struct request *, const struct network *trusted, size_t n);

/* One client has a whole /64 of IPv6: the part by which it is counted. */
struct address address_client(struct address);

#endif
