/*
 * commands.h - what a person or a script types at a terminal.
 *
 * Each command has one file, cmd_NAME.c: its options, its help and what it
 * does.  Where a command is more than one idea, a file beside it has the
 * other: copy.c carries a log, tail_file.c and tail_url.c read a stream.
 *
 * A command works on the log itself and does not talk to a responder that
 * runs.  The room may include base, request, window and store/store.h; of
 * auth it includes keys.h and signature.h, because `token` signs with the keys
 * that the responder checks with, and both must read a key file by the same
 * rules.  main.c alone includes this page.  `serve`, `writer` and `doctor` are
 * not here: each is declared by the room that does the work.
 *
 * without.c is for the static build alone: it answers for the files that need
 * a library which that build does not have.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "fcgi/base/command.h"

command cmd_copy;
command cmd_fold;
command cmd_init;
command cmd_prune;
command cmd_publish;
command cmd_tail;
command cmd_token;
command cmd_watch;

/*
 * Do --topic, --ended and the limits of init and prune go together?  If not,
 * it says so.  topic is NULL if none was given.
 */
bool command_keeps(const char *topic, bool ended, bool rows, bool age);

#endif
