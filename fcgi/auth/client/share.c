/*
 * share.c - how much work each client makes us do, and its share of it.
 */
#include <string.h>

#include "fcgi/auth/client/share.h"
#include "fcgi/base/hash.h"

static const uint64_t second_ns = 1000000000;

void
shares_open(struct shares *ss, uint64_t percent, uint32_t seed)
{
	memset(ss, 0, sizeof(*ss));
	ss->percent = percent;
	ss->seed = seed;
}

/* What is left of it now. */
static uint64_t
left(const struct shares *ss, const struct share *sh, uint64_t now)
{
	uint64_t back = (now - sh->at_ns) / 100 * ss->percent;

	return sh->spent_ns > back ? sh->spent_ns - back : 0;
}

static uint32_t
set_of(const struct shares *ss, const struct address *a)
{
	return hash_bytes(ss->seed, a, sizeof(*a)) % SHARE_SETS;
}

static bool
is_of(const struct share *sh, const struct address *a)
{
	return memcmp(&sh->address, a, sizeof(*a)) == 0;
}

void
share_spend(
    struct shares *ss, const struct address *a, uint64_t now, uint64_t ns)
{
	struct share *set = ss->share[set_of(ss, a)], *sh = &set[0];
	int i;

	for (i = 0; i < SHARE_WAYS; i++) {
		if (is_of(&set[i], a)) {
			sh = &set[i];
			break;
		}
		if (left(ss, &set[i], now) < left(ss, sh, now))
			sh = &set[i];
	}
	if (i == SHARE_WAYS)
		*sh = (struct share){.address = *a};
	sh->spent_ns =
	    left(ss, sh, now) + (ns < SHARE_MOST_NS ? ns : SHARE_MOST_NS);
	sh->at_ns = now;
}

bool
share_over(const struct shares *ss, const struct address *a, uint64_t now)
{
	const struct share *set = ss->share[set_of(ss, a)];
	uint64_t most = SHARE_SECONDS * second_ns / 100 * ss->percent;
	int i;

	for (i = 0; ss->percent > 0 && i < SHARE_WAYS; i++)
		if (is_of(&set[i], a))
			return left(ss, &set[i], now) > most;
	return false;
}
