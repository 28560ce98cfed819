/*
 * forge.h - tokens made by hand, good ones and bad ones.
 *
 * Nothing of the program is used.  base64, JSON and signatures are made as RFC
 * 7515 says, with OpenSSL alone.  The caller frees what a function returns.
 */
#ifndef FORGE_H
#define FORGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define FORGE_SECRET "a secret of forty bytes and a few more.."
#define FORGE_OTHER  "another secret of at least thirty-two bytes"

#define FORGE_HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define FORGE_RS256 "{\"alg\":\"RS256\",\"typ\":\"JWT\"}"
#define FORGE_ES256 "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"

/* base64url without padding. */
static inline char *
forge_part(const void *bytes, size_t len)
{
	char *s = malloc(4 * (len + 2) / 3 + 4), *p, *end;

	if (s == NULL)
		abort();
	end = s + EVP_EncodeBlock((unsigned char *)s, bytes, (int)len);
	while (end > s && end[-1] == '=')
		end--;
	*end = '\0';
	for (p = s; p < end; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	return s;
}

/* first.second */
static inline char *
forge_join(char *first, char *second)
{
	char *s;

	if (asprintf(&s, "%s.%s", first, second) < 0)
		abort();
	free(first);
	free(second);
	return s;
}

/* The part that is signed: header and claims, which may be any text. */
static inline char *
forge_body(const char *header, const char *claims)
{
	return forge_join(forge_part(header, strlen(header)),
	    forge_part(claims, strlen(claims)));
}

static inline char *
forge_hmac(const EVP_MD *md, const char *header, const char *claims,
    const void *secret, size_t len)
{
	char *body = forge_body(header, claims);
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int n;

	HMAC(
	    md, secret, (int)len, (unsigned char *)body, strlen(body), mac, &n);
	return forge_join(body, forge_part(mac, n));
}

/* A token that is signed with the secret above. */
static inline char *
forge(const char *header, const char *claims)
{
	return forge_hmac(EVP_sha256(), header, claims, FORGE_SECRET,
	    sizeof(FORGE_SECRET) - 1);
}

/* Takes r and s, each as long as the curve, from a signature in DER. */
static inline size_t
forge_raw(unsigned char *sig, size_t len, unsigned char *raw, int half)
{
	const unsigned char *p = sig;
	ECDSA_SIG *es = d2i_ECDSA_SIG(NULL, &p, (long)len);

	BN_bn2binpad(ECDSA_SIG_get0_r(es), raw, half);
	BN_bn2binpad(ECDSA_SIG_get0_s(es), raw + half, half);
	ECDSA_SIG_free(es);
	return 2 * (size_t)half;
}

static inline char *
forge_by(EVP_PKEY *key, const char *header, const char *claims)
{
	char *body = forge_body(header, claims);
	unsigned char sig[1024], raw[256], *out = sig;
	size_t len = sizeof(sig);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(
		ctx, sig, &len, (unsigned char *)body, strlen(body)) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC) {
		len =
		    forge_raw(sig, len, raw, (EVP_PKEY_get_bits(key) + 7) / 8);
		out = raw;
	}
	return forge_join(body, forge_part(out, len));
}

/* --- keys --------------------------------------------------------------- */

static inline EVP_PKEY *
forge_rsa(unsigned bits)
{
	return EVP_RSA_gen(bits);
}

static inline EVP_PKEY *
forge_ec(const char *curve)
{
	return EVP_EC_gen(curve);
}

/* The public half of a key in PEM, with a NUL. */
static inline char *
forge_public(EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *pem, *s;
	long len;

	PEM_write_bio_PUBKEY(out, key);
	len = BIO_get_mem_data(out, &pem);
	s = strndup(pem, (size_t)len);
	BIO_free(out);
	return s;
}

static inline char *
forge_private(EVP_PKEY *key)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *pem, *s;
	long len;

	PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
	len = BIO_get_mem_data(out, &pem);
	s = strndup(pem, (size_t)len);
	BIO_free(out);
	return s;
}

/* A number of a key in base64url, as wide as it is or as width says. */
static inline char *
forge_number(EVP_PKEY *key, const char *name, int width)
{
	unsigned char bytes[1024];
	BIGNUM *n = NULL;
	int len;

	if (EVP_PKEY_get_bn_param(key, name, &n) != 1)
		abort();
	len = width > 0 ? BN_bn2binpad(n, bytes, width) : BN_bn2bin(n, bytes);
	BN_free(n);
	return forge_part(bytes, (size_t)len);
}

/* A key as a member of a JWKS; more is JSON such as `,"use":"sig"`. */
static inline char *
forge_jwk(EVP_PKEY *key, const char *kid, const char *more)
{
	bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
	char *a = forge_number(key, rsa ? "n" : "qx", rsa ? 0 : 32);
	char *b = forge_number(key, rsa ? "e" : "qy", rsa ? 0 : 32), *s;
	int n = rsa ? asprintf(&s,
			  "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\","
			  "\"e\":\"%s\"%s}",
			  kid, a, b, more)
		    : asprintf(&s,
			  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\","
			  "\"x\":\"%s\",\"y\":\"%s\"%s}",
			  kid, a, b, more);

	if (n < 0)
		abort();
	free(a);
	free(b);
	return s;
}

/* Writes a file that only its owner can read. */
static inline void
forge_write(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(text, 1, len, f) != len || fclose(f) != 0 ||
	    chmod(path, 0600) != 0)
		abort();
}

#endif
