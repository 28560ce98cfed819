/*
 * handed.c - a request whose query an application of the site wrote.
 *
 * The web server got one request from the client, which the application
 * answered with the address of a stream, and now it sends this one.
 * QUERY_STRING is the application's, and REQUEST_URI is still the client's.  Of
 * the client's query one thing counts: the id at which it goes on.
 * event-source-polyfill says it there and in no header.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgi/base/env.h"
#include "fcgi/request/request_self.h"

bool
handed_over(char *const *env)
{
	const char *s = env_value(env, "LARGESSE_HANDED_OVER");

	return s != NULL && strcmp(s, "on") == 0;
}

bool
handed_read_pair(struct request *r, const struct query_pair *pair)
{
	if (!r->handed_over || !query_is(pair, "subject"))
		return false;
	r->subject = pair->value;
	r->subject_len = pair->value_len;
	return true;
}

int
handed_place(struct request *r, struct query_pair *place)
{
	const char *sent = r->uri != NULL ? strchr(r->uri, '?') : NULL;
	struct query_pair pair;
	struct query query;
	int found = 0;

	if (!r->handed_over || sent == NULL)
		return 0;
	sent++;
	r->sent = strndup(sent, strcspn(sent, "#"));
	if (r->sent == NULL)
		return -1;
	query.at = r->sent;
	query.end = r->sent + strlen(r->sent);
	while (query_next(&query, &pair))
		if (request_is_last_id(&pair) && pair.value_len > 0) {
			*place = pair;
			found = 1;
		}
	return found;
}
