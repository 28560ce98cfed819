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

bool
keys_secret(const char *path, const unsigned char *bytes, size_t *len,
    char *why, size_t size)
{
	if (*len > 0 && bytes[*len - 1] == '\n')
		(*len)--;
	if (*len > 0 && bytes[*len - 1] == '\r')
		(*len)--;
	if (*len >= KEYS_SECRET_MIN)
		return true;
	snprintf(why, size,
	    "%s: a secret needs 32 bytes or more, this has %zu: make one with "
	    "openssl rand -hex 32",
	    path, *len);
	return false;
}

/* A secret that everyone may read is not refused: it may be a test's. */
static void
warn_open(const char *path)
{
	struct stat sb;

	if (stat(path, &sb) == 0 && (sb.st_mode & S_IROTH))
		log_error(path, "everyone on this machine may read this "
				"secret: chmod o-r");
}

/* --- the keys in it ------------------------------------------------------- */

/* All public keys of a PEM file. */
static bool
add_pem(
    struct keys *ks, const unsigned char *bytes, size_t len, const char **why)
{
	BIO *in = BIO_new_mem_buf(bytes, (int)len);
	EVP_PKEY *pkey;
	size_t n = ks->n;
	bool ok = in != NULL;

	*why = "out of memory";
	while (
	    ok && (pkey = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL)) != NULL) {
		ok = keys_add_public(ks, NULL, pkey, why);
		EVP_PKEY_free(pkey);
	}
	if (ok && ks->n == n) {
		*why = "no public key in it that OpenSSL can read";
		ok = false;
	}
	ERR_clear_error();
	BIO_free(in);
	return ok;
}

static int
read_key_file(struct keys *ks, const char *path, char *why, size_t size)
{
	size_t len, all;
	unsigned char *bytes = keys_file(path, &len, why, size);
	const char *wrong = NULL;
	bool ok = bytes != NULL;

	if (!ok)
		return -1;
	all = len;
	if (kind_is_pem(bytes, len)) {
		wrong = kind_of_pem(bytes, len);
		ok = wrong == NULL && add_pem(ks, bytes, len, &wrong);
	} else if ((wrong = kind_of_bytes(bytes, len)) != NULL)
		ok = false;
	else if ((ok = keys_secret(path, bytes, &len, why, size))) {
		warn_open(path);
		ok = keys_add(ks, KEY_HS256, NULL, bytes, len, &wrong);
	}
	if (!ok && wrong != NULL)
		snprintf(why, size, "%s: %s", path, wrong);
	keys_wipe(bytes, all);
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
