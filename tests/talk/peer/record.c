/*
 * record.c - writing FastCGI as a web server does, or as no one should.
 *
 * put_record and put_pair write what they are told and check nothing, so that
 * a test can also make the bytes of a hostile peer with them.
 */
#include <stdio.h>
#include <string.h>

#include "tests/talk/peer/peer.h"
#include "tests/talk/peer/within.h"

void
put_record(struct bytes *b, int type, int id, const void *content, size_t len,
    size_t padding)
{
	static const uint8_t zeros[255];
	uint8_t h[8] = {1, (uint8_t)type, (uint8_t)(id >> 8), (uint8_t)id,
	    (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)padding, 0};

	put(b, h, sizeof(h));
	put(b, content, len);
	put(b, zeros, padding);
}

void
put_begin(struct bytes *b, int id, int role, int flags)
{
	uint8_t body[8] = {(uint8_t)(role >> 8), (uint8_t)role, (uint8_t)flags};

	put_record(b, R_BEGIN, id, body, sizeof(body), 0);
}

void
put_length(struct bytes *b, uint32_t n)
{
	uint8_t four[4] = {(uint8_t)(n >> 24 | 0x80), (uint8_t)(n >> 16),
	    (uint8_t)(n >> 8), (uint8_t)n};

	if (n < 128)
		put(b, &four[3], 1);
	else
		put(b, four, 4);
}

void
put_pair(struct bytes *b, const char *name, const char *value)
{
	put_length(b, (uint32_t)strlen(name));
	put_length(b, (uint32_t)strlen(value));
	put_text(b, name);
	put_text(b, value);
}

static bool
is_named(const char *name, va_list ap)
{
	va_list names;
	const char *s;
	bool found = false;

	va_copy(names, ap);
	while (!found && (s = va_arg(names, const char *)) != NULL) {
		found = strcmp(s, name) == 0;
		va_arg(names, const char *);
	}
	va_end(names);
	return found;
}

void
put_params(struct bytes *b, const char *method, const char *uri, va_list ap)
{
	const char *mark = strchr(uri, '?'), *name;
	const char *path =
	    text("%.*s", (int)(mark ? mark - uri : (long)strlen(uri)), uri);
	const char *pairs[][2] = {{"QUERY_STRING", mark ? mark + 1 : ""},
	    {"REQUEST_METHOD", method}, {"CONTENT_TYPE", ""},
	    {"CONTENT_LENGTH", ""}, {"SCRIPT_NAME", path}, {"REQUEST_URI", uri},
	    {"DOCUMENT_URI", path}, {"DOCUMENT_ROOT", "/usr/share/nginx/html"},
	    {"SERVER_PROTOCOL", "HTTP/1.1"}, {"REQUEST_SCHEME", "http"},
	    {"GATEWAY_INTERFACE", "CGI/1.1"},
	    {"SERVER_SOFTWARE", "nginx/1.22.1"}, {"REMOTE_ADDR", "127.0.0.1"},
	    {"REMOTE_PORT", "40000"}, {"SERVER_ADDR", "127.0.0.1"},
	    {"SERVER_PORT", "80"}, {"SERVER_NAME", "localhost"},
	    {"REDIRECT_STATUS", "200"}, {"HTTP_HOST", "localhost"},
	    {"HTTP_ACCEPT", strncmp(uri, "/events/status", 14) == 0
				? "*/*"
				: "text/event-stream"},
	    {"LARGESSE_STATUS", "on"}};
	va_list rest;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (!is_named(pairs[i][0], ap))
			put_pair(b, pairs[i][0], pairs[i][1]);
	va_copy(rest, ap);
	while ((name = va_arg(rest, const char *)) != NULL)
		put_pair(b, name, va_arg(rest, const char *));
	va_end(rest);
}

static void
put_stream(struct bytes *b, int type, int id, const char *s, size_t len)
{
	enum {
		RECORD_MAX = 32768
	}; /* nginx's are as long */

	while (len > 0) {
		size_t n = len < RECORD_MAX ? len : RECORD_MAX;

		put_record(b, type, id, s, n, (8 - n % 8) % 8);
		s += n;
		len -= n;
	}
	put_record(b, type, id, NULL, 0, 0);
}

void
request_put(struct bytes *b, int id, int flags, const char *method,
    const char *uri, const char *body, va_list ap)
{
	struct bytes params = {0};

	if (body != NULL)
		put_pair(&params, "CONTENT_LENGTH", text("%zu", strlen(body)));
	put_params(&params, method, uri, ap);
	put_begin(b, id, RESPONDER, flags);
	put_stream(b, R_PARAMS, id, params.s, params.len);
	put_stream(b, R_STDIN, id, body, body ? strlen(body) : 0);
	bytes_free(&params);
}

void
put_request(struct bytes *b, int id, int flags, const char *method,
    const char *uri, const char *body, ...)
{
	va_list ap;

	va_start(ap, body);
	request_put(b, id, flags, method, uri, body, ap);
	va_end(ap);
}
