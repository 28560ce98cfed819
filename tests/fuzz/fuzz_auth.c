/*
 * fuzz_auth.c - no request is let in that does not have a good token.
 *
 * input	a byte, then lines that end with LF.
 *		The byte is even: the lines are parameters, as a web server
 *		sends them.  Nobody here has the key, so every request must be
 *		refused.
 *		The byte is odd: the first two lines are the header and the
 *		claims of a token, which the fuzzer signs with the key.  The
 *		other lines are parameters.  The answer must be a yes, or a
 *		refusal in one line.
 *		The byte is 2: the first line is a query, which the fuzzer signs
 *		with the key, as an address.
 */
#include <sys/mman.h>

#include <unistd.h>

#include "fcgi/auth/client/address.h"
#include "fcgi/auth/allow.h"
#include "fcgi/auth/origin.h"
#include "fcgi/base/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/forge.h"

enum {
	PARAMS_MAX = 32
};

/* A log in which nothing was revoked. */
enum store_result
store_revoked(struct store *st, struct store_text subject, int64_t issued_ms,
    store_each_revoked *each, void *arg)
{
	(void)st;
	(void)issued_ms;
	(void)each;
	(void)arg;
	must(subject.s != NULL && utf8_clean(subject.s, subject.len));
	return STORE_OK;
}

/* The options, with the key in a file that has no name. */
static struct allow *
open_allow(struct serve_conf *conf)
{
	static char path[64], *v[] = {path},
			      *origins[] = {(char *)"https://b", (char *)"*"};
	struct allow *a;
	char why[512];
	int fd = memfd_create("key", 0);

	must(fd != -1 && fchmod(fd, 0600) == 0 &&
	     write(fd, FORGE_SECRET, sizeof(FORGE_SECRET) - 1) ==
		 sizeof(FORGE_SECRET) - 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	conf->key_file = (struct option_list){v, 1};
	conf->allow_origin = (struct option_list){origins, 2};
	conf->cookie_name = "largesse";
	must(allow_check(conf, why, sizeof(why)));
	a = allow_open(conf, why, sizeof(why));
	must(a != NULL);
	return a;
}

/* The parameter with a signed address of this line. */
static char *
signed_address(const uint8_t **in, size_t *len)
{
	char *text = fuzz_line(in, len), hex[65], *s;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int n;

	HMAC(EVP_sha256(), FORGE_SECRET, sizeof(FORGE_SECRET) - 1,
	    (unsigned char *)text, strlen(text), mac, &n);
	for (n = 0; n < 32; n++)
		sprintf(hex + 2 * n, "%02x", mac[n]);
	must(asprintf(&s, "QUERY_STRING=%s&sign=%s", text, hex) > 0);
	free(text);
	return s;
}

/* The parameter with a signed token of these two lines. */
static char *
signed_token(const uint8_t **in, size_t *len)
{
	char *header = fuzz_line(in, len), *claims = fuzz_line(in, len), *s;
	char *token = forge(header, claims);

	must(asprintf(&s, "HTTP_AUTHORIZATION=Bearer %s", token) > 0);
	free(header);
	free(claims);
	free(token);
	return s;
}

static void
check_refusal(int status, const struct refusal *no)
{
	size_t len = strlen(no->line);

	must(status == no->status);
	must(status == 401 || status == 403);
	must(len > 0 && len < sizeof(no->line));
	must(memchr(no->line, '\n', len) == NULL);
	must((no->headers != NULL) == (status == 401));
}

static void
check_others(const struct request *rq)
{
	static const struct network all = {.bits = 0};
	struct option_list none = {NULL, 0};
	char buf[ORIGIN_HEADERS_SIZE];
	size_t i;

	address_of(rq, &all, 1);
	must(*origin_headers(&none, rq, buf) == '\0');
	for (i = 1; i < rq->ntopics; i++)
		must(request_topic_cmp(&rq->topics[i - 1], &rq->topics[i]) < 0);
}

/* Asks for a stream. */
static void
ask(struct allow *a, char *const *env, bool is_signed)
{
	struct refusal no;
	struct request rq;
	struct who who;
	const char *why;
	int status;

	if (request_read(&rq, env, NULL, 16, &why) == 0) {
		status = allow_stream(a, NULL, &rq, &who, &no);
		must(is_signed || status != 0);
		if (status != 0)
			check_refusal(status, &no);
		else
			must(who.claims != NULL ||
			     (who.by == ALLOW_BY_SIGN && who.ends_ms > 0));
		check_others(&rq);
		allow_who_free(&who);
	}
	request_free(&rq);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static struct serve_conf conf;
	static struct allow *a;
	char *env[PARAMS_MAX + 2];
	bool is_signed, is_address;
	size_t n = 0;

	if (a == NULL)
		a = open_allow(&conf);
	if (len == 0)
		return 0;
	is_address = in[0] == 2;
	is_signed = (in[0] & 1) || is_address;
	in++;
	len--;
	if (is_address)
		env[n++] = signed_address(&in, &len);
	else if (is_signed)
		env[n++] = signed_token(&in, &len);
	while (len > 0 && n < PARAMS_MAX)
		env[n++] = fuzz_line(&in, &len);
	env[n] = NULL;
	ask(a, env, is_signed);
	while (n > 0)
		free(env[--n]);
	return 0;
}
