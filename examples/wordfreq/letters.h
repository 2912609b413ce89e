/* SPDX-License-Identifier: MIT */
/*
 * letters.h - eight bytes of text at once.
 *
 * Text is read into 64-bit numbers with its first byte in the high byte, on
 * any machine, so that numbers compare as the alphabet does.
 */
#ifndef WORDFREQ_LETTERS_H
#define WORDFREQ_LETTERS_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EACH_BYTE UINT64_C(0x0101010101010101)

static inline bool is_letter(char c)
{
    return (unsigned)((c | 0x20) - 'a') < 26;
}

static inline uint64_t text_load(const char *text)
{
    uint64_t bytes;

    memcpy(&bytes, text, sizeof bytes);
    return be64toh(bytes);
}

/* The top bit of every byte that is a letter. Setting 0x20 folds A-Z onto a-z
 * and nothing else onto it; then 'a' and what follows 'z' are moved onto the
 * top bit by an addition that cannot carry into the next byte. */
static inline uint64_t text_letters(uint64_t bytes)
{
    uint64_t low = (bytes | EACH_BYTE * 0x20) & EACH_BYTE * 0x7f;
    uint64_t from_a = low + EACH_BYTE * (0x80 - 'a');
    uint64_t after_z = low + EACH_BYTE * (0x80 - 'z' - 1);

    return from_a & ~after_z & ~bytes & EACH_BYTE * 0x80;
}

/* How many bytes come before the first that is, or is not, marked; `marks`
 * has top bits only, and at least one that is wanted. */
static inline unsigned text_until(uint64_t marks)
{
    return (unsigned)__builtin_clzll(marks) / 8;
}

static inline uint64_t text_others(uint64_t letters)
{
    return letters ^ EACH_BYTE * 0x80;
}

/* The first n bytes, 0 < n <= 8, all letters, in lower case; 0 after them. */
static inline uint64_t text_lower(uint64_t bytes, unsigned n)
{
    return (bytes | EACH_BYTE * 0x20) & UINT64_MAX << (64 - 8 * n);
}

#endif
