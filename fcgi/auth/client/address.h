/*
 * address.h - which client sent a request, by its address.
 *
 * Pure.  Behind another proxy the web server sees the address of the proxy.
 * The client's address then stands in X-Forwarded-For, but anyone can send
 * that header.  So only what trusted proxies wrote there is believed.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "fcgi/base/options.h"
#include "fcgi/request/request.h"

/* IPv6, or IPv4 mapped into it.  All zero: it could not be read. */
struct address {
	uint8_t byte[16];
};

struct network {
	struct address address;
	unsigned bits; /* of 128 */
};

/* Reads `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`; a port may follow. */
bool address_read(struct address *, const char *s, size_t len);

/* Reads an address or ADDRESS/BITS. */
bool address_network_read(struct network *, const char *s);

bool address_network_has(const struct network *, const struct address *);

/*
 * The client's address: REMOTE_ADDR.  If that is one of the n trusted proxies,
 * the last address in X-Forwarded-For, over all its lines, that is not one of
 * them.
 */
struct address address_of(
    const struct request *, const struct network *trusted, size_t n);

/*
 * The part of an address by which a client is counted: of IPv6 the first 64
 * bits, because one client has all addresses below them.
 */
struct address address_client(struct address);

/*
 * Prints an address as address_client leaves it: `192.0.2.1', or of IPv6 its
 * network, `2001:db8::/64'.  Empty, if it could not be read.
 */
enum {
	ADDRESS_TEXT = 46
};
void address_print(const struct address *, char buf[ADDRESS_TEXT]);

#endif
