/* SPDX-License-Identifier: MIT */
/*
 * counts.c - how often each word occurs.
 *
 * The hash is a multiplication: fast, good enough for text, and not proof
 * against somebody who writes a text to make it collide.
 */
#include "counts.h"
#include "letters.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FIRST_BITS 11               /* log2 of the slots of an empty table */
#define BLOCK_BYTES ((size_t)16 << 10)
#define CACHE_LINE 128              /* two lines: they are fetched in pairs */
#define HUGE_PAGE ((size_t)2 << 20)

static_assert(sizeof(struct counts) <= CACHE_LINE, "one table, one line");

/* The arena: blocks of memory that are only freed together. */
struct block {
    struct block *older;
    size_t used;
    size_t size;
    alignas(struct tail) char memory[];
};

/* Makes room for a tail of `length` letters at the arena's end and returns it,
 * or NULL. The room is only taken when `used` is moved on. */
static struct tail *arena_room(struct block **arena, size_t length)
{
    size_t need = sizeof(struct tail) + length + COUNTS_PAD;
    struct block *block = *arena;

    if (block == NULL || block->size - block->used < need) {
        size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;

        block = malloc(sizeof *block + size);
        if (block == NULL)
            return NULL;
        *block = (struct block){ .older = *arena, .size = size };
        *arena = block;
    }
    return (struct tail *)(void *)(block->memory + block->used);
}

static void arena_take(struct block *arena, const struct tail *tail)
{
    size_t bytes = sizeof *tail + tail->length;

    bytes = (bytes + alignof(struct tail) - 1) & ~(alignof(struct tail) - 1);
    arena->used += bytes;
}

static void arena_free(struct block *arena)
{
    while (arena != NULL) {
        struct block *older = arena->older;

        free(arena);
        arena = older;
    }
}

/* Large tables are on huge pages where there are any: words are all over
 * them, and each first touch of a small page is a trip into the kernel. */
static struct word *slots_make(unsigned bits)
{
    size_t bytes = sizeof(struct word) << bits;
    bool huge = bytes >= HUGE_PAGE;
    struct word *slots = aligned_alloc(huge ? HUGE_PAGE : 64, bytes);

    if (slots == NULL)
        return NULL;
    if (huge)
        (void)madvise(slots, bytes, MADV_HUGEPAGE);
    memset(slots, 0, bytes);
    return slots;
}

/* Aligned, so that no two tables share a cache line: `used` is written for
 * every new word, beside fields that are read for every word. */
struct counts *counts_make(void)
{
    struct counts *counts = aligned_alloc(CACHE_LINE, CACHE_LINE);

    if (counts == NULL)
        return NULL;
    *counts = (struct counts){
        .slots = slots_make(FIRST_BITS),
        .size = (size_t)1 << FIRST_BITS,
        .shift = 64 - FIRST_BITS,
    };
    if (counts->slots == NULL) {
        free(counts);
        return NULL;
    }
    return counts;
}

void counts_free(struct counts *counts)
{
    if (counts == NULL)
        return;
    arena_free(counts->arena);
    free(counts->slots);
    free(counts);
}

