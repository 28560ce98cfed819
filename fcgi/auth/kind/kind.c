/*
 * kind.c - key material in a text: PEM, lines of other programs, JSON, and
 * base64 or hexadecimal digits of any of these.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "fcgi/auth/kind/kind.h"

enum {
	DEEP = 3,	 /* base64 of base64 of a key is still a key */
	WORD_BYTES = 40, /* no key is shorter in base64 */
	BEFORE_A_BYTE = -3
};

#define OPENSSH                                                     \
	"a key in the form of OpenSSH: give the public key in PEM " \
	"(ssh-keygen -e -m PKCS8 -f FILE)"
#define DAMAGED                                                     \
	"a key in PEM whose lines are damaged: give it as OpenSSL " \
	"writes it"
#define BARE "a key without the lines BEGIN and END: give the public key in PEM"
#define PRIVATE                                                              \
	"a private key, which is for largesse token alone: give its public " \
	"half (openssl pkey -pubout)"
#define OTHER "a key of another program: give the public key in PEM"

struct mark {
	const char *text, *line;
};

static bool
has(const unsigned char *bytes, size_t len, const char *text)
{
	return memmem(bytes, len, text, strlen(text)) != NULL;
}

static bool
starts(const unsigned char *p, const unsigned char *end, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(end - p) >= n && memcmp(p, text, n) == 0;
}

static const char *
line_of(const struct mark *m, const unsigned char *bytes, size_t len)
{
	for (; m->text != NULL; m++)
		if (has(bytes, len, m->text))
			return m->line;
	return NULL;
}

/* --- PEM ---------------------------------------------------------------- */

bool
kind_is_pem(const unsigned char *bytes, size_t len)
{
	return has(bytes, len, "-----BEGIN ");
}

const char *
kind_of_pem(const unsigned char *bytes, size_t len)
{
	static const struct mark marks[] = {
	    {"-----BEGIN OPENSSH PRIVATE KEY",
		"a private key of OpenSSH: give its public half in PEM "
		"(ssh-keygen -e -m PKCS8 -f FILE)"},
	    {"PRIVATE KEY-----", PRIVATE},
	    {"-----BEGIN PGP ", "a key of PGP: give a public key in PEM"},
	    {"CERTIFICATE-----",
		"a certificate: give its public key (openssl x509 -pubkey "
		"-noout)"},
	    {"CERTIFICATE REQUEST-----",
		"a request for a certificate: give its public key (openssl "
		"req -pubkey -noout)"},
	    {NULL, NULL},
	};
	static const char begin[] = "-----BEGIN ";
	const char *line = line_of(marks, bytes, len);
	const unsigned char *end = bytes + len, *p = bytes;

	while (line == NULL && (p = memmem(p, (size_t)(end - p), begin,
				    sizeof(begin) - 1)) != NULL) {
		p += sizeof(begin) - 1;
		if (!starts(p, end, "PUBLIC KEY-----") &&
		    !starts(p, end, "RSA PUBLIC KEY-----"))
			line = "PEM that is no public key: give a public key "
			       "(openssl pkey -pubout)";
	}
	return line;
}

/* --- lines of other programs -------------------------------------------- */

/*
 * Shorter ones could be in a random secret by chance.  The last ones are the
 * first bytes of a key in base64: the names of RSA and of P-256, in the three
 * ways in which they can stand, Ed25519, and an RSA key without a name, by its
 * length.
 */
static const struct mark marks_of_text[] = {
    {"---- BEGIN SSH2 ", OPENSSH},
    {"ssh-rsa AAAA", OPENSSH},
    {"ssh-dss AAAA", OPENSSH},
    {"ssh-ed25519 AAAA", OPENSSH},
    {"ssh-ed448 AAAA", OPENSSH},
    {"ecdsa-sha2-nistp", OPENSSH},
    {"@openssh.com", OPENSSH},
    {"AAAAB3NzaC1", OPENSSH},
    {"AAAAC3NzaC1lZDI1NTE5", OPENSSH},
    {"AAAAE2VjZHNhLXNoYTIt", OPENSSH},
    {"PuTTY-User-Key-File-",
	"a key of PuTTY: give the public key in PEM (puttygen)"},
    {"untrusted comment: ", OTHER},
    {"AGE-SECRET-KEY-1", OTHER},
    {"<RSAKeyValue", OTHER},
    {"<Modulus>", OTHER},
    {"Modulus=", OTHER},
    {"Public-Key: (", OTHER},
    {"Private-Key: (", OTHER},
    {"PUBLIC KEY", DAMAGED},
    {"PRIVATE KEY", DAMAGED},
    {"BEGIN CERTIFICATE", DAMAGED},
    {"BEGIN PGP ", DAMAGED},
    {"GCSqGSIb3DQEBAQUA", BARE},
    {"YJKoZIhvcNAQEBBQ", BARE},
    {"BgkqhkiG9w0BAQEFA", BARE},
    {"GByqGSM49AgEGCCqGSM49AwEH", BARE},
    {"YHKoZIzj0CAQYIKoZIzj0DAQc", BARE},
    {"BgcqhkjOPQIBBggqhkjOPQMBB", BARE},
    {"MCowBQYDK2VwAyEA", BARE},
    {"MIIBCgKCAQEA", BARE},
    {"MIIBigKCAYEA", BARE},
    {"MIICCgKCAgEA", BARE},
    {"MIIECgKCBAEA", BARE},
    {NULL, NULL},
};

