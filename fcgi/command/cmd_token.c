/*
 * cmd_token.c - largesse token: a token for a reader or a publisher, or a
 * signed address for a reader.
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
#include <openssl/err.h>
#include <openssl/pem.h>

#include "fcgi/auth/kind/kind.h"
#include "fcgi/auth/signature.h"
#include "fcgi/base/base64.h"
#include "fcgi/base/log.h"
#include "fcgi/command/commands.h"
#include "fcgi/command/token_url.h"
#include "fcgi/request/request.h"

struct token_conf {
	const char *key_file, *sub, *kid, *issuer, *audience, *url;
	struct option_list subscribe, publish;
	uint64_t expires_ms;
};

#define AT(kind, at, member) kind, at(struct token_conf, member)

/* clang-format off */
static const struct option list[] = {
	{"key-file", "FILE", AT(OPTION_STRING, AT_STRING, key_file), NULL,
	    .help = "the secret, or a private key in PEM", .needed = true},
	{"subscribe", "TOPIC", AT(OPTION_LIST, AT_LIST, subscribe), NULL,
	    .help = "what may be read: news, news*, inbox/{sub}; repeat"},
	{"publish", "TOPIC", AT(OPTION_LIST, AT_LIST, publish), NULL,
	    .help = "what may be published to; repeat"},
	{"sub", "SUBJECT", AT(OPTION_STRING, AT_STRING, sub), NULL,
	    .help = "whose token it is; {sub} stands for that"},
	{"expires", "AGE", AT(OPTION_AGE, AT_NUMBER, expires_ms), "1h",
	    .help = "how long it is good; 0: for ever"},
	{"kid", "KID", AT(OPTION_STRING, AT_STRING, kid), NULL,
	    .help = "id of the key, if there are several"},
	{"issuer", "NAME", AT(OPTION_STRING, AT_STRING, issuer), NULL,
	    .help = "the iss of the token"},
	{"audience", "NAME", AT(OPTION_STRING, AT_STRING, audience), NULL,
	    .help = "the aud of the token"},
	{"url", "[BASE]", AT(OPTION_STRING, AT_STRING, url), NULL,
	    .help = "print a signed address; BASE is /events"},
};
/* clang-format on */

