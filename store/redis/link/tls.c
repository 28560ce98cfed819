/*
 * tls.c - TLS on a connection to Redis, without blocking.
 *
 * The certificate is always checked against the authorities of the system or
 * of a file, and has to name the host that was asked for.
 */
#include <arpa/inet.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "store/redis/link/tls.h"

struct redis_tls {
	SSL_CTX *ctx;
	SSL *ssl;
};

static void
tls_why(char *why, size_t size, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

	snprintf(why, size, "TLS: %s%s%s", what, reason != NULL ? ": " : "",
	    reason != NULL ? reason : "");
	ERR_clear_error();
}

/* A certificate names an address in another way than a host's name. */
static int
expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	struct in6_addr any;

	if (inet_pton(AF_INET, host, &any) == 1 ||
	    inet_pton(AF_INET6, host, &any) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(param, host);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct redis_tls *
redis_tls_open(int fd, const char *ca, const char *host, char *why, size_t size)
{
	struct redis_tls *t = calloc(1, sizeof(*t));

	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2) */
	if (t != NULL && (t->ctx = SSL_CTX_new(TLS_client_method())) != NULL) {
		SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_mode(
		    t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		if ((ca == NULL ? SSL_CTX_set_default_verify_paths(t->ctx)
				: SSL_CTX_load_verify_file(t->ctx, ca)) == 1 &&
		    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) ==
			1 &&
		    (t->ssl = SSL_new(t->ctx)) != NULL &&
		    SSL_set_fd(t->ssl, fd) == 1 && expect_host(t->ssl, host)) {
			SSL_set_connect_state(t->ssl);
			return t;
		}
	}
	tls_why(why, size, ca == NULL ? "cannot begin" : ca);
	redis_tls_close(t);
	return NULL;
}

void
redis_tls_close(struct redis_tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	free(t);
}

static enum redis_io
tls_outcome(struct redis_tls *t, int ret)
{
	switch (SSL_get_error(t->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return IO_READ;
	case SSL_ERROR_WANT_WRITE:
		return IO_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return IO_END;
	default:
		return IO_FAILED;
	}
}

enum redis_io
redis_tls_shake(struct redis_tls *t, char *why, size_t size)
{
	enum redis_io io;
	long bad;
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(t->ssl);
	if (ret == 1)
		return IO_DONE;
	io = tls_outcome(t, ret);
	if (io == IO_READ || io == IO_WRITE)
		return io;
	bad = SSL_get_verify_result(t->ssl);
	if (bad != X509_V_OK) {
		snprintf(why, size, "TLS: its certificate: %s",
		    X509_verify_cert_error_string(bad));
		ERR_clear_error();
	} else
		tls_why(why, size, "no handshake");
	return IO_FAILED;
}

enum redis_io
redis_tls_read(struct redis_tls *t, char *buf, size_t size, size_t *n)
{
	int ret;

	ERR_clear_error();
	ret = SSL_read_ex(t->ssl, buf, size, n);
	return ret == 1 ? IO_DONE : tls_outcome(t, ret);
}

enum redis_io
redis_tls_write(struct redis_tls *t, const char *buf, size_t len, size_t *n)
{
	int ret;

	ERR_clear_error();
	ret = SSL_write_ex(t->ssl, buf, len, n);
	return ret == 1 ? IO_DONE : tls_outcome(t, ret);
}
