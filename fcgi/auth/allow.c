/*
 * allow.c - the options that say who may do what, and the keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/auth/client/address.h"
#include "fcgi/auth/allow.h"
#include "fcgi/auth/allow_self.h"
#include "fcgi/auth/origin.h"

/* --- the options -------------------------------------------------------- */

/* Asks wrong() about each member of the list.  False, and why. */
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
pattern_wrong(const char *s)
{
	struct request_topic topic;

	return request_topic(&topic, s, strlen(s));
}

/* Two topics of --user-topic may not give one topic to two users. */
static bool
check_users_apart(const struct option_list *l, char *why, size_t size)
{
	size_t i, j;

	for (i = 0; i < l->n; i++)
		for (j = 0; j < i; j++)
			if (request_users_meet(l->v[j], l->v[i])) {
				snprintf(why, size,
				    "--user-topic: '%s' and '%s': a user could "
				    "read with one what is another's by the "
				    "other",
				    l->v[j], l->v[i]);
				return false;
			}
	return true;
}

static const char *
proxy_wrong(const char *s)
{
	struct network net;

	return address_network_read(&net, s) ? NULL
					     : "not ADDRESS or ADDRESS/BITS";
}

/* Options that need another one.  NULL, or what is wrong. */
static const char *
lacks_other(const struct serve_conf *conf)
{
	bool keys = conf->key_file.n > 0 || conf->jwks_file.n > 0;

	if (!keys && conf->issuer != NULL)
		return "--issuer: there is no --key-file";
	if (!keys && conf->audience != NULL)
		return "--audience: there is no --key-file";
	if (!keys && conf->max_token_age_ms != 0)
		return "--max-token-age: there is no --key-file";
	if (!keys && !conf->trust_user && !conf->handover &&
	    conf->public_topics.n > 0)
		return "--public: all topics are, without --key-file, "
		       "--trust-user or --handover";
	if (conf->trust_user && conf->user_topic.n == 0)
		return "--trust-user: --user-topic is missing, which says what "
		       "a user may read";
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
	const char *wrong = lacks_other(conf);

	if (wrong != NULL) {
		snprintf(why, size, "%s", wrong);
		return false;
	}
	return check_list("--public", &conf->public_topics, pattern_wrong, why,
		   size) &&
	       check_list("--user-topic", &conf->user_topic, request_user_wrong,
		   why, size) &&
	       check_users_apart(&conf->user_topic, why, size) &&
	       check_list("--allow-origin", &conf->allow_origin, origin_wrong,
		   why, size) &&
	       check_list("--trusted-proxy", &conf->trusted_proxy, proxy_wrong,
		   why, size);
}

/* --- the keys ----------------------------------------------------------- */

struct allow *
allow_open(const struct serve_conf *conf, char *why, size_t size)
{
	struct allow *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	a->conf = conf;
	a->closed = conf->trust_user || conf->handover ||
		    conf->key_file.n > 0 || conf->jwks_file.n > 0;
	if (allow_reload(a, why, size) == 0)
		return a;
	allow_close(a);
	return NULL;
}

void
allow_close(struct allow *a)
{
	if (a != NULL) {
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
		a->keys.mark = fresh.mark; /* the error is told once */
		return -1;
	}
	keys_free(&a->keys);
	a->keys = fresh;
	return 0;
}
