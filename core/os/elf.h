/* SPDX-License-Identifier: MIT */
/*
 * elf.h - is this file a whole shared object for this machine?
 *
 * The dynamic linker trusts the files it maps: a truncated one ends the
 * process with SIGBUS. So the extents of everything it will touch first are
 * compared with the file's size before it sees the file.
 */
#ifndef MO_ELF_H
#define MO_ELF_H

#include <stddef.h>

/* 0, or a negative errno with one clause in why (n bytes): "truncated: ...".
 * Does not follow what only the linker's own tables say. Any thread. */
int mo_elf_check(const char *path, char *why, size_t n);

#endif
