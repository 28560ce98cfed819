/*
 * allow_topic.c - what somebody may do with a topic.
 *
 * The patterns in a token's claims say so; for a user whom the web server
 * names, those of --user-topic; for everybody, those of --public.  All topics
 * of a signed address may be read: they were signed.
 */
#include <string.h>

#include <jansson.h>

#include "fcgi/auth/allow.h"
#include "fcgi/auth/allow_self.h"
#include "fcgi/request/pattern.h"

/* Does this pattern cover the topic?  The word in it means the subject. */
static bool
covers(const char *s, size_t len, const char *word, const struct who *who,
    const struct request_topic *topic)
{
	struct pattern p;

	return pattern_read(&p, s, len, word, who->subject, who->subject_len) &&
	       pattern_covers(&p.topic, topic);
}

bool
allow_public(const struct allow *a, const struct request_topic *topic)
{
	const struct option_list *l = &a->conf->public_topics;
	struct request_topic p;
	size_t i;

	for (i = 0; i < l->n; i++)
		if (request_topic(&p, l->v[i], strlen(l->v[i])) == NULL &&
		    pattern_covers(&p, topic))
			return true;
	return false;
}

static bool
claimed(const struct who *who, enum allow_use use,
    const struct request_topic *topic)
{
	json_t *list = json_object_get(json_object_get(who->claims, "largesse"),
	    use == ALLOW_PUBLISH ? "publish" : "subscribe");
	const json_t *one;
	size_t i;

	json_array_foreach(list, i,
	    one) if (json_is_string(one) &&
		     covers(json_string_value(one), json_string_length(one),
			 "{sub}", who, topic)) return true;
	return false;
}

/*
 * A user with a `/` in the name fills in no pattern: `inbox/al/x` would be
 * among al's topics.
 */
static bool
users_own(const struct allow *a, const struct who *who,
    const struct request_topic *topic)
{
	const struct option_list *l = &a->conf->user_topic;
	struct who nobody = {0};
	size_t i;

	if (memchr(who->subject, '/', who->subject_len) != NULL)
		who = &nobody;
	for (i = 0; i < l->n; i++)
		if (covers(l->v[i], strlen(l->v[i]), "{user}", who, topic))
			return true;
	return false;
}

static bool
taken_away(const struct who *who, const struct request_topic *topic)
{
	struct request_topic p;
	size_t i;

	for (i = 0; i < who->nrevoked; i++)
		if (request_topic(
			&p, who->revoked[i], strlen(who->revoked[i])) == NULL &&
		    pattern_meets(&p, topic))
			return true;
	return false;
}

static int
too_narrow(const struct who *who, enum allow_use use,
    const struct request_topic *topic, struct refusal *no)
{
	return refusal_set(no, 403, "%s not %s the topic %.*s%s",
	    who->by == ALLOW_BY_SERVER ? "this user may" : "the token does",
	    use == ALLOW_PUBLISH	 ? "publish to"
	    : who->by == ALLOW_BY_SERVER ? "read"
					 : "cover",
	    (int)topic->len, topic->name, topic->prefix ? "*" : "");
}

/* The refusal when nobody said who asks. */
static int
not_named(const struct allow *a, enum allow_use use, struct refusal *no)
{
	if (a->keys.n > 0)
		return refusal_set(no, 401,
		    "a token is needed: Authorization: Bearer, the cookie %s, "
		    "or access_token",
		    a->conf->cookie_name);
	if (use == ALLOW_PUBLISH)
		return refusal_set(no, 403,
		    "publishing needs a token, and there is no --key-file");
	if (!a->conf->trust_user)
		return refusal_set(no, 403,
		    "this topic is not public, and no application has handed "
		    "the request over");
	return refusal_set(no, 401,
	    "the web server has to say who you are: no REMOTE_USER came");
}

int
allow_topic(const struct allow *a, const struct who *who, enum allow_use use,
    const struct request_topic *topic, struct refusal *no)
{
	if (use == ALLOW_SUBSCRIBE && (!a->closed || allow_public(a, topic)))
		return 0;
	if (who->by == ALLOW_BY_NOTHING)
		return not_named(a, use, no);
	if (taken_away(who, topic))
		return refusal_token(no, who->by == ALLOW_BY_SIGN
					     ? "sign: revoked for this topic"
					     : "token: revoked for this topic");
	if (who->by == ALLOW_BY_SIGN && use == ALLOW_SUBSCRIBE)
		return 0;
	if (who->by == ALLOW_BY_SERVER
		? use == ALLOW_SUBSCRIBE && users_own(a, who, topic)
		: claimed(who, use, topic))
		return 0;
	return too_narrow(who, use, topic, no);
}
