/*
 * fuzz_request_gate.c - the gate against hostile bytes and honest servers.
 *
 * Hostile: the input is the bytes that come over the wire, or a list of
 * records whose framing is right.  The gate gets the bytes in one piece, and
 * then again in pieces that are cut at random places; both must end the same
 * way.  If they end with GATE_READY, a second reader, which is written here
 * without the gate's code, must find the same request in the bytes, and
 * libfcgi must find all its parameters.
 *
 * Honest: the input is a list of parameters.  They are framed at random, and
 * the gate must say GATE_READY and find just these parameters.
 *
 * Every random number comes from the input, so a crash can be repeated.
 */
#include "fcgi/request/gate.h"
#include "tests/fuzz/fuzz.h"

enum {
	BEGIN = 1,
	PARAMS = 4,
	STDIN = 5,
	GET_VALUES = 9
};
enum {
	HOSTILE_BYTES,
	HOSTILE_RECORDS,
	HONEST,
	MODES
};

struct bytes {
	uint8_t *p;
	size_t len, room;
};

static void
add(struct bytes *b, const void *p, size_t len)
{
	if (b->len + len > b->room || b->p == NULL) {
		b->room = 2 * (b->len + len) + 64;
		b->p = realloc(b->p, b->room);
		must(b->p != NULL);
	}
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

static uint32_t
draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

static void
add_record(struct bytes *b, int type, int id, const void *content, size_t len,
    size_t padding)
{
	const uint8_t zeros[255] = {0};
	uint8_t head[8] = {1, (uint8_t)type, (uint8_t)(id >> 8), (uint8_t)id,
	    (uint8_t)(len >> 8), (uint8_t)len, (uint8_t)padding, 0};

	add(b, head, 8);
	add(b, content, len);
	add(b, zeros, padding);
}

/* --- the scan, in one piece and in many ----------------------------------- */

/* What the gate said in each call, except GATE_MORE. */
struct verdict {
	struct gate g;
	enum gate_result last;
	struct bytes said;
};

static enum gate_result
scan(struct verdict *v, const struct bytes *wire, size_t len, size_t max_body)
{
	uint8_t *copy = malloc(len + (len == 0));
	size_t before = v->g.scanned;

	must(copy != NULL);
	if (len > 0)
		memcpy(copy, wire->p, len);
	v->last = gate_scan(&v->g, copy, len, max_body);
	free(copy);
	must(v->g.scanned <= len && v->g.scanned >= before);
	must(v->g.params_len <= GATE_PARAMS_MAX);
	must(v->g.reply_len <= GATE_REPLY_SIZE);
	must(v->last <= GATE_BROKEN);
	if (v->last == GATE_MORE)
		return v->last;
	if (v->last == GATE_REFUSE || v->last == GATE_BROKEN)
		must(v->g.why != NULL && *v->g.why != '\0');
	must((v->g.reply_len > 0) ==
	     (v->last == GATE_REFUSE || v->last == GATE_ANSWER));
	if (v->g.reply_len > 0) {
		must(v->g.reply[0] == 1);
		must(v->g.reply_len == 8u + v->g.reply[5] + v->g.reply[6]);
	}
	add(&v->said, &v->last, sizeof(v->last));
	add(&v->said, &v->g.scanned, sizeof(v->g.scanned));
	add(&v->said, v->g.reply, v->g.reply_len);
	return v->last;
}

static struct verdict
scan_whole(const struct bytes *wire, size_t max_body)
{
	struct verdict v = {.last = GATE_MORE};

	while (scan(&v, wire, wire->len, max_body) == GATE_ANSWER)
		;
	return v;
}

static struct verdict
scan_split(const struct bytes *wire, size_t max_body, uint32_t *seed)
{
	struct verdict v = {.last = GATE_MORE};
	uint32_t step = 1 + draw(seed, wire->len > 2000 ? 4000 : 40);
	size_t len = 0;

	for (;;) {
		scan(&v, wire, len, max_body);
		if (v.last == GATE_ANSWER)
			continue;
		if (v.last != GATE_MORE || len == wire->len)
			return v;
		len += 1 + draw(seed, step);
		if (len > wire->len)
			len = wire->len;
	}
}

/* --- a second reading of a request that is said to be whole --------------- */

/*
 * The content of the records of one type, from BEGIN_REQUEST to the empty
 * record of the type.
 */
static struct bytes
content(const struct bytes *wire, size_t stop, int type, unsigned id)
{
	struct bytes out = {0};
	const uint8_t *p;
	size_t at, len;
	int begun = 0;

	add(&out, "", 0);
	for (at = 0; at < stop; at += 8 + len + p[6]) {
		must(stop - at >= 8);
		p = wire->p + at;
		len = (size_t)p[4] * 256 + p[5];
		must(p[0] == 1 && stop - at >= 8 + len + p[6]);
		if ((unsigned)p[2] * 256 + p[3] != id)
			continue;
		if (p[1] == BEGIN) {
			must(!begun && len == 8 && p[8] == 0 && p[9] == 1);
			begun = 1;
		}
		if (begun && p[1] == type && len == 0)
			break;
		if (begun && p[1] == type)
			add(&out, p + 8, len);
	}
	must(begun);
	return out;
}

static size_t
pair_length(const struct bytes *b, size_t *at)
{
	size_t n;

	must(*at < b->len);
	if (b->p[*at] < 128)
		return b->p[(*at)++];
	must(b->len - *at >= 4);
	n = (size_t)(b->p[*at] - 128) << 24 | (size_t)b->p[*at + 1] << 16 |
	    (size_t)b->p[*at + 2] << 8 | b->p[*at + 3];
	*at += 4;
	return n;
}

/* The PARAMS as NAME=VALUE, with a NUL after each. */
static struct bytes
environment(const struct bytes *params)
{
	struct bytes out = {0};
	size_t at = 0, name, value;

	add(&out, "FCGI_ROLE=RESPONDER", 20);
	while (at < params->len) {
		name = pair_length(params, &at);
		value = pair_length(params, &at);
		must(name <= params->len - at);
		must(value <= params->len - at - name);
		must(memchr(params->p + at, 0, name + value) == NULL);
		must(memchr(params->p + at, '=', name) == NULL);
		add(&out, params->p + at, name);
		add(&out, "=", 1);
		add(&out, params->p + at + name, value);
		add(&out, "", 1);
		at += name + value;
	}
	return out;
}

static void
check_ready(const struct verdict *v, struct bytes *wire, size_t max_body)
{
	static struct gate_reader *reader;
	struct bytes params, body, env;
	size_t at = 0;
	char **e;

	if (reader == NULL)
		reader = gate_reader_open();
	must(reader != NULL);
	params = content(wire, v->g.scanned, PARAMS, v->g.id);
	must(params.len == v->g.params_len);
	env = environment(&params);
	if (v->g.body_len <= max_body) {
		body = content(wire, v->g.scanned, STDIN, v->g.id);
		must(body.len == v->g.body_len);
		must(memcmp(gate_body(&v->g, wire->p), body.p, body.len) == 0);
		free(body.p);
	}
	e = gate_parse(reader, &v->g, wire->p);
	must(e != NULL);
	for (; *e != NULL; e++) {
		must(at < env.len);
		must(strcmp(*e, (char *)env.p + at) == 0);
		at += strlen(*e) + 1;
	}
	must(at == env.len);
	free(env.p);
	free(params.p);
}

static struct verdict
check(struct bytes *wire, size_t max_body, uint32_t *seed)
{
	struct verdict whole = scan_whole(wire, max_body);
	struct verdict split = scan_split(wire, max_body, seed);

	must(whole.last == split.last);
	must(whole.said.len == split.said.len);
	must(whole.said.len == 0 ||
	     memcmp(whole.said.p, split.said.p, whole.said.len) == 0);
	must(whole.g.why == split.g.why);
	must(whole.g.scanned == split.g.scanned);
	must(whole.g.params_len == split.g.params_len);
	must(whole.g.body_len == split.g.body_len);
	free(split.said.p);
	if (whole.last == GATE_READY)
		check_ready(&whole, wire, max_body);
	free(whole.said.p);
	return whole;
}

/* --- what goes over the wire ---------------------------------------------- */

/*
 * The input is a script: type, id, length and padding, a byte each, then the
 * content.  A length byte of 128 or more means (byte - 128) * 512.
 */
static void
hostile_records(struct bytes *wire, const uint8_t *in, size_t len)
{
	size_t n;

	while (len >= 4 && wire->len < 300000) {
		n = in[2] < 128 ? in[2] : (size_t)(in[2] - 128) * 512;
		if (n > len - 4)
			n = len - 4;
		add_record(wire, in[0], in[1], in + 4, n, in[3]);
		in += 4 + n;
		len -= 4 + n;
	}
}

/* Parameters from the input: names and values in turn, LF after each. */
static struct bytes
honest_params(const uint8_t *in, size_t len, uint32_t *seed)
{
	struct bytes out = {0};
	const uint8_t *end;
	uint8_t head[8];
	size_t n[2], used, i, k, room = GATE_PARAMS_MAX - 8;
	const uint8_t *text[2];

	add(&out, "", 0);
	while (len > 0) {
		for (i = 0, used = 0; i < 2; i++) {
			text[i] = in + used;
			end = memchr(text[i], '\n', len - used);
			n[i] =
			    end != NULL ? (size_t)(end - text[i]) : len - used;
			used += n[i] + (end != NULL);
		}
		if (n[0] + n[1] > room - out.len)
			break;
		for (i = 0, k = 0; i < 2; i++) {
			if (n[i] > 127 || draw(seed, 4) == 0) {
				head[k++] = (uint8_t)(0x80 | n[i] >> 24);
				head[k++] = (uint8_t)(n[i] >> 16);
				head[k++] = (uint8_t)(n[i] >> 8);
			}
			head[k++] = (uint8_t)n[i];
		}
		add(&out, head, k);
		add(&out, text[0], n[0]);
		add(&out, text[1], n[1]);
		for (i = out.len - n[0] - n[1]; i < out.len; i++)
			if (out.p[i] == 0)
				out.p[i] = 'x';
		for (i = out.len - n[0] - n[1]; i < out.len - n[1]; i++)
			if (out.p[i] == '=')
				out.p[i] = 'x';
		in += used;
		len -= used;
		if (out.len >= room)
			break;
	}
	return out;
}

/* Writes a stream in records of random lengths, with other records between. */
static void
honest_stream(struct bytes *wire, int type, int id, const struct bytes *data,
    uint32_t *seed)
{
	size_t at = 0, n, longest = 64 + draw(seed, 65535 - 64);

	while (at < data->len) {
		n = 1 + draw(seed, (uint32_t)longest);
		if (n > data->len - at)
			n = data->len - at;
		add_record(wire, type, id, data->p + at, n, draw(seed, 16));
		at += n;
		if (draw(seed, 8) == 0)
			add_record(wire, GET_VALUES, 0, "\001\000A", 3, 5);
		if (draw(seed, 8) == 0)
			add_record(wire, type, id ^ 1, "old", 3, 0);
	}
	add_record(wire, type, id, NULL, 0, draw(seed, 9));
}

static void
honest(const uint8_t *in, size_t len, uint32_t *seed)
{
	struct bytes params = honest_params(in, len, seed);
	struct bytes body = {0}, wire = {0};
	int id = 2 + 2 * (int)draw(seed, 30000);
	struct verdict v;

	add(&body, in, draw(seed, (uint32_t)len + 1));
	add_record(&wire, BEGIN, id, "\0\001\001\0\0\0\0\0", 8, 0);
	honest_stream(&wire, PARAMS, id, &params, seed);
	honest_stream(&wire, STDIN, id, &body, seed);
	v = check(&wire, len, seed);
	must(v.last == GATE_READY);
	must(v.g.params_len == params.len && v.g.body_len == body.len);
	must(v.g.scanned == wire.len);
	free(params.p);
	free(body.p);
	free(wire.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct bytes wire = {0};
	uint32_t seed = 1;
	size_t i, max_body;
	int mode;

	if (len < 2)
		return 0;
	for (i = 0; i < len; i++)
		seed = seed * 31 + in[i];
	mode = in[0] % MODES;
	max_body = 16 * (size_t)in[1];
	in += 2;
	len -= 2;
	add(&wire, "", 0);
	if (mode == HONEST)
		honest(in, len, &seed);
	else if (mode == HOSTILE_RECORDS)
		hostile_records(&wire, in, len);
	else
		add(&wire, in, len);
	if (mode != HONEST)
		check(&wire, max_body, &seed);
	free(wire.p);
	return 0;
}