static const struct options options = {
    .command = "token",
    .usage = "--key-file FILE --subscribe TOPIC... [options]",
    .about = "Prints a JSON Web Token, signed with HS256, RS256 or ES256 as "
	     "the key has it;\nor, with --url, an address of a stream that is "
	     "signed with the secret.",
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
 * `--subscribe a b` is `--subscribe a --subscribe b`, and `--url` before
 * another option is `--url /events`.  Returns the words with a NULL behind
 * them, to be freed, or NULL without memory.
 */
static char **
spread(int *argc, char **argv)
{
	static char stream[] = "/events";
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
		if (strcmp(argv[i], "--url") == 0 &&
		    (i + 1 == *argc || strncmp(argv[i + 1], "--", 2) == 0))
			to[n++] = stream;
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

/* False if the value is not UTF-8, or without memory. */
static bool
set_claim(json_t *claims, const char *name, const char *value)
{
	return value == NULL ||
	       json_object_set_new(claims, name, json_string(value)) == 0;
}

/* As JSON, to be freed.  NULL if a text is not UTF-8, or without memory. */
static char *
make_claims(const struct token_conf *conf)
{
	int64_t now = time(NULL);
	json_t *claims = json_object(), *ours = json_object();
	char *text = NULL;
	bool ok = set_claim(claims, "iss", conf->issuer) &&
		  set_claim(claims, "aud", conf->audience) &&
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
	if (ok)
		text = json_dumps(claims, JSON_COMPACT);
	json_decref(claims);
	return text;
}

/* As JSON, to be freed.  NULL if the kid is not UTF-8, or without memory. */
static char *
make_header(const struct token_conf *conf, enum key_alg alg)
{
	json_t *header = json_object();
	char *text = NULL;

	if (set_claim(header, "alg", key_alg_name(alg)) &&
	    set_claim(header, "typ", "JWT") &&
	    set_claim(header, "kid", conf->kid))
		text = json_dumps(header, JSON_COMPACT);
	json_decref(header);
	return text;
}

/* Writes a text in base64url at to, with a dot behind it. */
static size_t
put_part(char *to, const char *text)
{
	size_t n = base64url_encode(to, (const uint8_t *)text, strlen(text));

	to[n++] = '.';
	return n;
}

/* The token, to be freed.  NULL: the key or one of the texts is wrong. */
static char *
sign(const struct token_conf *conf, const struct key *key)
{
	char *header = make_header(conf, key->alg), *claims = make_claims(conf);
	uint8_t signature[SIGNATURE_MAX];
	char *token = NULL;
	size_t n, len;

	if (header != NULL && claims != NULL)
		token = malloc(BASE64_SIZE(strlen(header)) +
			       BASE64_SIZE(strlen(claims)) +
			       BASE64_SIZE(SIGNATURE_MAX));
	if (token != NULL) {
		n = put_part(token, header);
		n += put_part(token + n, claims);
		len = signature_make(key, token, n - 1, signature);
		base64url_encode(token + n, signature, len);
		if (len == 0) {
			free(token);
			token = NULL;
		}
	}
	free(header);
	free(claims);
	return token;
}

/* --- the key ------------------------------------------------------------ */

static bool
add_private(
    struct keys *one, const unsigned char *bytes, size_t len, const char **why)
{
	BIO *in = BIO_new_mem_buf(bytes, (int)len);
	EVP_PKEY *pkey = NULL;
	bool ok;

	*why = "not a private key that OpenSSL can read without a passphrase";
	if (in != NULL)
		pkey = PEM_read_bio_PrivateKey(in, NULL, NULL, (void *)"");
	ok = pkey != NULL && keys_add_pkey(one, NULL, pkey, why);
	EVP_PKEY_free(pkey);
	BIO_free(in);
	ERR_clear_error();
	return ok;
}

/* Reads the secret or the private key.  False, and it was said why. */
static bool
read_key(struct keys *one, const char *path)
{
	char why[512];
	size_t len;
	unsigned char *bytes = keys_file(path, &len, why, sizeof(why));
	const char *wrong;
	bool ok = bytes != NULL;

	if (ok && kind_is_pem(bytes, len)) {
		ok = add_private(one, bytes, len, &wrong);
		if (!ok)
			snprintf(why, sizeof(why), "%s: %s", path, wrong);
	} else if (ok)
		ok = keys_take_secret(one, path, bytes, len, why, sizeof(why));
	if (!ok)
		log_plain(why);
	keys_wipe(bytes, bytes != NULL ? len : 0);
	return ok;
}

/* The signed address, to be freed.  NULL, and it was said why. */
static char *
sign_url(const struct token_conf *conf, const struct key *key)
{
	int64_t now = time(NULL);
	struct token_url u = {.base = conf->url,
	    .topics = &conf->subscribe,
	    .expires = now + (int64_t)(conf->expires_ms + 999) / 1000,
	    .issued = now,
	    .subject = conf->sub,
	    .issuer = conf->issuer,
	    .audience = conf->audience};
	char *url;

	if (key->alg != KEY_HS256) {
		log_error(conf->key_file,
		    "an address is signed with a secret, and this is a private "
		    "key");
		return NULL;
	}
	if ((url = token_url(&u, key)) == NULL)
		log_error("token", "out of memory");
	return url;
}

/* The token, to be freed.  NULL, and it was said why. */
static char *
sign_token(const struct token_conf *conf, const struct key *key)
{
	char *token = sign(conf, key);

	if (token == NULL)
		log_error(conf->key_file,
		    "cannot be signed with: are all texts UTF-8?");
	return token;
}

static int
print_token(const struct token_conf *conf)
{
	struct keys one = {.n = 0};
	char *token = NULL;

	if (read_key(&one, conf->key_file))
		token = conf->url != NULL ? sign_url(conf, &one.v[0])
					  : sign_token(conf, &one.v[0]);
	keys_free(&one);
	if (token == NULL)
		return STATUS_FAILED;
	if (conf->expires_ms == 0)
		log_error("token",
		    "it never expires; a responder with --max-token-age "
		    "refuses it");
	puts(token);
	free(token);
	return command_done();
}

/* Is one of the topics named after a subject? */
static bool
names_subject(const struct option_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strstr(l->v[i], "{sub}") != NULL ||
		    strstr(l->v[i], "{user}") != NULL)
			return true;
	return false;
}

/* Says what is wrong with the options for an address. */
static bool
check_url(const struct token_conf *conf)
{
	const char *wrong;

	if (conf->url == NULL)
		return true;
	wrong = token_url_wrong(conf->url);
	if (wrong == NULL && conf->publish.n > 0)
		wrong = "a signed address is only for reading, not for "
			"--publish";
	if (wrong == NULL && conf->kid != NULL)
		wrong = "a signed address has no --kid: all secrets are tried";
	if (wrong == NULL && conf->sub == NULL &&
	    names_subject(&conf->subscribe))
		wrong = "a topic is named after the subject: --sub is missing";
	if (wrong == NULL && conf->expires_ms == 0)
		wrong = "a signed address has to expire: --expires 0 is for "
			"tokens";
	if (wrong != NULL)
		log_error("--url", "%s", wrong);
	return wrong == NULL;
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
	    !check_topics("--publish", &conf.publish) || !check_url(&conf))
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
