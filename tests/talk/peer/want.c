/*
 * want.c - checks what comes on a client's connection: next bytes, or a whole
 * answer.  Each function begins where the last one stopped.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

/* Are there n bytes that nobody has seen yet?  Waits for them. */
bool
client_peek(struct client *c, size_t n, int64_t deadline)
{
	while (c->out.len - c->at < n) {
		if (c->ended)
			return false;
		if (!hear(c, deadline) && c->out.len - c->at < n)
			return false;
	}
	return true;
}

void
client_seen(struct client *c, size_t n)
{
	enum {
		ENOUGH = 1 << 20
	};

	c->at += n;
	if (c->at > ENOUGH) {
		bytes_cut(&c->out, c->at);
		c->at = 0;
	}
}

char *
client_came(const struct client *c)
{
	size_t n = c->out.len - c->at;

	return text("%s%s%s", n > 0 ? shown(c->out.s + c->at, n) : "nothing",
	    c->ended ? " and END_REQUEST" : "", c->closed ? " and close" : "");
}

static void
skip_comments(struct client *c, int64_t deadline)
{
	bool skipped = false;

	while (client_peek(c, 1, deadline) && c->out.s[c->at] == ':') {
		size_t n = 1;

		while (client_peek(c, n, deadline) &&
		       c->out.s[c->at + n - 1] != '\n')
			n++;
		client_seen(c, n);
		skipped = true;
	}
	if (skipped && client_peek(c, 1, deadline) && c->out.s[c->at] == '\n')
		client_seen(c, 1);
}

size_t
check_len(const char *s, size_t len)
{
	enum {
		CHECK = 5
	};
	size_t i;

	if (len < CHECK || s[0] != '-' || s[1] < 'a' || s[1] > 'z')
		return 0;
	for (i = 1; i < CHECK; i++)
		if (strchr("abcdefghijkmnpqrstuvwxyz23456789", s[i]) == NULL)
			return 0;
	return CHECK;
}

const char *
plain_id(const char *id)
{
	size_t n = strspn(id, "0123456789");

	if (n == 0 || check_len(id + n, strlen(id + n)) != strlen(id + n))
		return id;
	return text("%.*s", (int)n, id);
}

/* Does a line that begins with `id: ' and has only digits end at s[n]? */
static bool
ends_number(const char *s, size_t n)
{
	size_t i = n;

	while (i > 0 && s[i - 1] >= '0' && s[i - 1] <= '9')
		i--;
	return i < n && i >= 4 && memcmp(s + i - 4, "id: ", 4) == 0 &&
	       (i == 4 || s[i - 5] == '\n');
}

/* How many bytes of what came next are those that are wanted; 0: not all. */
static size_t
match_bytes(struct client *c, const char *s, size_t len, int64_t deadline)
{
	size_t n, at = 0, more;

	for (n = 0; n < len; n++, at++) {
		if (!client_peek(c, at + 1, deadline))
			return 0;
		more = 0;
		if (s[n] == '\n' && ends_number(s, n) &&
		    c->out.s[c->at + at] == '-' &&
		    client_peek(c, at + 6, deadline))
			more = check_len(c->out.s + c->at + at, 5);
		at += more;
		if (c->out.s[c->at + at] != s[n])
			return 0;
	}
	return at;
}

void
want_bytes(struct client *c, const char *s, size_t len)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	size_t n;

	if (len > 0 && *s != ':')
		skip_comments(c, deadline);
	n = match_bytes(c, s, len, deadline);
	if (n == 0 && len > 0)
		talk_fail("wanted %s; came %s", shown(s, len), client_came(c));
	client_seen(c, n);
}

void
want(struct client *c, const char *s)
{
	want_bytes(c, s, strlen(s));
}

/* Length of the headers that stand at s, with their empty line; 0: more. */
static size_t
headers_len(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (i + 2 <= len && memcmp(s + i, "\n\n", 2) == 0)
			return i + 2;
		if (i + 4 <= len && memcmp(s + i, "\r\n\r\n", 4) == 0)
			return i + 4;
	}
	return 0;
}

