/* SPDX-License-Identifier: MIT */
/*
 * arrays.c - goes over arrays in one way, for tests/watched/check_cache.sh to
 * count what that reads, writes and misses.
 *
 *     arrays WAY NUMBER
 *
 * view, copy: a thousand windows of NUMBER elements, seen in place or copied
 * first. whole, chunks: NUMBER elements once, at a stretch or by chunks.
 * indexed: ten thousand of them in disorder, fetched NUMBER visits ahead.
 */
#include <moirai/span.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS 400000
#define VISITS 10000
#define WINDOWS 1000
#define LONGEST 1000

static uint32_t array[ELEMENTS];

static uint32_t sum(const uint32_t *x, size_t n)
{
    uint32_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += x[i];
    return total;
}

static uint32_t slide(size_t length, int copied)
{
    struct moirai_windows windows = moirai_windows_of(
        array, WINDOWS + length - 1, sizeof *array, length, 1);
    uint32_t copy[LONGEST];
    uint32_t total = 0;

    for (size_t i = 0; i < windows.n; i++) {
        struct moirai_span span = moirai_windows_at(&windows, i);

        if (copied)
            span.data = memcpy(copy, span.data, length * sizeof *copy);
        total += sum(span.data, span.n);
    }
    return total;
}

static uint32_t by_chunks(size_t n)
{
    struct moirai_chunks chunks = moirai_chunks_of(array, n, sizeof *array,
                                                   1000);
    uint32_t total = 0;

    for (size_t i = 0; i < chunks.n; i++) {
        struct moirai_span span = moirai_chunks_at(&chunks, i);

        total += sum(span.data, span.n);
    }
    return total;
}

static void add(void *element, void *arg)
{
    *(uint32_t *)arg += *(uint32_t *)element;
}

static uint32_t in_disorder(size_t distance)
{
    static uint32_t index[VISITS];
    uint32_t total = 0;

    for (uint32_t i = 0; i < VISITS; i++)
        index[i] = i * 7919 % ELEMENTS;
    moirai_each_indexed(array, sizeof *array, index, VISITS, distance, add,
                        &total);
    return total;
}

int main(int argc, char **argv)
{
    size_t n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    const char *way = argc == 3 ? argv[1] : "";

    for (uint32_t i = 0; i < ELEMENTS; i++)
        array[i] = i;
    if (strcmp(way, "view") == 0 && n <= LONGEST)
        printf("%u\n", slide(n, 0));
    else if (strcmp(way, "copy") == 0 && n <= LONGEST)
        printf("%u\n", slide(n, 1));
    else if (strcmp(way, "whole") == 0 && n <= ELEMENTS)
        printf("%u\n", sum(array, n));
    else if (strcmp(way, "chunks") == 0 && n <= ELEMENTS)
        printf("%u\n", by_chunks(n));
    else if (strcmp(way, "indexed") == 0)
        printf("%u\n", in_disorder(n));
    else
        return 2;
    return 0;
}
