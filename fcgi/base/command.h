/*
 * command.h - the commands of the one binary.
 *
 * Each cmd_NAME.c holds one; argv[0] is the command's own word.  A command
 * returns its exit status and has said on stderr why it is not STATUS_DONE.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>

enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2 /* wrong usage */
};

typedef int command(int argc, char **argv);

command cmd_copy;
command cmd_doctor;
command cmd_init;
command cmd_prune;
command cmd_publish;
command cmd_serve;
command cmd_tail;
command cmd_token;
command cmd_watch;
command cmd_writer;

/* Has all that was printed gone out?  STATUS_DONE, or STATUS_FAILED, said. */
int command_done(void);

/* Does it begin with http:// or https://? */
bool command_is_url(const char *);

#endif
