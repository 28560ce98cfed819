/*
 * allow_who.c - who asks.
 *
 * Either a token says so, which is valid and was not revoked in the log; or an
 * address that the site has signed; or the web server does, in REMOTE_USER; or
 * an application of the site does, which has handed its client over
 * (allow_stream.c).
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "fcgi/auth/allow.h"
#include "fcgi/auth/allow_self.h"
#include "fcgi/auth/credential.h"
#include "fcgi/base/log.h"
#include "fcgi/auth/origin.h"
#include "fcgi/auth/signed.h"
#include "fcgi/auth/token.h"
#include "fcgi/base/utf8.h"

/* Reads the keys again if a key file has changed; looks once a second. */
static void
refresh_keys(struct allow *a, int64_t now)
{
	char why[512];

	if (now >= a->looked_ms && now - a->looked_ms < ALLOW_LOOK_MS)
		return;
	a->looked_ms = now;
	if (keys_mark(&a->conf->key_file, &a->conf->jwks_file) != a->keys.mark)
		if (allow_reload(a, why, sizeof(why)) == -1)
			log_plain(why);
}

/* The subject's revocations, as they are read. */
struct revocations {
	struct who *who;
	bool all;    /* every topic is revoked */
	bool failed; /* no memory */
};

static void
add_revocation(void *arg, const struct store_revocation *rv)
{
	struct revocations *t = arg;
	char **list;

	if (rv->topic.s == NULL) {
		t->all = true;
		return;
	}
	list = realloc(t->who->revoked, (t->who->nrevoked + 1) * sizeof(*list));
	if (list == NULL) {
		t->failed = true;
		return;
	}
	t->who->revoked = list;
	list[t->who->nrevoked] = strndup(rv->topic.s, rv->topic.len);
	if (list[t->who->nrevoked++] == NULL) {
		t->who->nrevoked--;
		t->failed = true;
	}
}

/*
 * When the token was issued, for its revocation: what its iat says, less the
 * leeway, by which the clock that wrote it may be ahead.  A token without iat,
 * or with one that lies further ahead, does not say when it was issued: it
 * counts as older than every revocation.
 */
static int64_t
issued_ms(const struct allow *a, const struct who *who)
{
	int64_t ms = who->issued_ms - (int64_t)a->conf->leeway_ms;

	return who->issued_ms == 0 || ms > clock_wall_ms() ? 0 : ms;
}

static int
check_revoked(const struct allow *a, struct store *store, struct who *who,
    struct refusal *no)
{
	struct revocations t = {.who = who};
	enum store_result r;

	if (who->subject == NULL)
		return 0;
	r = store_revoked(store,
	    (struct store_text){who->subject, who->subject_len},
	    issued_ms(a, who), add_revocation, &t);
	if (r != STORE_OK) {
		refusal_set(no, 503, "the log cannot be read right now");
		no->later = r == STORE_LATER;
		return 503;
	}
	if (t.failed)
		return refusal_memory(no);
	if (!t.all)
		return 0;
	return refusal_token(
	    no, who->by == ALLOW_BY_SIGN ? "sign: revoked" : "token: revoked");
}

static int
set_subject(struct who *who, const char *s, size_t len, struct refusal *no)
{
	if (len == 0)
		return 0;
	who->subject = strndup(s, len);
	who->subject_len = len;
	return who->subject == NULL ? refusal_memory(no) : 0;
}

static struct token_rules
rules_now(const struct allow *a)
{
	return (struct token_rules){.keys = &a->keys,
	    .issuer = a->conf->issuer,
	    .audience = a->conf->audience,
	    .leeway_ms = (int64_t)a->conf->leeway_ms,
	    .max_age_ms = (int64_t)a->conf->max_token_age_ms,
	    .now_ms = clock_wall_ms()};
}

static int
take_token(struct allow *a, const char *s, size_t len, struct who *who,
    struct refusal *no)
{
	struct token_rules rules = rules_now(a);
	const json_t *sub;
	const char *why;

	who->claims = token_read(s, len, &rules, &why);
	if (who->claims == NULL)
		return refusal_token(no, why);
	if (token_time(who->claims, "exp", &who->ends_ms) == 1)
		who->ends_ms += rules.leeway_ms;
	token_time(who->claims, "iat", &who->issued_ms);
	sub = json_object_get(who->claims, "sub");
	len = json_string_length(sub);
	if (sub != NULL && (!json_is_string(sub) || len > ALLOW_SUBJECT_MAX ||
			       !utf8_clean(json_string_value(sub), len)))
		return refusal_token(no, "token: its sub is no name");
	return set_subject(who, json_string_value(sub), len, no);
}

/*
 * Without a secret nobody could check the signature.  The address is refused,
 * also where everybody may read: or its site would believe that it protects.
 */
