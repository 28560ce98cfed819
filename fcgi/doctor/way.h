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
	SERVER_HAPROXY
};

/* The inner server speaks with the responder; the outer one is before it. */
struct way {
	enum server_kind inner, outer;
	bool proxied; /* there is an outer one, whatever it is */
};

struct way way_of(const struct visit *);
const char *way_server(enum server_kind);

#endif
