/*
 * fuzz_window_reader.c - our reader sees what the standard says, however the
 * bytes are cut into pieces.
 *
 * The blocks that it passes on, of all connections together, are a stream that
 * another reader understands in the same way.
 *
 * input	a byte, from which the sizes of the pieces come; then what came,
 *		with 0xff between one connection and the next
 */
#include "fcgi/window/reader.h"
#include "tests/fuzz/eventstream.h"
#include "tests/fuzz/fuzz.h"

enum {
	DAY_MS = 24 * 3600 * 1000,
	CONNECTION_ENDS = 0xff
};

/* --- the reference ------------------------------------------------------ */

/* The events, each as `type\1data\1id\2'. */
struct events {
	struct text text;
	struct text kinds; /* a letter each: o if a responder made it, or e */
};

static void
see(void *arg, const struct text *type, const struct text *data,
    const struct text *id)
{
	struct events *e = arg;
	bool end = type->len == 10 && memcmp(type->s, "stream-end", 10) == 0;
	bool ours =
	    !end && type->len >= 7 && memcmp(type->s, "stream-", 7) == 0;

	text_add(&e->text, type->s, type->len);
	text_add(&e->text, "\1", 1);
	text_add(&e->text, data->s, data->len);
	text_add(&e->text, "\1", 1);
	text_add(&e->text, id->s, id->len);
	text_add(&e->text, "\2", 1);
	text_add(&e->kinds, ours ? "o" : "e", 1);
}

static int64_t
retry_of(const struct source *source)
{
	int64_t ms = 0;
	size_t i;

	if (source->retry.len == 0)
		return -1;
	for (i = 0; i < source->retry.len && ms < DAY_MS; i++)
		ms = ms * 10 + source->retry.s[i] - '0';
	return ms < DAY_MS ? ms : DAY_MS;
}

/* --- our reader ----------------------------------------------------------- */

struct blocks {
	struct text text, kinds;
	size_t n;
};

static bool
pass(void *arg, const char *text, size_t len, enum reader_kind kind)
{
	struct blocks *b = arg;

	must(len > 0 && text[len - 1] == '\n');
	must(memchr(text, '\r', len) == NULL);
	text_add(&b->text, text, len);
	if (kind != READER_NONE)
		text_add(&b->kinds, kind == READER_OURS ? "o" : "e", 1);
	b->n++;
	return true;
}

static uint32_t
draw(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

/* Feeds one connection, in pieces of up to `most` bytes; 0: in one. */
static void
feed(struct reader *r, const uint8_t *s, size_t len, uint32_t most,
    uint32_t *seed, struct blocks *b)
{
	char *piece;
	size_t n;

	reader_begin(r);
	for (; len > 0; s += n, len -= n) {
		n = most == 0 ? len : 1 + draw(seed, most);
		n = n < len ? n : len;
		piece = malloc(n);
		must(piece != NULL);
		memcpy(piece, s, n);
		must(reader_feed(r, piece, n, pass, b));
		free(piece);
	}
}

static bool
same(const struct text *a, const struct text *b)
{
	return text_is(a, b->s, b->len);
}

/* --- one against the other ---------------------------------------------- */

struct both {
	struct source source;
	struct events events;
	struct reader whole, pieces;
	struct blocks of_whole, of_pieces;
};

static void
check_connection(
    struct both *x, const uint8_t *s, size_t len, uint32_t most, uint32_t *seed)
{
	struct text id;

	eventstream(s, len, &x->source, see, &x->events);
	feed(&x->whole, s, len, 0, seed, &x->of_whole);
	feed(&x->pieces, s, len, most, seed, &x->of_pieces);
	must(same(&x->of_whole.text, &x->of_pieces.text));
	must(x->of_whole.n == x->of_pieces.n);
	must(same(&x->of_whole.kinds, &x->of_pieces.kinds));
	must(same(&x->of_whole.kinds, &x->events.kinds));
	must(x->whole.retry_ms == retry_of(&x->source));
	must(x->pieces.retry_ms == x->whole.retry_ms);
	id = decode(x->whole.last_id.s, x->whole.last_id.len);
	must(same(&id, &x->source.last_id));
	must(text_is(&x->source.last_id, id.s, id.len));
	must(x->pieces.last_id.len == x->whole.last_id.len);
	free(id.s);
}

/*
 * What was passed on, read once more.  Of two byte order marks the second is
 * the beginning of a line, and must stay so: a comment is put before it.
 */
static void
check_passed(struct both *x)
{
	struct source source = {0};
	struct events again = {0};
	struct text all = {0};

	text_add(&again.text, "", 0);
	text_add(&again.kinds, "", 0);
	text_add(&all, ":\n\n", 3);
	text_add(&all, x->of_whole.text.s, x->of_whole.text.len);
	eventstream(all.s, all.len, &source, see, &again);
	must(same(&again.text, &x->events.text));
	free(all.s);
	free(again.text.s);
	free(again.kinds.s);
	free(source.last_id.s);
	free(source.retry.s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct both x = {0};
	struct text *empty[] = {&x.source.last_id, &x.source.retry,
	    &x.events.text, &x.events.kinds, &x.of_whole.text,
	    &x.of_whole.kinds, &x.of_pieces.text, &x.of_pieces.kinds};
	const uint8_t *end;
	uint32_t seed, most;
	size_t i, n;

	if (len == 0)
		return 0;
	for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		text_add(empty[i], "", 0);
	seed = in[0];
	most = 1 + seed % 16;
	reader_init(&x.whole);
	reader_init(&x.pieces);
	for (in++, len--; len > 0; in += n, len -= n) {
		end = memchr(in, CONNECTION_ENDS, len);
		n = end != NULL ? (size_t)(end - in) : len;
		check_connection(&x, in, n, most, &seed);
		n += end != NULL;
	}
	check_passed(&x);
	reader_free(&x.whole);
	reader_free(&x.pieces);
	for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		free(empty[i]->s);
	return 0;
}
