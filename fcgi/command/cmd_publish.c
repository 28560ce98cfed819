/*
 * cmd_publish.c - largesse publish: append events from a script.
 *
 * With DATA it appends one event; without, each line of standard input is an
 * event.  A transaction takes the lines that can be read without waiting, up
 * to BATCH of them: so a line that is typed is published at once, and a file
 * in large batches.  An id is printed when its event is committed, not before.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/base/bytes.h"
#include "fcgi/base/log.h"
#include "fcgi/base/options.h"
#include "fcgi/command/commands.h"
#include "store/store.h"

enum {
	BATCH = 500,		   /* events a transaction */
	READ_BYTES = 64 * 1024,	   /* asked for at once */
	AHEAD_BYTES = 1024 * 1024, /* enough for a batch, once it has a line */
};

struct publish_conf {
	const char *topic, *event, *uid;
	bool quiet;
};

/* clang-format off */
static const struct option list[] = {
	{"topic", "T", OPTION_STRING, AT_STRING(struct publish_conf, topic),
	    "main", .help = "topic of the event"},
	{"event", "E", OPTION_STRING, AT_STRING(struct publish_conf, event),
	    .help = "event type; none is EventSource's message"},
	{"uid", "U", OPTION_STRING, AT_STRING(struct publish_conf, uid),
	    .help = "your own id, not all digits: never published twice"},
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct publish_conf, quiet),
	    .help = "do not print the ids"},
};
/* clang-format on */

static const struct options options = {
    .command = "publish",
    .usage = "FILE [options] [DATA]",
    .about = "Appends an event to the log in FILE and prints its id.  Without "
	     "DATA each line of\nstandard input is an event.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 1,
    .operands_max = 2,
};

/* Where events go, and the options that all of them share. */
struct publishing {
	struct store *store;
	const struct publish_conf *conf;
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

/* --- lines -------------------------------------------------------------- */

/* What was read from standard input and is not yet published. */
struct input {
	struct bytes text; /* the byte at `at` begins a line */
	size_t lines;	   /* whole ones among them */
	bool ended;
};

static size_t
count_lines(const char *s, size_t len)
{
	const char *end = s + len;
	size_t n = 0;

	while ((s = memchr(s, '\n', (size_t)(end - s))) != NULL) {
		s++;
		n++;
	}
	return n;
}

static bool
more_is_there(void)
{
	struct pollfd pfd = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&pfd, 1, 0) == 1;
}

/* Reads once.  If the last line has no newline, the end adds it.  0 or -1. */
static int
input_read(struct input *in)
{
	struct bytes *text = &in->text;
	ssize_t n;

	bytes_trim(text);
	if (bytes_room(text, READ_BYTES) == -1)
		return -1;
	do
		n = read(STDIN_FILENO, text->s + text->len, READ_BYTES);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	in->ended = n == 0;
	in->lines += count_lines(text->s + text->len, (size_t)n);
	text->len += (size_t)n;
	if (in->ended && text->len > 0 && text->s[text->len - 1] != '\n') {
		text->s[text->len++] = '\n'; /* READ_BYTES were free */
		in->lines++;
	}
	return 0;
}

/* Waits for one line, then takes what can be read at once, up to a batch. */
static int
input_fill(struct input *in)
{
	while (!in->ended && in->lines < BATCH &&
	       (in->lines == 0 || (in->text.len - in->text.at < AHEAD_BYTES &&
				      more_is_there())))
		if (input_read(in) == -1) {
			log_error("standard input", "%s", strerror(errno));
			return -1;
		}
	return 0;
}

/* Publishes the lines in the buffer, at most a batch, and removes them. */
static int
publish_batch(const struct publishing *pub, struct input *in)
{
	struct store_event events[BATCH];
	const char *s = in->text.s + in->text.at, *end;
	size_t n = 0, len;
	int status;

	for (; n < BATCH && n < in->lines; n++) {
		end = memchr(s, '\n', in->text.len - (size_t)(s - in->text.s));
		len = (size_t)(end - s);
		if (len > 0 && s[len - 1] == '\r')
			len--;
		events[n] = make_event(pub->conf, (struct store_text){s, len});
		s = end + 1;
	}
	status = append_and_print(pub, events, n);
	in->lines -= n;
	in->text.at = (size_t)(s - in->text.s);
	return status;
}

static int
publish_lines(const struct publishing *pub)
{
	struct input in = {0};
	int status = STATUS_DONE;

	while (status == STATUS_DONE && (!in.ended || in.lines > 0)) {
		if (input_fill(&in) == -1)
			status = STATUS_FAILED;
		else if (in.lines > 0)
			status = publish_batch(pub, &in);
	}
	bytes_free(&in.text);
	return status;
}

int
cmd_publish(int argc, char **argv)
{
	struct publish_conf conf;
	struct publishing pub = {.conf = &conf};
	struct store_event event;
	char why[512];
	int status = options_take(&options, &argc, argv, &conf);

	if (status != -1)
		return status;
	if (conf.uid != NULL && argc < 3) {
		log_error("--uid", "is of one event: give its DATA, too");
		return STATUS_USAGE;
	}
	pub.store = store_open(argv[1], STORE_WRITE, why, sizeof(why));
	if (pub.store == NULL)
		return command_failed(why);
	log_doubt(store_doubt(pub.store));
	if (argc == 3) {
		event = make_event(&conf, text_of(argv[2]));
		status = append_and_print(&pub, &event, 1);
	} else {
		status = publish_lines(&pub);
	}
	store_close(pub.store);
	return status;
}
