/*
 * gate_content.c - what is in a whole request: its parameters and its body.
 *
 * Either may lie in many records with others in between; here it is put
 * together.
 */
#include <string.h>

#include "fcgi/request/gate.h"
#include "fcgi/request/gate_run.h"

size_t
gate_params(const struct gate *g, const uint8_t *buf, uint8_t *to)
{
	struct gate_run r =
	    gate_run_start(buf, buf + g->scanned, FCGI_PARAMS, g->id);
	uint8_t *p = to;

	for (; gate_run_more(&r); r.at = r.end) {
		memcpy(p, r.at, (size_t)(r.end - r.at));
		p += r.end - r.at;
	}
	return (size_t)(p - to);
}

uint8_t *
gate_body(const struct gate *g, uint8_t *buf)
{
	struct gate_run r =
	    gate_run_start(buf, buf + g->scanned, FCGI_STDIN, g->id);
	uint8_t *start, *p;

	if (!gate_run_more(&r))
		return buf + g->scanned;
	/* Content moves only to the front: each header was read before. */
	start = p = buf + (r.at - buf);
	for (; gate_run_more(&r); r.at = r.end) {
		memmove(p, r.at, (size_t)(r.end - r.at));
		p += r.end - r.at;
	}
	return start;
}
