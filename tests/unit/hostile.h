/*
 * hostile.h - tokens that the program has to refuse.
 *
 * Each of them asks for the topic `secret` and has one thing wrong with it.
 * The program has these keys when a test shows it the tokens: the secret of
 * forge.h, an RSA key, and a P-256 key with the kid `ec`.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "tests/unit/forge.h"

struct hostile {
	const char *what;
	char *token; /* freed by hostile_free */
	int status;
};

enum {
	HOSTILE_MAX = 128
};

struct hostile_keys {
	EVP_PKEY *rsa, *ec;		/* the responder knows them */
	EVP_PKEY *rsa_other, *ec_other; /* the responder does not know them */
};

#define GRANT	"\"largesse\":{\"subscribe\":[\"secret\"]}"
#define FOREVER "\"exp\":4102444800"
#define GOOD	"{\"sub\":\"eve\"," FOREVER "," GRANT "}"

struct hostile_list {
	struct hostile v[HOSTILE_MAX];
	size_t n;
};

static inline void
hostile_add(struct hostile_list *l, int status, const char *what, char *token)
{
	if (l->n == HOSTILE_MAX || token == NULL)
		abort();
	l->v[l->n++] = (struct hostile){what, token, status};
}

static inline char *
hostile_text(const char *a, const char *b, const char *c)
{
	char *s;

	if (asprintf(&s, "%s%s%s", a, b, c) < 0)
		abort();
	return s;
}

/* Texts that do not have the form of a token. */
static inline void
hostile_forms(struct hostile_list *l)
{
	char *good = forge(FORGE_HS256, GOOD), *dot = strchr(good, '.');
	char *last = strrchr(good, '.'), *s;
	size_t len = strlen(good);

	hostile_add(l, 401, "a word", strdup("secret"));
	hostile_add(l, 401, "dots", strdup(".."));
	hostile_add(l, 401, "many dots", strdup("........"));
	hostile_add(l, 401, "one part", strndup(good, (size_t)(dot - good)));
	hostile_add(l, 401, "two parts", strndup(good, (size_t)(last - good)));
	hostile_add(l, 401, "an empty signature",
	    strndup(good, (size_t)(last - good) + 1));
	hostile_add(l, 401, "four parts", hostile_text(good, ".", "aaaa"));
	hostile_add(l, 401, "a dot behind", hostile_text(good, ".", ""));
	hostile_add(l, 401, "a dot before", hostile_text(".", good, ""));
	hostile_add(l, 401, "no header", strdup(dot));
	hostile_add(l, 401, "padding", hostile_text(good, "=", ""));
	hostile_add(l, 401, "rubbish behind", hostile_text(good, "!", ""));
	hostile_add(l, 401, "a quote", hostile_text(good, "'", "--"));
	hostile_add(l, 401, "markup", strdup("<script>alert(1)</script>"));
	hostile_add(l, 401, "a format", strdup("%s%s%n.%s%n.%n"));
	hostile_add(l, 401, "a letter short", strndup(good, len - 1));
	hostile_add(l, 401, "two letters short", strndup(good, len - 2));
	hostile_add(l, 401, "a letter more", hostile_text(good, "A", ""));
	hostile_add(
	    l, 401, "four letters more", hostile_text(good, "AAAA", ""));
	hostile_add(l, 401, "twice itself", hostile_text(good, good, ""));
	s = hostile_text(good, "", "");
	s[len - 1] = s[len - 1] == 'A' ? 'B' : (char)(s[len - 1] + 1);
	hostile_add(l, 401, "bits left over in the signature", s);
	s = malloc(9001);
	memset(s, 'A', 9000);
	s[9000] = '\0';
	s[3000] = s[6000] = '.';
	hostile_add(l, 401, "9000 bytes", s);
	s = malloc(7001);
	memset(s, '.', 7000);
	s[7000] = '\0';
	hostile_add(l, 401, "7000 dots", s);
	free(good);
}

