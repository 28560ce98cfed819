/*
 * tail_url.c - the stream of a URL, as a browser's EventSource reads it.
 *
 * The rules are those of WHATWG HTML, section 9.2.3.  When a connection ends
 * or breaks, tail waits and connects again with Last-Event-ID.  Any answer
 * but 200 with text/event-stream is the end for good.  Two things differ, for
 * the person at the terminal: tail gives up at once if it never reached the
 * server, and it asks a server that stays away less and less often.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi/base/command.h"
#include "fcgi/base/fetch.h"
#include "fcgi/base/log.h"
#include "fcgi/command/tail.h"
#include "fcgi/window/reader.h"

enum {
	RETRY_MS = 3000, /* until the stream says otherwise */
	RETRY_MAX_MS = 30000
};

struct tail_url {
	const struct tail *tail;
	CURL *curl;
	char *url;
	struct reader reader;
	uint64_t events;
	bool streaming; /* this connection has answered with a stream */
	bool reached;	/* one of them has */
	bool enough;	/* --count is reached, or output is broken */
	char error[CURL_ERROR_SIZE];
	char body[256]; /* the beginning of an answer that is no stream */
	size_t body_len;
};

/* --- the address -------------------------------------------------------- */

/* Returns the URL with a parameter more, and frees the one it was given. */
static char *
add_parameter(CURL *curl, char *url, const char *name, const char *value)
{
	char *escaped = curl_easy_escape(curl, value, 0), *longer = NULL;

	if (url == NULL || escaped == NULL ||
	    asprintf(&longer, "%s%c%s=%s", url,
		strchr(url, '?') == NULL ? '?' : '&', name, escaped) == -1)
		longer = NULL;
	curl_free(escaped);
	free(url);
	return longer;
}

/* The URL with what was asked for, without a fragment. */
static char *
make_url(CURL *curl, const struct tail *tail)
{
	char *url = strndup(tail->source, strcspn(tail->source, "#"));
	char number[32];
	size_t i;

	for (i = 0; i < tail->topics.n; i++)
		url = add_parameter(curl, url, "topic", tail->topics.v[i]);
	if (tail->last != TAIL_NO_LAST) {
		snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)tail->last);
		url = add_parameter(curl, url, "last", number);
	}
	return url;
}

/* --- one connection ----------------------------------------------------- */

static bool
print_block(void *arg, const char *text, size_t len, enum reader_kind kind)
{
	struct tail_url *tu = arg;

	command_print(text, len, tu->tail->on_terminal);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		tu->enough = true; /* command_done will say why */
		return false;
	}
	if (kind == READER_EVENT && ++tu->events == tu->tail->count)
		tu->enough = true;
	return !tu->enough;
}

static bool
is_stream(CURL *curl)
{
	const char *type = NULL;
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
	return type != NULL && fetch_is_stream(status, type);
}

/* libcurl ends the transfer if this does not return the size of s. */
static size_t
print_body(char *s, size_t size, size_t n, void *arg)
{
	struct tail_url *tu = arg;
	size_t len = size * n, room = sizeof(tu->body) - 1 - tu->body_len;

	tu->streaming = tu->streaming || is_stream(tu->curl);
	if (tu->streaming)
		return reader_feed(&tu->reader, s, len, print_block, tu) ? len
									 : 0;
	if (len < room)
		room = len;
	memcpy(tu->body + tu->body_len, s, room);
	tu->body_len += room;
	return room > 0 ? len : 0;
}

static struct curl_slist *
make_headers(const struct tail_url *tu)
{
	struct curl_slist *list = NULL;
	char *line = NULL;

	fetch_header(&list, "Accept: text/event-stream");
	fetch_header(&list, "Cache-Control: no-store");
	if (tu->reader.last_id.len > 0 &&
	    asprintf(&line, "Last-Event-ID: %s", tu->reader.last_id.s) != -1) {
		fetch_header(&list, line);
		free(line);
	}
	return list;
}

static CURLcode
connect_once(struct tail_url *tu)
{
	struct curl_slist *headers = make_headers(tu);
	CURLcode code;

	reader_begin(&tu->reader);
	tu->streaming = false;
	tu->body_len = 0;
	tu->error[0] = '\0';
	curl_easy_setopt(tu->curl, CURLOPT_HTTPHEADER, headers);
	code = curl_easy_perform(tu->curl);
	/* A stream may end before its first byte. */
	if (code == CURLE_OK && is_stream(tu->curl))
		tu->streaming = true;
	curl_slist_free_all(headers);
	return code;
}

/* --- from one to the next ----------------------------------------------- */

/* An answer that is no stream: EventSource gives up for good. */
static int
give_up(struct tail_url *tu)
{
	long status = 0;

	curl_easy_getinfo(tu->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 204) {
		log_info(tu->tail->quiet, tu->url, "the server says stop");
		return STATUS_DONE;
	}
	tu->body[tu->body_len] = '\0';
	tu->body[strcspn(tu->body, "\r\n")] = '\0';
	if (status == 200)
		log_error(tu->url, "the answer is no text/event-stream: %s",
		    tu->body);
	else
		log_error(tu->url, "status %ld: %s", status, tu->body);
	return STATUS_FAILED;
}

static void
wait_ms(int64_t ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

static int64_t
retry_ms(const struct tail_url *tu, unsigned failures)
{
	int64_t ms = tu->reader.retry_ms >= 0 ? tu->reader.retry_ms : RETRY_MS;

	while (failures-- > 1 && ms < RETRY_MAX_MS)
		ms = ms * 2 + 100;
	return ms;
}

static int
tail_connections(struct tail_url *tu)
{
	unsigned failures = 0; /* in a row, to reach the server */
	const char *what;
	CURLcode code;
	int64_t ms;

	for (;;) {
		code = connect_once(tu);
		if (tu->enough)
			return command_done();
		what =
		    tu->error[0] != '\0' ? tu->error : curl_easy_strerror(code);
		if (tu->streaming && code == CURLE_WRITE_ERROR) {
			log_error(tu->url, "an event is too large to be held");
			return STATUS_FAILED;
		}
		if (tu->streaming)
			tu->reached = true;
		else if (code == CURLE_OK || tu->body_len > 0)
			return give_up(tu);
		else if (!tu->reached) {
			log_error(tu->url, "%s", what);
			return STATUS_FAILED;
		}
		failures = tu->streaming ? 0 : failures + 1;
		ms = retry_ms(tu, failures);
		log_info(tu->tail->quiet, tu->url, "%s: again in %lld ms",
		    code == CURLE_OK ? "the stream ended" : what,
		    (long long)ms);
		wait_ms(ms);
	}
}

static bool
prepare_curl(struct tail_url *tu)
{
	CURL *c = tu->curl = curl_easy_init();
	struct fetch_to to = {print_body, tu, tu->error};

	if (c == NULL || (tu->url = make_url(c, tu->tail)) == NULL)
		return false;
	fetch_set_up(c, tu->url, "largesse/" VERSION, to);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, 10L);
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	return true;
}

int
tail_url(const struct tail *tail)
{
	struct tail_url tu = {.tail = tail};
	const char *id = tail->last_event_id;
	int status = STATUS_FAILED;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	reader_init(&tu.reader);
	if (prepare_curl(&tu) && (id == NULL || reader_set_id(&tu.reader, id)))
		status = tail_connections(&tu);
	else
		log_error(tail->source, "no memory");
	reader_free(&tu.reader);
	curl_easy_cleanup(tu.curl);
	free(tu.url);
	curl_global_cleanup();
	return status;
}
