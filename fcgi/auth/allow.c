/*
 * allow.c - may this request read or publish these topics?
 *
 * The options and the keys, and the whole check of a stream.  Nothing here
 * knows a socket: what comes out is a yes or a refusal.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "fcgi/auth/address.h"
#include "fcgi/auth/allow_self.h"
#include "fcgi/auth/origin.h"

/* --- refusing ----------------------------------------------------------- */

int
refuse(struct refusal *no, int status, const char *fmt, ...)
{
	va_list ap;

	no->status = status;
	no->later = false;
	no->headers = status == 401
			  ? "WWW-Authenticate: Bearer realm=\"largesse\"\r\n"
			  : NULL;
	va_start(ap, fmt);
	vsnprintf(no->line, sizeof(no->line), fmt, ap);
	va_end(ap);
	return status;
}

int
refuse_token(struct refusal *no, const char *why)
{
	refuse(no, 401, "%s", why);
	no->headers = "WWW-Authenticate: Bearer realm=\"largesse\", "
		      "error=\"invalid_token\"\r\n";
	return 401;
}

int
refuse_memory(struct refusal *no)
{
	return refuse(no, 500, "out of memory");
}

/* --- opening ------------------------------------------------------------ */

/* Is each of the list what it should be? */
static bool
check_list(const char *name, const struct option_list *l,
    const char *(*wrong)(const char *), char *why, size_t size)
{
	const char *w;
	size_t i;

	for (i = 0; i < l->n; i++)
		if ((w = wrong(l->v[i])) != NULL) {
			snprintf(why, size, "%s: '%s': %s", name, l->v[i], w);
			return false;
		}
	return true;
}

static const char *
topic_wrong(const char *s)
{
	struct request_topic topic;

	return request_topic(&topic, s, strlen(s));
}

static const char *
proxy_wrong(const char *s)
{
	struct network net;

	return network_read(&net, s) ? NULL : "not ADDRESS or ADDRESS/BITS";
}

/* Options that say who may do what, and nobody is asked who he is. */
static const char *
senseless(const struct serve_conf *conf)
{
	bool keys = conf->key_file.n > 0 || conf->jwks_file.n > 0;

	if (!keys && conf->issuer != NULL)
		return "--issuer: there is no --key-file";
	if (!keys && conf->audience != NULL)
		return "--audience: there is no --key-file";
	if (!keys && !conf->trust_user && conf->public_topics.n > 0)
		return "--public: all topics are, without --key-file or "
		       "--trust-user";
	if (!conf->trust_user && conf->user_topic.n > 0)
		return "--user-topic: there is no --trust-user";
	if (*conf->cookie_name == '\0' ||
	    conf->cookie_name[strcspn(conf->cookie_name, "=;\", \t")] != '\0')
		return "--cookie-name: not the name of a cookie";
	return NULL;
}

bool
allow_check(const struct serve_conf *conf, char *why, size_t size)
{
	const char *wrong = senseless(conf);

	if (wrong != NULL) {
		snprintf(why, size, "%s", wrong);
		return false;
	}
	return check_list(
		   "--public", &conf->public_topics, topic_wrong, why, size) &&
	       check_list(
		   "--user-topic", &conf->user_topic, topic_wrong, why, size) &&
	       check_list("--allow-origin", &conf->allow_origin, origin_wrong,
		   why, size) &&
	       check_list("--trusted-proxy", &conf->trusted_proxy, proxy_wrong,
		   why, size);
}

struct allow *
allow_open(const struct serve_conf *conf, char *why, size_t size)
{
	struct allow *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	a->conf = conf;
	a->closed =
	    conf->trust_user || conf->key_file.n > 0 || conf->jwks_file.n > 0;
	if (allow_reload(a, why, size) == 0)
		return a;
	allow_close(a);
	return NULL;
}

void
allow_close(struct allow *a)
{
	if (a != NULL) {
		token_forget_all(&a->memory);
		keys_free(&a->keys);
	}
	free(a);
}

int
allow_reload(struct allow *a, char *why, size_t size)
{
	struct keys fresh;

	a->looked_ms = clock_wall_ms();
	if (keys_read(&fresh, &a->conf->key_file, &a->conf->jwks_file, why,
		size) == -1) {
		a->keys.mark = fresh.mark; /* said once */
		return -1;
	}
	token_forget_all(&a->memory);
	keys_free(&a->keys);
	a->keys = fresh;
	return 0;
}

/* --- a stream ----------------------------------------------------------- */

static bool
all_public(const struct allow *a, const struct request *rq)
{
	size_t i;

	for (i = 0; a->closed && i < rq->ntopics; i++)
		if (!allow_public(a, &rq->topics[i]))
			return false;
	return true;
}

static int
name_user(struct request *rq, const struct who *who, struct refusal *no)
{
	const char *wrong;

	if (who->subject == NULL)
		return refuse(no, 401,
		    "topic: {user} is whoever asks, and nobody said who that "
		    "is");
	wrong = request_name_user(rq, who->subject, who->subject_len);
	return wrong == NULL ? 0 : refuse(no, 403, "%s", wrong);
}

/* Where no --user-topic says more, users read what is their own alone. */
static bool
theirs(const struct allow *a, const struct who *who, const struct request *rq,
    size_t i)
{
	return rq->own[i] && who->by == ALLOW_BY_SERVER &&
	       a->conf->user_topic.n == 0;
}

int
allow_stream(struct allow *a, struct store *store, struct request *rq,
    struct who *who, struct refusal *no)
{
	bool names_user = request_wants_user(rq);
	int status;
	size_t i;

	memset(who, 0, sizeof(*who));
	if (!names_user && all_public(a, rq))
		return 0;
	status = allow_who(a, store, rq, who, no);
	if (status == 0 && names_user)
		status = name_user(rq, who, no);
	for (i = 0; status == 0 && i < rq->ntopics; i++)
		if (!theirs(a, who, rq, i))
			status = allow_topic(
			    a, who, ALLOW_SUBSCRIBE, &rq->topics[i], no);
	return status;
}
