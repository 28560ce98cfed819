/*
 * keys.c - keys that were read.
 *
 * libjwt parses a PEM text anew for each token and checks nothing about it.
 * So the kind and the strength of a key are checked here, once, and libjwt
 * gets only PEM that OpenSSL wrote for us.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "fcgi/auth/keys.h"

const char *
key_alg_name(enum key_alg alg)
{
	return alg == KEY_HS256	  ? "HS256"
	       : alg == KEY_RS256 ? "RS256"
				  : "ES256";
}

void
keys_wipe(unsigned char *bytes, size_t len)
{
	if (bytes != NULL)
		OPENSSL_cleanse(bytes, len);
	free(bytes);
}

void
keys_free(struct keys *ks)
{
	while (ks->n > 0) {
		struct key *k = &ks->v[--ks->n];

		keys_wipe(k->bytes, k->len);
		free(k->kid);
	}
}

bool
keys_add(struct keys *ks, enum key_alg alg, const char *kid, const void *bytes,
    size_t len, const char **why)
{
	struct key k = {.alg = alg, .len = len};

	*why = "too many keys";
	if (ks->n == KEYS_MAX)
		return false;
	*why = "out of memory";
	k.bytes = malloc(len);
	k.kid = kid != NULL ? strdup(kid) : NULL;
	if (k.bytes == NULL || (kid != NULL && k.kid == NULL)) {
		free(k.bytes);
		free(k.kid);
		return false;
	}
	memcpy(k.bytes, bytes, len);
	ks->v[ks->n++] = k;
	return true;
}

static bool
is_p256(EVP_PKEY *pkey)
{
	char group[64];

	return EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME,
		   group, sizeof(group), NULL) == 1 &&
	       strcmp(group, SN_X9_62_prime256v1) == 0;
}

bool
keys_add_public(
    struct keys *ks, const char *kid, EVP_PKEY *pkey, const char **why)
{
	enum key_alg alg = KEY_RS256;
	BIO *out;
	char *pem;
	long len;
	bool ok = false;

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA) {
		*why = "an RSA key needs 2048 bits or more";
		if (EVP_PKEY_get_bits(pkey) < KEYS_RSA_MIN)
			return false;
	} else {
		alg = KEY_ES256;
		*why = "neither RSA nor EC on P-256";
		if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC || !is_p256(pkey))
			return false;
	}
	*why = "out of memory";
	if ((out = BIO_new(BIO_s_mem())) == NULL)
		return false;
	if (PEM_write_bio_PUBKEY(out, pkey) == 1 &&
	    (len = BIO_get_mem_data(out, &pem)) > 0)
		ok = keys_add(ks, alg, kid, pem, (size_t)len, why);
	BIO_free(out);
	return ok;
}
