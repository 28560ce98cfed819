/*
 * way.c - what a stream has more on a way that harms it.
 */
#include <string.h>

#include "fcgi/stream/way.h"
#include "fcgi/stream/write.h"

enum {
	BEAT_MAX_S = 3600,
	WARN_MS = 30 * 1000 /* before the token expires */
};

unsigned
way_beat_s(const struct hub *hub, const struct request *rq)
{
	unsigned least = (unsigned)((hub->conf->min_beat_ms + 999) / 1000);
	unsigned beat = rq->way.beat_s;

	if (beat == 0)
		return 0;
	if (beat > BEAT_MAX_S)
		beat = BEAT_MAX_S;
	return beat > least ? beat : least;
}

/* --- opening ------------------------------------------------------------ */

static void
count_way(struct counters *count, const struct request *rq)
{
	count->polls += rq->way.poll;
	count->aged += rq->way.has_age && !rq->way.poll;
	count->padded += rq->way.pad > 0;
	count->posted += rq->method == METHOD_POST;
}

/*
 * When does its client want it to end?  A poll of age 0 ends at the next tick:
 * by then a row that was committed before the request is seen.
 */
static uint32_t
leaves_at(struct hub *hub, const struct request_way *way)
{
	uint64_t age_ms = way->has_age ? way->age_s * 1000ULL : UINT64_MAX;

	if (way->poll && age_ms > hub->conf->max_poll_ms)
		age_ms = hub->conf->max_poll_ms;
	if (age_ms > WHEEL_FAR_MS)
		return 0;
	return wheel_now(&hub->wheel) + (age_ms > 0 ? wheel_ticks(age_ms) : 1);
}

bool
way_warns_at_once(uint64_t lives_ms)
{
	return lives_ms > 0 && lives_ms <= WARN_MS;
}

void
way_open(struct hub *hub, struct stream *s, const struct request *rq,
    uint64_t lives_ms)
{
	const struct request_way *way = &rq->way;
	uint64_t pad = hub->conf->max_pad_bytes;

	count_way(&hub->count, rq);
	s->beat = (uint16_t)wheel_ticks(way_beat_s(hub, rq) * 1000ULL);
	s->conn.beats = wheel_now(&hub->wheel) + s->beat;
	s->pad = (uint16_t)(way->pad < pad ? way->pad : pad);
	s->owes_pad = true;
	s->poll = way->poll;
	s->warned = way_warns_at_once(lives_ms);
	s->soon = way->poll || way->has_age;
	s->leaves = leaves_at(hub, way);
}

/* Has the log more than was read, as far as we know? */
static bool
log_has_more(const struct hub *hub)
{
	return hub->look_again || hub->read_waits;
}

bool
way_is_done(struct hub *hub, struct stream *s)
{
	if (s->conn.over || !s->told || s->queued || !stream_is_between(s))
		return false;
	if (log_has_more(hub))
		wheel_set(&hub->wheel, &s->conn, wheel_now(&hub->wheel) + 1);
	return !log_has_more(hub);
}

bool
way_goes_on(struct hub *hub, struct stream *s)
{
	bool more = s->queued || s->blocked || log_has_more(hub);

	if (!s->poll || s->late || !more)
		return false;
	s->told = s->late = true;
	s->leaves =
	    wheel_now(&hub->wheel) + 1 + wheel_ticks(hub->conf->max_poll_ms);
	return true;
}

/* --- between two events ------------------------------------------------- */

/* A comment line: a colon, dots and the end of the line. */
static void
make_pad(char *text, size_t size)
{
	memset(text, '.', size);
	text[0] = ':';
	text[size - 1] = '\n';
}

bool
way_pad(struct hub *hub, struct stream *s)
{
	if (s->pad_left == 0) {
		s->owes_pad = false;
		s->pad_left = s->pad > 1 ? s->pad : 0;
	}
	if (s->pad_left == 0)
		return true;
	make_pad(hub->scratch, s->pad);
	s->pad_left -= (uint16_t)stream_put_text(
	    hub, s, hub->scratch + s->pad - s->pad_left, s->pad_left);
	return s->pad_left == 0;
}

/* Can the responder say something of its own now? */
static bool
may_say(const struct stream *s)
{
	return !s->blocked && s->offset == 0 && s->pad_left == 0;
}

/* Says it, with a pad.  The stream may be in the list of those that wait. */
static void
say_padded(struct hub *hub, struct stream *s, const char *text, size_t len)
{
	if (stream_put_control(hub, s, text, len) && s->pad > 0)
		way_pad(hub, s);
}

void
way_say(struct hub *hub, struct stream *s, const char *text, size_t len)
{
	if (!may_say(s))
		return;
	hub->count.heartbeats++;
	say_padded(hub, s, text, len);
}

void
way_beat(struct hub *hub, struct stream *s)
{
	uint32_t now = wheel_now(&hub->wheel);
	char text[CONTROL_BEAT_SIZE], id[STORE_ID_SIZE];

	if (now < s->conn.beats)
		return;
	s->conn.beats = now + s->beat;
	store_id_print(hub->store, s->id, id);
	way_say(hub, s, text, control_beat(text, clock_wall_ms(), id));
}

/* A stream of a token ends a little later than the token (stream.c). */
uint32_t
way_warn(struct hub *hub, struct stream *s, uint32_t next)
{
	uint32_t now = wheel_now(&hub->wheel), warn = wheel_ticks(WARN_MS);
	uint32_t left = s->ends - now;
	char text[CONTROL_EXPIRE_SIZE];

	if (s->warned || sub_is_bare(s->sub))
		return next;
	if (left > warn)
		return next < s->ends - warn ? next : s->ends - warn;
	if (!may_say(s))
		return next < now + 1 ? next : now + 1;
	s->warned = true;
	say_padded(hub, s, text, control_expire(text, left * TICK_MS / 1000));
	return next;
}
