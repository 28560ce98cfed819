/*
 * cmd_token.c - largesse token: a token for a reader or a publisher.
 *
 * It is for scripts and for trying things out; an application makes its
 * tokens itself, with a JWT library.  The key is the secret that `serve` has,
 * or the private key that belongs to the public key of `serve`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <jwt.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "fcgi/auth/keys.h"
#include "fcgi/auth/kind/kind.h"
#include "fcgi/base/log.h"
#include "fcgi/command/commands.h"
#include "fcgi/request/request.h"

struct token_conf {
	const char *key_file, *sub, *kid, *issuer, *audience;
	struct option_list subscribe, publish;
	uint64_t expires_ms;
};

#define AT(kind, at, member) kind, at(struct token_conf, member)

/* clang-format off */
static const struct option list[] = {
	{"key-file", "FILE", AT(OPTION_STRING, AT_STRING, key_file), NULL,
	    .help = "the secret, or a private key in PEM", .needed = true},
	{"subscribe", "TOPIC", AT(OPTION_LIST, AT_LIST, subscribe), NULL,
	    .help = "what it may read: news, news*, inbox/{sub}; repeat"},
	{"publish", "TOPIC", AT(OPTION_LIST, AT_LIST, publish), NULL,
	    .help = "what it may publish to; repeat"},
	{"sub", "SUBJECT", AT(OPTION_STRING, AT_STRING, sub), NULL,
	    .help = "whose it is: {sub} and {user} stand for that"},
	{"expires", "AGE", AT(OPTION_AGE, AT_NUMBER, expires_ms), "1h",
	    .help = "how long it is good; 0: for ever"},
	{"kid", "KID", AT(OPTION_STRING, AT_STRING, kid), NULL,
	    .help = "which key it is signed with, where there are several"},
	{"issuer", "NAME", AT(OPTION_STRING, AT_STRING, issuer), NULL,
	    .help = "its iss"},
	{"audience", "NAME", AT(OPTION_STRING, AT_STRING, audience), NULL,
	    .help = "its aud"},
};
/* clang-format on */

static const struct options options = {
    .command = "token",
    .usage = "--key-file FILE --subscribe TOPIC... [options]",
    .about = "Prints a JSON Web Token, signed with HS256, RS256 or ES256 as "
	     "the key has it.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
};

/* --- the words ---------------------------------------------------------- */

/* Does this option take all words up to the next option? */
static bool
takes_many(const char *word)
{
	return strcmp(word, "--subscribe") == 0 ||
	       strcmp(word, "--publish") == 0;
}

/*
 * `--subscribe a b` is `--subscribe a --subscribe b`.  Returns the words with
 * a NULL behind them, to be freed, or NULL without memory.
 */
static char **
spread(int *argc, char **argv)
{
	char **to = calloc((size_t)*argc * 2 + 1, sizeof(*to)), *many = NULL;
	int i, n = 0;

	if (to == NULL)
		return NULL;
	for (i = 0; i < *argc; i++) {
		bool is_option = strncmp(argv[i], "--", 2) == 0;

		if (is_option)
			many = takes_many(argv[i]) ? argv[i] : NULL;
		else if (many != NULL && to[n - 1] != many)
			to[n++] = many;
		to[n++] = argv[i];
	}
	*argc = n;
	return to;
}

static bool
check_topics(const char *name, const struct option_list *l)
{
	struct request_topic topic;
	const char *wrong;
	size_t i;

	for (i = 0; i < l->n; i++) {
		wrong = request_topic(&topic, l->v[i], strlen(l->v[i]));
		if (wrong == NULL)
			continue;
		log_error(name, "'%s': %s", l->v[i], wrong);
		return false;
	}
	return true;
}

/* --- the token ---------------------------------------------------------- */

static json_t *
array(const struct option_list *l)
{
	json_t *a = json_array();
	size_t i;

	for (i = 0; i < l->n; i++)
		json_array_append_new(a, json_string(l->v[i]));
	return a;
}

static void
set_claim(json_t *claims, const char *name, const char *value)
{
	if (value != NULL)
		json_object_set_new(claims, name, json_string(value));
}

