/*
 * test_keys.c - which texts are taken as keys, and what is said about the
 * others.
 */
#include <unistd.h>

#include <openssl/param_build.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "fcgi/base/base64.h"
#include "fcgi/auth/keys.h"
#include "fcgi/auth/kind/kind.h"
#include "tests/unit/cm.h"
#include "tests/unit/dir.h"
#include "tests/unit/hostile.h"

#define K32 "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg"
#define K31 "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA"

struct drawer {
	char dir[DIR_SIZE], path[160], why[512];
	struct keys keys;
};

static int
setup(void **state)
{
	struct drawer *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return -1;
	if (dir_make(d->dir) == -1)
		return -1;
	snprintf(d->path, sizeof(d->path), "%s/key", d->dir);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	struct drawer *d = *state;
	int r = dir_remove(d->dir);

	keys_free(&d->keys);
	free(d);
	return r;
}

/* Reads the file as a key file or a JWKS. */
static int
read_file(struct drawer *d, bool jwks)
{
	char *v[] = {d->path};
	struct option_list one = {v, 1}, none = {NULL, 0};

	keys_free(&d->keys);
	d->why[0] = '\0';
	return keys_read(&d->keys, jwks ? &none : &one, jwks ? &one : &none,
	    d->why, sizeof(d->why));
}

static void
want_key(
    struct drawer *d, const char *bytes, size_t len, enum key_alg alg, size_t n)
{
	forge_write(d->path, bytes, len);
	if (read_file(d, false) != 0)
		fail_msg("%s", d->why);
	assert_int_equal(d->keys.n, n);
	assert_int_equal(d->keys.v[0].alg, alg);
	assert_null(d->keys.v[0].kid);
}

static void
want_wrong(struct drawer *d, const char *bytes, size_t len, const char *why)
{
	size_t i;

	forge_write(d->path, bytes, len);
	if (read_file(d, false) != -1) {
		for (i = 0; i < len; i++)
			fprintf(stderr, "%02x", (unsigned char)bytes[i]);
		fail_msg(" is taken, and should be: %s", why);
	}
	assert_int_equal(d->keys.n, 0);
	if (strncmp(d->why, d->path, strlen(d->path)) != 0 ||
	    strstr(d->why, why) == NULL)
		fail_msg("%s: is not: %s", d->why, why);
}

static void
test_secret_is_the_file_without_its_newline(void **state)
{
	struct drawer *d = *state;
	char bytes[40];

	memset(bytes, 'x', sizeof(bytes));
	want_key(d, bytes, 32, KEY_HS256, 1);
	assert_int_equal(d->keys.v[0].secret_len, 32);
	bytes[32] = '\n';
	want_key(d, bytes, 33, KEY_HS256, 1);
	assert_int_equal(d->keys.v[0].secret_len, 32);
	bytes[33] = '\n';
	want_key(d, bytes, 34, KEY_HS256, 1);
	assert_int_equal(d->keys.v[0].secret_len, 33);
	memcpy(bytes + 32, "\r\n", 2);
	want_key(d, bytes, 34, KEY_HS256, 1);
	assert_int_equal(d->keys.v[0].secret_len, 32);
	bytes[7] = '\0'; /* any bytes are good */
	want_key(d, bytes, 32, KEY_HS256, 1);
	assert_memory_equal(d->keys.v[0].secret, bytes, 32);
}

static void
test_short_secrets_are_refused(void **state)
{
	struct drawer *d = *state;
	char bytes[40];

	memset(bytes, '\n', sizeof(bytes));
	memset(bytes, 'x', 31);
	want_wrong(d, bytes, 0, "32 bytes or more, this has 0");
	want_wrong(d, bytes, 31, "32 bytes or more, this has 31");
	want_wrong(d, bytes, 32, "32 bytes or more, this has 31");
	want_wrong(d, "{\"keys\":[]} and a long way to go until the end", 46,
	    "--jwks-file");
}

static void
want_pem(struct drawer *d, EVP_PKEY *key, enum key_alg alg, const char *why)
{
	char *pem = forge_public(key);

	if (why == NULL)
		want_key(d, pem, strlen(pem), alg, 1);
	else
		want_wrong(d, pem, strlen(pem), why);
	free(pem);
	EVP_PKEY_free(key);
}

