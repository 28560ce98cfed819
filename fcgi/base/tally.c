/*
 * tally.c - the numbers of a process: their names, and the sum of all workers.
 */
#include <sys/mman.h>

#include <string.h>

#include "fcgi/base/tally.h"

const char *
tally_reason(enum end_reason reason)
{
	static const char *const words[END_REASONS] = {
	    [END_LEFT] = "left",
	    [END_ABORTED] = "aborted",
	    [END_WRITE] = "write",
	    [END_STALLED] = "stalled",
	    [END_AGE] = "age",
	    [END_POLL] = "poll",
	    [END_TOKEN] = "token",
	    [END_REVOKED] = "revoked",
	    [END_SHUTDOWN] = "shutdown",
	    [END_DONE] = "done",
	    [END_GAP] = "gap",
	    [END_CUT_EVENT] = "cut-event",
	    [END_PROTOCOL] = "protocol",
	    [END_MEMORY] = "memory",
	};

	return words[reason];
}

#define NOW(name, member, help)                                       \
	{                                                             \
		name, help, offsetof(struct tally, now.member), false \
	}
#define TOTAL(name, member, help)                                      \
	{                                                              \
		name, help, offsetof(struct tally, count.member), true \
	}

/* clang-format off */
const struct tally_line tally_lines[] = {
	NOW("streams", streams, "Streams that are open."),
	NOW("pending", pending, "Connections whose request is not whole."),
	NOW("probes", probes, "Probes for the doctor that are open."),
	NOW("watches", watches, "Status pages that are open."),
	NOW("slow", slow, "Streams whose client has not read what was sent."),
	NOW("behind", behind, "Streams for which the log has to be read."),
	NOW("writers", writers, "Writers for POST; fewer than workers: away."),
	NOW("posts_waiting", posts_waiting, "POSTs that a writer has."),
	NOW("topics", topics, "Topics and prefixes that are listened to."),
	NOW("subscriptions", subscriptions, "Different sets of topics."),
	NOW("listens", listens, "The topics of all streams, added up."),
	NOW("window_events", window_events, "Newest events kept in memory."),
	NOW("window_bytes", window_bytes, "What those take."),
	NOW("resident_bytes", resident_bytes, "Memory of the process."),
	NOW("longest_turn_us", longest_turn_us,
	    "The longest turn of the loop since the start, in microseconds."),
	TOTAL("requests", requests, "Whole requests that came."),
	TOTAL("broken", broken, "Connections that did not speak FastCGI."),
	TOTAL("opened", opened, "Streams that were opened."),
	TOTAL("opened_poll", polls, "Of them, with poll in the query."),
	TOTAL("opened_pad", padded, "Of them, with pad=."),
	TOTAL("opened_age", aged, "Of them, with age= and no poll."),
	TOTAL("opened_post", posted, "Of them, by POST."),
	TOTAL("refused", refused, "Streams told to come back later."),
	TOTAL("denied", denied, "Requests refused with 401 or 403."),
	TOTAL("events", events, "Events read from the log as they came."),
	TOTAL("published", published, "Events taken by POST."),
	TOTAL("writer_ends", writer_ends, "Writers that died."),
	TOTAL("deliveries", deliveries, "Events sent, each time counted."),
	TOTAL("deliveries_log", deliveries_log,
	    "Of them, read from the log: the window had them no more."),
	TOTAL("sent_bytes", bytes, "Bytes sent on streams."),
	TOTAL("writes", writes, "Writes to streams."),
	TOTAL("blocked", blocked, "Writes that a stream did not take whole."),
	TOTAL("heartbeats", heartbeats, "Comments to silent streams, and beats."),
	TOTAL("gaps", gaps, "Times a stream was told that its place is gone."),
	TOTAL("pages", pages,
	    "Pages of the log read for streams that were behind."),
};
/* clang-format on */

const size_t tally_nlines = sizeof(tally_lines) / sizeof(tally_lines[0]);

const uint64_t tally_le_us[TURN_BUCKETS - 1] = {
    500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 500000, 1000000};

const uint64_t delay_le_ms[DELAY_BUCKETS - 1] = {
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000};

/* The first of n bounds that is not less, or n. */
static size_t
bucket(const uint64_t *le, size_t n, uint64_t value)
{
	size_t i = 0;

	while (i < n && value > le[i])
		i++;
	return i;
}

size_t
tally_bucket(uint64_t us)
{
	return bucket(tally_le_us, TURN_BUCKETS - 1, us);
}

size_t
delay_bucket(uint64_t ms)
{
	return bucket(delay_le_ms, DELAY_BUCKETS - 1, ms);
}

static size_t
size_of(uint64_t n)
{
	return sizeof(struct tallies) + n * sizeof(struct tally);
}

struct tallies *
tallies_make(uint64_t n, uint32_t seed)
{
	struct tallies *all = mmap(NULL, size_of(n), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		return NULL;
	all->n = n;
	all->listeners = listeners_make(n, seed);
	all->board = board_make(n);
	if (all->listeners == NULL || all->board == NULL) {
		tallies_free(all);
		return NULL;
	}
	return all;
}

void
tallies_free(struct tallies *all)
{
	if (all == NULL)
		return;
	listeners_free(all->listeners);
	board_free(all->board);
	munmap(all, size_of(all->n));
}

void
tallies_forget(struct tallies *all, uint64_t worker)
{
	memset(&all->of[worker].now, 0, sizeof(all->of[worker].now));
	listeners_forget(all->listeners, worker);
	board_forget(all->board, worker);
}

void
tallies_sum(const struct tallies *all, struct tally *sum)
{
	uint64_t *to = (uint64_t *)sum, i, j, longest = 0;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < all->n; i++) {
		const uint64_t *from = (const uint64_t *)&all->of[i];

		for (j = 0; j < sizeof(*sum) / sizeof(*to); j++)
			to[j] += from[j];
		if (all->of[i].now.longest_turn_us > longest)
			longest = all->of[i].now.longest_turn_us;
	}
	sum->now.longest_turn_us = longest;
}