static inline uint64_t hash_mix(uint64_t hash, uint64_t letters)
{
    hash = (hash ^ letters) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static inline uint64_t hash_short(uint64_t head, uint64_t next)
{
    return hash_mix(hash_mix(0, head), next) * UINT64_C(0xd6e8feb86659fd93);
}

static uint64_t hash_word(uint64_t head, uint64_t next,
                          const struct tail *tail)
{
    uint64_t hash = hash_short(head, next);

    if (tail == NULL)
        return hash;
    hash = hash_mix(hash, tail->length);
    for (size_t i = 0; i < tail->length; i++)
        hash = hash_mix(hash, (unsigned char)tail->text[i]);
    return hash * UINT64_C(0xd6e8feb86659fd93);
}

static bool tail_equal(const struct tail *a, const struct tail *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* The slot of the word, or the free one where it belongs. */
static struct word *find(const struct counts *counts, uint64_t head,
                         uint64_t next, const struct tail *tail)
{
    size_t at = hash_word(head, next, tail) >> counts->shift;

    for (;; at = (at + 1) & (counts->size - 1)) {
        struct word *word = &counts->slots[at];

        if (word->head == 0)
            return word;
        if (word->head == head && word->next == next
            && tail_equal(word->tail, tail))
            return word;
    }
}

static int resize(struct counts *counts, unsigned bits)
{
    struct word *old = counts->slots;
    struct word *end = old + counts->size;
    struct word *slots = slots_make(bits);

    if (slots == NULL)
        return -ENOMEM;
    counts->slots = slots;
    counts->size = (size_t)1 << bits;
    counts->shift = 64 - bits;
    for (struct word *word = old; word < end; word++)
        if (word->head != 0)
            *find(counts, word->head, word->next, word->tail) = *word;
    free(old);
    return 0;
}

/* Makes room for `more` words that are not in the table yet. */
static int reserve(struct counts *counts, size_t more)
{
    unsigned bits = 64 - counts->shift;

    while (counts->used + more > (size_t)1 << bits >> 1)
        bits++;
    return bits == 64 - counts->shift ? 0 : resize(counts, bits);
}

/* Fills the free slot `word`. The table may move afterwards. */
static int insert(struct counts *counts, struct word *word, uint64_t head,
                  uint64_t next, const struct tail *tail, uint64_t count)
{
    *word = (struct word){ head, next, tail, count };
    counts->used++;
    return counts->used * 2 < counts->size ? 0 : reserve(counts, 1);
}

static inline int add_short(struct counts *counts, uint64_t head,
                            uint64_t next)
{
    size_t at = hash_short(head, next) >> counts->shift;

    for (;; at = (at + 1) & (counts->size - 1)) {
        struct word *word = &counts->slots[at];

        if (word->head == head && word->next == next && word->tail == NULL) {
            word->count++;
            return 0;
        }
        if (word->head == 0)
            return insert(counts, word, head, next, NULL, 1);
    }
}

/* The word that fills its first sixteen letters and goes on at `text` with
 * `length` more, which are lower-cased into the arena and stay there if the
 * word is new. */
static int add_long(struct counts *counts, uint64_t head, uint64_t next,
                    const char *text, size_t length)
{
    struct tail *tail = arena_room(&counts->arena, length);
    struct word *word;

    if (tail == NULL)
        return -ENOMEM;
    tail->length = length;
    for (size_t i = 0; i < length; i++)
        tail->text[i] = (char)(text[i] | 0x20);
    word = find(counts, head, next, tail);
    if (word->head != 0) {
        word->count++;
        return 0;
    }
    arena_take(counts->arena, tail);
    return insert(counts, word, head, next, tail, 1);
}

/* Counts the word of at least eight letters at *text, and moves *text to the
 * separator behind it. */
static int count_long(struct counts *counts, const char **text)
{
    const char *at = *text + 8;
    uint64_t head = text_lower(text_load(*text), 8);
    uint64_t bytes = text_load(at);
    uint64_t others = text_others(text_letters(bytes));
    const char *rest;
    unsigned n;

    if (others != 0) {
        n = text_until(others);
        *text = at + n;
        return add_short(counts, head, n == 0 ? 0 : text_lower(bytes, n));
    }
    rest = at += 8;
    while ((others = text_others(text_letters(text_load(at)))) == 0)
        at += 8;
    at += text_until(others);
    *text = at;
    if (at == rest)
        return add_short(counts, head, text_lower(bytes, 8));
    return add_long(counts, head, text_lower(bytes, 8), rest,
                    (size_t)(at - rest));
}

int counts_text(struct counts *counts, const char *begin, const char *end)
{
    int rc = 0;

    while (begin < end && rc == 0) {
        uint64_t bytes = text_load(begin);
        uint64_t letters = text_letters(bytes);
        uint64_t others;
        unsigned n;

        if (letters == 0) {
            begin += 8;
            continue;
        }
        n = text_until(letters);
        if (n != 0) {
            begin += n;
            if (begin >= end)
                break;
            bytes = text_load(begin);
            letters = text_letters(bytes);
        }
        others = text_others(letters);
        if (others == 0) {
            rc = count_long(counts, &begin);
            continue;
        }
        n = text_until(others);
        rc = add_short(counts, text_lower(bytes, n), 0);
        begin += n + 1;
    }
    return rc;
}

static int add_word(struct counts *counts, const struct word *from)
{
    struct word *word = find(counts, from->head, from->next, from->tail);
    struct tail *tail = NULL;

    if (word->head != 0) {
        word->count += from->count;
        return 0;
    }
    if (from->tail != NULL) {
        tail = arena_room(&counts->arena, from->tail->length);
        if (tail == NULL)
            return -ENOMEM;
        tail->length = from->tail->length;
        memcpy(tail->text, from->tail->text, tail->length);
        arena_take(counts->arena, tail);
    }
    return insert(counts, word, from->head, from->next, tail, from->count);
}

/* The room is made first: words that come in the order of their hashes would
 * otherwise pile up at the front of a table that is still small. */
int counts_merge(struct counts *into, struct counts *from)
{
    int rc;

    if (from->used > into->used) {
        struct counts larger = *from;

        *from = *into;
        *into = larger;
    }
    rc = reserve(into, from->used);
    for (size_t i = 0; i < from->size && rc == 0; i++)
        if (from->slots[i].head != 0)
            rc = add_word(into, &from->slots[i]);
    return rc;
}

int word_compare(const struct word *a, const struct word *b)
{
    size_t la = a->tail == NULL ? 0 : a->tail->length;
    size_t lb = b->tail == NULL ? 0 : b->tail->length;
    int order = 0;

    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    if (a->next != b->next)
        return a->next < b->next ? -1 : 1;
    if (la != 0 && lb != 0)
        order = memcmp(a->tail->text, b->tail->text, la < lb ? la : lb);
    return order != 0 ? order : (la > lb) - (la < lb);
}
