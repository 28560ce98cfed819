/*
 * main.c - finds the command that was asked for.
 *
 * A web server gives no command word.  Then a listening socket on descriptor 0
 * or the environment of CGI means that the program is to serve.  The words of
 * a CGI program may come from the author of a URL (RFC 3875, section 4.4), so
 * main does not look at them where that is possible.
 *
 * The rooms beside this file are layers: base, request, auth, window, stream,
 * reply, publish, serve.  A room includes its own files and those of the rooms
 * before it.  command and doctor stand beside them: they use the rooms up to
 * window and the log, and only this file uses them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgi/base/log.h"
#include "fcgi/command/commands.h"
#include "fcgi/doctor/doctor.h"
#include "fcgi/publish/writer.h"
#include "fcgi/serve/inherit.h"
#include "fcgi/serve/sandbox.h"
#include "fcgi/serve/serve.h"

static int
cmd_writer(int argc, char **argv)
{
	return writer_run(argc, argv, sandbox_enter_writer);
}

static const struct {
	const char *name;
	command *run;
	const char *help;
} commands[] = {
    {"init", cmd_init, "make the event log, or upgrade it"},
    {"serve", cmd_serve, "send its events to browsers, behind a web server"},
    {"publish", cmd_publish, "append events to it"},
    {"tail", cmd_tail, "print its stream, or that of a URL"},
    {"prune", cmd_prune, "remove old events from it"},
    {"fold", cmd_fold, "join the events of a topic that has ended"},
    {"copy", cmd_copy, "carry it to another engine, ids and all"},
    {"doctor", cmd_doctor, "say what holds up a stream, and what mends it"},
    {"token", cmd_token, "make a token for a reader or a publisher"},
    {"watch", cmd_watch, "turn a table's changes into events"},
    {"writer", cmd_writer, NULL}, /* `serve --publish` starts it */
};

enum {
	COMMANDS = sizeof(commands) / sizeof(commands[0])
};

static void
print_help(FILE *f)
{
	int i;

	fprintf(f, "usage: largesse COMMAND [options]\n\n"
		   "Rows of a SQLite table, sent to browsers as "
		   "Server-Sent Events.\n\n");
	for (i = 0; i < COMMANDS; i++)
		if (commands[i].help != NULL)
			fprintf(f, "  %-10s %s\n", commands[i].name,
			    commands[i].help);
	fprintf(f, "\nlargesse COMMAND --help says more, largesse(1) all.\n"
		   "largesse-deploy(7) is about running it, largesse-events(5) "
		   "about events.\n");
#ifdef WITHOUT /* the static build */
	fprintf(f, "This one was built without " WITHOUT ".\n");
#endif
}

/* Is descriptor 0 a socket that a web server listens on for us? */
static bool
given_socket(void)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

/*
 * A web server passes a query without `=` to a CGI program as words:
 * /events?prune+... must not be read as a command line.
 */
static bool
words_from_url(void)
{
	const char *query = getenv("QUERY_STRING");

	return getenv("GATEWAY_INTERFACE") != NULL && query != NULL &&
	       *query != '\0' && strchr(query, '=') == NULL;
}

static bool
started_by_server(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL || given_socket();
}

int
main(int argc, char **argv)
{
	int i;

	inherit_descriptors();
	inherit_secrets(argc, argv);
	if (argc > 1 && words_from_url()) {
		argc = 1;
		argv[1] = NULL;
	}
	for (i = 0; argc > 1 && i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("largesse %s\n", VERSION);
		return command_done();
	}
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help(stdout);
		return command_done();
	}
	if (started_by_server() && (argc <= 1 || argv[1][0] == '-'))
		return cmd_serve(argc, argv);
	if (argc <= 1)
		print_help(stderr);
	else
		log_error(argv[1], "no such command, see largesse --help");
	return STATUS_USAGE;
}
