/*
 * jwks.c - a JWKS file: keys as JSON (RFC 7517, RFC 7518 section 6).
 *
 * The set of an identity provider also has keys that are not for us, and may
 * have one that nobody can use.  Such keys are passed over, as the RFC asks
 * (section 5), and the others work.  A line on stderr says why: otherwise their
 * tokens would be refused and nobody would know the reason.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "fcgi/base/base64.h"
#include "fcgi/auth/keys.h"
#include "fcgi/base/log.h"

enum {
	MEMBER_MAX = 2048, /* bytes of a number or a secret */
	TOLD_MAX = 512,	   /* bytes that are said of one file */
	P256_BYTES = 32
};

static const char *
member_text(const json_t *jwk, const char *name)
{
	return json_string_value(json_object_get(jwk, name));
}

/* Decodes a member in base64url.  How many bytes, or -1: no such member. */
static ssize_t
member_bytes(const json_t *jwk, const char *name, uint8_t to[MEMBER_MAX])
{
	const json_t *v = json_object_get(jwk, name);
	size_t len = json_string_length(v);

	if (!json_is_string(v) || len == 0 || BASE64_BYTES(len) > MEMBER_MAX)
		return -1;
	return base64url_decode(to, json_string_value(v), len);
}

static EVP_PKEY *
make_key(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static EVP_PKEY *
rsa_key(const json_t *jwk)
{
	uint8_t n_bytes[MEMBER_MAX], e_bytes[MEMBER_MAX];
	ssize_t n_len = member_bytes(jwk, "n", n_bytes);
	ssize_t e_len = member_bytes(jwk, "e", e_bytes);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *pkey = NULL;
	BIGNUM *n = NULL, *e = NULL;

	if (bld != NULL && n_len > 0 && e_len > 0 &&
	    (n = BN_bin2bn(n_bytes, (int)n_len, NULL)) != NULL &&
	    (e = BN_bin2bn(e_bytes, (int)e_len, NULL)) != NULL &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
	    (params = OSSL_PARAM_BLD_to_param(bld)) != NULL)
		pkey = make_key("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	BN_free(n);
	BN_free(e);
	return pkey;
}

static EVP_PKEY *
ec_key(const json_t *jwk)
{
	uint8_t x[MEMBER_MAX], y[MEMBER_MAX], point[1 + 2 * P256_BYTES];
	char group[] = SN_X9_62_prime256v1;
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(
		OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	    OSSL_PARAM_construct_octet_string(
		OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
	    OSSL_PARAM_construct_end(),
	};

	if (member_bytes(jwk, "x", x) != P256_BYTES ||
	    member_bytes(jwk, "y", y) != P256_BYTES)
		return NULL;
	point[0] = 4; /* both coordinates follow */
	memcpy(point + 1, x, P256_BYTES);
	memcpy(point + 1 + P256_BYTES, y, P256_BYTES);
	return make_key("EC", params);
}

static bool
add_secret(struct keys *ks, const json_t *jwk, const char **why)
{
	uint8_t bytes[MEMBER_MAX];
	ssize_t len = member_bytes(jwk, "k", bytes);
	bool ok;

	*why = "`k` is not 32 bytes or more in base64url";
	ok = len >= KEYS_SECRET_MIN &&
	     keys_add_secret(
		 ks, member_text(jwk, "kid"), bytes, (size_t)len, why);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return ok;
}

static bool
add_public(struct keys *ks, const json_t *jwk, EVP_PKEY *pkey, const char **why)
{
	bool ok;

	*why = "its numbers are no public key";
	ok = pkey != NULL &&
	     keys_add_pkey(ks, member_text(jwk, "kid"), pkey, why);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return ok;
}

/* Is this member absent, or this text? */
static bool
absent_or(const json_t *jwk, const char *name, const char *value)
{
	const json_t *v = json_object_get(jwk, name);

	return v == NULL ||
	       (json_is_string(v) && strcmp(json_string_value(v), value) == 0);
}

/* Was the key made to check signatures by this algorithm?  False, and why. */
static bool
jwk_verifies(const json_t *jwk, enum key_alg alg, const char **why)
{
	const json_t *ops = json_object_get(jwk, "key_ops"), *op;
	bool verifies = ops == NULL;
	size_t i;

	json_array_foreach(ops, i,
	    op) if (json_is_string(op) && strcmp(json_string_value(op),
					      "verify") == 0) verifies = true;
	*why = "its `use` or `key_ops` is not to verify signatures";
	if (!verifies || !absent_or(jwk, "use", "sig"))
		return false;
	*why = "its `alg` is none of HS256, RS256 and ES256, or not for its "
	       "`kty`";
	return absent_or(jwk, "alg", key_alg_name(alg));
}

static bool
add_jwk(struct keys *ks, const json_t *jwk, const char **why)
{
	const char *kty = member_text(jwk, "kty");
	const json_t *kid = json_object_get(jwk, "kid");

	*why = "it has no `kty`";
	if (kty == NULL)
		return false;
	*why = "its `kid` is no text";
	if (kid != NULL && !json_is_string(kid))
		return false;
	if (strcmp(kty, "oct") == 0)
		return jwk_verifies(jwk, KEY_HS256, why) &&
		       add_secret(ks, jwk, why);
	if (strcmp(kty, "RSA") == 0)
		return jwk_verifies(jwk, KEY_RS256, why) &&
		       add_public(ks, jwk, rsa_key(jwk), why);
	*why = "its `kty` is none of oct, RSA and EC";
	if (strcmp(kty, "EC") != 0)
		return false;
	*why = "its `crv` is not P-256";
	return absent_or(jwk, "crv", "P-256") &&
	       jwk_verifies(jwk, KEY_ES256, why) &&
	       add_public(ks, jwk, ec_key(jwk), why);
}

/* Has it a member that nobody else may know? */
static bool
jwk_secret(const json_t *jwk)
{
	return json_object_get(jwk, "k") != NULL ||
	       json_object_get(jwk, "d") != NULL;
}

/* What is said of a file, in one line. */
struct told {
	char s[TOLD_MAX];
	size_t len;  /* of what is said about keys */
	size_t more; /* keys that have no room in it */
};

static void
tell_key(struct told *t, size_t number, const char *why)
{
	char one[160];
	int n = snprintf(one, sizeof(one), "%skey %zu is passed over: %s",
	    t->len > 0 ? "; " : "", number, why);

	if (t->len + (size_t)n + 100 > sizeof(t->s)) {
		t->more++;
		return;
	}
	memcpy(t->s + t->len, one, (size_t)n + 1);
	t->len += (size_t)n;
}

/* Adds the keys that can be used. */
static void
add_list(
    struct keys *ks, const char *path, const json_t *list, struct told *told)
{
	size_t i, n = json_array_size(list);
	bool secrets = false;
	const char *why;

	for (i = 0; i < n; i++) {
		const json_t *jwk = json_array_get(list, i);

		secrets = secrets || jwk_secret(jwk);
		if (!add_jwk(ks, jwk, &why))
			tell_key(told, i + 1, why);
	}
	if (told->more > 0)
		told->len += (size_t)snprintf(told->s + told->len,
		    sizeof(told->s) - told->len, "; and %zu more", told->more);
	if (secrets && keys_open_to_all(path))
		snprintf(told->s + told->len, sizeof(told->s) - told->len,
		    "%s" KEYS_OPEN, told->len > 0 ? "; " : "");
}

int
jwks_add(struct keys *ks, const char *path, const unsigned char *bytes,
    size_t len, char *why, size_t size)
{
	json_error_t error;
	json_t *set = json_loadb(
	    (const char *)bytes, len, JSON_REJECT_DUPLICATES, &error);
	size_t before = ks->n;
	struct told told = {.len = 0};

	if (set == NULL) {
		snprintf(why, size, "%s: line %d %s", path, error.line,
		    json_error_code(&error) == json_error_duplicate_key
			? "has a member that stands twice"
			: "is not JSON");
		return -1;
	}
	add_list(ks, path, json_object_get(set, "keys"), &told);
	json_decref(set);
	if (ks->n == before) {
		snprintf(why, size,
		    "%s: no key for HS256, RS256 or ES256 under `keys`%s%s",
		    path, told.len > 0 ? ": " : "", told.s);
		return -1;
	}
	if (told.s[0] != '\0')
		log_error(path, "%s", told.s);
	return 0;
}