static void
test_public_keys_of_some_kinds(void **state)
{
	struct drawer *d = *state;

	want_pem(d, forge_rsa(2048), KEY_RS256, NULL);
	want_pem(d, forge_rsa(1024), KEY_RS256, "2048 bits");
	want_pem(d, forge_ec("P-256"), KEY_ES256, NULL);
	want_pem(d, forge_ec("P-384"), KEY_ES256, "P-256");
	want_pem(d, forge_ec("secp256k1"), KEY_ES256, "P-256");
	want_pem(d, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), KEY_ES256,
	    "neither RSA nor EC");
}

/* The form of PKCS #1, as `openssl rsa -RSAPublicKey_out` writes it. */
static void
test_pem_of_rsa_alone(void **state)
{
	struct drawer *d = *state;
	BIO *out = BIO_new(BIO_s_mem());
	unsigned char *der = NULL;
	int len = i2d_PublicKey(hostile_keys()->rsa, &der);
	char *pem;
	long n;

	PEM_write_bio(out, PEM_STRING_RSA_PUBLIC, "", der, len);
	n = BIO_get_mem_data(out, &pem);
	want_key(d, pem, (size_t)n, KEY_RS256, 1);
	assert_int_equal(
	    EVP_PKEY_eq(d->keys.v[0].pkey, hostile_keys()->rsa), 1);
	OPENSSL_free(der);
	BIO_free(out);
}

static void
test_pem_with_several_keys(void **state)
{
	struct drawer *d = *state;
	char *rsa = forge_public(hostile_keys()->rsa);
	char *ec = forge_public(hostile_keys()->ec);
	char *both = hostile_text(rsa, "# and another\n", ec);

	want_key(d, both, strlen(both), KEY_RS256, 2);
	assert_int_equal(d->keys.v[1].alg, KEY_ES256);
	free(rsa);
	free(ec);
	free(both);
}

/*
 * A private key would work, but then a secret lies on a machine that does not
 * need it.
 */
static void
test_private_keys_are_refused(void **state)
{
	struct drawer *d = *state;
	char *rsa = forge_private(hostile_keys()->rsa);
	char *ec = forge_private(hostile_keys()->ec);
	char *public = forge_public(hostile_keys()->ec);
	char *both = hostile_text(public, ec, "");

	want_wrong(d, rsa, strlen(rsa), "public half");
	want_wrong(d, ec, strlen(ec), "public half");
	want_wrong(d, both, strlen(both), "public half");
	want_wrong(d, public, strlen(public) / 2, "OpenSSL");
	free(rsa);
	free(ec);
	free(public);
	free(both);
}

static void
test_files_that_cannot_be_read(void **state)
{
	struct drawer *d = *state;
	char *big = malloc(KEYS_FILE_MAX + 1);

	assert_int_equal(read_file(d, false), -1);
	assert_non_null(strstr(d->why, "No such file"));
	assert_int_equal(read_file(d, true), -1);
	memset(big, 'x', KEYS_FILE_MAX + 1);
	want_wrong(d, big, KEYS_FILE_MAX + 1, "too large");
	free(big);
	strcpy(d->path, d->dir);
	assert_int_equal(read_file(d, false), -1);
	assert_non_null(strstr(d->why, "directory"));
}

/* An RSA key by its numbers, which are freed. */
static EVP_PKEY *
rsa_from(BIGNUM *n, BIGNUM *e)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	OSSL_PARAM_BLD_push_BN(bld, "n", n);
	OSSL_PARAM_BLD_push_BN(bld, "e", e);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return key;
}

/* The modulus of our key, or that plus one. */
static EVP_PKEY *
rsa_of(int plus, BN_ULONG exponent, int shift)
{
	BIGNUM *n = NULL, *e = BN_new();

	EVP_PKEY_get_bn_param(hostile_keys()->rsa, "n", &n);
	BN_add_word(n, (BN_ULONG)plus);
	BN_set_word(e, 1);
	BN_lshift(e, e, shift);
	BN_sub_word(e, 1);
	BN_add_word(e, exponent);
	return rsa_from(n, e);
}

/* A modulus of so many bits.  It is odd, and nobody knows its factors. */
static EVP_PKEY *
rsa_wide(int bits)
{
	BIGNUM *n = BN_new(), *e = BN_new();

	BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
	BN_set_word(e, 65537);
	return rsa_from(n, e);
}

