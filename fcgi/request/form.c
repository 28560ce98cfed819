/*
 * form.c - how a client wants its stream to begin and to end.
 *
 * Some clients take each block of a stream for one that was published.  They
 * ask for `start=bare', and get nothing else.  Many know by a last line of
 * their own that a stream is over, such as `[DONE]': `end' and `endEvent' say
 * it.
 */
#include <string.h>

#include "fcgi/request/request_self.h"

bool
request_start_read(const char *s, bool *bare)
{
	bool is_bare = strcmp(s, "bare") == 0;

	if (!is_bare && strcmp(s, "event") != 0)
		return false;
	*bare = is_bare;
	return true;
}

static const char *
read_text(struct request_text *t, const struct query_pair *pair)
{
	if (pair->value_len > REQUEST_END_BYTES)
		return "end, endEvent: longer than 255 bytes";
	*t = (struct request_text){pair->value, pair->value_len};
	return NULL;
}

/* `active' alone, or `active=1'. */
static const char *
read_active(struct request_form *form, const struct query_pair *pair)
{
	if (pair->value_len > 0 &&
	    (pair->value_len != 1 || pair->value[0] != '1'))
		return "active: it has no value";
	form->active = true;
	return NULL;
}

bool
form_read_pair(
    struct request *r, const struct query_pair *pair, const char **wrong)
{
	struct request_form *form = &r->form;

	*wrong = NULL;
	if (query_is(pair, "start")) {
		form->said = request_start_read(pair->value, &form->bare);
		if (!form->said || strlen(pair->value) != pair->value_len)
			*wrong = "start: neither `bare` nor `event`";
	} else if (query_is(pair, "end"))
		*wrong = read_text(&form->end, pair);
	else if (query_is(pair, "endEvent"))
		*wrong = read_text(&form->end_event, pair);
	else if (query_is(pair, "active"))
		*wrong = read_active(form, pair);
	else
		return false;
	return true;
}
