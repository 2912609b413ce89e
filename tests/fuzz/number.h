/* SPDX-License-Identifier: MIT */
/*
 * number.h - numbers, sizes and durations, read another way.
 *
 * What core/text.c is compared with: slow, in decimal digits as a child would
 * do it, and without any arithmetic that can overflow.
 */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdint.h>

enum number_sort {
    NUMBER_PLAIN,                   /* 0 to 2^64 - 1 */
    NUMBER_SIGNED,                  /* -2^63 to 2^63 - 1; as two's complement */
    NUMBER_SIZE,                    /* 0 to 2^64 - 1 bytes */
    NUMBER_DURATION                 /* 0 to 2^63 - 1 ns */
};

/* 0 with *value, -EINVAL or -ERANGE, as mo_text_* ought to answer. */
int number_read(enum number_sort sort, const char *text, uint64_t *value);

/* Checks that core/text.c reads `text` alike as each sort, and that what it
 * writes about the values is read as the same values. */
void number_compare(const char *text);

/* Checks that a number of each sort is written as it is read. */
void number_write(uint64_t value);

#endif