/* With an exponent of 1 all can sign; a long one makes each check slow. */
static void
test_rsa_numbers_that_are_no_good(void **state)
{
	struct drawer *d = *state;

	want_pem(d, rsa_of(0, 65537, 0), KEY_RS256, NULL);
	want_pem(d, rsa_of(0, 3, 0), KEY_RS256, NULL);
	want_pem(d, rsa_of(0, 1, 0), KEY_RS256, "no public key");
	want_pem(d, rsa_of(0, 4, 0), KEY_RS256, "no public key");
	want_pem(d, rsa_of(1, 65537, 0), KEY_RS256, "no public key");
	want_pem(d, rsa_of(0, 2, 1000), KEY_RS256, "64 bits at most");
	want_pem(d, rsa_wide(8192), KEY_RS256, NULL);
	want_pem(d, rsa_wide(8193), KEY_RS256, "8192 bits at most");
}

/* --- key material in another form ---------------------------------------- */

struct form {
	unsigned char bytes[8192];
	size_t len;
};

static void
form_take(struct form *f, BIO *out)
{
	f->len = (size_t)BIO_read(out, f->bytes, sizeof(f->bytes));
	BIO_free(out);
}

static void
form_text(struct form *f, const char *a, const char *b, const char *c)
{
	char *all;

	/* b may be what is in f already. */
	assert_true(asprintf(&all, "%s%s%s", a, b, c) >= 0);
	f->len = strlen(all);
	assert_true(f->len < sizeof(f->bytes));
	memcpy(f->bytes, all, f->len + 1);
	free(all);
}

/* base64 as openssl base64 -A prints it; a NUL stands behind it. */
static void
form_base64(struct form *f)
{
	unsigned char *s = malloc(f->len * 2 + 8);

	f->len = (size_t)EVP_EncodeBlock(s, f->bytes, (int)f->len);
	memcpy(f->bytes, s, f->len + 1);
	free(s);
}

static void
form_hex(struct form *f)
{
	unsigned char was[4096];
	size_t i;

	assert_true(f->len < sizeof(was));
	memcpy(was, f->bytes, f->len);
	for (i = 0; i < f->len; i++)
		sprintf((char *)f->bytes + 2 * i, "%02x", was[i]);
	f->len *= 2;
}

static void
want_form(struct drawer *d, const struct form *f, const char *why)
{
	want_wrong(d, (const char *)f->bytes, f->len, why);
}

/*
 * These bytes, also in base64, in base64 of that, in hexadecimal digits, and
 * with newlines behind them, are told to be key material.
 */
static void
want_form_in_all_ways(struct drawer *d, const struct form *f, const char *why)
{
	struct form x = *f;
	char *part;

	want_form(d, &x, why);
	x.bytes[x.len++] = '\n';
	want_form(d, &x, why);
	x = *f;
	form_hex(&x);
	want_form(d, &x, "");
	x = *f;
	part = forge_part(x.bytes, x.len);
	form_text(&x, "\r\n", part, "\r\n");
	want_form(d, &x, "");
	free(part);
	x = *f;
	form_base64(&x);
	want_form(d, &x, "");
	form_text(&x, "\xef\xbb\xbf\"", (char *)x.bytes, "\",\n");
	want_form(d, &x, "");
	x = *f;
	form_base64(&x);
	form_base64(&x);
	want_form(d, &x, "");
}

