/*
 * fetch.h - how `tail` and `doctor` ask libcurl for an event stream.
 *
 * It is a header alone, because the static build has no libcurl: there
 * nobody includes it.
 */
#ifndef FETCH_H
#define FETCH_H

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

/* Where the answer goes, and where libcurl says what went wrong. */
struct fetch_to {
	curl_write_callback body;
	void *arg;
	char *error; /* CURL_ERROR_SIZE bytes */
};

/* What every request has in common. */
static inline void
fetch_set_up(CURL *c, const char *url, const char *agent, struct fetch_to to)
{
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_USERAGENT, agent);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, to.body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, to.arg);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, to.error);
}

/* Without memory the list stays as it was: then the answer will show it. */
static inline void
fetch_header(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	*list = more != NULL ? more : *list;
}

/* Is this an answer that EventSource would read? */
static inline bool
fetch_is_stream(long status, const char *type)
{
	static const char want[] = "text/event-stream";
	size_t len = sizeof(want) - 1;

	return status == 200 && strncasecmp(type, want, len) == 0 &&
	       strchr("; \t", type[len]) != NULL; /* or its end */
}

#endif
