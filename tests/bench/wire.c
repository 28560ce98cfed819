/*
 * wire.c - bytes of one connection, plain or over TLS, without waiting.
 *
 * OpenSSL reads ahead, as much as there is at once: otherwise it would ask the
 * kernel twice for each record, and the client would be busier than the servers
 * that it measures.  Buffers of connections on which nothing happens are given
 * back.
 */
#include <errno.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "wire.h"

enum {
	WIRE_AHEAD = 64 * 1024
};

/* Instead of a search for somebody who signed it, which takes time. */
static int
no_verdict(X509_STORE_CTX *store, void *arg)
{
	(void)store, (void)arg;
	return 1;
}

SSL_CTX *
wire_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	if (ctx == NULL) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	SSL_CTX_set_cert_verify_callback(ctx, no_verdict, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, WIRE_AHEAD);
	return ctx;
}

SSL *
wire_new(SSL_CTX *ctx, int fd, bool h2)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
		abort();
	if (h2)
		SSL_set_alpn_protos(ssl, (const unsigned char *)"\2h2", 3);
	return ssl;
}

/*
 * What a call has come to.  OpenSSL has one queue of errors for all
 * connections, and looks into it first: it has to be empty before each call.
 */
static enum wire_step
step(SSL *ssl, int result)
{
	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_NONE:
		return WIRE_OPEN;
	case SSL_ERROR_WANT_READ:
		return WIRE_WANTS_READ;
	case SSL_ERROR_WANT_WRITE:
		return WIRE_WANTS_WRITE;
	default:
		return WIRE_LOST;
	}
}

enum wire_step
wire_greet(SSL *ssl)
{
	ERR_clear_error();
	return step(ssl, SSL_connect(ssl));
}

/* What recv and send would return. */
static ssize_t
plainly(SSL *ssl, int result, size_t len)
{
	switch (result == 1 ? WIRE_OPEN : step(ssl, result)) {
	case WIRE_OPEN:
		return (ssize_t)len;
	case WIRE_LOST:
		errno = ECONNRESET;
		return -1;
	default:
		errno = EAGAIN;
		return -1;
	}
}

ssize_t
wire_send(SSL *ssl, int fd, const void *buf, size_t len)
{
	size_t done = 0;
	int result;

	if (ssl == NULL)
		return send(fd, buf, len, MSG_NOSIGNAL);
	ERR_clear_error();
	result = SSL_write_ex(ssl, buf, len, &done);
	return plainly(ssl, result, done);
}

ssize_t
wire_recv(SSL *ssl, int fd, void *buf, size_t size)
{
	size_t have = 0, len = 0;
	int result;

	if (ssl == NULL)
		return recv(fd, buf, size, 0);
	while (have < size) {
		ERR_clear_error();
		result =
		    SSL_read_ex(ssl, (char *)buf + have, size - have, &len);
		if (result != 1)
			return have > 0 ? (ssize_t)have
					: plainly(ssl, result, 0);
		have += len;
	}
	return (ssize_t)have;
}
