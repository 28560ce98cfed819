/*
 * tls.h - TLS on a connection to Redis, without blocking.
 *
 * Private to store/redis/link.
 */
#ifndef REDIS_TLS_H
#define REDIS_TLS_H

#include <stddef.h>

enum redis_io {
	IO_DONE,
	IO_READ,  /* again when it is readable */
	IO_WRITE, /* again when it is writable */
	IO_END,	  /* the other side closed */
	IO_FAILED
};

/* NULL and why.  host is whom the certificate has to name. */
struct redis_tls *redis_tls_open(
    int fd, const char *ca, const char *host, char *why, size_t size);
void redis_tls_close(struct redis_tls *);
enum redis_io redis_tls_shake(struct redis_tls *, char *why, size_t size);
enum redis_io redis_tls_read(
    struct redis_tls *, char *buf, size_t size, size_t *n);
enum redis_io redis_tls_write(
    struct redis_tls *, const char *buf, size_t len, size_t *n);

#endif
