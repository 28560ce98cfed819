/*
 * stage.h - the log, the keys and the options that fcgi/auth/allow.c is given
 * in a responder.
 */
#ifndef STAGE_H
#define STAGE_H

#include <unistd.h>

#include <sqlite3.h>

#include "fcgi/auth/allow.h"
#include "tests/unit/cm.h"
#include "tests/unit/dir.h"
#include "tests/unit/hostile.h"

enum {
	STAGE_WORDS = 32
};

struct stage {
	char dir[DIR_SIZE], log[160], secret[160], pem[160], jwks[160];
	const struct hostile_keys *keys;
	struct store *store;
	struct serve_conf conf;
	struct allow *allow;
	char why[512];
	/* what came of the last request */
	struct request rq;
	struct who who;
	struct refusal no;
};

/* The three kinds of keys, in files. */
static inline void
stage_write_keys(struct stage *s)
{
	char *pem = forge_public(s->keys->rsa);
	char *jwk = forge_jwk(s->keys->ec, "ec", ",\"use\":\"sig\""), *set;

	set = hostile_text("{\"keys\":[", jwk, "]}");
	forge_write(s->secret, FORGE_SECRET "\n", sizeof(FORGE_SECRET));
	forge_write(s->pem, pem, strlen(pem));
	forge_write(s->jwks, set, strlen(set));
	free(pem);
	free(jwk);
	free(set);
}

static inline int
stage_setup(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	if (dir_make(s->dir) == -1)
		return -1;
	snprintf(s->log, sizeof(s->log), "%s/events.db", s->dir);
	snprintf(s->secret, sizeof(s->secret), "%s/secret", s->dir);
	snprintf(s->pem, sizeof(s->pem), "%s/rsa.pem", s->dir);
	snprintf(s->jwks, sizeof(s->jwks), "%s/jwks.json", s->dir);
	assert_int_equal(store_init(s->log, NULL, s->why, sizeof(s->why)), 0);
	s->store = store_open(s->log, STORE_READ, s->why, sizeof(s->why));
	assert_non_null(s->store);
	s->keys = hostile_keys();
	stage_write_keys(s);
	*state = s;
	return 0;
}

static inline void
stage_clear(struct stage *s)
{
	allow_who_free(&s->who);
	request_free(&s->rq);
}

static inline int
stage_teardown(void **state)
{
	struct stage *s = *state;
	int r;

	stage_clear(s);
	allow_close(s->allow);
	options_free(&serve_options, &s->conf);
	store_close(s->store);
	r = dir_remove(s->dir);
	free(s);
	return r;
}

static inline void
stage_sql(struct stage *s, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(s->log, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* Reads the options; the words end with NULL. */
static inline void
stage_options(struct stage *s, va_list ap)
{
	char *argv[STAGE_WORDS] = {(char *)"serve", (char *)"--db", s->log};
	int argc = 3;

	while ((argv[argc] = va_arg(ap, char *)) != NULL)
		argc++;
	allow_close(s->allow);
	s->allow = NULL;
	options_free(&serve_options, &s->conf);
	if (options_read(&serve_options, &argc, argv, NULL, &s->conf, s->why,
		sizeof(s->why)) != OPTIONS_OK)
		fail_msg("%s", s->why);
}

/* Opens it with these options. */
static inline void __attribute__((sentinel)) stage_open(struct stage *s, ...)
{
	va_list ap;

	va_start(ap, s);
	stage_options(s, ap);
	va_end(ap);
	if (!allow_check(&s->conf, s->why, sizeof(s->why)))
		fail_msg("%s", s->why);
	s->allow = allow_open(&s->conf, s->why, sizeof(s->why));
	if (s->allow == NULL)
		fail_msg("%s", s->why);
}

/* Options that contradict each other are refused with this text. */
static inline void __attribute__((sentinel))
stage_senseless(struct stage *s, const char *want, ...)
{
	va_list ap;

	va_start(ap, want);
	stage_options(s, ap);
	va_end(ap);
	assert_false(allow_check(&s->conf, s->why, sizeof(s->why)));
	if (strstr(s->why, want) == NULL)
		fail_msg("%s: is not: %s", s->why, want);
}

/*
 * Asks for a stream, with parameters NAME=VALUE up to a NULL.  Returns the
 * status, 0 for yes.
 */
static inline int __attribute__((sentinel)) stage_ask(struct stage *s, ...)
{
	const char *env[STAGE_WORDS] = {"REQUEST_METHOD=GET"}, *why;
	size_t n = 1;
	va_list ap;

	va_start(ap, s);
	while ((env[n] = va_arg(ap, const char *)) != NULL)
		n++;
	va_end(ap);
	stage_clear(s);
	if (request_read(&s->rq, (char *const *)env, NULL, 16, &why) != 0)
		fail_msg("%s", why);
	memset(&s->no, 0, sizeof(s->no));
	return allow_stream(s->allow, s->store, &s->rq, &s->who, &s->no);
}

/* The same with a token in the Authorization header. */
static inline int
stage_bearer(struct stage *s, const char *topic, const char *token)
{
	char *header = hostile_text("HTTP_AUTHORIZATION=Bearer ", token, "");
	char *query = hostile_text("QUERY_STRING=", topic, "");
	int status = stage_ask(s, header, query, NULL);

	/*
	 * The request points into these texts: it must not be used after this.
	 */
	free(header);
	free(query);
	return status;
}

/* The same with a token that is made of these claims. */
static inline int
stage_claims(struct stage *s, const char *topic, const char *claims)
{
	char *token = forge(FORGE_HS256, claims);
	int status = stage_bearer(s, topic, token);

	free(token);
	return status;
}

/* A refusal is one clear line and says nothing of the token. */
static inline void
stage_want_line(struct stage *s, const char *token)
{
	size_t len = strlen(s->no.line);

	assert_true(len > 5 && len < 200);
	assert_int_equal(strcspn(s->no.line, "\r\n"), len);
	if (token != NULL && strlen(token) > 12)
		assert_null(strstr(s->no.line, token));
	if (s->no.status == 401)
		assert_non_null(
		    strstr(s->no.headers, "WWW-Authenticate: Bearer"));
}

#endif
