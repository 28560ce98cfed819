/*
 * fuzz_auth_keys.c - a file of keys gives keys that are good, or is refused in
 * one line; and no public key becomes a secret, in whatever form it comes.
 *
 * input	a letter, and then:
 *		k  a file for --key-file.  If OpenSSL reads it as a key in DER
 *		   or BER to its end, it must be refused.
 *		j  a file for --jwks-file
 *		w  how a public key in DER is wrapped: up to three letters, each
 *		   a form of digits, then what stands between the digits.  It
 *		   must be recognised.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "fcgi/auth/keys.h"
#include "fcgi/auth/kind/kind.h"
#include "fcgi/base/log.h"
#include "tests/fuzz/fuzz.h"

/* --- what is said --------------------------------------------------------- */

/* In place of log.c: what the room says of a file is one line. */
void
log_error(const char *what, const char *why, ...)
{
	char line[2048];
	va_list ap;

	(void)what;
	va_start(ap, why);
	must((size_t)vsnprintf(line, sizeof(line), why, ap) < sizeof(line));
	va_end(ap);
	must(strchr(line, '\n') == NULL);
}

/* --- files ---------------------------------------------------------------- */

static int
read_file(struct keys *ks, bool jwks, const uint8_t *in, size_t len)
{
	static int fd = -1;
	static char path[64], *v[] = {path};
	struct option_list one = {v, 1}, none = {NULL, 0};
	char why[512] = "";
	int r;

	if (fd == -1) {
		fd = memfd_create("keys", 0);
		must(fd != -1 && fchmod(fd, 0644) == 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	must(ftruncate(fd, 0) == 0 && pwrite(fd, in, len, 0) == (ssize_t)len);
	r = keys_read(
	    ks, jwks ? &none : &one, jwks ? &one : &none, why, sizeof(why));
	if (r != 0) {
		must(r == -1 && ks->n == 0);
		must(strncmp(why, path, strlen(path)) == 0);
		must(strchr(why, '\n') == NULL);
	}
	return r;
}

static void
check_key(const struct key *k)
{
	if (k->alg == KEY_HS256) {
		must(k->secret_len >= KEYS_SECRET_MIN && k->pkey == NULL);
		must(kind_of_bytes(k->secret, k->secret_len) == NULL ||
		     k->kid != NULL);
		return;
	}
	must(k->secret == NULL && k->pkey != NULL);
	must(EVP_PKEY_get_base_id(k->pkey) ==
	     (k->alg == KEY_RS256 ? EVP_PKEY_RSA : EVP_PKEY_EC));
	must(EVP_PKEY_get_bits(k->pkey) >=
	     (k->alg == KEY_RS256 ? KEYS_RSA_MIN : 256));
}

/* Is all of it a key, as OpenSSL reads it? */
static bool
is_key(const uint8_t *in, size_t len)
{
	const uint8_t *p = in;
	EVP_PKEY *pkey;
	bool whole;

	if (len < KEYS_SECRET_MIN || in[0] != 0x30)
		return false;
	pkey = d2i_PUBKEY(NULL, &p, (long)len);
	whole = pkey != NULL && p == in + len;
	EVP_PKEY_free(pkey);
	p = in;
	pkey = d2i_AutoPrivateKey(NULL, &p, (long)len);
	whole = whole || (pkey != NULL && p == in + len);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return whole;
}

static void
check_file(bool jwks, const uint8_t *in, size_t len)
{
	struct keys ks;
	size_t i;
	int r = read_file(&ks, jwks, in, len);

	must(jwks || !is_key(in, len) || r == -1);
	if (r == -1)
		return;
	must(ks.n >= 1 && ks.n <= KEYS_MAX);
	for (i = 0; i < ks.n; i++)
		check_key(&ks.v[i]);
	keys_free(&ks);
}

/* --- a key in wraps ------------------------------------------------------- */

struct wrap {
	uint8_t s[16384];
	size_t len;
};

static void
put(struct wrap *w, uint8_t c)
{
	must(w->len < sizeof(w->s));
	w->s[w->len++] = c;
}

static void
put_base64(struct wrap *to, const struct wrap *from, bool url, size_t line)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				      "mnopqrstuvwxyz0123456789+/-_";
	size_t i, bit, n = 0;
	unsigned v;

	for (bit = 0; bit < 8 * from->len; bit += 6) {
		i = bit / 8;
		v = (unsigned)from->s[i] << 8;
		v |= i + 1 < from->len ? from->s[i + 1] : 0;
		v = v >> (10 - bit % 8) & 63;
		put(to, letters[url && v > 61 ? v + 2 : v]);
		if (line > 0 && ++n % line == 0)
			put(to, '\n');
	}
}

static void
put_hex(
    struct wrap *to, const struct wrap *from, const char *digits, char between)
{
	size_t i;

	for (i = 0; i < from->len; i++) {
		put(to, digits[from->s[i] >> 4]);
		put(to, digits[from->s[i] & 15]);
		if (between != '\0' && i + 1 < from->len)
			put(to, between);
	}
}

static void
put_utf16(struct wrap *to, const struct wrap *from, bool low)
{
	size_t i;

	put(to, low ? 0xff : 0xfe);
	put(to, low ? 0xfe : 0xff);
	for (i = 0; i < from->len; i++) {
		put(to, low ? from->s[i] : 0);
		put(to, low ? 0 : from->s[i]);
	}
}

/* False: this letter is no form. */
static bool
wrap(struct wrap *w, char letter, uint8_t arg)
{
	static const char betweens[] = "\0 :-,\n;";
	struct wrap from = *w;

	w->len = 0;
	switch (letter) {
	case 'b':
	case 'u':
		put_base64(w, &from, letter == 'u', arg % 80);
		return true;
	case 'h':
	case 'H':
		put_hex(w, &from,
		    letter == 'h' ? "0123456789abcdef" : "0123456789ABCDEF",
		    betweens[arg % 7]);
		return true;
	default:
		*w = from;
		return false;
	}
}

static void
check_wraps(const uint8_t *in, size_t len)
{
	static const uint8_t spki[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a,
	    0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
	    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x68, 0x92,
	    0x1e, 0x98, 0x76, 0xb8, 0x49, 0x86, 0x05, 0x68, 0x69, 0x9f, 0x19,
	    0x54, 0x5e, 0xd8, 0xf3, 0xb9, 0x61, 0xa7, 0x0c, 0x1e, 0x60, 0x8d,
	    0x08, 0xc2, 0x14, 0xa6, 0x43, 0x46, 0x68, 0x7e, 0x9a, 0x64, 0x75,
	    0x3e, 0xc7, 0x7e, 0x70, 0x6e, 0x04, 0x12, 0x78, 0xbd, 0xee, 0xf5,
	    0x83, 0x60, 0xa6, 0xb0, 0xda, 0xad, 0x2b, 0x90, 0xfb, 0x9e, 0xb3,
	    0xdb, 0x0b, 0x1f, 0xdf, 0xc9, 0x91, 0x8e};
	struct wrap w = {.len = sizeof(spki)}, text;
	bool wide;
	size_t n;

	memcpy(w.s, spki, sizeof(spki));
	for (n = 0; n < 2 && len >= 2 && wrap(&w, (char)in[0], in[1]); n++) {
		in += 2;
		len -= 2;
	}
	wide = n > 0 && len > 0 && (in[0] == 'l' || in[0] == 'g');
	if (wide) {
		text = w;
		w.len = 0;
		put_utf16(&w, &text, in[0] == 'l');
	}
	must(kind_of_bytes(w.s, w.len) != NULL);
	put(&w, '\n');
	must(wide || kind_of_bytes(w.s, w.len) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	if (len == 0)
		return 0;
	if (in[0] == 'w')
		check_wraps(in + 1, len - 1);
	else
		check_file(in[0] == 'j', in + 1, len - 1);
	return 0;
}