/* Headers that lie. */
static inline void
hostile_headers(struct hostile_list *l, const struct hostile_keys *k)
{
	static const struct {
		const char *what, *header;
	} headers[] = {
	    {"alg none", "{\"alg\":\"none\"}"},
	    {"alg None", "{\"alg\":\"None\"}"},
	    {"alg NONE", "{\"alg\":\"NONE\"}"},
	    {"alg nOnE and typ", "{\"alg\":\"nOnE\",\"typ\":\"JWT\"}"},
	    {"no alg", "{\"typ\":\"JWT\"}"},
	    {"alg null", "{\"alg\":null}"},
	    {"alg empty", "{\"alg\":\"\"}"},
	    {"alg a number", "{\"alg\":256}"},
	    {"alg a list", "{\"alg\":[\"HS256\"]}"},
	    {"alg in small letters", "{\"alg\":\"hs256\"}"},
	    {"alg with a blank", "{\"alg\":\"HS256 \"}"},
	    {"alg with a NUL", "{\"alg\":\"HS256\\u0000\"}"},
	    {"alg unknown", "{\"alg\":\"XS256\"}"},
	    {"alg EdDSA", "{\"alg\":\"EdDSA\"}"},
	    {"alg PS256", "{\"alg\":\"PS256\"}"},
	    {"alg ES256K", "{\"alg\":\"ES256K\"}"},
	    {"alg twice, none last", "{\"alg\":\"HS256\",\"alg\":\"none\"}"},
	    {"alg twice, none first", "{\"alg\":\"none\",\"alg\":\"HS256\"}"},
	    {"a kid not known", "{\"alg\":\"ES256\",\"kid\":\"nobody\"}"},
	    {"kid a number", "{\"alg\":\"HS256\",\"kid\":1}"},
	    {"kid a path", "{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}"},
	    {"crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}"},
	    {"not base64 by b64",
		"{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}"},
	    {"an encrypted token", "{\"alg\":\"dir\",\"enc\":\"A128GCM\"}"},
	    {"another typ", "{\"alg\":\"HS256\",\"typ\":\"JOSE+JSON\"}"},
	    {"a header in a list", "[{\"alg\":\"HS256\"}]"},
	    {"a header that is a text", "\"HS256\""},
	    {"a header that is no JSON", "alg=HS256"},
	    {"a header with something behind it",
		"{\"alg\":\"HS256\"}{\"alg\":\"none\"}"},
	    {"an empty header", "{}"},
	};
	char *good;
	size_t i;

	for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		hostile_add(
		    l, 401, headers[i].what, forge(headers[i].header, GOOD));
	/* Unsigned, in the form of RFC 7519. */
	good = forge_body("{\"alg\":\"none\"}", GOOD);
	hostile_add(l, 401, "alg none, unsigned", hostile_text(good, ".", ""));
	free(good);
	(void)k;
}

