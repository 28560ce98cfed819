/*
 * way.h - the servers between the client and the responder.  Pure.
 */
#ifndef DOCTOR_WAY_H
#define DOCTOR_WAY_H

#include "fcgi/doctor/visit.h"

enum server_kind {
	SERVER_UNKNOWN,
	SERVER_NGINX,
	SERVER_LIGHTTPD,
	SERVER_APACHE,
	SERVER_HAPROXY,
	SERVER_VARNISH,
	SERVER_SQUID,
	SERVER_CADDY,
	SERVER_H2O,
	SERVER_CDN /* another that is known to stand before sites */
};

/* The inner server speaks with the responder; the outer one is before it. */
struct way {
	enum server_kind inner, outer;
	bool proxied; /* there is an outer one, whatever it is */
};

struct way way_of(const struct visit *);
const char *way_server(enum server_kind);

#endif
