/*
 * cmd_publish.c - largesse publish: append events from a script.
 *
 * With DATA it appends one event; without, what comes on standard input is
 * cut into events by join.c.  A transaction takes the events that can be read
 * without waiting, up to BATCH of them: so a line that is typed is published
 * at once, and a file in large batches.  An id is printed when its event is
 * committed, not before.
 */
#include <stdio.h>
#include <string.h>

#include "fcgi/base/bytes.h"
#include "fcgi/base/log.h"
#include "fcgi/base/options.h"
#include "fcgi/command/commands.h"
#include "fcgi/command/input.h"
#include "fcgi/command/join.h"
#include "store/store.h"

enum {
	BATCH = 500,		   /* events a transaction, and one more */
	BATCH_BYTES = 1024 * 1024, /* enough for a batch */
	JOIN_MS_MAX = 10000
};

struct publish_conf {
	const char *topic, *event, *uid, *join_at;
	uint64_t join_ms;
	bool end, quiet;
};

/* clang-format off */
static const struct option list[] = {
	{"topic", "T", OPTION_STRING, AT_STRING(struct publish_conf, topic),
	    "main", .help = "topic of the event"},
	{"event", "E", OPTION_STRING, AT_STRING(struct publish_conf, event),
	    .help = "event type; none is EventSource's message"},
	{"uid", "U", OPTION_STRING, AT_STRING(struct publish_conf, uid),
	    .help = "your own id, not all digits: never published twice"},
	{"end", NULL, OPTION_FLAG, AT_FLAG(struct publish_conf, end),
	    .help = "end the topic: with DATA, or when the input ends"},
	{"join", "AGE", OPTION_AGE, AT_NUMBER(struct publish_conf, join_ms),
	    .help = "what comes within this time (50ms) is one event",
	    .min = 1, .max = JOIN_MS_MAX},
	{"join-at", "PATH", OPTION_STRING,
	    AT_STRING(struct publish_conf, join_at),
	    .help = "join lines of JSON that differ in the string there"},
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct publish_conf, quiet),
	    .help = "do not print the ids"},
};
/* clang-format on */

static const struct options options = {
    .command = "publish",
    .usage = "FILE [options] [DATA]",
    .about = "Appends an event to the log in FILE and prints its id.  "
	     "Without DATA each line\nof standard input is an event.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 1,
    .operands_max = 2,
};

/* Where events go, and those that are not yet appended. */
struct publishing {
	struct store *store;
	const struct publish_conf *conf;
	struct bytes data;	/* of all events, one behind the other */
	size_t ends[BATCH + 1]; /* where each of them ends in it */
	size_t n;
};

static struct store_text
text_of(const char *s)
{
	return (struct store_text){s, s != NULL ? strlen(s) : 0};
}

static struct store_event
make_event(const struct publish_conf *conf, struct store_text data)
{
	return (struct store_event){
	    .topic = text_of(conf->topic),
	    .event = text_of(conf->event),
	    .uid = text_of(conf->uid),
	    .data = data,
	};
}

static struct store_event
make_end(const struct publish_conf *conf, struct store_text data)
{
	struct store_event ev = make_event(conf, data);

	ev.event = text_of(STORE_END_TYPE);
	return ev;
}

static int
append_and_print(
    const struct publishing *pub, struct store_event *events, size_t n)
{
	char id[STORE_ID_SIZE];
	size_t i;

	if (store_append(pub->store, events, n) != STORE_OK)
		return command_failed(store_why(pub->store));
	if (pub->conf->quiet)
		return STATUS_DONE;
	for (i = 0; i < n; i++) {
		store_id_print(pub->store, events[i].id, id);
		puts(id);
	}
	return command_done();
}

/* --- standard input ----------------------------------------------------- */

/* Appends the batch, and behind it the end of the topic unless it is NULL. */
static int
publish_batch(struct publishing *pub, const char *end)
{
	struct store_event events[BATCH + 1];
	size_t n, at = 0;
	int status;

	for (n = 0; n < pub->n; n++) {
		events[n] = make_event(pub->conf,
		    (struct store_text){pub->data.s + at, pub->ends[n] - at});
		at = pub->ends[n];
	}
	if (end != NULL)
		events[n++] = make_end(pub->conf, text_of(end));
	status = n > 0 ? append_and_print(pub, events, n) : STATUS_DONE;
	pub->n = 0;
	pub->data.len = 0;
	bytes_trim(&pub->data);
	return status;
}