static const char *
kind_of_json(const unsigned char *bytes, size_t len)
{
	json_t *js = json_loadb((const char *)bytes, len, 0, NULL);
	bool is_json = js != NULL || has(bytes, len, "\"kty\"") ||
		       has(bytes, len, "\"keys\"");

	json_decref(js);
	return is_json ? "JSON is no secret: a JWKS goes to --jwks-file" : NULL;
}

/* --- digits of bytes ---------------------------------------------------- */

/* UTF-16 of ASCII letters, as Windows writes it.  The length, or 0. */
static size_t
from_utf16(const unsigned char *s, size_t len, unsigned char *to)
{
	size_t low = len > 1 && (s[0] == 0xfe || s[0] == 0), i, n = 0;

	if (len % 2 != 0)
		return 0;
	if (s[0] >= 0xfe && s[1] >= 0xfe) {
		s += 2;
		len -= 2;
	}
	for (i = 0; i < len; i += 2) {
		if (s[i + !low] != 0 || s[i + low] > 0x7e)
			return 0;
		to[n++] = s[i + low];
	}
	return n;
}

/*
 * The value of a digit, -1 if it is to be passed over, -2 if it is none, or
 * BEFORE_A_BYTE.
 */
static int
base64_value(unsigned char c)
{
	if (isupper(c))
		return c - 'A';
	if (islower(c))
		return c - 'a' + 26;
	if (isdigit(c))
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return isspace(c) || strchr("=\"'", c) != NULL ? -1 : -2;
}

static int
hex_value(unsigned char c)
{
	if (isxdigit(c))
		return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
	if (tolower(c) == 'x') /* 0x30 or \x30 */
		return BEFORE_A_BYTE;
	return isspace(c) || strchr(":,;-\\\"'()[]{}", c) != NULL ? -1 : -2;
}

/* Digits of so many bits each.  The length, or 0: there are others, too. */
static size_t
from_digits(const unsigned char *s, size_t len, int (*digit)(unsigned char),
    int each, unsigned char *to)
{
	unsigned bits = 0;
	size_t i, n = 0;
	int have = 0, v;

	for (i = 0; i < len; i++) {
		if (s[i] >= 0x80 || s[i] == '\0' || (v = digit(s[i])) == -2)
			return 0;
		if (v == BEFORE_A_BYTE)
			have = 0; /* forgets the 0 of 0x */
		if (v < 0)
			continue;
		bits = bits << each | (unsigned)v;
		if ((have += each) >= 8) {
			have -= 8;
			to[n++] = (unsigned char)(bits >> have);
		}
	}
	return n;
}

/* --- all of it ---------------------------------------------------------- */

static const char *kind_at(const unsigned char *bytes, size_t len, int depth);

/* What the digits, if they are such, stand for.  Their bytes go to spare. */
static const char *
kind_of_digits(
    const unsigned char *bytes, size_t len, unsigned char *spare, int depth)
{
	const char *line = NULL;
	size_t n;

	if ((n = from_utf16(bytes, len, spare)) > 0)
		line = kind_at(spare, n, depth + 1);
	if (line == NULL &&
	    (n = from_digits(bytes, len, hex_value, 4, spare)) > 0)
		line = kind_at(spare, n, depth + 1);
	if (line == NULL &&
	    (n = from_digits(bytes, len, base64_value, 6, spare)) > 0)
		line = kind_at(spare, n, depth + 1);
	return line;
}

/* Do the digits stand in a line with other things, as in KEY="..."? */
static const char *
kind_of_words(const unsigned char *bytes, size_t len, unsigned char *spare)
{
	const unsigned char *s = bytes, *end = bytes + len, *word;
	const char *line = NULL;

	while (s < end && line == NULL) {
		for (word = s; s < end && base64_value(*s) >= 0;)
			s++;
		if (s - word >= WORD_BYTES && s - word < (ptrdiff_t)len)
			line =
			    kind_of_digits(word, (size_t)(s - word), spare, 0);
		while (s < end && base64_value(*s) < 0)
			s++;
	}
	return line;
}

static const char *
kind_at(const unsigned char *bytes, size_t len, int depth)
{
	const char *line;
	unsigned char *spare;

	if (starts(bytes, bytes + len, "\xef\xbb\xbf")) {
		bytes += 3;
		len -= 3;
	}
	if (depth > 0 && kind_is_pem(bytes, len))
		return DAMAGED;
	if ((line = line_of(marks_of_text, bytes, len)) != NULL ||
	    (line = kind_of_json(bytes, len)) != NULL ||
	    (line = kind_of_binary(bytes, len)) != NULL || depth == DEEP ||
	    len == 0 || (spare = malloc(len)) == NULL)
		return line;
	line = kind_of_digits(bytes, len, spare, depth);
	if (line == NULL && depth == 0)
		line = kind_of_words(bytes, len, spare);
	OPENSSL_cleanse(spare, len);
	free(spare);
	return line;
}

const char *
kind_of_bytes(const unsigned char *bytes, size_t len)
{
	return kind_at(bytes, len, 0);
}
