/*
 * key_files.c - files of keys: secrets, public keys in PEM, and JWKS.
 *
 * The bytes of a file may be a secret, so they are wiped before their memory
 * is freed.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "fcgi/auth/keys.h"
#include "fcgi/auth/kind/kind.h"
#include "fcgi/auth/token.h"
#include "fcgi/base/log.h"

/* --- the bytes of a file -------------------------------------------------- */

static unsigned char *
read_to_end(int fd, size_t *len)
{
	unsigned char *bytes = malloc(KEYS_FILE_MAX + 1);
	ssize_t n = 1;

	for (*len = 0; bytes != NULL && *len < KEYS_FILE_MAX && n > 0;) {
		n = read(fd, bytes + *len, KEYS_FILE_MAX - *len);
		if (n > 0)
			*len += (size_t)n;
	}
	if (bytes != NULL && n == 0) {
		bytes[*len] = '\0';
		return bytes;
	}
	if (n > 0)
		errno = bytes != NULL ? EFBIG : ENOMEM;
	keys_wipe(bytes, *len);
	return NULL;
}

unsigned char *
keys_file(const char *path, size_t *len, char *why, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	unsigned char *bytes = fd == -1 ? NULL : read_to_end(fd, len);

	if (bytes == NULL)
		snprintf(why, size, "%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return bytes;
}

/* A secret that everyone may read is not refused: it may be a test's. */
bool
keys_open_to_all(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && (sb.st_mode & S_IROTH);
}

/* --- the keys in it ------------------------------------------------------- */

bool
keys_take_secret(struct keys *ks, const char *path, const unsigned char *bytes,
    size_t len, char *why, size_t size)
{
	const char *wrong = kind_of_bytes(bytes, len);

	if (wrong == NULL) {
		if (len > 0 && bytes[len - 1] == '\n')
			len--;
		if (len > 0 && bytes[len - 1] == '\r')
			len--;
		if (len >= KEYS_SECRET_MIN &&
		    keys_add_secret(ks, NULL, bytes, len, &wrong))
			return true;
	}
	if (wrong != NULL)
		snprintf(why, size, "%s: %s", path, wrong);
	else
		snprintf(why, size,
		    "%s: a secret needs 32 bytes or more, this has %zu: make "
		    "one with openssl rand -hex 32",
		    path, len);
	return false;
}

/* Adds the key of the next block.  1; 0 at the end; -1: it has no key. */
static int
add_block(struct keys *ks, BIO *in, const char **why)
{
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	EVP_PKEY *pkey = NULL;
	long len;
	int r = -1;

	*why = "a block of PEM that OpenSSL cannot read as a public key";
	if (PEM_read_bio(in, &name, &header, &der, &len) != 1) {
		if (ERR_GET_REASON(ERR_peek_last_error()) ==
		    PEM_R_NO_START_LINE)
			r = 0;
	} else if ((p = der,
		       pkey = strcmp(name, PEM_STRING_RSA_PUBLIC) == 0
				  ? d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, len)
				  : d2i_PUBKEY(NULL, &p, len)) != NULL &&
		   keys_add_pkey(ks, NULL, pkey, why))
		r = 1;
	EVP_PKEY_free(pkey);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	ERR_clear_error();
	return r;
}

/* All public keys of a PEM file; what stands before them is passed over. */
static bool
add_pem(
    struct keys *ks, const unsigned char *bytes, size_t len, const char **why)
{
	const unsigned char *first = memmem(bytes, len, "-----BEGIN ", 11);
	size_t n = ks->n;
	BIO *in;
	int r;

	if ((*why = kind_of_pem(bytes, len)) != NULL)
		return false;
	len -= (size_t)(first - bytes);
	in = BIO_new_mem_buf(first, (int)len);
	*why = "out of memory";
	for (r = in != NULL ? 1 : -1; r == 1;)
		r = add_block(ks, in, why);
	BIO_free(in);
	return r == 0 && ks->n > n;
}

static int
read_key_file(struct keys *ks, const char *path, char *why, size_t size)
{
	size_t len;
	unsigned char *bytes = keys_file(path, &len, why, size);
	const char *wrong = NULL;
	bool ok;

	if (bytes == NULL)
		return -1;
	if (kind_is_pem(bytes, len)) {
		ok = add_pem(ks, bytes, len, &wrong);
		if (!ok)
			snprintf(why, size, "%s: %s", path, wrong);
	} else {
		ok = keys_take_secret(ks, path, bytes, len, why, size);
		if (ok && keys_open_to_all(path))
			log_error(path, KEYS_OPEN);
	}
	keys_wipe(bytes, len);
	return ok ? 0 : -1;
}

static int
read_jwks_file(struct keys *ks, const char *path, char *why, size_t size)
{
	size_t len;
	unsigned char *bytes = keys_file(path, &len, why, size);
	int r = -1;

	if (bytes != NULL)
		r = jwks_add(ks, path, bytes, len, why, size);
	keys_wipe(bytes, bytes != NULL ? len : 0);
	return r;
}

/* More keys than are tried for one token: the order of the files counts. */
static void
warn_many(const struct keys *ks)
{
	size_t n[KEY_ALGS] = {0}, i;

	for (i = 0; i < ks->n; i++)
		if (++n[ks->v[i].alg] == TOKEN_TRIES + 1)
			log_error("keys",
			    "more than %d for %s: a token without a kid is "
			    "tried with the first %d",
			    TOKEN_TRIES, key_alg_name(ks->v[i].alg),
			    TOKEN_TRIES);
}

int
keys_read(struct keys *ks, const struct option_list *key_files,
    const struct option_list *jwks_files, char *why, size_t size)
{
	size_t i;
	int r = 0;

	ks->n = 0;
	ks->mark = keys_mark(key_files, jwks_files);
	for (i = 0; i < key_files->n && r == 0; i++)
		r = read_key_file(ks, key_files->v[i], why, size);
	for (i = 0; i < jwks_files->n && r == 0; i++)
		r = read_jwks_file(ks, jwks_files->v[i], why, size);
	if (r == -1)
		keys_free(ks);
	else
		warn_many(ks);
	return r;
}

/* --- have they changed? ------------------------------------------------- */

static uint64_t
mix_mark(uint64_t h, uint64_t n)
{
	h = (h ^ n) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static uint64_t
mark_file(uint64_t h, const char *path)
{
	struct stat sb;

	if (stat(path, &sb) == -1)
		return mix_mark(h, 1);
	h = mix_mark(mix_mark(h, sb.st_dev), sb.st_ino);
	h = mix_mark(
	    mix_mark(h, (uint64_t)sb.st_size), (uint64_t)sb.st_mtim.tv_sec);
	return mix_mark(h, (uint64_t)sb.st_mtim.tv_nsec);
}

uint64_t
keys_mark(
    const struct option_list *key_files, const struct option_list *jwks_files)
{
	uint64_t h = 0;
	size_t i;

	for (i = 0; i < key_files->n; i++)
		h = mark_file(h, key_files->v[i]);
	for (i = 0; i < jwks_files->n; i++)
		h = mark_file(h, jwks_files->v[i]);
	return h;
}
