/*
 * greet.c - what a link says first, and what it takes from the answers.
 *
 * A Sentinel is asked each time for the master, and the master whether it is
 * one: between a failover and its end the two may not agree.
 */
#include <stdio.h>
#include <string.h>

#include "store/redis/link/dial.h"

enum step {
	STEP_AUTH,
	STEP_SENTINEL, /* who is the master? */
	STEP_SELECT,
	STEP_ROLE, /* are you the master? */
	STEP_SCRIPT,
	STEPS
};

#define DIGITS "0123456789"
#define LETTERS                             \
	DIGITS "abcdefghijklmnopqrstuvwxyz" \
	       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool
asks_sentinel(const struct redis_link *l)
{
	return l->url->master != NULL && !l->at_master;
}

static bool
takes_step(const struct redis_link *l, enum step step)
{
	bool sentinel = asks_sentinel(l);

	switch (step) {
	case STEP_AUTH:
		return l->url->password != NULL;
	case STEP_SENTINEL:
		return sentinel;
	case STEP_SELECT:
		return !sentinel && strcmp(l->url->db, "0") != 0;
	case STEP_ROLE:
		return !sentinel && l->url->master != NULL;
	case STEP_SCRIPT:
		return !sentinel && l->script != NULL;
	case STEPS:
		break;
	}
	return false;
}

static bool
greet_say(struct redis_link *l, enum step step)
{
	const struct redis_url *u = l->url;
	const char *cmd[STEPS][4] = {
	    [STEP_AUTH] = {"AUTH", u->user != NULL ? u->user : u->password,
		u->user != NULL ? u->password : NULL},
	    [STEP_SENTINEL] = {"SENTINEL", "get-master-addr-by-name",
		u->master},
	    [STEP_SELECT] = {"SELECT", u->db},
	    [STEP_ROLE] = {"ROLE"},
	    [STEP_SCRIPT] = {"SCRIPT", "LOAD", l->script},
	};
	int argc = 0;

	while (argc < 4 && cmd[step][argc] != NULL)
		argc++;
	return redis_link_put(l, argc, cmd[step], NULL);
}

/* The n-th step that this connection takes; STEPS: it has no more. */
static enum step
nth_step(const struct redis_link *l, unsigned n)
{
	enum step step;

	for (step = 0; step < STEPS; step++)
		if (takes_step(l, step) && n-- == 0)
			break;
	return step;
}

enum redis_phase
redis_greet(struct redis_link *l)
{
	/*
	 * The last command is there to be answered, for there may be no other.
	 * A Redis whose disk is full refuses PING, and a Sentinel has no TIME.
	 */
	static const char ping[] = "*1\r\n$4\r\nPING\r\n",
			  time[] = "*1\r\n$4\r\nTIME\r\n";
	bool sentinel = asks_sentinel(l);
	enum step step;

	for (step = 0; step < STEPS; step++)
		if (takes_step(l, step) && !greet_say(l, step))
			return LINK_DOWN;
	if (!redis_link_put_bytes(l, sentinel ? ping : time, sizeof(ping) - 1))
		return LINK_DOWN;
	return sentinel ? LINK_ASKING : LINK_GREETING;
}

/* Of an answer to AUTH only the first word is told: a password may follow. */
static void
greet_refused(struct redis_link *l, enum step step, const redisReply *r)
{
	char why[160];
	enum store_result result = redis_trouble(l->url, r, why, sizeof(why));

	if (step == STEP_AUTH && result == STORE_ERROR)
		redis_link_fail(l, "%.*s: the user or the password is wrong",
		    (int)strcspn(r->str, " "), r->str);
	else
		redis_link_fail(l, "%s", why);
	l->kind = redis_trouble_kind(r);
	l->hopeless = result == STORE_ERROR && step != STEP_SENTINEL;
}

/* Text of these characters alone, which is not empty and leaves room. */
static bool
is_made_of(const redisReply *r, const char *of, size_t size)
{
	return r->type == REDIS_REPLY_STRING && r->len > 0 && r->len < size &&
	       strspn(r->str, of) == r->len;
}

static void
take_master(struct redis_link *l, const redisReply *r)
{
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    !is_made_of(r->element[0], LETTERS ".:%_-", sizeof(l->master)) ||
	    !is_made_of(r->element[1], DIGITS, sizeof(l->port))) {
		redis_link_fail(l,
		    "the Sentinel at %.80s knows no master %.60s",
		    l->url->host[l->host].name, l->url->master);
		return;
	}
	redis_link_forget_host(l);
	strcpy(l->master, r->element[0]->str);
	strcpy(l->port, r->element[1]->str);
	l->phase = LINK_DOWN;
}

static bool
is_master(const redisReply *r)
{
	return r->type == REDIS_REPLY_ARRAY && r->elements > 0 &&
	       r->element[0]->type == REDIS_REPLY_STRING &&
	       strcmp(r->element[0]->str, "master") == 0;
}

/* The id of the script, by which it is called from now on. */
static void
take_script(struct redis_link *l, const redisReply *r)
{
	if (is_made_of(r, LETTERS, sizeof(l->sha)))
		strcpy(l->sha, r->str);
	else
		redis_link_fail(l, "not an answer of Redis");
}

void
redis_greet_take(struct redis_link *l, const redisReply *r)
{
	enum step step = nth_step(l, l->greeting++);

	if (r->type == REDIS_REPLY_ERROR &&
	    !(step == STEP_AUTH && asks_sentinel(l))) /* it may need none */
		greet_refused(l, step, r);
	else if (step == STEP_SENTINEL)
		take_master(l, r);
	else if (step == STEP_ROLE && !is_master(r))
		redis_link_fail(
		    l, "%s:%s is not the master (yet)", l->master, l->port);
	else if (step == STEP_SCRIPT)
		take_script(l, r);
	else if (step == STEPS)
		l->phase = LINK_UP;
}
