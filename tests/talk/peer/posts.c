/*
 * posts.c - sends events by POST, and checks the answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/talk/peer/posts.h"

static char *
key_of(const struct server *sv)
{
	return text("%s/key", sv->dir);
}

void
take_token(struct server *sv, const char *option, const char *topics)
{
	struct ran r = run_with(sv, NULL, "token", "--key-file", key_of(sv),
	    "--subscribe", "*", option, topics, NULL);

	check(r.status == 0);
	sv->token = text("Bearer %.*s", (int)strcspn(r.out, "\n"), r.out);
}

struct server *
ready(void)
{
	struct server *sv = prepare();
	FILE *f = fopen(key_of(sv), "we");

	check(f != NULL && fputs("0123456789abcdef0123456789abcdef\n", f) >= 0);
	fclose(f);
	take_token(sv, "--publish", "*");
	sv->env = keep(4 * sizeof(*sv->env));
	sv->env[0] = text("LARGESSE_KEY_FILE=%s", key_of(sv));
	sv->env[1] = "LARGESSE_PUBLIC=*";
	sv->env[2] = "LARGESSE_PUBLISH=yes";
	return sv;
}

struct client *
post(struct server *sv, const char *type, const char *body)
{
	return ask(sv, "POST", "/events", body, "CONTENT_TYPE", type,
	    "HTTP_AUTHORIZATION", sv->token, NULL);
}

void
say_post(struct server *sv, struct client *c, const char *body)
{
	struct bytes b = {0};

	put_request(&b, c->id, KEEP_CONN, "POST", "/events", body,
	    "CONTENT_TYPE", FORM, "HTTP_AUTHORIZATION", sv->token, NULL);
	check(say(c, &b));
	bytes_free(&b);
}

static void
put_params_of(struct bytes *b, const char *method, const char *uri, ...)
{
	va_list ap;

	va_start(ap, uri);
	put_params(b, method, uri, ap);
	va_end(ap);
}

void
put_post(struct bytes *b, int id, int flags, const struct server *sv,
    const char *length, const char *body, size_t piece)
{
	struct bytes params = {0};
	size_t len = strlen(body), n;

	put_params_of(&params, "POST", "/events", "CONTENT_TYPE", FORM,
	    "CONTENT_LENGTH", length, "HTTP_AUTHORIZATION", sv->token, NULL);
	put_begin(b, id, RESPONDER, flags);
	put_record(b, R_PARAMS, id, params.s, params.len, 0);
	put_record(b, R_PARAMS, id, NULL, 0, 0);
	for (; len > 0; len -= n, body += n) {
		n = len < piece ? len : piece;
		put_record(b, R_STDIN, id, body, n, len % 8);
	}
	put_record(b, R_STDIN, id, NULL, 0, 0);
	bytes_free(&params);
}

char **
want_ids(struct client *c, int status, size_t n)
{
	int came = want_headers(c);
	char *body = body_of(c), **ids = keep((n + 1) * sizeof(*ids));
	char *list = text("%s", "");

	for (size_t i = 0; came == status && i < n; i++) {
		ids[i] = json(body, text("$.ids[%zu]", i));
		list = text("%s%s\"%s\"", list, i > 0 ? "," : "",
		    ids[i] != NULL ? ids[i] : "");
	}
	if (came != status || strcmp(body, text("{\"ids\":[%s]}\n", list)) != 0)
		talk_fail("wanted %d and %zu ids; came %d %s", status, n, came,
		    shown(body, strlen(body)));
	check(strcmp(header(c, "Content-Type"), JSON) == 0);
	check((size_t)atoi(header(c, "Content-Length")) == strlen(body));
	want_end(c);
	return ids;
}

char *
want_id(struct client *c, int status)
{
	return want_ids(c, status, 1)[0];
}

void
want_logged(struct server *sv, char **ids, size_t n)
{
	struct logged *row;
	size_t rows;

	row = log_all(sv, &rows);
	check(rows >= n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(row[rows - n + i].id, ids[i]) != 0)
			talk_fail("wanted id %s in the log; came %s", ids[i],
			    row[rows - n + i].id);
}

int
served(struct server *sv, const char *name)
{
	struct client *c = get(sv, "/events/status", NULL);

	check(want_headers(c) == 200);
	return (int)json_number(body_of(c), text("$.%s", name));
}

pid_t
writer_of(const struct server *sv)
{
	char path[64];
	long child = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)sv->pid,
	    (int)sv->pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	if (fscanf(f, "%ld", &child) != 1)
		child = 0;
	fclose(f);
	return (pid_t)child;
}
