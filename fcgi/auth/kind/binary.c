/*
 * binary.c - key material that is no text: DER, PGP, OpenSSH, Java, and a point
 * of P-256.
 *
 * DER and PGP are walked through to their last byte.  Of ten million random
 * secrets less than one passes such a walk by chance.
 */
#include <stdint.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "fcgi/auth/kind/kind.h"

/* --- DER ---------------------------------------------------------------- */

enum {
	DER_DEEP = 16,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
	DER_CONSTRUCTED = 0x20
};

struct der {
	unsigned char tag;
	const unsigned char *s; /* len bytes */
	size_t len;
};

/* Reads one value at *p, in the one form that DER has for its length. */
static bool
der_next(const unsigned char **p, const unsigned char *end, struct der *d)
{
	size_t n;

	if (end - *p < 2)
		return false;
	d->tag = *(*p)++;
	d->len = *(*p)++;
	if (d->len >= 0x80) {
		n = d->len & 0x7f;
		if (n < 1 || n > 3 || (size_t)(end - *p) < n || **p == 0)
			return false;
		for (d->len = 0; n > 0; n--)
			d->len = d->len << 8 | *(*p)++;
		if (d->len < 0x80)
			return false;
	}
	d->s = *p;
	if (d->len > (size_t)(end - *p))
		return false;
	*p += d->len;
	return true;
}

/* Is it a value that keys and certificates have? */
static bool
der_plain(const struct der *d)
{
	static const unsigned char texts[] = {
	    0x01, 0x04, 0x0a, 0x0c, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1e};

	if (d->tag == DER_INTEGER)
		return d->len > 0;
	if (d->tag == DER_BITS)
		return d->len > 0 && d->s[0] < 8;
	if (d->tag == DER_OID)
		return d->len > 0 && d->s[d->len - 1] < 0x80;
	return memchr(texts, d->tag, sizeof(texts)) != NULL ||
	       (d->tag == 0x05 && d->len == 0) || (d->tag & 0xf0) == 0x80;
}

/* Are all of the bytes values?  The first plain one is a number or a name. */
static bool
der_walk(const unsigned char *p, size_t len, int depth, bool *begun)
{
	const unsigned char *end = p + len;
	struct der d;

	while (p < end) {
		if (!der_next(&p, end, &d))
			return false;
		if (d.tag & DER_CONSTRUCTED) {
			if (depth == DER_DEEP || (d.tag & 0x40) ||
			    !der_walk(d.s, d.len, depth + 1, begun))
				return false;
			continue;
		}
		if (!der_plain(&d))
			return false;
		if (!*begun && d.tag != DER_INTEGER && d.tag != DER_OID)
			return false;
		*begun = true;
	}
	return true;
}

static const unsigned char *
pass_blanks(const unsigned char *p, const unsigned char *end)
{
	while (p < end && memchr(" \t\r\n", *p, 5) != NULL) /* or NUL */
		p++;
	return p;
}

/* One key or several, with nothing but blanks between and around them. */
static bool
is_der(const unsigned char *bytes, size_t len)
{
	const unsigned char *end = bytes + len, *p = pass_blanks(bytes, end);
	struct der d;
	bool begun;

	do {
		begun = false;
		if (!der_next(&p, end, &d) || d.tag != DER_SEQUENCE ||
		    !der_walk(d.s, d.len, 0, &begun) || !begun)
			return false;
		p = pass_blanks(p, end);
	} while (p < end);
	return true;
}

/* What is in it, as far as OpenSSL can tell; else line. */
static const char *
der_line(const unsigned char *bytes, size_t len, const char *line)
{
	const unsigned char *p = pass_blanks(bytes, bytes + len);
	EVP_PKEY *pkey;
	X509 *cert;

	len -= (size_t)(p - bytes);
	bytes = p;
	if ((pkey = d2i_PUBKEY(NULL, &p, (long)len)) != NULL)
		line = "a public key in DER: give it in PEM (openssl pkey "
		       "-pubin -inform DER)";
	else if ((p = bytes, pkey = d2i_AutoPrivateKey(NULL, &p, (long)len)) !=
		 NULL)
		line = "a private key in DER: give its public half in PEM "
		       "(openssl pkey -inform DER -pubout)";
	else if ((p = bytes, cert = d2i_X509(NULL, &p, (long)len)) != NULL) {
		line = "a certificate in DER: give its public key in PEM "
		       "(openssl x509 -inform DER -pubkey -noout)";
		X509_free(cert);
	}
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return line;
}

/* --- the others --------------------------------------------------------- */