static void
want_der_of(struct drawer *d, EVP_PKEY *key)
{
	struct form f;
	BIO *out = BIO_new(BIO_s_mem());

	i2d_PUBKEY_bio(out, key);
	form_take(&f, out);
	want_form_in_all_ways(d, &f, "a public key in DER");
	out = BIO_new(BIO_s_mem());
	i2d_PKCS8PrivateKey_bio(out, key, NULL, NULL, 0, NULL, NULL);
	form_take(&f, out);
	want_form_in_all_ways(d, &f, "a private key in DER");
	out = BIO_new(BIO_s_mem());
	i2d_PKCS8PrivateKey_bio(
	    out, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
	form_take(&f, out);
	want_form_in_all_ways(d, &f, "in DER");
}

static void
test_der_is_no_secret(void **state)
{
	struct drawer *d = *state;
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *p384 = forge_ec("P-384");
	struct form f;
	BIO *out = BIO_new(BIO_s_mem());
	unsigned char *p = f.bytes;

	want_der_of(d, hostile_keys()->rsa);
	want_der_of(d, hostile_keys()->ec);
	want_der_of(d, ed);
	want_der_of(d, p384);
	/* PKCS #1 and SEC 1. */
	f.len = (size_t)i2d_PublicKey(hostile_keys()->rsa, &p);
	want_form_in_all_ways(d, &f, "in DER");
	i2d_PrivateKey_bio(out, hostile_keys()->ec);
	form_take(&f, out);
	want_form_in_all_ways(d, &f, "a private key in DER");
	/* A point alone, as for Web Push. */
	p = f.bytes;
	f.len = (size_t)i2d_PublicKey(hostile_keys()->ec, &p);
	assert_int_equal(f.len, 65);
	want_form_in_all_ways(d, &f, "a point of P-256");
	EVP_PKEY_free(ed);
	EVP_PKEY_free(p384);
}

/* Writes each byte as two digits between a and b. */
static void
form_bytes(
    struct form *f, const struct form *from, const char *a, const char *b)
{
	size_t i;

	for (i = f->len = 0; i < from->len; i++)
		f->len += (size_t)sprintf((char *)f->bytes + f->len, "%s%02x%s",
		    a, from->bytes[i], b);
}

/* base64 in lines of 64, between which stands what a file should not have. */
static void
form_lines(struct form *f, const struct form *from, const char *between)
{
	struct form all = *from;
	size_t i;

	form_base64(&all);
	f->len = (size_t)sprintf((char *)f->bytes, "BEGIN%%20KEY%s", between);
	for (i = 0; i < all.len; i += 64)
		f->len += (size_t)sprintf((char *)f->bytes + f->len, "%.64s%s",
		    (char *)all.bytes + i, between);
}

static void
want_with_things_around(struct drawer *d, const struct form *key, bool pem)
{
	static const char *const around[][2] = {{"KEY=", "\n"},
	    {"# mine\nexport PUBLIC_KEY=\"", "\"\n"}, {"key: '", "'"},
	    {"data:application/octet-stream;base64,", ""}};
	static const char *const bytes[][2] = {
	    {"0x", ", "}, {"0X", ","}, {"\\x", ""}, {"", "-"}, {"", ":"}};
	static const char *const lines[] = {"\\n", "%0A", "\n> ", "<br>"};
	struct form f = *key, base64 = *key;
	size_t i;

	form_base64(&base64);
	for (i = 0; i < 4; i++) {
		form_text(&f, around[i][0], (char *)base64.bytes, around[i][1]);
		want_form(d, &f, "");
		form_lines(&f, key, lines[i]);
		if (pem)
			want_form(d, &f, "");
	}
	for (i = 0; i < 5; i++) {
		form_bytes(&f, key, bytes[i][0], bytes[i][1]);
		want_form(d, &f, "");
	}
	f = *key;
	form_hex(&f);
	memmove(f.bytes + 2, f.bytes, f.len);
	memcpy(f.bytes, "0x", 2);
	f.len += 2;
	want_form(d, &f, "");
}

/* A line of a configuration, a byte too much: it is a key all the same. */
static void
test_a_key_with_something_around_it(void **state)
{
	struct drawer *d = *state;
	EVP_PKEY *keys[] = {hostile_keys()->rsa, hostile_keys()->ec};
	struct form f, g;
	unsigned char *p;
	size_t i;

	for (i = 0; i < 4; i++) {
		p = f.bytes;
		f.len = (size_t)(i < 2 ? i2d_PUBKEY(keys[i], &p)
				       : i2d_PublicKey(keys[i - 2], &p));
		f.bytes[f.len] = '\0';
		want_with_things_around(d, &f, i < 3);
		if (i == 3)
			continue;
		memcpy(g.bytes, "\r\n", 2);
		memcpy(g.bytes + 2, f.bytes, f.len);
		memcpy(g.bytes + 2 + f.len, "\r\r\n\0\0", 5);
		g.len = f.len + 7;
		want_form(d, &g, "in DER");
		memcpy(g.bytes, f.bytes, f.len);
		memcpy(g.bytes + f.len, f.bytes, f.len);
		g.len = 2 * f.len;
		want_form(d, &g, "in DER");
	}
}

static X509 *
certificate(EVP_PKEY *key)
{
	X509 *cert = X509_new();

	X509_set_pubkey(cert, key);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
	    MBSTRING_ASC, (const unsigned char *)"a", -1, -1, 0);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

static void
test_certificates_are_no_secret(void **state)
{
	struct drawer *d = *state;
	X509 *cert = certificate(hostile_keys()->rsa);
	PKCS12 *p12 = PKCS12_create(
	    "x", "a", hostile_keys()->rsa, cert, NULL, 0, 0, 0, 0, 0);
	BIO *out = BIO_new(BIO_s_mem());
	struct form f;

	i2d_X509_bio(out, cert);
	form_take(&f, out);
	want_form_in_all_ways(d, &f, "a certificate in DER");
	out = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(out, cert);
	form_take(&f, out);
	want_form(d, &f, "openssl x509 -pubkey");
	out = BIO_new(BIO_s_mem());
	i2d_PKCS12_bio(out, p12);
	form_take(&f, out);
	want_form_in_all_ways(d, &f, "in DER");
	PKCS12_free(p12);
	X509_free(cert);
}

#define SSH_BLOB \
	"AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

/* What other programs write, each line of which is known to be no secret. */
static void
test_keys_of_other_programs_are_no_secret(void **state)
{
	static const struct {
		const char *text, *why;
	} texts[] = {
	    {"ssh-ed25519 " SSH_BLOB " me@box\n", "OpenSSH"},
	    {"# mine\n\nssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCCCCCC\n",
		"OpenSSH"},
	    {"command=\"true\" ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNo me\n",
		"OpenSSH"},
	    {SSH_BLOB "\n", "OpenSSH"},
	    {"box,10.0.0.1 ssh-dss AAAAB3NzaC1kc3MAAACBAPCCCCCCC\n", "OpenSSH"},
	    {"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n"
	     "---- END SSH2 PUBLIC KEY ----\n",
		"OpenSSH"},
	    {"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "PuTTY"},
	    {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAA\n"
	     "-----END OPENSSH PRIVATE KEY-----\n",
		"ssh-keygen"},
	    {"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBF\n=abcd\n"
	     "-----END PGP PUBLIC KEY BLOCK-----\n",
		"PGP"},
	    {"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
	     "-----END EC PARAMETERS-----\n",
		"no public key"},
	    {"untrusted comment: minisign public key 1234\nRWQabcdefghijk\n",
		"another program"},
	    {"<RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue>      ",
		"another program"},
	    {"Modulus=C0FFEE00C0FFEE00C0FFEE00C0FFEE00C0FFEE00\n",
		"another program"},
	    {"BEGIN PUBLIC KEY\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n",
		"damaged"},
	    {"KEY=MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEabcdefgh;\n", "BEGIN"},
	    {"{\"kty\":\"oct\",\"k\":\"" K32 "\"}", "--jwks-file"},
	    {"\n\n{\"keys\":[{\"kty\":\"oct\",\"k\":\"" K32 "\"}]}\n",
		"--jwks-file"},
	    {"[{\"type\":\"service_account\",\"id\":\"abcdefghi\"}]",
		"--jwks-file"},
	};
	struct drawer *d = *state;
	struct form f;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		form_text(&f, texts[i].text, "", "");
		want_form(d, &f, texts[i].why);
		form_text(&f, "\xef\xbb\xbf", texts[i].text, "\r\n");
		want_form(d, &f, texts[i].why);
		form_base64(&f);
		want_form(d, &f, "");
	}
}

/* Lengths in the longer forms, which DER does not have but OpenSSL reads. */
static void
test_ber_is_no_secret(void **state)
{
	static const unsigned char outer[] = {0x30, 0x81, 0x59},
				   endless[] = {0x30, 0x80};
	struct drawer *d = *state;
	EVP_PKEY *ec = forge_ec("P-256");
	BIO *out = BIO_new(BIO_s_mem());
	struct form der, f;

	i2d_PUBKEY_bio(out, ec);
	form_take(&der, out);
	assert_int_equal(der.bytes[1], 0x59);
	memcpy(f.bytes, outer, 3);
	memcpy(f.bytes + 3, der.bytes + 2, 0x59);
	f.len = 3 + 0x59;
	want_form_in_all_ways(d, &f, "a public key in DER");
	memmove(f.bytes + 1, f.bytes, f.len++);
	f.bytes[0] = '\n';
	want_form_in_all_ways(d, &f, "a public key in DER");
	memcpy(f.bytes, endless, 2);
	memcpy(f.bytes + 2, der.bytes + 2, 0x59);
	memset(f.bytes + 2 + 0x59, 0, 2);
	f.len = 2 + 0x59 + 2;
	want_form_in_all_ways(d, &f, "a public key in DER");
	EVP_PKEY_free(ec);
}

static void
want_bytes(struct drawer *d, const char *s, size_t len, const char *why)
{
	struct form f = {.len = len + 40, .bytes = {0}};

	memset(f.bytes, 0x5a, f.len);
	memcpy(f.bytes, s, len);
	want_form_in_all_ways(d, &f, why);
}

static void
test_binary_keys_of_other_programs_are_no_secret(void **state)
{
	struct drawer *d = *state;

	want_bytes(d, "openssh-key-v1", 15, "OpenSSH");
	want_bytes(d, "\0\0\0\x0bssh-ed25519", 15, "OpenSSH");
	want_bytes(d,
	    "\0\0\0\x13"
	    "ecdsa-sha2-nistp256",
	    23, "OpenSSH");
	want_bytes(d, "\0\0\0\x1ask-ssh-ed25519@openssh.com", 30, "OpenSSH");
	want_bytes(d, "\xfe\xed\xfe\xed\0\0\0\2", 8, "keystore");
	want_bytes(d, "\xce\xce\xce\xce\0\0\0\1", 8, "keystore");
	want_bytes(d, "\x30\x80\x02\x01\x03\x30\x80\x06", 8, "keystore");
}

/* A key of GnuPG without armor: a key, a name, a signature. */
static void
test_pgp_is_no_secret(void **state)
{
	struct drawer *d = *state;
	struct form f = {.len = 0};

	memcpy(f.bytes, "\x98\x33\x04", 3);
	memset(f.bytes + 3, 0x16, 0x32);
	memcpy(f.bytes + 2 + 0x33, "\xb4\x02me\x88\x20", 6);
	memset(f.bytes + 2 + 0x33 + 6, 0x10, 0x20);
	f.len = 2 + 0x33 + 6 + 0x20;
	want_form_in_all_ways(d, &f, "PGP");
}

/* A PEM file of public keys stays good in the ways in which people save it. */
static void
test_pem_as_people_save_it(void **state)
{
	struct drawer *d = *state;
	char *pem = forge_public(hostile_keys()->ec), *p;
	unsigned char wide[2048];
	struct form f;
	size_t i, n = strlen(pem);

	form_text(&f, "\xef\xbb\xbf", pem, "");
	want_key(d, (char *)f.bytes, f.len, KEY_ES256, 1);
	form_text(&f, "\r\n  ", pem, "");
	want_key(d, (char *)f.bytes, f.len, KEY_ES256, 1);
	form_text(&f, "# from the server\nkid: 7\n\n", pem, "\n\n");
	want_key(d, (char *)f.bytes, f.len, KEY_ES256, 1);
	for (f.len = 0, p = pem; *p != '\0'; p++) {
		if (*p == '\n')
			f.bytes[f.len++] = '\r';
		f.bytes[f.len++] = (unsigned char)*p;
	}
	want_key(d, (char *)f.bytes, f.len, KEY_ES256, 1);
	/* With a line that is cut, or in letters of 16 bits, it is no secret.
	 */
	form_text(&f, pem, pem, "");
	want_wrong(d, (char *)f.bytes, n + n / 2, "OpenSSL cannot read");
	wide[0] = 0xff;
	wide[1] = 0xfe;
	for (i = 0; i < n; i++) {
		wide[2 + 2 * i] = (unsigned char)pem[i];
		wide[3 + 2 * i] = 0;
	}
	want_wrong(d, (char *)wide, 2 + 2 * n, "damaged");
	free(pem);
}

/* Nothing that openssl rand gives out is taken for a key. */
static void
test_random_secrets_are_secrets(void **state)
{
	struct drawer *d = *state;
	unsigned char bytes[160];
	char text[400];
	unsigned seed = 12;
	size_t i, j, len;

	(void)d;
	for (i = 0; i < 100000; i++) {
		len = 32 + i % 100;
		for (j = 0; j < len; j++)
			bytes[j] = (unsigned char)(rand_r(&seed) >> 7);
		if (i % 64 ==
		    1) /* begins as a key in DER does: OpenSSL is slow */
			memcpy(bytes,
			    (unsigned char[]){0x30, (uint8_t)(len - 2)}, 2);
		if (i % 4 == 2)
			bytes[0] = '{';
		if (i % 4 == 3)
			bytes[0] = 0x99;
		if (kind_of_bytes(bytes, len) != NULL)
			fail_msg("%zu: %s", i, kind_of_bytes(bytes, len));
		if (i % 10 != 0)
			continue;
		len = (size_t)EVP_EncodeBlock(
		    (unsigned char *)text, bytes, (int)len);
		assert_null(kind_of_bytes((unsigned char *)text, len));
	}
	strcpy(text, "SECRET=\"0123456789abcdef0123456789abcdef01234567\", 0x");
	assert_null(kind_of_bytes((unsigned char *)text, strlen(text)));
	strcpy(text, "correct horse battery staple, and a public key of words");
	assert_null(kind_of_bytes((unsigned char *)text, strlen(text)));
}

/* --- JWKS --------------------------------------------------------------- */

static void
want_jwks(struct drawer *d, const char *text, size_t n, const char *why)
{
	forge_write(d->path, text, strlen(text));
	if (read_file(d, true) != (why == NULL ? 0 : -1))
		fail_msg("%s: %s", text, d->why);
	assert_int_equal(d->keys.n, n);
	if (why != NULL && strstr(d->why, why) == NULL)
		fail_msg("%s: %s: is not: %s", text, d->why, why);
}

#define OCT "{\"kty\":\"oct\",\"k\":\"" K32 "\"}"

static void
test_jwks_with_keys_of_all_kinds(void **state)
{
	struct drawer *d = *state;
	char *rsa = forge_jwk(
	    hostile_keys()->rsa, "r", ",\"alg\":\"RS256\",\"use\":\"sig\"");
	char *ec = forge_jwk(
		 hostile_keys()->ec, "e", ",\"key_ops\":[\"verify\"]"),
	     *set;

	if (asprintf(&set,
		"{\"more\":1,\"keys\":[%s,%s,{\"kty\":\"oct\",\"kid\":\"o\","
		"\"alg\":\"HS256\",\"k\":\"" K32 "\"}]}",
		rsa, ec) < 0)
		abort();
	want_jwks(d, set, 3, NULL);
	assert_int_equal(d->keys.v[0].alg, KEY_RS256);
	assert_string_equal(d->keys.v[0].kid, "r");
	assert_int_equal(
	    EVP_PKEY_eq(d->keys.v[0].pkey, hostile_keys()->rsa), 1);
	assert_int_equal(d->keys.v[1].alg, KEY_ES256);
	assert_string_equal(d->keys.v[1].kid, "e");
	assert_int_equal(d->keys.v[2].alg, KEY_HS256);
	assert_string_equal(d->keys.v[2].kid, "o");
	assert_int_equal(d->keys.v[2].secret_len, 32);
	free(rsa);
	free(ec);
	free(set);
}

/* The key set of an identity provider has keys for other programs, too. */
static void
test_jwks_keys_for_others_are_passed_over(void **state)
{
	static const char *const others[] = {
	    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
	    "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}",
	    "{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"AA\",\"e\":\"AQAB\"}",
	    "{\"kty\":\"RSA\",\"alg\":\"RS512\",\"n\":\"AA\",\"e\":\"AQAB\"}",
	    "{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"AA\"}",
	    "{\"kty\":\"oct\",\"alg\":\"none\",\"k\":\"AA\"}",
	    "{\"kty\":\"oct\",\"key_ops\":[\"encrypt\"],\"k\":\"AA\"}",
	    "{\"kty\":\"oct\",\"alg\":7,\"k\":\"AA\"}",
	    "{\"kty\":\"new\"}",
	};
	struct drawer *d = *state;
	char set[512];
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(
		    set, sizeof(set), "{\"keys\":[%s," OCT "]}", others[i]);
		want_jwks(d, set, 1, NULL);
		snprintf(set, sizeof(set), "{\"keys\":[%s]}", others[i]);
		want_jwks(d, set, 0, "no key for HS256, RS256 or ES256");
	}
}

