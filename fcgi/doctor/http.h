/*
 * http.h - one request over the network, while it lasts.
 */
#ifndef DOCTOR_HTTP_H
#define DOCTOR_HTTP_H

#include <curl/curl.h>

#include "fcgi/doctor/doctor.h"
#include "fcgi/doctor/visit.h"
#include "fcgi/window/reader.h"

struct visit_ask {
	const char *url;
	bool encodings;	     /* accept compression, as browsers do */
	bool dummies;	     /* send a Last-Event-ID, a cookie, a token */
	bool until_start;    /* stop after the event stream-start */
	const char *form;    /* ask by POST, with this body; or NULL */
	bool elsewhere;	     /* another host: leave out --header's lines */
	unsigned timeout_ms; /* of the whole */
};

struct going {
	struct visit visit;
	CURL *curl;
	struct curl_slist *headers;
	struct reader reader;
	int64_t begun_ns;
	bool until_start, enough;
	char error[CURL_ERROR_SIZE];
};

/* Is a header of this name among those of the command line? */
bool http_has_header(const struct doctor *, const char *name);

/* Ready for curl_multi_add_handle.  NULL without memory. */
struct going *http_open(const struct doctor *, const struct visit_ask *);
/* libcurl says that it is over. */
void http_over(struct going *, CURLcode);
void http_close(struct going *);

#endif
