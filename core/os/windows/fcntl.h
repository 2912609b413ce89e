/* SPDX-License-Identifier: MIT */
/*
 * fcntl.h - files that programs started from here do not get.
 */
#ifndef MO_WINDOWS_FCNTL_H
#define MO_WINDOWS_FCNTL_H

#include_next <fcntl.h>

#define O_CLOEXEC O_NOINHERIT

#endif