/* More is wrong than fits into one line. */
static void
test_jwks_with_many_keys_that_nobody_can_use(void **state)
{
	struct drawer *d = *state;
	char set[2048] = "{\"keys\":[";
	int i;

	for (i = 0; i < 40; i++)
		strcat(set, "{\"kty\":\"OKP\"},");
	strcat(set, "{}]}");
	want_jwks(d, set, 0, "; and 3");
}

/* One bad key takes no other with it (RFC 7517, section 5). */
static void
test_jwks_keys_that_nobody_can_use_are_passed_over(void **state)
{
	static const struct {
		const char *key, *why;
	} bad[] = {
	    {"{}", "key 1 is passed over: it has no `kty`"},
	    {"7", "it has no `kty`"}, {"null", "it has no `kty`"},
	    {"[]", "it has no `kty`"}, {"{\"kty\":[]}", "it has no `kty`"},
	    {"{\"kty\":\"\"}", "none of oct, RSA and EC"},
	    {"{\"kty\":\"oct\",\"kid\":7,\"k\":\"" K32 "\"}", "`kid`"},
	    {"{\"kty\":\"oct\"}", "`k` is not 32"},
	    {"{\"kty\":\"oct\",\"k\":\"" K31 "\"}", "`k` is not 32"},
	    {"{\"kty\":\"oct\",\"k\":\"" K32 "=\"}", "`k` is not 32"},
	    {"{\"kty\":\"oct\",\"k\":\"\"}", "`k` is not 32"},
	    {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "numbers"},
	    {"{\"kty\":\"RSA\",\"n\":\"" K32 "\",\"e\":\"AQAB\"}", "2048"},
	    {"{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}", "numbers"},
	    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" K32 "\"}", "numbers"},
	    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" K32 "\",\"y\":\"" K32
	     "\"}",
		"numbers"}, /* not on the curve */
	};
	struct drawer *d = *state;
	char set[512];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(
		    set, sizeof(set), "{\"keys\":[%s," OCT "]}", bad[i].key);
		want_jwks(d, set, 1, NULL);
		snprintf(
		    set, sizeof(set), "{\"keys\":[" OCT ",%s]}", bad[i].key);
		want_jwks(d, set, 1, NULL);
		snprintf(set, sizeof(set), "{\"keys\":[%s]}", bad[i].key);
		want_jwks(d, set, 0, bad[i].why);
	}
}

