/* SPDX-License-Identifier: MIT */
/*
 * counts.h - how often each word occurs.
 *
 * A word is a run of the letters A-Z and a-z, counted in lower case; every
 * other byte separates. A table belongs to one task at a time and has no lock:
 * parallel counting means several tables, merged at the joins.
 *
 * An open-addressing table with linear probing, at most half full. The first
 * sixteen letters are in the slot itself, eight to a number, so that nearly
 * every word is found by comparing two numbers. The few longer ones keep the
 * rest in an arena.
 *
 * A slot's place is taken from the high bits of the hash. Tables are therefore
 * in the same order whatever their size, and a merge walks through both from
 * end to end instead of jumping about in memory.
 */
#ifndef WORDFREQ_COUNTS_H
#define WORDFREQ_COUNTS_H

#include <stddef.h>
#include <stdint.h>

/* The letters of a long word from the seventeenth on, in lower case. */
struct tail {
    size_t length;
    char text[];
};

struct word {
    uint64_t head;                  /* letters 1-8, the first one in the high
                                     * byte; 0: a free slot */
    uint64_t next;                  /* letters 9-16 */
    const struct tail *tail;        /* in the table's arena; NULL: none */
    uint64_t count;
};

struct counts {
    struct word *slots;
    size_t size;                    /* a power of two */
    size_t used;
    unsigned shift;                 /* a hash's bits that are no index */
    struct block *arena;
};

/* A text's last byte must be followed by this many readable ones, of which the
 * first is no letter. */
#define COUNTS_PAD 8

/* Letters of a word that are in its slot. */
#define WORD_INLINE 16

/* An empty table; NULL: out of memory. counts_free takes it, or NULL. */
struct counts *counts_make(void);
void counts_free(struct counts *counts);

/* Counts the words between begin and end, which must not lie inside a word.
 * 0 or -ENOMEM. */
int counts_text(struct counts *counts, const char *begin, const char *end);

/* Adds the counts of `from` to those of `into`. 0, or -ENOMEM and `into` has
 * only some of them. `from` may have changed and can only be freed. */
int counts_merge(struct counts *into, struct counts *from);

/* How two words stand in the alphabet: below, equal to or above 0. */
int word_compare(const struct word *a, const struct word *b);

#endif
