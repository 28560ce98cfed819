/*
 * keys.h - the keys that tokens are signed with, each with the one algorithm
 * that it is for.
 *
 * A key file is a PEM file of public keys (RS256 for RSA, ES256 for P-256), or
 * a secret for HS256, without one newline at its end.  A file that has key
 * material in another form is refused (kind/kind.h).  A JWKS file is JSON (RFC
 * 7517, section 5) with keys of type oct, RSA or EC.
 *
 * A public key is parsed when its file is read, and stays parsed: parsing costs
 * ten times more than checking a signature.
 */
#ifndef KEYS_H
#define KEYS_H

#include "fcgi/base/options.h"

enum {
	KEYS_SECRET_MIN = 32,	/* bytes of a secret (RFC 7518, section 3.2) */
	KEYS_RSA_MIN = 2048,	/* bits (the same, section 3.3) */
	KEYS_RSA_MAX = 8192,	/* bits; longer ones take too long to check */
	KEYS_EXPONENT_MAX = 64, /* bits; for the same reason */
	KEYS_MAX = 64,
	KEYS_FILE_MAX = 1 << 20 /* bytes of a file */
};

enum key_alg {
	KEY_HS256,
	KEY_RS256,
	KEY_ES256,
	KEY_ALGS
};

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

struct key {
	enum key_alg alg;
	char *kid;	       /* NULL: it has none */
	unsigned char *secret; /* secret_len bytes, for HS256 */
	size_t secret_len;
	struct evp_pkey_st *pkey; /* for RS256 and ES256 */
};

struct keys {
	struct key v[KEYS_MAX];
	size_t n;
	uint64_t mark; /* of the files when they were read */
};

/* --- keys.c: keys that were read ----------------------------------------- */

void keys_free(struct keys *);

/* The name of an algorithm in a token's header. */
const char *key_alg_name(enum key_alg);

/* Clears the bytes, which may be a secret, and frees them.  Takes NULL. */
void keys_wipe(unsigned char *bytes, size_t len);

/* Adds a copy.  False with why in a few words. */
bool keys_add_secret(struct keys *, const char *kid, const void *bytes,
    size_t len, const char **why);

/*
 * Adds a key pair or a public key, if it is one of those that we take; it is
 * not copied, but counted once more.  False with why in a few words.
 */
bool keys_add_pkey(
    struct keys *, const char *kid, struct evp_pkey_st *, const char **why);

/* --- key_files.c: files of keys ------------------------------------------ */

/*
 * Reads all these files.  0; or -1 with why (which takes size bytes), and
 * keys is empty then.
 */
int keys_read(struct keys *, const struct option_list *key_files,
    const struct option_list *jwks_files, char *why, size_t size);

/* A number that changes when one of the files changes; reads none of them. */
uint64_t keys_mark(
    const struct option_list *key_files, const struct option_list *jwks_files);

/*
 * Reads a file whole, with a NUL behind it.  Its bytes, to be freed with
 * keys_wipe, or NULL and why.
 */
unsigned char *keys_file(const char *path, size_t *len, char *why, size_t size);

/*
 * Adds the secret that a file's bytes are, without the newline at their end.
 * False, and why: too short, or no secret but a key in a form that we do not
 * take.
 */
bool keys_take_secret(struct keys *, const char *path,
    const unsigned char *bytes, size_t len, char *why, size_t size);

/* May everyone on this machine read this file?  Then this is said. */
bool keys_open_to_all(const char *path);
#define KEYS_OPEN "everyone on this machine may read this secret: chmod o-r"

/* --- jwks.c -------------------------------------------------------------- */

/*
 * Adds the keys of a JWKS that can be used.  Each other key is passed over, and
 * a line on stderr says why.  0; or -1, why: it is no JWKS, or none of its
 * keys is for us.
 */
int jwks_add(struct keys *, const char *path, const unsigned char *bytes,
    size_t len, char *why, size_t size);

#endif