static int
take_address(struct allow *a, const struct request_signed *sign,
    struct who *who, struct refusal *no)
{
	struct token_rules rules;
	const char *wrong;

	refresh_keys(a, clock_wall_ms());
	rules = rules_now(a);
	if (!signed_has_key(rules.keys))
		return refusal_set(no, 400,
		    "sign: no --key-file here has a secret that could check "
		    "it");
	if ((wrong = signed_wrong(sign, &rules)) != NULL)
		return refusal_token(no, wrong);
	who->by = ALLOW_BY_SIGN;
	who->ends_ms = sign->expires_ms + rules.leeway_ms;
	who->issued_ms = sign->issued_ms;
	return set_subject(
	    who, sign->said[SAID_SUB].s, sign->said[SAID_SUB].size, no);
}

static int
take_remote_user(const struct request *rq, struct who *who, struct refusal *no)
{
	size_t len = strlen(rq->user);

	if (len > ALLOW_SUBJECT_MAX || !utf8_clean(rq->user, len))
		return refusal_set(no, 403, "REMOTE_USER: not a name");
	who->by = ALLOW_BY_SERVER;
	return set_subject(who, rq->user, len, no);
}

/* It need not name the reader. */
static int
take_subject(const struct request *rq, struct who *who, struct refusal *no)
{
	who->by = ALLOW_BY_SITE;
	if (rq->subject == NULL)
		return 0;
	if (rq->subject_len > ALLOW_SUBJECT_MAX ||
	    !utf8_clean(rq->subject, rq->subject_len))
		return refusal_set(no, 403, "subject: not a name");
	return set_subject(who, rq->subject, rq->subject_len, no);
}

static const char *
by_word(enum allow_by by)
{
	return by == ALLOW_BY_COOKIE   ? "cookie"
	       : by == ALLOW_BY_SERVER ? "REMOTE_USER"
				       : "handed over";
}

/*
 * A browser adds the cookie or the user by itself, whichever page sends the
 * request; by such a cookie an application, too, knows who asks.  So the page
 * must be of our own site, or of an allowed one.
 */
static int
check_origin(const struct allow *a, const struct request *rq,
    const struct who *who, struct refusal *no)
{
	enum origin from;

	if (who->by != ALLOW_BY_COOKIE && who->by != ALLOW_BY_SERVER &&
	    who->by != ALLOW_BY_SITE)
		return 0;
	from = origin_of(&a->conf->allow_origin, rq);
	if (from == ORIGIN_OWN || from == ORIGIN_LISTED)
		return 0;
	return refusal_set(no, 403,
	    "%s: from a page of another site, which --allow-origin does not "
	    "name",
	    by_word(who->by));
}

/*
 * The first token of the place that is valid and was not revoked counts.  If
 * there is none, the last one, mostly the newest, says why.
 */
static int
take_first_good(struct allow *a, struct store *store,
    const struct credentials *c, struct who *who, struct refusal *no)
{
	int status = 401;
	size_t i;

	refresh_keys(a, clock_wall_ms());
	for (i = 0; i < c->n && status == 401; i++) {
		allow_who_free(who);
		who->by = c->by;
		status = take_token(a, c->v[i].s, c->v[i].len, who, no);
		if (status == 0)
			status = check_revoked(a, store, who, no);
	}
	return status;
}

int
allow_who(struct allow *a, struct store *store, const struct request *rq,
    struct who *who, struct refusal *no)
{
	struct credentials c = {.by = ALLOW_BY_NOTHING};
	int status;

	memset(who, 0, sizeof(*who));
	if (rq->sign.text != NULL) {
		status = take_address(a, &rq->sign, who, no);
		return status != 0 ? status : check_revoked(a, store, who, no);
	}
	if (a->keys.n > 0)
		credentials_find(&c, rq, a->conf->cookie_name);
	who->by = c.by;
	if (c.by != ALLOW_BY_NOTHING) {
		status = check_origin(a, rq, who, no);
		return status != 0 ? status
				   : take_first_good(a, store, &c, who, no);
	}
	if (!a->conf->trust_user || rq->user == NULL)
		return 0;
	status = take_remote_user(rq, who, no);
	return status != 0 ? status : check_origin(a, rq, who, no);
}

int
allow_handed_over(const struct allow *a, const struct request *rq,
    struct who *who, struct refusal *no)
{
	int status = take_subject(rq, who, no);

	return status != 0 ? status : check_origin(a, rq, who, no);
}

void
allow_who_free(struct who *who)
{
	json_decref(who->claims);
	free(who->subject);
	while (who->nrevoked > 0)
		free(who->revoked[--who->nrevoked]);
	free(who->revoked);
	memset(who, 0, sizeof(*who));
}
