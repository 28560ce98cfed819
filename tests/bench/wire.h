/*
 * wire.h - bytes of one connection, plain or over TLS, without waiting.
 *
 * Certificates are not looked at: they are the measurement's own.  Each
 * connection makes a full handshake.
 */
#ifndef WIRE_H
#define WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum wire_step {
	WIRE_OPEN,
	WIRE_WANTS_READ,
	WIRE_WANTS_WRITE,
	WIRE_LOST
};

/* Of all connections of a client.  Ignores SIGPIPE; exits if it cannot. */
SSL_CTX *wire_context(void);

/* For a connected socket.  h2: HTTP/2 and nothing else. */
SSL *wire_new(SSL_CTX *, int fd, bool h2);

/* A part of the handshake: again when the socket is ready as it says. */
enum wire_step wire_greet(SSL *);

/*
 * Like send and recv; ssl is NULL when the connection is plain.  wire_recv
 * takes all that is there, up to size: when it took less, poll knows of more.
 */
ssize_t wire_send(SSL *, int fd, const void *, size_t len);
ssize_t wire_recv(SSL *, int fd, void *, size_t size);

#endif
