/*
 * keys.c - keys that were read.
 *
 * The kind and the strength of a key are checked here, once.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/objects.h>

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

static void
free_key(struct key *k)
{
	keys_wipe(k->secret, k->secret_len);
	EVP_PKEY_free(k->pkey);
	free(k->kid);
}

void
keys_free(struct keys *ks)
{
	while (ks->n > 0)
		free_key(&ks->v[--ks->n]);
}

/* Takes over what k has, also when it fails. */
static bool
add_key(struct keys *ks, struct key *k, const char *kid, const char **why)
{
	*why = ks->n == KEYS_MAX ? "too many keys" : "out of memory";
	if (kid != NULL)
		k->kid = strdup(kid);
	if (ks->n == KEYS_MAX || (kid != NULL && k->kid == NULL) ||
	    (k->secret == NULL && k->pkey == NULL)) {
		free_key(k);
		return false;
	}
	ks->v[ks->n++] = *k;
	return true;
}

bool
keys_add_secret(struct keys *ks, const char *kid, const void *bytes, size_t len,
    const char **why)
{
	struct key k = {.alg = KEY_HS256, .secret_len = len};

	if ((k.secret = malloc(len)) != NULL)
		memcpy(k.secret, bytes, len);
	return add_key(ks, &k, kid, why);
}

/* --- is it a key that we take? ------------------------------------------- */

/* How many bits, and is the number odd?  0 without such a number. */
static int
odd_bits(const EVP_PKEY *pkey, const char *name)
{
	BIGNUM *n = NULL;
	int bits = 0;

	if (EVP_PKEY_get_bn_param(pkey, name, &n) == 1 && BN_is_odd(n))
		bits = BN_num_bits(n);
	BN_free(n);
	return bits;
}

/* NULL, or what is wrong. */
static const char *
wrong_rsa(const EVP_PKEY *pkey)
{
	int n = odd_bits(pkey, OSSL_PKEY_PARAM_RSA_N);
	int e = odd_bits(pkey, OSSL_PKEY_PARAM_RSA_E);

	if (EVP_PKEY_get_bits(pkey) < KEYS_RSA_MIN)
		return "an RSA key needs 2048 bits or more";
	if (EVP_PKEY_get_bits(pkey) > KEYS_RSA_MAX)
		return "an RSA key may have 8192 bits at most";
	if (n == 0 || e < 2) /* with an exponent of 1 all can sign */
		return "its numbers are no public key";
	if (e > KEYS_EXPONENT_MAX)
		return "its exponent may have 64 bits at most";
	return NULL;
}

static const char *
wrong_ec(EVP_PKEY *pkey)
{
	char group[64];
	EVP_PKEY_CTX *ctx;
	bool ok;

	if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME,
		group, sizeof(group), NULL) != 1 ||
	    strcmp(group, SN_X9_62_prime256v1) != 0)
		return "neither RSA nor EC on P-256";
	/* Not the point at infinity: with that one all can sign. */
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	ok = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok ? NULL : "its numbers are no public key";
}

bool
keys_add_pkey(
    struct keys *ks, const char *kid, EVP_PKEY *pkey, const char **why)
{
	struct key k = {.alg = KEY_RS256};

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA)
		*why = wrong_rsa(pkey);
	else if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC) {
		k.alg = KEY_ES256;
		*why = wrong_ec(pkey);
	} else
		*why = "neither RSA nor EC on P-256";
	if (*why != NULL)
		return false;
	if (EVP_PKEY_up_ref(pkey) == 1)
		k.pkey = pkey;
	return add_key(ks, &k, kid, why);
}
