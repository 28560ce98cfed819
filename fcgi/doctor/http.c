/*
 * http.c - one request over the network, by libcurl.
 *
 * Each request has a connection of its own, as after a break: nothing that was
 * agreed on another connection may help it.  A redirect is not followed here,
 * because it is a finding.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/base/fetch.h"
#include "fcgi/doctor/http.h"
#include "store/store.h"

enum {
	CONNECT_MS = 10000,
	NO_STREAM_BYTES = 4096 /* to read of an answer that is no stream */
};

static double
now_ms(const struct going *g)
{
	return (double)(clock_steady_ns() - g->begun_ns) / 1e6;
}

/* --- what libcurl calls ------------------------------------------------- */

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct going *g = arg;
	struct visit *v = &g->visit;

	visit_header(v, line, size * n);
	v->head_ms = now_ms(g);
	v->stream = fetch_is_stream(v->status, v->type);
	return size * n;
}

static bool
on_block(void *arg, const char *text, size_t len, enum reader_kind kind)
{
	struct going *g = arg;

	(void)len;
	(void)kind;
	visit_block(&g->visit, text, now_ms(g));
	g->enough =
	    visit_full(&g->visit) || (g->until_start && g->visit.started);
	return !g->enough;
}

static size_t
on_body(char *s, size_t size, size_t n, void *arg)
{
	struct going *g = arg;
	struct visit *v = &g->visit;
	size_t len = size * n, have = strlen(v->text), room;

	if (v->bytes == 0)
		v->body_ms = now_ms(g);
	v->bytes += len;
	if (v->stream)
		return reader_feed(&g->reader, s, len, on_block, g) ? len : 0;
	room = sizeof(v->text) - 1 - have;
	memcpy(v->text + have, s, len < room ? len : room);
	g->enough = v->bytes >= NO_STREAM_BYTES;
	return g->enough ? 0 : len;
}

/* --- the end of one ----------------------------------------------------- */

static enum trouble
trouble_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return TROUBLE_NONE;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return TROUBLE_NAME;
	case CURLE_COULDNT_CONNECT:
		return TROUBLE_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return TROUBLE_TLS;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return TROUBLE_CUT;
	case CURLE_OPERATION_TIMEDOUT:
		return TROUBLE_TIMEOUT;
	default:
		return TROUBLE_OTHER;
	}
}

void
http_over(struct going *g, CURLcode code)
{
	struct visit *v = &g->visit;
	const char *url = NULL;
	curl_off_t us = 0;

	v->done = true;
	v->connected = curl_easy_getinfo(
			   g->curl, CURLINFO_CONNECT_TIME_T, &us) == CURLE_OK &&
		       us > 0;
	v->end_ms = now_ms(g);
	/* Without a blank line after it, retry: never came as a block. */
	v->retry |= g->reader.retry_ms >= 0;
	v->trouble = g->enough ? TROUBLE_NONE : trouble_of(code);
	if (v->trouble == TROUBLE_TIMEOUT && !v->connected)
		v->trouble = TROUBLE_CONNECT;
	if (v->trouble != TROUBLE_NONE)
		snprintf(v->error, sizeof(v->error), "%s",
		    g->error[0] != '\0' ? g->error : curl_easy_strerror(code));
	/* An absolute URL, where the header may have a relative one. */
	if (curl_easy_getinfo(g->curl, CURLINFO_REDIRECT_URL, &url) ==
		CURLE_OK &&
	    url != NULL)
		snprintf(v->location, sizeof(v->location), "%s", url);
}

/* --- the beginning of one ----------------------------------------------- */

bool
http_has_header(const struct doctor *d, const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < d->headers.n; i++)
		if (strncasecmp(d->headers.v[i], name, len) == 0 &&
		    d->headers.v[i][len] == ':')
			return true;
	return false;
}

static void
set_headers(
    struct going *g, const struct doctor *d, const struct visit_ask *ask)
{
	struct curl_slist **list = &g->headers;
	char *line = NULL;
	size_t i;

	fetch_header(list, "Accept: text/event-stream");
	fetch_header(list, "Cache-Control: no-cache");
	fetch_header(list, "Pragma: no-cache");
	fetch_header(list, "Accept-Language: en");
	if (d->origin != NULL && asprintf(&line, "Origin: %s", d->origin) > 0) {
		fetch_header(list, line);
		free(line);
	}
	if (ask->dummies)
		fetch_header(list, "Last-Event-ID: largesse-doctor");
	if (ask->dummies && (ask->elsewhere || !http_has_header(d, "Cookie")))
		fetch_header(list, "Cookie: largesse_doctor=1");
	if (ask->dummies &&
	    (ask->elsewhere || !http_has_header(d, "Authorization")))
		fetch_header(list, "Authorization: Bearer largesse-doctor");
	for (i = 0; !ask->elsewhere && i < d->headers.n; i++)
		fetch_header(list, d->headers.v[i]);
	curl_easy_setopt(g->curl, CURLOPT_HTTPHEADER, *list);
}

static void
set_up(struct going *g, const struct doctor *d, const struct visit_ask *ask)
{
	CURL *c = g->curl;
	struct fetch_to to = {on_body, g, g->error};

	fetch_set_up(c, ask->url,
	    "Mozilla/5.0 (compatible; largesse-doctor/" VERSION ")", to);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)ask->timeout_ms);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, g);
	curl_easy_setopt(c, CURLOPT_PRIVATE, g);
	if (ask->form != NULL)
		curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, ask->form);
	if (ask->encodings)
		curl_easy_setopt(
		    c, CURLOPT_ACCEPT_ENCODING, "gzip, deflate, br");
	if (d->insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	set_headers(g, d, ask);
}

void
http_close(struct going *g)
{
	curl_easy_cleanup(g->curl);
	curl_slist_free_all(g->headers);
	reader_free(&g->reader);
	free(g);
}

struct going *
http_open(const struct doctor *d, const struct visit_ask *ask)
{
	struct going *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->until_start = ask->until_start;
	reader_init(&g->reader);
	if ((g->curl = curl_easy_init()) == NULL) {
		http_close(g);
		return NULL;
	}
	set_up(g, d, ask);
	g->begun_ns = clock_steady_ns();
	g->visit.begun_ms = (double)g->begun_ns / 1e6;
	return g;
}
