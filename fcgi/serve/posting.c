/*
 * posting.c - a POST that waits for the writer.
 */
#include <stdlib.h>

#include "fcgi/serve/posting.h"

struct answering *
posting_begin(const struct answering *from, void *owner)
{
	struct answering *a = malloc(sizeof(*a));

	from->ticket->owner = a == NULL ? NULL : owner;
	if (a == NULL)
		return NULL;
	*a = *from;
	a->peer.headers = a->headers;
	return a;
}

bool
posting_end(struct answering *a, struct publisher *pub, const char *result)
{
	bool open = publish_answer(pub, &a->peer, result) && a->peer.keep_conn;

	free(a);
	return open;
}

void
posting_leave(struct answering *a)
{
	if (a != NULL)
		a->ticket->owner = NULL;
	free(a);
}
