/*
 * fuzz_store_id.c - an id that was read is printed and read again as the same
 * id, and what is no id leaves everything as it was.
 *
 * input	a byte, odd for a log whose ids are printed with a dash; then
 *two texts with LF between them, as a client sends them
 */
#include "store/engine.h"
#include "tests/fuzz/fuzz.h"

static int
sign(int n)
{
	return (n > 0) - (n < 0);
}

/* The id is printed in a buffer of the size that is promised. */
static void
check_again(const struct store *st, struct store_id id)
{
	char *buf = malloc(STORE_ID_SIZE);
	struct store_id again = {1, 1};
	size_t len;

	must(buf != NULL);
	len = store_id_print(st, id, buf);
	must(len > 0 && len < STORE_ID_SIZE && len == strlen(buf));
	must(store_id_parse(st, buf, len, &again));
	must(store_id_cmp(id, again) == 0);
	free(buf);
}

static void
check_before(struct store_id id)
{
	struct store_id before;

	if (id.hi == 0 && id.lo == 0)
		return;
	before = store_id_before(id);
	must(store_id_cmp(before, id) < 0);
	if (++before.lo == 0)
		before.hi++;
	must(store_id_cmp(before, id) == 0);
}

static bool
read_id(const struct store *st, const char *s, struct store_id *id)
{
	const struct store_id none = {77, 88};
	size_t len = strlen(s);
	bool is;

	*id = none;
	is = store_id_parse(st, s, len, id);
	if (!is) {
		must(id->hi == none.hi && id->lo == none.lo);
		return false;
	}
	must(len > 0 && s[0] >= '0' && s[0] <= '9');
	must(st->dashed || id->hi == 0);
	check_again(st, *id);
	check_before(*id);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct store st = {.dashed = len > 0 && (in[0] & 1)};
	struct store_id a, b;
	char *s, *t;

	if (len == 0)
		return 0;
	in++;
	len--;
	s = fuzz_line(&in, &len);
	t = fuzz_line(&in, &len);
	if (read_id(&st, s, &a) && read_id(&st, t, &b)) {
		must(sign(store_id_cmp(a, b)) == -sign(store_id_cmp(b, a)));
		must((store_id_cmp(a, b) == 0) ==
		     (a.hi == b.hi && a.lo == b.lo));
	}
	free(s);
	free(t);
	return 0;
}
