/*
 * tell.c - what the error log is told of the streams.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/base/log.h"
#include "fcgi/reply/tell.h"

enum {
	EACH_TELL = 1000 / TICK_MS,	  /* ticks from one look to the next */
	ENDS_EVERY = 60 * 1000 / TICK_MS, /* ticks between two lines of ends */
	WORDS_SIZE = 32 * END_REASONS
};

/* Reasons for which nobody should lose a stream. */
static const enum end_reason faults[] = {
    END_GAP, END_CUT_EVENT, END_PROTOCOL, END_MEMORY};

/* ` 3 left, 1 age' for those that are not 0.  Returns their sum. */
static uint64_t
put_reasons(char words[WORDS_SIZE], const uint64_t ended[END_REASONS])
{
	uint64_t sum = 0;
	size_t len = 0;
	int i;

	*words = '\0';
	for (i = 0; i < END_REASONS && len < WORDS_SIZE; i++) {
		if (ended[i] == 0)
			continue;
		len += (size_t)snprintf(words + len, WORDS_SIZE - len,
		    "%s %" PRIu64 " %s", sum > 0 ? "," : "", ended[i],
		    tally_reason((enum end_reason)i));
		sum += ended[i];
	}
	return sum;
}

/* Some streams that ended for no good reason, since the last such line. */
static void
tell_faults(struct hub *hub, uint32_t now)
{
	uint64_t more[END_REASONS] = {0};
	char words[WORDS_SIZE];
	size_t i;

	if (hub->told.ends != 0 && now - hub->told.ends < ENDS_EVERY)
		return;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		more[faults[i]] =
		    hub->count.ended[faults[i]] - hub->told.ended[faults[i]];
	if (put_reasons(words, more) == 0)
		return;
	hub->told.ends = now + 1; /* not 0 */
	memcpy(hub->told.ended, hub->count.ended, sizeof(hub->told.ended));
	log_warning(hub->conf->quiet, "streams", "some ended:%s", words);
}

/* Once it was full it is so until a tenth of the streams has left. */
static void
tell_full(struct hub *hub)
{
	uint64_t n = hub->now.streams, max = hub->max_streams;

	if (!hub->told.full && n >= max) {
		hub->told.full = true;
		log_warning(hub->conf->quiet, "streams",
		    "all %" PRIu64 " are open (--max-streams): more are told "
		    "to come back",
		    max);
	} else if (hub->told.full && n <= max - max / 10 && n < max) {
		hub->told.full = false;
		log_info(hub->conf->quiet, "streams", "there is room again");
	}
}

void
tell_turn(struct hub *hub)
{
	uint32_t now = wheel_now(&hub->wheel);

	if (now - hub->told.looked < EACH_TELL)
		return;
	hub->told.looked = now;
	tell_full(hub);
	tell_faults(hub, now);
}

void
tell_stop(const struct hub *hub)
{
	log_info(hub->conf->quiet, "stopping",
	    "%" PRIu64 " streams are told to come back", hub->now.streams);
}

void
tell_stopped(const struct hub *hub)
{
	char words[WORDS_SIZE];

	if (put_reasons(words, hub->count.ended) > 0)
		log_info(
		    hub->conf->quiet, "stopped", "streams ended:%s", words);
}
