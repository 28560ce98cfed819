/*
 * test_keys.c - which texts are taken as keys, and what is said about the
 * others.
 */
#include <unistd.h>

#include "fcgi/base/base64.h"
#include "fcgi/auth/keys.h"
#include "tests/unit/cm.h"
#include "tests/unit/dir.h"
#include "tests/unit/hostile.h"

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
	forge_write(d->path, bytes, len);
	assert_int_equal(read_file(d, false), -1);
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
	assert_int_equal(d->keys.v[0].len, 32);
	bytes[32] = '\n';
	want_key(d, bytes, 33, KEY_HS256, 1);
	assert_int_equal(d->keys.v[0].len, 32);
	bytes[33] = '\n';
	want_key(d, bytes, 34, KEY_HS256, 1);
	assert_int_equal(d->keys.v[0].len, 33);
	memcpy(bytes + 32, "\r\n", 2);
	want_key(d, bytes, 34, KEY_HS256, 1);
	assert_int_equal(d->keys.v[0].len, 32);
	bytes[7] = '\0'; /* any bytes are good */
	want_key(d, bytes, 32, KEY_HS256, 1);
	assert_memory_equal(d->keys.v[0].bytes, bytes, 32);
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

#define K32 "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg"
#define K31 "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA"
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
	char *pem = forge_public(hostile_keys()->rsa);

	if (asprintf(&set,
		"{\"more\":1,\"keys\":[%s,%s,{\"kty\":\"oct\",\"kid\":\"o\","
		"\"alg\":\"HS256\",\"k\":\"" K32 "\"}]}",
		rsa, ec) < 0)
		abort();
	want_jwks(d, set, 3, NULL);
	assert_int_equal(d->keys.v[0].alg, KEY_RS256);
	assert_string_equal(d->keys.v[0].kid, "r");
	assert_int_equal(d->keys.v[0].len, strlen(pem));
	assert_memory_equal(d->keys.v[0].bytes, pem, strlen(pem));
	assert_int_equal(d->keys.v[1].alg, KEY_ES256);
	assert_string_equal(d->keys.v[1].kid, "e");
	assert_int_equal(d->keys.v[2].alg, KEY_HS256);
	assert_string_equal(d->keys.v[2].kid, "o");
	assert_int_equal(d->keys.v[2].len, 32);
	free(rsa);
	free(ec);
	free(set);
	free(pem);
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

static void
test_jwks_keys_for_us_have_to_be_good(void **state)
{
	static const struct {
		const char *key, *why;
	} bad[] = {
	    {"{}", "key 2: it has no `kty`"}, {"7", "key 2: it has no `kty`"},
	    {"{\"kty\":\"oct\"}", "key 2: `k` is not 32"},
	    {"{\"kty\":\"oct\",\"k\":\"" K31 "\"}", "`k` is not 32"},
	    {"{\"kty\":\"oct\",\"k\":\"" K32 "=\"}", "`k` is not 32"},
	    {"{\"kty\":\"oct\",\"k\":\"\"}", "`k` is not 32"},
	    {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "numbers"},
	    {"{\"kty\":\"RSA\",\"n\":\"" K32 "\",\"e\":\"AQAB\"}", "2048"},
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
		    set, sizeof(set), "{\"keys\":[" OCT ",%s]}", bad[i].key);
		want_jwks(d, set, 0, bad[i].why);
	}
}

static void
test_jwks_that_are_none(void **state)
{
	struct drawer *d = *state;

	want_jwks(d, "", 0, "not JSON");
	want_jwks(d, "{\"keys\":[\n" OCT "\n}", 0, "line 3 is not JSON");
	want_jwks(d, "{\"keys\":[],\"keys\":[" OCT "]}", 0, "not JSON");
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
	want_jwks(d, set, 0, "key 65: too many keys");
}

/* --- base64url ---------------------------------------------------------- */

static void
test_base64(void **state)
{
	static const char *const bad[] = {"A", "AAAAA", "AB", "AAB",
	    "AA=", "AA==", "+/AA", "A A", "AA\n", "A.A", "AA\xc3"};
	uint8_t to[64], bytes[32], more[64];
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
	    T(test_pem_with_several_keys),
	    T(test_private_keys_are_refused),
	    T(test_files_that_cannot_be_read),
	    T(test_jwks_with_keys_of_all_kinds),
	    T(test_jwks_keys_for_others_are_passed_over),
	    T(test_jwks_keys_for_us_have_to_be_good),
	    T(test_jwks_that_are_none),
	    T(test_too_many_keys),
	    T(test_base64),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
