/*
 * keyed.h - a responder with keys, for the tests of who may read a topic.
 */
#ifndef KEYED_H
#define KEYED_H

#include "tests/talk/peer/peer.h"

#include "tests/unit/hostile.h"

/* The words of serve for the three kinds of keys, in files of the server. */
#define KEYED(sv)                                           \
	"--key-file", key_path(sv, "secret"), "--key-file", \
	    key_path(sv, "rsa.pem"), "--jwks-file", key_path(sv, "jwks")

static inline const char *
key_path(struct server *sv, const char *name)
{
	return text("%s/%s", sv->dir, name);
}

/* Text that is freed after the test. */
static inline char *
kept(char *s)
{
	char *copy = text("%s", s);

	free(s);
	return copy;
}

/* A server that has key files and does not run yet. */
static inline struct server *
prepare_keys(void)
{
	struct server *sv = prepare();
	char *pem = kept(forge_public(hostile_keys()->rsa));
	char *jwk = kept(forge_jwk(hostile_keys()->ec, "ec", ""));
	char *set = text("{\"keys\":[%s]}", jwk);

	forge_write(
	    key_path(sv, "secret"), FORGE_SECRET "\n", sizeof(FORGE_SECRET));
	forge_write(key_path(sv, "rsa.pem"), pem, strlen(pem));
	forge_write(key_path(sv, "jwks"), set, strlen(set));
	return sv;
}

static inline struct server *
serve_keyed(void)
{
	struct server *sv = prepare_keys();

	start(sv, KEYED(sv), NULL);
	return sv;
}

/* A token for sub that may read these patterns, a list of JSON texts. */
static inline char *
token_for(const char *sub, const char *patterns)
{
	char *claims = text("{\"sub\":\"%s\",\"iat\":%lld,\"exp\":4102444800,"
			    "\"largesse\":{\"subscribe\":[%s]}}",
	    sub, (long long)time(NULL), patterns);

	return kept(forge(FORGE_HS256, claims));
}

/* A GET with a token in its header; a name and value more, or NULL. */
static inline struct client *
get_with(struct server *sv, const char *uri, const char *token)
{
	return get(
	    sv, uri, "HTTP_AUTHORIZATION", text("Bearer %s", token), NULL);
}

/* A stream that has begun. */
static inline struct client *
open_with(struct server *sv, const char *uri, const char *token)
{
	struct client *c = get_with(sv, uri, token);

	want_start(c);
	return c;
}

#endif
