/*
 * news.c - reading what is new in the log, and when.
 */
#include <errno.h>
#include <poll.h>

#include "fcgi/stream/delay.h"
#include "fcgi/stream/flush.h"
#include "fcgi/stream/news.h"
#include "fcgi/stream/revoke.h"
#include "fcgi/stream/start.h"
#include "fcgi/stream/stream.h"
#include "fcgi/stream/todo.h"

enum {
	NEWS_ROWS = 1024,	/* that one turn reads from the log */
	SOON_NS = 500 * 1000,	/* too short for a timer */
	WRITER_NS = 2 * 1000000 /* to wait for our writer before we look */
};

/* --- reading news ------------------------------------------------------- */

static void
set_replaced(void *hub, struct stream *s)
{
	s->gap = GAP_REPLACED;
	s->cuts = store_cuts(((struct hub *)hub)->store);
	todo_add(hub, s);
}

static void
set_behind(void *hub, struct stream *s)
{
	todo_add(hub, s);
}

/* This is another log, or an older copy: the ids that we know mean nothing. */
static void
replace_log(struct hub *hub, struct store_id place)
{
	hub->head = hub->place = place;
	hub->turn_head_known = false;
	pages_forget(&hub->pages, NULL);
	window_forget(&hub->window, &hub->topics, place);
	hub->cuts = store_cuts(hub->store);
	revoke_start(hub, hub->now.streams > 0);
	stream_each(hub, set_replaced, hub);
}

/* The head moves with each event: a read may fail after some of them. */
static bool
add_to_window(void *arg, const struct store_event *ev)
{
	struct hub *hub = arg;

	hub->count.events++;
	if (window_add(&hub->window, &hub->topics, hub->store, ev))
		delay_note(hub, ev->time_ms);
	hub->head = ev->id;
	return !turn_spent(&hub->turn);
}

/*
 * Rows after head may have been pruned before we read them.  Then the window
 * does not have all that came after head: every stream reads the log instead,
 * and so learns of the gap.  The same if the log cannot say.
 */
static void
check_pruned(struct hub *hub, struct store_id head)
{
	struct store_seek seek = {.from = STORE_FROM_ID, .id = head};
	struct store_id place;
	enum store_result r = store_seek(hub->store, &seek, &place);

	if (r == STORE_OK || r == STORE_UNKNOWN)
		return; /* unknown: store_news will say that it was replaced */
	window_forget(&hub->window, &hub->topics, hub->head);
	stream_each(hub, set_behind, hub);
}

/*
 * A read that fails half way has added events to the window.  They stay there
 * and are not read again, and the next read goes on behind them.  False: it
 * failed, or the log has no answer yet.
 */
static bool
read_news(struct hub *hub)
{
	struct store_id head = hub->head;
	struct store_span span;
	enum store_result r;

	r = store_read(
	    hub->store, head, NULL, 0, NEWS_ROWS, add_to_window, hub, &span);
	hub->read_waits = r == STORE_LATER;
	if (r == STORE_OK) {
		hub->head = span.upto;
		hub->look = !span.at_end;
	} /* else the store's descriptor wakes us again */
	if (store_id_cmp(head, hub->head) < 0)
		check_pruned(hub, head);
	return r == STORE_OK;
}

/*
 * A look that began then has ended.  It ended well if the log was seen as it is
 * now, and all of it that was asked for was read.
 */
static void
look_ends(struct hub *hub, int64_t began_ms, bool well)
{
	if (well && store_seen_ms(hub->store) >= began_ms)
		hub->looked_ms = clock_steady_ms();
	if (!hub->revoking)
		hub->held = 0;
	else if (hub->held == 0)
		hub->held = wheel_now(&hub->wheel) + 1;
}

/*
 * A client that lost a topic before an event was published may not get that
 * event.  So revocations are read after the events and before any is sent.
 */
