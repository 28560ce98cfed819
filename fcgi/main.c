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
#include "fcgi/base/near.h"
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

static command cmd_help, cmd_version;

/* The order is that of the manual. */
static const struct {
	const char *name;
	command *run;
	const char *help;
} commands[] = {
    {"init", cmd_init, "make the log, or upgrade it"},
    {"serve", cmd_serve, "send its events to browsers, behind a web server"},
    {"publish", cmd_publish, "append events to it"},
    {"tail", cmd_tail, "print its events as they come, or those of a URL"},
    {"watch", cmd_watch, "turn the changes of a table into events"},
    {"prune", cmd_prune, "remove old events"},
    {"fold", cmd_fold, "join the events of a topic that has ended"},
    {"copy", cmd_copy, "copy the log to Redis, or back"},
    {"doctor", cmd_doctor, "say what holds up a stream, and what mends it"},
    {"token", cmd_token, "make a token for a reader or a publisher"},
    {"help", cmd_help, "print this, or with COMMAND its options"},
    {"version", cmd_version, "print the version"},
    {"writer", cmd_writer, NULL}, /* `serve --publish` starts it */
};

enum {
	COMMANDS = sizeof(commands) / sizeof(commands[0])
};

static void
print_help(FILE *f)
{
	int i;

	fprintf(f,
	    "usage: largesse COMMAND [options]\n\n"
	    "Sends rows of a SQLite table to browsers as Server-Sent Events.\n"
	    "The database with that table is called the log.\n\n");
	for (i = 0; i < COMMANDS; i++)
		if (commands[i].help != NULL)
			fprintf(f, "  %-10s %s\n", commands[i].name,
			    commands[i].help);
	fprintf(f, "\nThe manual: largesse(1) has the commands, "
		   "largesse-deploy(7) is about running\nit on a site, "
		   "largesse-events(5) about the log and the streams.\n");
#ifdef WITHOUT /* the static build */
	fprintf(f, "This one was built without " WITHOUT ".\n");
#endif
}

/* Its place in the table, or COMMANDS. */
static int
find_command(const char *word)
{
	int i;

	for (i = 0; i < COMMANDS; i++)
		if (strcmp(word, commands[i].name) == 0)
			break;
	return i;
}

static int
no_command(const char *word)
{
	struct near near = {.typed = word};
	int i;

	for (i = 0; i < COMMANDS; i++)
		if (commands[i].help != NULL)
			near_try(&near, commands[i].name);
	near_try(&near, "--help");
	near_try(&near, "--version");
	if (near.word != NULL)
		log_error(word, "no such command, did you mean %s?", near.word);
	else
		log_error(word, "no such command, see largesse --help");
	return STATUS_USAGE;
}

/* `help`, or `help COMMAND`, which is `COMMAND --help`. */
static int
cmd_help(int argc, char **argv)
{
	static char word[] = "--help";
	char *words[] = {argc > 1 ? argv[1] : NULL, word, NULL};
	int i;

	if (argc > 1 && argv[1][0] != '-') {
		if ((i = find_command(argv[1])) == COMMANDS)
			return no_command(argv[1]);
		if (commands[i].help != NULL && commands[i].run != cmd_help &&
		    commands[i].run != cmd_version)
			return commands[i].run(2, words);
	}
	print_help(stdout);
	return command_done();
}

static int
cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("largesse %s\n", VERSION);
	return command_done();
}

/* The name of a command for a word that is used for it. */
static const char *
command_name(const char *word)
{
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return "help";
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
		return "version";
	return word;
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
	if (argc > 1 && (i = find_command(command_name(argv[1]))) < COMMANDS)
		return commands[i].run(argc - 1, argv + 1);
	if (started_by_server() && (argc <= 1 || argv[1][0] == '-'))
		return cmd_serve(argc, argv);
	if (argc > 1)
		return no_command(argv[1]);
	print_help(stderr);
	return STATUS_USAGE;
}
