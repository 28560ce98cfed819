/*
 * signature.c - the signature of a token, checked and made.
 *
 * OpenSSL does both, with a key that was parsed before.  A token has r and s of
 * an ES256 signature side by side; OpenSSL has them in DER.
 */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "fcgi/auth/signature.h"

enum {
	MAC_BYTES = 32,
	HALF = 32,    /* bytes of r, and of s */
	DER_MAX = 128 /* of such a pair in DER */
};

static size_t
make_mac(const struct key *k, const char *text, size_t len, uint8_t *mac)
{
	unsigned int n = 0;

	if (HMAC(EVP_sha256(), k->secret, (int)k->secret_len,
		(const unsigned char *)text, len, mac, &n) == NULL)
		return 0;
	return n;
}

static bool
mac_good(const struct key *k, const char *text, size_t len, const uint8_t *sig,
    size_t sig_len)
{
	uint8_t mac[EVP_MAX_MD_SIZE];

	return make_mac(k, text, len, mac) == MAC_BYTES &&
	       sig_len == MAC_BYTES && CRYPTO_memcmp(mac, sig, MAC_BYTES) == 0;
}

/* From r and s side by side.  How many bytes, or -1. */
static int
pair_to_der(const uint8_t sig[2 * HALF], uint8_t der[DER_MAX])
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, HALF, NULL);
	BIGNUM *s = BN_bin2bn(sig + HALF, HALF, NULL);
	int n = -1;

	if (pair != NULL && r != NULL && s != NULL &&
	    ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL; /* pair has them now */
		n = i2d_ECDSA_SIG(pair, &der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return n;
}

/* The other way round.  How many bytes, or 0. */
static size_t
der_to_pair(const uint8_t *der, size_t len, uint8_t *sig)
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool ok =
	    pair != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, HALF) == HALF &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + HALF, HALF) == HALF;

	ECDSA_SIG_free(pair);
	return ok ? 2 * HALF : 0;
}

bool
signature_good(const struct key *k, const char *text, size_t len,
    const uint8_t *sig, size_t sig_len)
{
	uint8_t der[DER_MAX];
	EVP_MD_CTX *ctx;
	int n = -1;
	bool ok;

	if (k->alg == KEY_HS256)
		return mac_good(k, text, len, sig, sig_len);
	if (k->alg == KEY_ES256) {
		if (sig_len != 2 * HALF || (n = pair_to_der(sig, der)) <= 0)
			return false;
		sig = der;
		sig_len = (size_t)n;
	}
	ctx = EVP_MD_CTX_new();
	ok =
	    ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
	    EVP_DigestVerify(
		ctx, sig, sig_len, (const unsigned char *)text, len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

size_t
signature_make(const struct key *k, const char *text, size_t len,
    uint8_t signature[SIGNATURE_MAX])
{
	uint8_t raw[SIGNATURE_MAX];
	size_t n = sizeof(raw);
	EVP_MD_CTX *ctx;
	bool ok;

	if (k->alg == KEY_HS256)
		return make_mac(k, text, len, signature);
	ctx = EVP_MD_CTX_new();
	ok =
	    ctx != NULL &&
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 &&
	    EVP_DigestSign(ctx, raw, &n, (const unsigned char *)text, len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!ok)
		return 0;
	if (k->alg == KEY_ES256)
		return der_to_pair(raw, n, signature);
	memcpy(signature, raw, n);
	return n;
}
