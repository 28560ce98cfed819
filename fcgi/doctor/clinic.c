/*
 * clinic.c - several requests under way at a time: while the doctor waits for
 * one of them, all others go on.
 */
#include <stdlib.h>

#include "fcgi/doctor/clinic.h"

enum {
	CLINIC_VISITS = 24 /* more than any examination makes */
};

struct clinic {
	const struct doctor *doctor;
	struct progress *progress;
	CURLM *multi;
	struct going *going[CLINIC_VISITS];
	size_t n;
};

static void
end_visits(struct clinic *c)
{
	struct going *g;
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(c->multi, &left)) != NULL) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &g);
		http_over(g, msg->data.result);
	}
}

void
clinic_wait(struct clinic *c, const struct visit *v)
{
	int running;

	while (!v->done) {
		if (curl_multi_perform(c->multi, &running) != CURLM_OK)
			break;
		end_visits(c);
		if (v->done)
			break;
		curl_multi_poll(c->multi, NULL, 0, 1000, NULL);
		progress_show(c->progress);
	}
}

struct visit *
clinic_begin(struct clinic *c, const struct visit_ask *ask)
{
	struct going *g;
	int running;

	if (c->n == CLINIC_VISITS || (g = http_open(c->doctor, ask)) == NULL)
		return NULL;
	if (curl_multi_add_handle(c->multi, g->curl) != CURLM_OK) {
		http_close(g);
		return NULL;
	}
	c->going[c->n++] = g;
	curl_multi_perform(c->multi, &running);
	end_visits(c);
	return &g->visit;
}

struct clinic *
clinic_open(const struct doctor *doctor, struct progress *progress)
{
	struct clinic *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	c->doctor = doctor;
	c->progress = progress;
	if ((c->multi = curl_multi_init()) == NULL) {
		clinic_close(c);
		return NULL;
	}
	return c;
}

void
clinic_close(struct clinic *c)
{
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < c->n; i++) {
		curl_multi_remove_handle(c->multi, c->going[i]->curl);
		http_close(c->going[i]);
	}
	curl_multi_cleanup(c->multi);
	curl_global_cleanup();
	free(c);
}
