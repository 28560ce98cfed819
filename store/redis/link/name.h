/*
 * name.h - the addresses of a host.
 *
 * Private to store/redis/link.  A name is looked up in /etc/hosts and by DNS,
 * and nobody waits for it: the question has a descriptor of its own, which is
 * readable when the question wants a turn.
 */
#ifndef REDIS_NAME_H
#define REDIS_NAME_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REDIS_ADDRESSES = 16 /* of one host; more are not tried */
};

struct redis_addresses {
	struct redis_address {
		struct sockaddr_storage sa;
		socklen_t len;
	} list[REDIS_ADDRESSES];
	size_t n, at; /* at: which is to be tried */
};

/* Is the host given as an address?  Then no name has to be looked up. */
bool redis_name_number(
    const char *host, const char *port, struct redis_addresses *);

struct redis_name; /* a question */

/* Asks.  NULL and why. */
struct redis_name *redis_name_ask(
    const char *host, const char *port, char *why, size_t size);
void redis_name_close(struct redis_name *); /* takes NULL */

int redis_name_fd(const struct redis_name *);
/* In how many ms it wants a turn though nothing came, at most so many. */
int64_t redis_name_wait_ms(const struct redis_name *, int64_t most);

enum redis_named {
	NAME_ASKED, /* no answer yet */
	NAME_FOUND,
	NAME_UNKNOWN /* why says what was answered, or that nothing was */
};
enum redis_named redis_name_turn(
    struct redis_name *, struct redis_addresses *, char *why, size_t size);

#endif