/* As JSON, to be freed.  NULL if a text is not UTF-8, or without memory. */
static char *
make_claims(const struct token_conf *conf)
{
	int64_t now = time(NULL);
	json_t *claims = json_object(), *ours = json_object();
	char *text;

	set_claim(claims, "iss", conf->issuer);
	set_claim(claims, "aud", conf->audience);
	set_claim(claims, "sub", conf->sub);
	json_object_set_new(claims, "iat", json_integer(now));
	if (conf->expires_ms != 0)
		json_object_set_new(claims, "exp",
		    json_integer(
			now + (int64_t)(conf->expires_ms + 999) / 1000));
	if (conf->subscribe.n > 0)
		json_object_set_new(ours, "subscribe", array(&conf->subscribe));
	if (conf->publish.n > 0)
		json_object_set_new(ours, "publish", array(&conf->publish));
	json_object_set_new(claims, "largesse", ours);
	text = json_dumps(claims, JSON_COMPACT);
	json_decref(claims);
	return text;
}

/* The algorithm of a private key; JWT_ALG_INVAL, and why, if it has none. */
static jwt_alg_t
private_alg(const unsigned char *bytes, size_t len, const char **why)
{
	BIO *in = BIO_new_mem_buf(bytes, (int)len);
	EVP_PKEY *pkey = NULL;
	struct keys one = {.n = 0};
	jwt_alg_t alg = JWT_ALG_INVAL;

	*why = "not a private key that OpenSSL can read without a passphrase";
	if (in != NULL)
		pkey = PEM_read_bio_PrivateKey(in, NULL, NULL, (void *)"");
	if (pkey != NULL && keys_add_public(&one, NULL, pkey, why))
		alg = one.v[0].alg == KEY_RS256 ? JWT_ALG_RS256 : JWT_ALG_ES256;
	keys_free(&one);
	EVP_PKEY_free(pkey);
	BIO_free(in);
	ERR_clear_error();
	return alg;
}

/* The token, to be freed.  NULL: the key or one of the texts is wrong. */
static char *
sign(const struct token_conf *conf, jwt_alg_t alg, const unsigned char *key,
    size_t len)
{
	char *claims = make_claims(conf), *token = NULL;
	jwt_t *jwt = NULL;

	if (claims != NULL && jwt_new(&jwt) == 0 &&
	    jwt_add_grants_json(jwt, claims) == 0 &&
	    (conf->kid == NULL || jwt_add_header(jwt, "kid", conf->kid) == 0) &&
	    jwt_set_alg(jwt, alg, key, (int)len) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	free(claims);
	return token;
}

static int
print_token(const struct token_conf *conf)
{
	size_t all, len;
	char why[512], *token = NULL;
	static const char unsigned_[] = "cannot be signed with: are all texts "
					"UTF-8?";
	const char *wrong = unsigned_;
	unsigned char *key = keys_file(conf->key_file, &all, why, sizeof(why));
	jwt_alg_t alg = JWT_ALG_HS256;
	bool ok = key != NULL;

	len = ok ? all : 0;
	if (ok && kind_is_pem(key, len))
		alg = private_alg(key, len, &wrong);
	else if (ok && (wrong = kind_of_bytes(key, len)) != NULL)
		alg = JWT_ALG_INVAL;
	else if (ok)
		ok = keys_secret(conf->key_file, key, &len, why, sizeof(why));
	if (!ok)
		log_plain(why);
	else if (alg == JWT_ALG_INVAL ||
		 (token = sign(conf, alg, key, len)) == NULL)
		log_error(
		    conf->key_file, "%s", wrong != NULL ? wrong : unsigned_);
	else
		puts(token);
	keys_wipe(key, key != NULL ? all : 0);
	ok = token != NULL;
	free(token);
	return ok ? command_done() : STATUS_FAILED;
}

int
cmd_token(int argc, char **argv)
{
	struct token_conf conf;
	char **words = spread(&argc, argv);
	int status = STATUS_FAILED;

	if (words == NULL) {
		log_error("token", "out of memory");
		return status;
	}
	status = options_take(&options, &argc, words, &conf);
	if (status != -1) {
		free(words);
		return status;
	}
	if (!check_topics("--subscribe", &conf.subscribe) ||
	    !check_topics("--publish", &conf.publish))
		status = STATUS_USAGE;
	else if (conf.subscribe.n + conf.publish.n == 0) {
		log_error("token", "what for?  --subscribe or --publish");
		status = STATUS_USAGE;
	} else
		status = print_token(&conf);
	options_free(&options, &conf);
	free(words);
	return status;
}