int
want_headers(struct client *c)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	const char *status;
	size_t n;

	while ((n = headers_len(c->out.s + c->at, c->out.len - c->at)) == 0)
		if (!client_peek(c, c->out.len - c->at + 1, deadline))
			talk_fail("wanted headers; came %s", client_came(c));
	c->head.len = 0;
	put(&c->head, c->out.s + c->at, n);
	client_seen(c, n);
	status = header(c, "Status");
	return status != NULL ? atoi(status) : 200;
}

const char *
header(struct client *c, const char *name)
{
	size_t n = strlen(name), len;
	const char *found = NULL;

	for (const char *s = c->head.s; *s != '\0'; s += len + (s[len] != 0)) {
		len = strcspn(s, "\n");
		if (strncasecmp(s, name, n) != 0 || s[n] != ':')
			continue;
		if (found != NULL)
			talk_fail("header %s twice: %s", name,
			    shown(c->head.s, c->head.len));
		s += n + 1 + strspn(s + n + 1, " ");
		len = strcspn(s, "\n");
		found = text("%.*s", (int)strcspn(s, "\r\n"), s);
	}
	return found;
}

void
want_refusal(struct client *c, int status)
{
	int is = want_headers(c);
	const char *type = header(c, "Content-Type"), *body;
	int64_t deadline = now_ms() + PATIENCE_MS;
	size_t len;

	if (is != status)
		talk_fail("wanted status %d; came %s", status,
		    shown(c->head.s, c->head.len));
	while (!c->ended && !c->closed && hear(c, deadline))
		;
	body = c->out.s + c->at;
	len = c->out.len - c->at;
	if (type == NULL || strncmp(type, "text/plain", 10) != 0 || len < 2 ||
	    memchr(body, '\n', len) != body + len - 1)
		talk_fail("wanted one line of plain text; came %s: %s",
		    type ? type : "(no type)", shown(body, len));
	client_seen(c, len);
	want_end(c);
}

void
want_closed(struct client *c)
{
	int64_t deadline = now_ms() + PATIENCE_MS;

	while (!c->closed)
		if (!hear(c, deadline) && !c->closed)
			talk_fail("wanted the end; came %s", client_came(c));
}

void
want_end(struct client *c)
{
	int64_t deadline = now_ms() + PATIENCE_MS;

	while (!c->ended && !c->closed)
		if (!hear(c, deadline) && !c->closed)
			break;
	if (!c->plain && !c->ended)
		talk_fail("wanted END_REQUEST; came %s", client_came(c));
	if (c->protocol_status != REQUEST_COMPLETE)
		talk_fail("END_REQUEST says %d", c->protocol_status);
	if (!c->keep_conn)
		want_closed(c);
	if (c->out.len > c->at)
		talk_fail(
		    "wanted the end and nothing more; came %s", client_came(c));
}

void
want_nothing_more(struct client *c, struct server *sv, const char *topic)
{
	int64_t id = append(sv, topic, "the marker");

	/* 0: the log has given it an id that is no number. */
	want_event(c, id == 0 ? NULL : text("%lld", (long long)id), "message",
	    "the marker");
}

void
want_comment(struct client *c)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	const char *s;

	while (c->out.len == c->at || strchr(c->out.s + c->at, '\n') == NULL)
		if (!hear(c, deadline))
			talk_fail("wanted a comment; came nothing");
	s = c->out.s + c->at;
	if (*s != ':')
		talk_fail("wanted a comment; came %s", shown(s, strlen(s)));
	c->at = c->out.len;
}

char *
body_of(struct client *c)
{
	int64_t deadline = now_ms() + PATIENCE_MS;
	char *s;

	while (!c->ended && !c->closed && hear(c, deadline))
		;
	if (!c->ended && !c->plain)
		talk_fail("wanted a whole answer; came %s", client_came(c));
	s = text("%.*s", (int)(c->out.len - c->at), c->out.s + c->at);
	c->at = c->out.len;
	return s;
}
