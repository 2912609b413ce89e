/* SPDX-License-Identifier: MIT */
/*
 * mutate.c - changes to a text that know what a configuration looks like.
 *
 * libFuzzer changes bytes; most such changes end in libyaml's first complaint.
 * Two of three changes are made here instead: to lines (indent, repeat, leave
 * out, exchange), and by words that mean something, in place of a word or
 * between two. Only built with the fuzzer.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
                               unsigned seed);

static const char *const words[] = {
    "version: 1\n", "runtime:", "workers: ", "blocking_threads: ",
    "max_tasks: ", "trace: ", "stop_grace: ", "scheduler:", "plugin: ",
    "spin: ", "batch: ", "fairness: ", "seed: ", "stacks:", "size: ",
    "loop: ", "guard: ", "pool: ", "guard_kind: ", "io:", "channels:",
    "capacity: ", "home: ", "delivery: ", "transports:", "nodes:", "via: ",
    "count: ", "plugins:", "path: ", "yes: ", "level: ", "pause: ",
    "listen: ", "mode: ", "a", "b", "auto", "steal", "fifo", "sim", "mmap",
    "ring", "wire", "plain", "far", "ports", "./tran_wire.so", "modules",
    "best-effort", "at-least-once", "effectively-once", "calm", "eager",
    "none", "true", "off", "~", "null", "0", "1", "2", "64", "1024", "-1",
    "65537", "18446744073709551615", "18446744073709551616", "010", "16KiB",
    "8MiB", "1GiB", "64KB", "1TiB", "20us", "1s", "1h", "250ms", "${NAME}",
    "${NAME:-16}", "${NUMBER}", "${NOTHING:-}", "$${", "${", ":-", "}",
    "\n", "  ", "\t", ": ", ", ", "- ", "{", "}", "[", "]", "{}", "[]", "'",
    "\"", "|\n", ">\n", "&a ", "*a", "!t ", "? ", "# ", "---\n", "...\n",
    "<<: ", "%%\n", "\"\\x00\"", "\"\\u00e9\"", "\xc3\xa9", "\xff", "\r",
    "\xc2\x85", "\xe2\x80\xa8", "\xef\xbb\xbf", "@", "$MOIRAI_", "__", "=",
};

#define WORDS (sizeof words / sizeof words[0])

static size_t below(size_t n)
{
    return n > 0 ? (size_t)rand() % n : 0;
}

/* Puts n bytes in place of `old` bytes at `at`, if there is room. */
static size_t splice(uint8_t *data, size_t size, size_t most, size_t at,
                     size_t old, const void *bytes, size_t n)
{
    if (size - old + n > most)
        return size;
    memmove(data + at + n, data + at + old, size - at - old);
    memcpy(data + at, bytes, n);
    return size - old + n;
}

static bool in_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '$';
}

/* Where a word begins, near a random place. */
static size_t find_word(const uint8_t *data, size_t size)
{
    size_t at = below(size);

    while (at < size && !in_word(data[at]))
        at++;
    while (at > 0 && at <= size && in_word(data[at - 1]))
        at--;
    return at;
}

static size_t word_size(const uint8_t *data, size_t size, size_t at)
{
    size_t n = 0;

    while (at + n < size && in_word(data[at + n]))
        n++;
    return n;
}

static size_t line_start(const uint8_t *data, size_t size)
{
    size_t at = below(size);

    while (at > 0 && data[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_size(const uint8_t *data, size_t size, size_t at)
{
    const uint8_t *end = memchr(data + at, '\n', size - at);

    return end != NULL ? (size_t)(end - data) - at + 1 : size - at;
}

static size_t change_line(uint8_t *data, size_t size, size_t most)
{
    size_t at = line_start(data, size);
    size_t n = line_size(data, size, at);
    size_t to = line_start(data, size);
    uint8_t *line = malloc(n + 1);

    if (line == NULL)
        return size;
    memcpy(line, data + at, n);
    switch (below(5)) {
    case 0:
        size = splice(data, size, most, at, 0, "  ", 2);
        break;
    case 1:
        if (n > 2 && data[at] == ' ')
            size = splice(data, size, most, at, 2, "", 0);
        break;
    case 2:
        size = splice(data, size, most, at, n, "", 0);
        break;
    default:
        size = splice(data, size, most, to, 0, line, n);
        break;
    }
    free(line);
    return size;
}

static size_t change_word(uint8_t *data, size_t size, size_t most)
{
    const char *word = words[below(WORDS)];
    size_t at = find_word(data, size);
    size_t old = word_size(data, size, at);

    switch (below(4)) {
    case 0:
        return splice(data, size, most, at, old, word, strlen(word));
    case 1:
        return splice(data, size, most, below(size + 1), 0, word,
                      strlen(word));
    case 2:
        return splice(data, size, most, at + old, 0, word, strlen(word));
    default:
        return splice(data, size, most, at, 0, word, strlen(word));
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,
                               unsigned seed)
{
    srand(seed);
    switch (below(6)) {
    case 0:
    case 1:
        return LLVMFuzzerMutate(data, size, most);
    case 2:
        return size > 0 ? change_line(data, size, most) : size;
    default:
        for (size_t n = 1 + below(3); n > 0; n--)
            size = change_word(data, size, most);
        return size;
    }
}
