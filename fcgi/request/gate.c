/*
 * gate.c - checks a connection's bytes until there is one whole valid request.
 *
 * The scan goes from record to record and looks at each one twice: at its
 * header as soon as the header has come, so that a record that is too long is
 * refused before anybody waits for it; and at its content when all of it has
 * come.  The scan never goes back, except once: when PARAMS are complete it
 * walks over them, because a name and its value may lie across records.
 *
 * What must stay true: no byte at or after len is read, whatever a length in
 * the bytes says.  After GATE_READY nobody needs to check anything again.
 */
#include <string.h>

#include "fcgi/request/gate.h"
#include "fcgi/request/gate_run.h"

/* The environment has strings NAME=VALUE: can these PARAMS become such? */
static const char *
check_params(const struct gate *g, const uint8_t *buf)
{
	struct gate_run r =
	    gate_run_start(buf, buf + g->scanned, FCGI_PARAMS, g->id);
	size_t name, value;
	const char *why = NULL;

	while (why == NULL && gate_run_more(&r)) {
		if (!gate_run_length(&r, &name) || !gate_run_length(&r, &value))
			return "PARAMS end within a length";
		why = gate_run_text(&r, name, true);
		if (why == NULL)
			why = gate_run_text(&r, value, false);
	}
	return why;
}

/* --- our own answers --------------------------------------------------------
 */

static void
gate_reply(struct gate *g, unsigned type, uint16_t id, const uint8_t *content,
    size_t len)
{
	size_t padding = -len & 7;
	uint8_t *p = g->reply;

	fcgi_header(p, type, id, len, padding);
	memcpy(p + FCGI_HEADER_LEN, content, len);
	memset(p + FCGI_HEADER_LEN + len, 0, padding);
	g->reply_len = FCGI_HEADER_LEN + len + padding;
}

static enum gate_result
gate_broken(struct gate *g, const char *why)
{
	g->why = why;
	return GATE_BROKEN;
}

static enum gate_result
gate_refuse(struct gate *g, uint16_t id, uint8_t status, const char *why)
{
	const uint8_t body[8] = {0, 0, 0, 0, status}; /* of END_REQUEST */

	gate_reply(g, FCGI_END_REQUEST, id, body, sizeof(body));
	g->why = why;
	return GATE_REFUSE;
}

/*
 * FCGI_GET_VALUES: each name that we know is answered once, however often it
 * is asked for.  (libfcgi writes past the end of its buffer when it is asked
 * too often.)  The first two are only upper limits: --max-streams is applied
 * to each request.
 */
static enum gate_result
answer_values(struct gate *g, const struct fcgi_record *rec)
{
	static const struct {
		const char *name, *value;
	} ours[] = {
	    {FCGI_MAX_CONNS, "65535"},
	    {FCGI_MAX_REQS, "65535"},
	    {FCGI_MPXS_CONNS, "0"},
	};
	struct gate_run r = {
	    .at = rec->content, .end = rec->content + rec->len};
	size_t i, n = 0, name, value;
	bool asked[3] = {false};
	uint8_t body[GATE_REPLY_SIZE];

	while (gate_run_more(&r)) {
		if (!gate_run_length(&r, &name) ||
		    !gate_run_length(&r, &value) ||
		    name > (size_t)(r.end - r.at) ||
		    value > (size_t)(r.end - r.at) - name)
			return gate_broken(g, "GET_VALUES with a false length");
		for (i = 0; i < 3; i++)
			if (strlen(ours[i].name) == name &&
			    memcmp(ours[i].name, r.at, name) == 0)
				asked[i] = true;
		r.at += name + value;
	}
	for (i = 0; i < 3; i++) {
		if (!asked[i])
			continue;
		name = strlen(ours[i].name);
		value = strlen(ours[i].value);
		body[n++] = (uint8_t)name;
		body[n++] = (uint8_t)value;
		memcpy(body + n, ours[i].name, name);
		memcpy(body + n + name, ours[i].value, value);
		n += name + value;
	}
	gate_reply(g, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, body, n);
	return GATE_ANSWER;
}

/* --- record by record ----------------------------------------------------- */

static enum gate_result
take_management(struct gate *g, const struct fcgi_record *rec)
{
	const uint8_t body[8] = {(uint8_t)rec->type}; /* of UNKNOWN_TYPE */

	if (rec->type < FCGI_GET_VALUES)
		return gate_broken(
		    g, "a request's record without a request id");
	if (rec->type == FCGI_GET_VALUES)
		return answer_values(g, rec);
	gate_reply(
	    g, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, body, sizeof(body));
	return GATE_ANSWER;
}

