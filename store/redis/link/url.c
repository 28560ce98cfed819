/*
 * url.c - where a log on Redis is, as one address.
 *
 * A message repeats nothing of the address but the names of hosts: with a
 * misplaced `@' or `/' anything else may be a password.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/link/url.h"

static const struct scheme {
	const char *prefix;
	const char *port; /* NULL: a socket's path */
	bool tls, sentinel;
} schemes[] = {
    {"redis://", "6379", false, false},
    {"rediss://", "6379", true, false},
    {"redis+unix://", NULL, false, false},
    {"unix://", NULL, false, false},
    {"redis+sentinel://", "26379", false, true},
    {"rediss+sentinel://", "26379", true, true},
};

static const struct scheme *
find_scheme(const char *s)
{
	size_t i;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(s, schemes[i].prefix, strlen(schemes[i].prefix)) ==
		    0)
			return &schemes[i];
	return NULL;
}

bool
redis_url_is(const char *s)
{
	return find_scheme(s) != NULL;
}

static int
url_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that two hexadecimal digits stand for, or -1. */
static int
hex_byte(const char *s)
{
	int high = url_digit(s[0]), low = url_digit(s[1]);

	return high == -1 || low == -1 ? -1 : high * 16 + low;
}

/* Writes to p, where there is room, with %XX read.  What is wrong, or NULL. */
static const char *
decode_percent(char *p, const char *s, size_t len)
{
	size_t i;
	int n;

	for (i = 0; i < len; i++) {
		n = (unsigned char)s[i];
		if (s[i] == '%') {
			n = i + 2 < len ? hex_byte(s + i + 1) : -1;
			i += 2;
		}
		if (n == -1)
			return "a % without two hexadecimal digits behind it";
		if (n == 0)
			return "a NUL byte in it";
		*p++ = (char)n;
	}
	return NULL;
}

/* Puts a copy in place of what is there.  What is wrong, or NULL. */
static const char *
set_part(char **to, const char *s, size_t len)
{
	free(*to);
	*to = calloc(1, len + 1);
	return *to == NULL ? "out of memory" : decode_percent(*to, s, len);
}

/* [user]:password.  Without a colon it is not known which of the two it is. */
static const char *
take_credentials(struct redis_url *u, const char *s, size_t len)
{
	const char *colon = memchr(s, ':', len), *wrong = NULL;

	if (colon == NULL)
		return "a user without a password: write user:password@";
	if (colon > s)
		wrong = set_part(&u->user, s, (size_t)(colon - s));
	if (wrong == NULL && colon + 1 < s + len)
		wrong = set_part(
		    &u->password, colon + 1, len - (size_t)(colon - s) - 1);
	return wrong;
}

static bool
is_port_number(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= 5 && strspn(s, "0123456789") == len &&
	       atoi(s) > 0 && atoi(s) < 65536;
}

/* host, host:port or [v6]:port. */
static const char *
take_host(struct redis_url *u, const char *s, size_t len, const char *port)
{
	const char *end = s + len, *name = s, *name_end, *wrong;
	struct redis_host *h = &u->host[u->nhosts];

	if (u->nhosts == REDIS_HOSTS)
		return "too many hosts";
	if (len > 0 && *s == '[') {
		name++;
		name_end = memchr(s, ']', len);
		s = name_end == NULL ? end : name_end + 1;
	} else
		name_end = s = memchr(s, ':', len) != NULL
				   ? (const char *)memchr(s, ':', len)
				   : end;
	if (name_end == NULL || name_end == name || (s < end && *s != ':'))
		return "no host in it";
	u->nhosts++;
	wrong = set_part(&h->name, name, (size_t)(name_end - name));
	if (wrong == NULL)
		wrong = s < end
			    ? set_part(&h->port, s + 1, (size_t)(end - s) - 1)
			    : set_part(&h->port, port, strlen(port));
	if (wrong == NULL && !is_port_number(h->port))
		return "its port is not one";
	return wrong;
}

static const char *
take_hosts(
    struct redis_url *u, const char *s, size_t len, const struct scheme *sc)
{
	const char *comma, *wrong = NULL;
	size_t n;

	do {
		comma = memchr(s, ',', len);
		n = comma == NULL ? len : (size_t)(comma - s);
		wrong = take_host(u, s, n, sc->port);
		s += n + 1;
		len -= comma == NULL ? n : n + 1;
	} while (wrong == NULL && comma != NULL);
	return wrong;
}

static const char *
take_db(struct redis_url *u, const char *s, size_t len)
{
	if (len == 0)
		return NULL;
	if (len > 5 || strspn(s, "0123456789") < len)
		return "its database is not a number";
	return set_part(&u->db, s, len);
}

/* What stands after the first slash: the database, with a master before it. */
static const char *
take_path(
    struct redis_url *u, const char *s, size_t len, const struct scheme *sc)
{
	const char *slash = memchr(s, '/', len), *wrong;
	size_t n = slash == NULL ? len : (size_t)(slash - s);

	if (!sc->sentinel)
		return take_db(u, s, len);
	if (n == 0)
		return "it does not name the Sentinels' master";
	wrong = set_part(&u->master, s, n);
	if (wrong == NULL && slash != NULL)
		wrong = take_db(u, slash + 1, len - n - 1);
	return wrong;
}

