/*
 * allow_stream.c - may this stream be opened?
 *
 * A stream of public topics is never asked who it is, so an expired token
 * does not harm it there.  A signed address is always checked: what it says of
 * its end has to hold.
 *
 * For a request that was handed over the application of the site has decided:
 * it wrote the topics, and no token of the client counts, neither for nor
 * against it.  Where topics are closed, this takes --handover: without it the
 * parameter says no more than any other.
 */
#include <string.h>

#include "fcgi/auth/allow.h"
#include "fcgi/auth/allow_self.h"

static bool
all_public(const struct allow *a, const struct request *rq)
{
	size_t i;

	for (i = 0; a->closed && i < rq->ntopics; i++)
		if (!allow_public(a, &rq->topics[i]))
			return false;
	return true;
}

/* Puts the subject in the place of `{user}`. */
static int
fill_in_user(struct request *rq, const struct who *who, struct refusal *no)
{
	const char *wrong;

	if (who->subject == NULL)
		return refusal_set(no, 401,
		    "topic: {user} is whoever asks, and nobody said who that "
		    "is");
	wrong = request_name_user(rq, who->subject, who->subject_len);
	if (rq->user_topics == NULL)
		return refusal_memory(no);
	return wrong == NULL ? 0 : refusal_set(no, 403, "%s", wrong);
}

static bool
decided_by_application(const struct allow *a, const struct request *rq)
{
	return rq->handed_over && (a->conf->handover || !a->closed);
}

int
allow_stream(struct allow *a, struct store *store, struct request *rq,
    struct who *who, struct refusal *no)
{
	bool names_user = request_wants_user(rq);
	int status;
	size_t i;

	memset(who, 0, sizeof(*who));
	if (decided_by_application(a, rq)) {
		status = allow_handed_over(a, rq, who, no);
		return status == 0 && names_user ? fill_in_user(rq, who, no)
						 : status;
	}
	if (rq->sign.text == NULL && !names_user && all_public(a, rq))
		return 0;
	status = allow_who(a, store, rq, who, no);
	if (status == 0 && names_user)
		status = fill_in_user(rq, who, no);
	for (i = 0; status == 0 && i < rq->ntopics; i++)
		status =
		    allow_topic(a, who, ALLOW_SUBSCRIBE, &rq->topics[i], no);
	return status;
}
