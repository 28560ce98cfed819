/*
 * commands.h - the commands that a person types at a terminal.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "fcgi/base/command.h"

command cmd_copy;
command cmd_init;
command cmd_prune;
command cmd_publish;
command cmd_tail;
command cmd_token;
command cmd_watch;

#endif