static const char *
take_option(struct redis_url *u, const char *s, size_t len)
{
	const char *equals = memchr(s, '=', len), *value;
	size_t n = equals == NULL ? len : (size_t)(equals - s);

	value = equals == NULL ? s + len : equals + 1;
	len -= equals == NULL ? len : n + 1;
	if (n == 6 && memcmp(s, "stream", 6) == 0 && len > 0)
		return set_part(&u->stream, value, len);
	if (n == 2 && memcmp(s, "ca", 2) == 0 && len > 0)
		return set_part(&u->ca, value, len);
	if (n == 2 && memcmp(s, "db", 2) == 0)
		return take_db(u, value, len);
	return "only stream, db and ca may stand after the ?";
}

static const char *
take_options(struct redis_url *u, const char *s)
{
	const char *wrong = NULL;
	size_t n;

	while (wrong == NULL && *s != '\0') {
		n = strcspn(s, "&");
		wrong = take_option(u, s, n);
		s += n + (s[n] == '&');
	}
	return wrong;
}

static const char *
take_url(struct redis_url *u, const char *s)
{
	const struct scheme *sc = find_scheme(s);
	const char *at, *slash, *wrong = NULL;
	size_t len;

	if (sc == NULL)
		return "it begins with no word for Redis";
	s += strlen(sc->prefix);
	len = strcspn(s, "?");
	u->tls = sc->tls;
	if (s[len] == '?')
		wrong = take_options(u, s + len + 1);
	at = memrchr(s, '@', len);
	if (at != NULL && wrong == NULL) {
		wrong = take_credentials(u, s, (size_t)(at - s));
		len -= (size_t)(at - s) + 1;
		s = at + 1;
	}
	if (wrong != NULL)
		return wrong;
	if (sc->port == NULL) {
		u->nhosts = 1;
		return len == 0 ? "no path in it"
				: set_part(&u->host[0].name, s, len);
	}
	slash = memchr(s, '/', len);
	wrong = take_hosts(u, s, slash == NULL ? len : (size_t)(slash - s), sc);
	if (wrong != NULL)
		return wrong;
	if (slash == NULL)
		return sc->sentinel ? "it does not name the Sentinels' master"
				    : NULL;
	return take_path(u, slash + 1, len - (size_t)(slash - s) - 1, sc);
}

/* Braces in the name would send its keys to different slots of a cluster. */
static const char *
make_keys(struct redis_url *u)
{
	static const char *const suffix[REDIS_KEYS] = {
	    [KEY_LOG] = "log",
	    [KEY_UID] = "uid",
	    [KEY_UIDS] = "uids",
	    [KEY_REVOKED] = "revoked",
	    [KEY_ENDED] = "ended",
	    [KEY_CUTS] = "cuts",
	};
	int i;

	if (strpbrk(u->stream, "{}") != NULL)
		return "braces in the stream's name";
	u->key[KEY_EVENTS] = strdup(u->stream);
	for (i = 1; i < REDIS_KEYS; i++)
		if (asprintf(&u->key[i], "{%s}:%s", u->stream, suffix[i]) == -1)
			u->key[i] = NULL;
	for (i = 0; i < REDIS_KEYS; i++)
		if (u->key[i] == NULL)
			return "out of memory";
	return NULL;
}

static void
show_url(struct redis_url *u)
{
	const struct redis_host *h = &u->host[0];

	if (u->master != NULL)
		snprintf(u->shown, sizeof(u->shown), "redis master %.60s",
		    u->master);
	else if (h->port == NULL)
		snprintf(
		    u->shown, sizeof(u->shown), "redis at %.140s", h->name);
	else
		snprintf(u->shown, sizeof(u->shown), "redis at %.120s:%s",
		    h->name, h->port);
}

struct redis_url *
redis_url_read(const char *s, char *why, size_t size)
{
	const char *password = getenv("LARGESSE_REDIS_PASSWORD"), *wrong;
	struct redis_url *u = calloc(1, sizeof(*u));

	if (u == NULL || (u->db = strdup("0")) == NULL ||
	    (u->stream = strdup("events")) == NULL)
		wrong = "out of memory";
	else if ((wrong = take_url(u, s)) == NULL)
		wrong = make_keys(u);
	if (wrong == NULL && u->password == NULL && password != NULL &&
	    *password != '\0' && (u->password = strdup(password)) == NULL)
		wrong = "out of memory";
	if (wrong == NULL) {
		show_url(u);
		return u;
	}
	snprintf(why, size, "the address of the log on Redis: %s", wrong);
	redis_url_free(u);
	return NULL;
}

/* Wipes it, so that it is not found in memory that is used again. */
static void
forget_secret(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void
redis_url_free(struct redis_url *u)
{
	size_t i;

	if (u == NULL)
		return;
	for (i = 0; i < REDIS_HOSTS; i++) {
		free(u->host[i].name);
		free(u->host[i].port);
	}
	for (i = 0; i < REDIS_KEYS; i++)
		free(u->key[i]);
	free(u->ca);
	free(u->master);
	free(u->user);
	forget_secret(u->password);
	free(u->db);
	free(u->stream);
	free(u);
}
