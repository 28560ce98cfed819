/*
 * place.h - what the place of a log forbids: its mount, its directory, its
 * names.
 */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is the directory of the log on a mount that is read-only?  Rights and modes
 * do not tell: there nobody can make -wal and -shm, not even root.
 */
bool place_read_only(const char *path);

/*
 * SQLite keeps -wal and -shm beside the name by which the file was opened.  If
 * the file has another name, or was mounted without its directory, those who
 * open it there have others: their commits are not seen, and with publishers
 * on both sides the log is damaged.  Says so in one line that begins with the
 * path; false when there is nothing to say.
 */
bool place_doubt(const char *path, char *why, size_t size);

/* Is this file mounted by itself, without its directory? */
bool place_mounted_alone(const char *path);

#endif