static void
look_for_news(struct hub *hub)
{
	bool more = hub->look_again || hub->revoking || hub->read_waits, well;
	int64_t began_ms = clock_steady_ms();
	enum revoking revoking;
	struct store_id place;

	hub->look = hub->look_again = false;
	hub->cold_waits = false;
	switch (store_news(hub->store, &place)) {
	case STORE_REPLACED:
		replace_log(hub, place);
		break;
	case STORE_LOOK:
		break;
	case STORE_QUIET:
		if (!more) {
			look_ends(hub, began_ms, true);
			return;
		}
	}
	well = read_news(hub);
	revoking = revoke_turn(hub);
	hub->revoking = revoking != REVOKING_DONE;
	hub->look_again = hub->look;
	hub->look |= revoking == REVOKING_MORE;
	look_ends(hub, began_ms, well && revoking != REVOKING_LATER);
}

bool
news_take(struct hub *hub)
{
	bool answered;

	look_for_news(hub);
	hub->answered |= store_answered(hub->store);
	answered = hub->answered && !hub->revoking;
	if (answered)
		hub->answered = false;
	return answered;
}

bool
news_await(struct hub *hub, int ms)
{
	struct pollfd pfd = {.fd = store_fd(hub->store), .events = POLLIN};

	if (poll(&pfd, 1, ms) != 1)
		return false;
	look_for_news(hub);
	return true;
}

/* --- when to read ------------------------------------------------------- */

static void
on_gathered(uv_timer_t *timer)
{
	struct hub *hub = timer->data;

	hub->gathering = false;
	hub->look = hub->due = true;
	hub_wake(hub);
}

void
news_written(struct hub *hub)
{
	hub->look = hub->due = true;
	if (!hub->gathering)
		return;
	hub->gathering = false; /* news_due may start it again */
	uv_timer_stop(&hub->gather);
}

static void
on_news(uv_poll_t *handle, int status, int events)
{
	struct hub *hub = handle->data;

	(void)status;
	(void)events;
	hub->look = true;
}

/*
 * While our own writer works, the log's files change long before there is
 * something to read, because the writer waits for the disk in between.  The
 * writer's result tells us when to look.  But we do not wait for the result
 * while a request or a stream waits for the log.
 */
static bool
writer_tells(const struct hub *hub)
{
	return hub->now.posts_waiting > 0 && !hub->due && hub->parked == 0 &&
	       !hub->cold_waits && !hub->read_waits;
}

/*
 * Is it time to look?  If not, a timer is set for that time.  Until then the
 * store's descriptor must not wake the loop: we know already that there is
 * news.
 */
static bool
is_time(struct hub *hub)
{
	uint64_t now = uv_hrtime(), wait;

	if (hub->gathering || flush_goes_on(hub))
		return false;
	wait = hub->next_flush > now ? hub->next_flush - now : 0;
	if (wait < WRITER_NS && writer_tells(hub))
		wait = WRITER_NS;
	if (wait < SOON_NS)
		return true;
	hub->gathering = true;
	uv_poll_stop(&hub->news);
	uv_timer_start(&hub->gather, on_gathered, (wait + 999999) / 1000000, 0);
	return false;
}

bool
news_due(struct hub *hub)
{
	if (!hub->look || !is_time(hub))
		return false;
	hub->due = false;
	if (!uv_is_active((uv_handle_t *)&hub->news))
		uv_poll_start(&hub->news, UV_READABLE, on_news);
	return true;
}

int
news_follow(struct hub *hub)
{
	hub->looked_ms = clock_steady_ms();
	store_set_poll(hub->store, (unsigned)hub->conf->poll_ms);
	revoke_start(hub, false);
	start_now(hub, &hub->head);   /* log busy: set later */
	hub->turn_head_known = false; /* the head may change */
	errno = -uv_poll_init(hub->loop, &hub->news, store_fd(hub->store));
	if (errno != 0)
		return -1;
	hub->news.data = hub;
	errno = -uv_poll_start(&hub->news, UV_READABLE, on_news);
	return errno == 0 ? 0 : -1;
}

int
news_open(struct hub *hub)
{
	uv_timer_init(hub->loop, &hub->gather);
	hub->gather.data = hub;
	return store_fd(hub->store) == -1 ? 0 : news_follow(hub);
}

void
news_close(struct hub *hub)
{
	if (hub->news.data != NULL)
		uv_poll_stop(&hub->news);
	uv_timer_stop(&hub->gather);
}
