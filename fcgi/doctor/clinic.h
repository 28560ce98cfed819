/*
 * clinic.h - visits under way, between those that make them.
 */
#ifndef DOCTOR_CLINIC_H
#define DOCTOR_CLINIC_H

#include <curl/curl.h>

#include "fcgi/doctor/visit.h"
#include "fcgi/window/reader.h"

enum {
	CLINIC_VISITS = 24,
	CONNECT_MS = 10000
};

/* A visit while it lasts. */
struct going {
	struct visit visit;
	struct clinic *clinic;
	CURL *curl;
	struct curl_slist *headers;
	struct reader reader;
	int64_t begun_ns;
	bool until_start, enough;
	char error[CURL_ERROR_SIZE];
};

struct clinic {
	const struct doctor *doctor;
	CURLM *multi;
	struct going *going[CLINIC_VISITS];
	size_t n;
	bool elsewhere;
};

/* --- one of them (doctor_http.c) ---------------------------------------- */

/* NULL without memory. */
struct going *going_open(struct clinic *, const struct visit_ask *);
/* libcurl says that it is over. */
void going_over(struct going *, CURLcode);
void going_close(struct going *);

#endif