/* Signed, but with a key that is not ours or is not for this use. */
static inline void
hostile_signatures(struct hostile_list *l, const struct hostile_keys *k)
{
	char *pem = forge_public(k->rsa), *ec = forge_public(k->ec), *s;
	char *jwk = forge_jwk(k->rsa_other, "x", ""), *header;
	size_t secret = sizeof(FORGE_SECRET) - 1;

	hostile_add(l, 401, "another secret",
	    forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, FORGE_OTHER,
		sizeof(FORGE_OTHER) - 1));
	hostile_add(l, 401, "an empty secret",
	    forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, "", 0));
	hostile_add(l, 401, "the secret with its newline",
	    forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, FORGE_SECRET "\n",
		secret + 1));
	hostile_add(l, 401, "the first half of the secret",
	    forge_hmac(
		EVP_sha256(), FORGE_HS256, GOOD, FORGE_SECRET, secret / 2));
	hostile_add(l, 401, "HS384 by the secret",
	    forge_hmac(EVP_sha384(), "{\"alg\":\"HS384\"}", GOOD, FORGE_SECRET,
		secret));
	hostile_add(l, 401, "HS512 by the secret",
	    forge_hmac(EVP_sha512(), "{\"alg\":\"HS512\"}", GOOD, FORGE_SECRET,
		secret));
	hostile_add(l, 401, "HS256 with a MAC of SHA-512",
	    forge_hmac(EVP_sha512(), FORGE_HS256, GOOD, FORGE_SECRET, secret));
	hostile_add(l, 401, "the public RSA key as a secret",
	    forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, pem, strlen(pem)));
	hostile_add(l, 401, "the same without its newline",
	    forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, pem, strlen(pem) - 1));
	hostile_add(l, 401, "the public EC key as a secret",
	    forge_hmac(EVP_sha256(), FORGE_HS256, GOOD, ec, strlen(ec)));
	hostile_add(l, 401, "another RSA key",
	    forge_by(k->rsa_other, FORGE_RS256, GOOD));
	hostile_add(
	    l, 401, "another EC key", forge_by(k->ec_other, FORGE_ES256, GOOD));
	hostile_add(l, 401, "another EC key by our kid",
	    forge_by(k->ec_other, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", GOOD));
	hostile_add(l, 401, "RS256 said, signed with EC",
	    forge_by(k->ec, FORGE_RS256, GOOD));
	hostile_add(l, 401, "ES256 said, signed with RSA",
	    forge_by(k->rsa, FORGE_ES256, GOOD));
	hostile_add(l, 401, "HS256 said, signed with RSA",
	    forge_by(k->rsa, FORGE_HS256, GOOD));
	hostile_add(l, 401, "RS384 said, by our key",
	    forge_by(k->rsa, "{\"alg\":\"RS384\"}", GOOD));
	header = hostile_text("{\"alg\":\"RS256\",\"jwk\":", jwk, "}");
	hostile_add(l, 401, "a key of its own in the header",
	    forge_by(k->rsa_other, header, GOOD));
	free(header);
	s = forge_body(FORGE_ES256, GOOD);
	hostile_add(l, 401, "ES256 with r and s zero",
	    forge_join(s, forge_part((char[64]){0}, 64)));
	s = forge_body(FORGE_RS256, GOOD);
	hostile_add(l, 401, "RS256 with a signature of zeros",
	    forge_join(s, forge_part((char[256]){0}, 256)));
	s = forge_body(FORGE_ES256, GOOD);
	hostile_add(
	    l, 401, "ES256 with one byte", forge_join(s, forge_part("x", 1)));
	free(pem);
	free(ec);
	free(jwk);
}

/* Signed by us, but not for this time or not for this use. */
static inline void
hostile_claims(struct hostile_list *l)
{
	static const struct {
		int status;
		const char *what, *claims;
	} claims[] = {
	    {401, "expired", "{\"exp\":1000000000," GRANT "}"},
	    {401, "expired in 1970", "{\"exp\":0," GRANT "}"},
	    {401, "exp before 1970", "{\"exp\":-1e300," GRANT "}"},
	    {401, "exp a text", "{\"exp\":\"4102444800\"," GRANT "}"},
	    {401, "exp null", "{\"exp\":null," GRANT "}"},
	    {401, "exp true", "{\"exp\":true," GRANT "}"},
	    {401, "exp beyond all numbers",
		"{\"exp\":99999999999999999999999," GRANT "}"},
	    {401, "exp twice",
		"{\"exp\":1000000000,\"exp\":4102444800," GRANT "}"},
	    {401, "not yet", "{\"nbf\":4102444800," GRANT "}"},
	    {401, "nbf a list", "{\"nbf\":[0]," GRANT "}"},
	    {401, "iat a text", "{\"iat\":\"now\"," GRANT "}"},
	    {401, "sub a number", "{\"sub\":7," FOREVER "," GRANT "}"},
	    {401, "sub with a control",
		"{\"sub\":\"a\\u0001b\"," FOREVER "," GRANT "}"},
	    {401, "sub with a newline",
		"{\"sub\":\"a\\nb\"," FOREVER "," GRANT "}"},
	    {401, "sub with a NUL",
		"{\"sub\":\"a\\u0000b\"," FOREVER "," GRANT "}"},
	    {401, "claims in a list", "[" GOOD "]"},
	    {401, "claims that are no JSON", "sub=eve"},
	    {401, "empty claims of nothing", "null"},
	    {401, "claims cut short", "{\"exp\":4102444800,"},
	    {403, "no claim of ours", "{" FOREVER "}"},
	    {403, "a claim of ours, null", "{" FOREVER ",\"largesse\":null}"},
	    {403, "a claim of ours, a list",
		"{" FOREVER ",\"largesse\":[\"secret\"]}"},
	    {403, "a claim of ours, true", "{" FOREVER ",\"largesse\":true}"},
	    {403, "a text for a list",
		"{" FOREVER ",\"largesse\":{\"subscribe\":\"secret\"}}"},
	    {403, "an object for a list",
		"{" FOREVER ",\"largesse\":{\"subscribe\":{\"secret\":true}}}"},
	    {403, "a list in the list",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[[\"secret\"]]}}"},
	    {403, "nothing in the list",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[]}}"},
	    {403, "null in the list",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[null,\"\"]}}"},
	    {403, "another topic",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[\"secrets\"]}}"},
	    {403, "half the topic",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[\"secre\"]}}"},
	    {403, "in capital letters",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[\"SECRET\"]}}"},
	    {403, "another prefix",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[\"secret/*\"]}}"},
	    {403, "a star before the end",
		"{" FOREVER
		",\"largesse\":{\"subscribe\":[\"*secret\",\"s*t\"]}}"},
	    {403, "two stars",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[\"**\"]}}"},
	    {403, "a pattern of other kinds",
		"{" FOREVER
		",\"largesse\":{\"subscribe\":[\".*\",\"secre?\",\"%\"]}}"},
	    {403, "a claim to publish",
		"{" FOREVER ",\"largesse\":{\"publish\":[\"*\"]}}"},
	    {403, "a claim beside ours",
		"{" FOREVER ",\"subscribe\":[\"secret\"],"
		"\"mercure\":{\"subscribe\":[\"*\"]}}"},
	    {403, "the subject of nobody",
		"{" FOREVER ",\"largesse\":{\"subscribe\":[\"{sub}*\"]}}"},
	    {403, "an empty subject",
		"{\"sub\":\"\"," FOREVER
		",\"largesse\":{\"subscribe\":[\"{sub}*\"]}}"},
	    {403, "a subject that is a star",
		"{\"sub\":\"*\"," FOREVER
		",\"largesse\":{\"subscribe\":[\"{sub}\"]}}"},
	    {403, "a subject that ends in a star",
		"{\"sub\":\"s*\"," FOREVER
		",\"largesse\":{\"subscribe\":[\"{sub}\"]}}"},
	};
	size_t i;

	for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		hostile_add(l, claims[i].status, claims[i].what,
		    forge(FORGE_HS256, claims[i].claims));
}

static inline void
hostile_make(struct hostile_list *l, const struct hostile_keys *k)
{
	l->n = 0;
	hostile_forms(l);
	hostile_headers(l, k);
	hostile_signatures(l, k);
	hostile_claims(l);
}

static inline void
hostile_free(struct hostile_list *l)
{
	while (l->n > 0)
		free(l->v[--l->n].token);
}

/* Made once in a process, because RSA keys take time to make. */
static inline const struct hostile_keys *
hostile_keys(void)
{
	static struct hostile_keys keys;

	if (keys.rsa == NULL)
		keys = (struct hostile_keys){forge_rsa(2048), forge_ec("P-256"),
		    forge_rsa(2048), forge_ec("P-256")};
	return &keys;
}

#endif