static void
test_jwks_that_are_none(void **state)
{
	struct drawer *d = *state;

	want_jwks(d, "", 0, "not JSON");
	want_jwks(d, "{\"keys\":[\n" OCT "\n}", 0, "line 3 is not JSON");
	want_jwks(d, "{\"keys\":[],\"keys\":[" OCT "]}", 0, "stands twice");
	want_jwks(d, "{}", 0, "no key");
	want_jwks(d, "[" OCT "]", 0, "no key");
	want_jwks(d, "{\"keys\":" OCT "}", 0, "no key");
}

static void
test_too_many_keys(void **state)
{
	struct drawer *d = *state;
	char set[KEYS_MAX * sizeof(OCT) + 100];
	size_t i, n = (size_t)sprintf(set, "{\"keys\":[" OCT);

	for (i = 1; i < KEYS_MAX; i++)
		n += (size_t)sprintf(set + n, "," OCT);
	strcpy(set + n, "]}");
	want_jwks(d, set, KEYS_MAX, NULL);
	strcpy(set + n, "," OCT "]}");
	want_jwks(d, set, KEYS_MAX, NULL); /* and the others are told of */
}

/* --- base64url ---------------------------------------------------------- */

static void
test_base64(void **state)
{
	static const char *const bad[] = {"A", "AAAAA", "AB", "AAB",
	    "AA=", "AA==", "+/AA", "A A", "AA\n", "A.A", "AA\xc3"};
	uint8_t to[64], bytes[32], more[64];
	char text[BASE64_SIZE(32)];
	unsigned seed = 7;
	size_t i, len;
	char *s;

	(void)state;
	assert_int_equal(base64url_decode(to, "", 0), 0);
	assert_int_equal(base64url_decode(to, "_-8", 3), 2);
	assert_memory_equal(to, "\xff\xef", 2);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
		    base64url_decode(to, bad[i], strlen(bad[i])), -1);
	for (i = 0; i < 1000; i++) {
		for (len = 0; len < i % 32; len++)
			bytes[len] = (uint8_t)rand_r(&seed);
		s = forge_part(bytes, len);
		assert_true(BASE64_BYTES(strlen(s)) >= len);
		assert_int_equal(base64url_decode(more, s, strlen(s)), len);
		assert_memory_equal(more, bytes, len);
		base64url_encode(text, bytes, len);
		assert_string_equal(text, s);
		free(s);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_secret_is_the_file_without_its_newline),
	    T(test_short_secrets_are_refused),
	    T(test_public_keys_of_some_kinds),
	    T(test_pem_of_rsa_alone),
	    T(test_pem_with_several_keys),
	    T(test_private_keys_are_refused),
	    T(test_files_that_cannot_be_read),
	    T(test_rsa_numbers_that_are_no_good),
	    T(test_der_is_no_secret),
	    T(test_a_key_with_something_around_it),
	    T(test_certificates_are_no_secret),
	    T(test_keys_of_other_programs_are_no_secret),
	    T(test_ber_is_no_secret),
	    T(test_binary_keys_of_other_programs_are_no_secret),
	    T(test_jwks_with_many_keys_that_nobody_can_use),
	    T(test_pgp_is_no_secret),
	    T(test_pem_as_people_save_it),
	    T(test_random_secrets_are_secrets),
	    T(test_jwks_with_keys_of_all_kinds),
	    T(test_jwks_keys_for_others_are_passed_over),
	    T(test_jwks_keys_that_nobody_can_use_are_passed_over),
	    T(test_jwks_that_are_none),
	    T(test_too_many_keys),
	    T(test_base64),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
