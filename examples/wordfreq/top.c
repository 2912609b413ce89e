/* SPDX-License-Identifier: MIT */
/*
 * top.c - the most frequent words, in order.
 *
 * Most often first, and words that occur equally often by the alphabet: the
 * order of `sort -k1,1nr -k2,2` in the C locale. Only the words that will be
 * printed are sorted; they are found first by partitioning (C. A. R. Hoare,
 * "Algorithm 65: find", 1961).
 */
#include "counts.h"
#include "job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const struct word *a, const struct word *b)
{
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return word_compare(a, b);
}

static int compare_entries(const void *a, const void *b)
{
    return compare(*(const struct word *const *)a,
                   *(const struct word *const *)b);
}

/* Moves the n first of `words` to its front, in any order. */
static void partition(const struct word **words, size_t count, size_t n)
{
    size_t low = 0;
    size_t high = count;

    while (high - low > 1) {
        const struct word *pivot = words[low + (high - low - 1) / 2];
        size_t i = low;
        size_t j = high - 1;

        for (;; i++, j--) {
            const struct word *word;

            while (compare(words[i], pivot) < 0)
                i++;
            while (compare(words[j], pivot) > 0)
                j--;
            if (i >= j)
                break;
            word = words[i];
            words[i] = words[j];
            words[j] = word;
        }
        if (n <= j)
            high = j + 1;
        else
            low = j + 1;
        if (n == j + 1)
            return;
    }
}

static void print_letters(uint64_t letters)
{
    for (; letters != 0; letters <<= 8)
        putchar((int)(letters >> 56));
}

static void print_word(const struct word *word)
{
    printf("%7" PRIu64 " ", word->count);
    print_letters(word->head);
    print_letters(word->next);
    if (word->tail != NULL)
        fwrite(word->tail->text, 1, word->tail->length, stdout);
    putchar('\n');
}

int print_top(const struct counts *counts, uint64_t n)
{
    const struct word **words;
    size_t count = 0;

    if (counts->used == 0)
        return 0;
    words = malloc(counts->used * sizeof *words);
    if (words == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < counts->size; i++)
        if (counts->slots[i].head != 0)
            words[count++] = &counts->slots[i];
    if (n != 0 && n < count) {
        partition(words, count, n);
        count = n;
    }
    qsort(words, count, sizeof *words, compare_entries);
    for (size_t i = 0; i < count; i++)
        print_word(words[i]);
    free(words);
    return 0;
}