/* A packet of PGP (RFC 4880, section 4.2): its body; false: it is none. */
static bool
pgp_next(const unsigned char **p, const unsigned char *end, struct der *d)
{
	size_t n, first;

	if (end - *p < 2 || !(**p & 0x80))
		return false;
	d->tag = **p & 0x40 ? **p & 0x3f : **p >> 2 & 0x0f;
	if (!(*(*p)++ & 0x40)) {
		n = (size_t)1 << ((*p)[-1] & 3); /* bytes of the length */
		if (n == 8 || (size_t)(end - *p) < n)
			return false;
		for (d->len = 0; n > 0; n--)
			d->len = d->len << 8 | *(*p)++;
	} else {
		first = *(*p)++;
		d->len = first;
		if (first >= 192 && first < 224 && *p < end)
			d->len = ((first - 192) << 8) + *(*p)++ + 192;
		else if (first == 255 && end - *p >= 4) {
			for (d->len = 0, n = 0; n < 4; n++)
				d->len = d->len << 8 | *(*p)++;
		} else if (first >= 192)
			return false;
	}
	d->s = *p;
	if (d->len == 0 || d->len > (size_t)(end - *p))
		return false;
	*p += d->len;
	return true;
}

/* A key, then names and signatures, up to the last byte. */
static bool
is_pgp(const unsigned char *bytes, size_t len)
{
	enum {
		SECRET_KEY = 5,
		PUBLIC_KEY = 6,
		TAGS = 18
	};
	const unsigned char *p = bytes, *end = bytes + len;
	struct der d;
	int packets = 0;

	for (; p < end; packets++) {
		if (!pgp_next(&p, end, &d) || d.tag == 0 || d.tag >= TAGS)
			return false;
		if (packets == 0 &&
		    ((d.tag != SECRET_KEY && d.tag != PUBLIC_KEY) ||
			d.len < 6 || d.s[0] < 3 || d.s[0] > 6))
			return false;
	}
	return packets > 1;
}

/* The length of a name, and a name of OpenSSH. */
static bool
is_openssh(const unsigned char *s, size_t len)
{
	static const char file[] = "openssh-key-v1";
	size_t n;

	if (len > sizeof(file) && memcmp(s, file, sizeof(file)) == 0)
		return true;
	if (len < 4 || s[0] != 0 || s[1] != 0 || s[2] != 0)
		return false;
	n = s[3];
	return n >= 7 && n < 64 && len > n + 4 &&
	       (memcmp(s + 4, "ssh-", 4) == 0 ||
		   memcmp(s + 4, "ecdsa-", 6) == 0 ||
		   memcmp(s + 4, "sk-", 3) == 0);
}

/* The two forms of a keystore of Java, and PKCS #12 of unknown length. */
static bool
is_keystore(const unsigned char *s, size_t len)
{
	static const unsigned char forms[][8] = {
	    {0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 1},
	    {0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2},
	    {0xce, 0xce, 0xce, 0xce, 0, 0, 0, 1},
	    {0xce, 0xce, 0xce, 0xce, 0, 0, 0, 2},
	    {0x30, 0x80, 0x02, 0x01, 0x03, 0x30, 0x80, 0x06},
	};
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (len > 8 && memcmp(s, forms[i], 8) == 0)
			return true;
	return false;
}

/* x and y of a point on P-256, as for Web Push. */
static bool
is_point(const unsigned char *s, size_t len)
{
	enum {
		POINT_BYTES = 65
	};
	EC_GROUP *group;
	EC_POINT *point = NULL;
	bool ok;

	if (len != POINT_BYTES || s[0] != 4)
		return false;
	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	if (group != NULL)
		point = EC_POINT_new(group);
	ok = point != NULL &&
	     EC_POINT_oct2point(group, point, s, len, NULL) == 1;
	EC_POINT_free(point);
	EC_GROUP_free(group);
	ERR_clear_error();
	return ok;
}

static const char *
kind_of_form(const unsigned char *bytes, size_t len)
{
	const unsigned char *p = pass_blanks(bytes, bytes + len);
	const char *line = NULL;

	if (is_der(bytes, len))
		return der_line(bytes, len,
		    "a key or certificate in DER: give the public key in PEM");
	/* BER has more forms of a length, and OpenSSL takes them. */
	if (p < bytes + len && *p == DER_SEQUENCE)
		line = der_line(bytes, len, NULL);
	if (line != NULL)
		return line;
	if (is_pgp(bytes, len))
		return "a key of PGP: give a public key in PEM";
	if (is_openssh(bytes, len))
		return "a key in the form of OpenSSH: give the public key in "
		       "PEM (ssh-keygen -e -m PKCS8 -f FILE)";
	if (is_keystore(bytes, len))
		return "a keystore: give the public key in it in PEM";
	if (is_point(bytes, len))
		return "a point of P-256: give the public key in PEM";
	return NULL;
}

/*
 * A line end behind it does not make it a secret; and the last bytes of a key
 * may be such bytes themselves.
 */
const char *
kind_of_binary(const unsigned char *bytes, size_t len)
{
	const char *line = kind_of_form(bytes, len);
	int more;

	for (more = 0; line == NULL && more < 2 && len > 0; more++) {
		len--;
		if (bytes[len] != '\n' && bytes[len] != '\r')
			break;
		line = kind_of_form(bytes, len);
	}
	return line;
}
