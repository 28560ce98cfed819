/*
 * gate_run.c - the content of one stream's records, read as if it were one
 * piece.
 *
 * A name may begin in one PARAMS record and end in the third after it, with a
 * management record in between.  Only gate_run_more knows where one record
 * ends and the next begins.
 */
#include <string.h>

#include "fcgi/request/gate_run.h"

bool
gate_run_more(struct gate_run *r)
{
	struct fcgi_record rec;

	while (r->at == r->end && r->next < r->stop) {
		rec = fcgi_read(r->next);
		r->next += rec.size;
		if (rec.id != r->id)
			continue;
		if (rec.type == FCGI_BEGIN_REQUEST)
			r->begun = true;
		if (!r->begun || rec.type != r->type)
			continue;
		r->at = rec.content;
		r->end = rec.content + rec.len;
		if (rec.len == 0)
			r->next = r->stop;
	}
	return r->at < r->end;
}

bool
gate_run_length(struct gate_run *r, size_t *n)
{
	int left = 0;

	if (!gate_run_more(r))
		return false;
	*n = *r->at++;
	if (*n & 0x80) {
		*n &= 0x7f;
		left = 3;
	}
	for (; left > 0; left--) {
		if (!gate_run_more(r))
			return false;
		*n = *n << 8 | *r->at++;
	}
	return true;
}

const char *
gate_run_text(struct gate_run *r, size_t n, bool name)
{
	size_t part;

	for (; n > 0; n -= part, r->at += part) {
		if (!gate_run_more(r))
			return "a name or value runs past the end of PARAMS";
		part = (size_t)(r->end - r->at);
		if (part > n)
			part = n;
		if (memchr(r->at, '\0', part) != NULL)
			return "NUL in a parameter";
		if (name && memchr(r->at, '=', part) != NULL)
			return "`=` in the name of a parameter";
	}
	return NULL;
}