static enum gate_result
take_begin(struct gate *g, const struct fcgi_record *rec)
{
	if (g->begun && rec->id != g->id)
		return gate_refuse(g, rec->id, FCGI_CANT_MPX_CONN,
		    "a second request on a busy connection");
	if (g->begun)
		return gate_broken(g, "BEGIN_REQUEST twice");
	if (rec->len != 8)
		return gate_broken(g, "BEGIN_REQUEST of a wrong length");
	g->begun = true;
	g->id = rec->id;
	g->keep_conn = rec->content[2] & FCGI_KEEP_CONN;
	if (rec->content[0] != 0 || rec->content[1] != FCGI_RESPONDER)
		return gate_refuse(g, rec->id, FCGI_UNKNOWN_ROLE,
		    "asked for a role other than Responder");
	return GATE_MORE;
}

/* A record of the request that is being read. */
static enum gate_result
take_of_request(
    struct gate *g, const uint8_t *buf, const struct fcgi_record *rec)
{
	const char *why;

	switch (rec->type) {
	case FCGI_ABORT_REQUEST:
		return gate_refuse(g, rec->id, FCGI_REQUEST_COMPLETE,
		    "the web server took the request back");
	case FCGI_PARAMS:
		if (g->params_done)
			return gate_broken(g, "PARAMS after the end of PARAMS");
		g->params_len += rec->len;
		if (rec->len > 0)
			return GATE_MORE;
		g->params_done = true;
		why = check_params(g, buf);
		return why != NULL ? gate_broken(g, why) : GATE_MORE;
	case FCGI_STDIN:
		if (!g->params_done)
			return gate_broken(g, "STDIN before the end of PARAMS");
		g->body_len += rec->len;
		return rec->len > 0 ? GATE_MORE : GATE_READY;
	default:
		return gate_broken(g, "a record that no Responder is sent");
	}
}

/* All of a record is there, and counted in g->scanned. */
static enum gate_result
take_record(struct gate *g, const uint8_t *buf, const struct fcgi_record *rec)
{
	if (rec->id == FCGI_NULL_REQUEST_ID)
		return take_management(g, rec);
	if (rec->type == FCGI_BEGIN_REQUEST)
		return take_begin(g, rec);
	/* Section 3.3: a record of no active request is ignored. */
	if (!g->begun || rec->id != g->id)
		return GATE_MORE;
	return take_of_request(g, buf, rec);
}

/* Decides by the header alone whether to wait for the rest of a record. */
static enum gate_result
weigh_header(struct gate *g, const uint8_t *p, const struct fcgi_record *rec,
    size_t max_body)
{
	bool ours = g->begun && rec->id == g->id;
	size_t content = g->params_len + g->body_len, framing;

	if (p[0] != FCGI_VERSION_1)
		return gate_broken(g, "not FastCGI version 1");
	if (ours && rec->type == FCGI_PARAMS &&
	    g->params_len + rec->len > GATE_PARAMS_MAX)
		return gate_broken(g, "more than 64 KB of parameters");
	if (ours && g->params_done && rec->type == FCGI_STDIN &&
	    g->body_len + rec->len > max_body) {
		g->body_len += rec->len;
		return GATE_READY;
	}
	if (ours && (rec->type == FCGI_PARAMS || rec->type == FCGI_STDIN))
		content += rec->len;
	framing = g->scanned + rec->size - content;
	if (framing > GATE_FRAMING_MAX + content)
		return gate_broken(g, "too many records for what is in them");
	return GATE_MORE;
}

enum gate_result
gate_scan(struct gate *g, const uint8_t *buf, size_t len, size_t max_body)
{
	enum gate_result result;
	struct fcgi_record rec;

	g->reply_len = 0;
	while (len - g->scanned >= FCGI_HEADER_LEN) {
		rec = fcgi_read(buf + g->scanned);
		result = weigh_header(g, buf + g->scanned, &rec, max_body);
		if (result != GATE_MORE)
			return result;
		if (len - g->scanned < rec.size)
			return GATE_MORE;
		g->scanned += rec.size;
		result = take_record(g, buf, &rec);
		if (result != GATE_MORE)
			return result;
	}
	return GATE_MORE;
}
