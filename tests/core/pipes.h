/* SPDX-License-Identifier: MIT */
/*
 * pipes.h - pipes, and much that goes through them.
 */
#ifndef PIPES_H
#define PIPES_H

#include <stdlib.h>

#include "check.h"
#include "with.h"

static inline void open_pipe(int ends[2])
{
    CHECK_EQ(moirai_pipe(ends), 0);
}

static inline void close_pipe(const int ends[2])
{
    for (int i = 0; i < 2; i++)
        CHECK_EQ(moirai_close(ends[i]), 0);
}

#define BULK ((size_t)1 << 20)

static inline int pour(void *arg)
{
    const int *ends = arg;
    unsigned char *bytes = malloc(BULK);
    size_t done = 0;

    CHECK(bytes != NULL);
    for (size_t i = 0; i < BULK; i++)
        bytes[i] = (unsigned char)(i * 7 >> 3);
    CHECK_EQ(moirai_write_all(ends[1], bytes, BULK, &done, MOIRAI_NEVER), 0);
    CHECK_EQ(done, BULK);
    CHECK_EQ(moirai_close(ends[1]), 0);
    free(bytes);
    return 0;
}

static inline int drink(void *arg)
{
    const int *ends = arg;
    unsigned char *bytes = malloc(BULK);
    size_t done = 0;

    CHECK(bytes != NULL);
    CHECK_EQ(moirai_read_all(ends[0], bytes, BULK, &done, MOIRAI_NEVER), 0);
    CHECK_EQ(done, BULK);
    for (size_t i = 0; i < BULK; i++)
        CHECK_EQ(bytes[i], (unsigned char)(i * 7 >> 3));
    CHECK_EQ(moirai_read_all(ends[0], bytes, 1, &done, MOIRAI_NEVER), -EPIPE);
    CHECK_EQ(done, 0);
    CHECK_EQ(moirai_close(ends[0]), 0);
    free(bytes);
    return 0;
}

#endif