/* Takes an event into the batch, which is appended when it is full. */
static int
add_event(void *arg, const char *s, size_t len)
{
	struct publishing *pub = arg;

	if (bytes_add(&pub->data, s, len) == -1)
		return command_failed("no memory");
	pub->ends[pub->n++] = pub->data.len;
	return pub->n == BATCH || pub->data.len >= BATCH_BYTES
		   ? publish_batch(pub, NULL)
		   : STATUS_DONE;
}

/* What the end of the topic says of the end of the input; NULL: no end. */
static const char *
end_of_input(const struct publishing *pub, const struct input *in)
{
	if (!pub->conf->end || !in->ended)
		return NULL;
	return in->failed ? "failed" : in->stopped != 0 ? "stopped" : "";
}

static int
publish_read(struct publishing *pub, struct join *join, struct input *in)
{
	bool more, late;
	int status = STATUS_DONE;

	while (status == STATUS_DONE && !in->ended) {
		more = input_read(in, pub->n > 0 ? 0 : join_wait(join));
		late = join_wait(join) == 0;
		status = join_take(join, &in->text, in->ended);
		if (status == STATUS_DONE && (!more || late || in->ended))
			status = publish_batch(pub, end_of_input(pub, in));
	}
	return in->failed ? STATUS_FAILED : status;
}

static int
publish_input(struct publishing *pub)
{
	const struct publish_conf *conf = pub->conf;
	struct join join = {
	    .how = conf->join_ms == 0	   ? JOIN_LINES
		   : conf->join_at == NULL ? JOIN_TEXT
					   : JOIN_CHUNKS,
	    .ms = (int64_t)conf->join_ms,
	    .path = conf->join_at,
	    .put = add_event,
	    .arg = pub,
	};
	struct input in;
	int status = STATUS_FAILED;

	if (input_open(&in) == 0)
		status = publish_read(pub, &join, &in);
	join_free(&join);
	bytes_free(&pub->data);
	store_close(pub->store);
	pub->store = NULL;
	input_close(&in);
	return status;
}

static int
publish_one(const struct publishing *pub, const char *data)
{
	struct store_event ev = pub->conf->end
				    ? make_end(pub->conf, text_of(data))
				    : make_event(pub->conf, text_of(data));

	return append_and_print(pub, &ev, 1);
}

/* Options that have no meaning together. */
static int
check_together(const struct publish_conf *conf, bool has_data)
{
	const char *what = NULL, *why = NULL;

	if (conf->uid != NULL && !has_data) {
		what = "--uid";
		why = "is of one event: give its DATA, too";
	} else if (conf->join_ms != 0 && has_data) {
		what = "--join";
		why = "is for what comes on standard input: give no DATA";
	} else if (conf->join_at != NULL && conf->join_ms == 0) {
		what = "--join-at";
		why = "needs --join, which says for how long";
	} else if (conf->end && has_data && conf->event != NULL) {
		what = "--event";
		why = "the end of a topic is of the type " STORE_END_TYPE;
	}
	if (what == NULL)
		return STATUS_DONE;
	log_error(what, "%s", why);
	return STATUS_USAGE;
}

int
cmd_publish(int argc, char **argv)
{
	struct publish_conf conf;
	struct publishing pub = {.conf = &conf};
	char why[512];
	int status = options_take(&options, &argc, argv, &conf);

	if (status != -1)
		return status;
	if ((status = check_together(&conf, argc == 3)) != STATUS_DONE)
		return status;
	pub.store = store_open(argv[1], STORE_WRITE, why, sizeof(why));
	if (pub.store == NULL)
		return command_failed(why);
	log_doubt(store_doubt(pub.store));
	status = argc == 3 ? publish_one(&pub, argv[2]) : publish_input(&pub);
	store_close(pub.store);
	return status;
}
