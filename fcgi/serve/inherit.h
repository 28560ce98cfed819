/*
 * inherit.h - what a process gets from the program that starts it, and must not
 * keep: closed descriptors, signals that are ignored or blocked, and passwords
 * that others can read.
 */
#ifndef INHERIT_H
#define INHERIT_H

/*
 * Gives descriptors 0, 1 and 2 a meaning if they are closed: nothing can be
 * read from the first, and writing to the others fails.  Otherwise the next
 * socket would get the number, and our messages would go to a client.
 */
void inherit_descriptors(void);

/*
 * Takes passwords and tokens out of what other users of the machine can read,
 * which is the command line, and out of the environment that the process began
 * with.  The words of argv and the variables stay what they were: they are
 * copies then. A process in which one was found can no longer be dumped.
 */
void inherit_secrets(int argc, char **argv);

/*
 * Sets the signals as a process that serves needs them, whatever was ignored or
 * blocked.  A write to a reader that is gone, or beyond the limit of a file's
 * size, fails and kills nobody.  SIGHUP waits until inherit_hangups is called:
 * before there is a handler it would end the process.
 */
void inherit_signals(void);
void inherit_hangups(void);

/*
 * From here on no other process of this user may look into this one, and no
 * core is written: it knows a key or a password.
 */
void inherit_no_dump(void);

#endif
