/*
 * cmd_copy.c - largesse copy: carries a log to another engine.
 *
 * Copying changes nothing in the source, which may be read and published to
 * meanwhile.  A second run copies only what has come since the first.  So a
 * move without loss is: copy, stop the publishers, copy again, start with the
 * other --db.
 */
#include <stdio.h>
#include <unistd.h>

#include "fcgi/base/log.h"
#include "fcgi/base/options.h"
#include "fcgi/command/commands.h"
#include "fcgi/command/copy.h"
#include "store/store.h"

enum {
	NAME_SIZE = 200,
	SHOW_MS = 200 /* between two lines of progress */
};

struct copy_conf {
	bool quiet;
};

/* clang-format off */
static const struct option list[] = {
	{"quiet", NULL, OPTION_FLAG, AT_FLAG(struct copy_conf, quiet),
	    .help = "print neither progress nor result"},
};
/* clang-format on */

static const struct options options = {
    .command = "copy",
    .usage = "FROM TO [options]",
    .about = "Copies the log FROM to TO, and makes TO if it is not "
	     "there.  Each is a file or\nan address of Redis.  Ids stay "
	     "the same: a browser goes on at TO where it was at\nFROM.  "
	     "Run it again to copy what is new.  To move without a loss: "
	     "copy, stop the\npublishers, copy again, and start "
	     "everything with TO.",
    .list = list,
    .n = sizeof(list) / sizeof(list[0]),
    .operands_min = 2,
    .operands_max = 2,
};

struct show {
	bool on; /* standard error is a terminal */
	int64_t next_ms;
};

static void
show_progress(void *arg, uint64_t events, const char *upto)
{
	struct show *show = arg;

	if (!show->on || clock_steady_ms() < show->next_ms)
		return;
	show->next_ms = clock_steady_ms() + SHOW_MS;
	fprintf(stderr, "\r%llu events, up to %s\033[K",
	    (unsigned long long)events, upto);
}

static int
copy_and_tell(struct store *from, struct store *to, char **argv, bool quiet)
{
	struct show show = {.on = !quiet && isatty(STDERR_FILENO)};
	char from_name[NAME_SIZE], to_name[NAME_SIZE];
	int64_t began_ms = clock_steady_ms();
	struct copy_done done;
	int status;

	store_show(argv[1], from_name, sizeof(from_name));
	store_show(argv[2], to_name, sizeof(to_name));
	status =
	    copy_run(from, from_name, to, to_name, show_progress, &show, &done);
	if (show.on)
		fputs("\r\033[K", stderr);
	if (status == -1)
		return STATUS_FAILED;
	if (!quiet)
		command_say("%llu events copied in %.1f s: %s has all up to %s",
		    (unsigned long long)done.events,
		    (double)(clock_steady_ms() - began_ms) / 1000, to_name,
		    done.upto);
	return command_done();
}

int
cmd_copy(int argc, char **argv)
{
	struct copy_conf conf;
	struct store *from, *to = NULL;
	char why[512];
	int status = options_take(&options, &argc, argv, &conf);

	if (status != -1)
		return status;
	from = store_open(argv[1], STORE_READ, why, sizeof(why));
	if (from != NULL && store_init(argv[2], NULL, why, sizeof(why)) == 0)
		to = store_open(argv[2], STORE_WRITE, why, sizeof(why));
	if (to == NULL)
		status = command_failed(why);
	else {
		log_doubt(store_doubt(from));
		log_doubt(store_doubt(to));
		status = copy_and_tell(from, to, argv, conf.quiet);
	}
	store_close(to);
	store_close(from);
	return status;
}
