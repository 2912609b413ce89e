/* SPDX-License-Identifier: MIT */
/*
 * radix_key.h - the radix sort of radix.c for one width of keys. Included once
 * for each, with KEY, an unsigned type, and OF, which names what is its.
 *
 * `from` holds the elements, `other` is as large; the result goes `home`, which
 * is one of the two. `bits` says that the keys differ in the lowest so many
 * bits at most.
 */

struct OF(radix) {
    KEY negative;                   /* flipped in negative keys */
    KEY sign;                       /* flipped in all */
    KEY *from, *other, *home;       /* of the partition that is shared */
    size_t n, parts;
    unsigned shift;                 /* of its digit */
    size_t (*tables)[DIGITS];       /* one for each part */
    const size_t *ends;             /* of its buckets */
};

/* Keys whose unsigned order is that of the numbers. */
static inline KEY OF(key)(const struct OF(radix) *how, KEY x)
{
    KEY negative = (KEY)(0 - (x >> (sizeof(KEY) * 8 - 1)));

    return x ^ (negative & how->negative) ^ how->sign;
}

static inline unsigned OF(digit)(const struct OF(radix) *how, KEY x,
                                 unsigned shift)
{
    return (unsigned)(OF(key)(how, x) >> shift) % DIGITS;
}

static void OF(insert_all)(const struct OF(radix) *how, const KEY *from,
                           size_t n, KEY *home)
{
    for (size_t i = 0; i < n; i++) {
        KEY x = from[i];
        KEY key = OF(key)(how, x);
        size_t place = i;

        while (place > 0 && OF(key)(how, home[place - 1]) > key) {
            home[place] = home[place - 1];
            place--;
        }
        home[place] = x;
    }
}

static void OF(scatter)(const struct OF(radix) *how, const KEY *from, size_t n,
                        KEY *to, unsigned shift, size_t *places)
{
    for (size_t i = 0; i < n; i++) {
        KEY x = from[i];

        to[places[OF(digit)(how, x, shift)]++] = x;
    }
}

/* Least significant digit first; at most LOW_DIGITS of them. */
static void OF(by_low_digits)(const struct OF(radix) *how, KEY *from,
                              KEY *other, size_t n, unsigned bits, KEY *home)
{
    size_t counts[LOW_DIGITS][DIGITS] = { { 0 } };
    unsigned digits = (bits + 7) / 8;

    for (size_t i = 0; i < n; i++) {
        KEY key = OF(key)(how, from[i]);

        for (unsigned d = 0; d < digits; d++)
            counts[d][(key >> 8 * d) % DIGITS]++;
    }
    for (unsigned d = 0; d < digits; d++) {
        KEY *done = other;

        if (!sum_up(counts[d], n))
            continue;
        OF(scatter)(how, from, n, other, 8 * d, counts[d]);
        other = from;
        from = done;
    }
    if (from != home)
        memcpy(home, from, n * sizeof *home);
}

static void OF(sort_here)(const struct OF(radix) *how, KEY *from, KEY *other,
                          size_t n, unsigned bits, KEY *home);

static void OF(by_high_digit)(const struct OF(radix) *how, KEY *from,
                              KEY *other, size_t n, unsigned bits, KEY *home)
{
    size_t places[DIGITS] = { 0 };
    unsigned shift = bits - 8;
    size_t begin = 0;

    for (size_t i = 0; i < n; i++)
        places[OF(digit)(how, from[i], shift)]++;
    if (!sum_up(places, n)) {
        OF(sort_here)(how, from, other, n, shift, home);
        return;
    }
    OF(scatter)(how, from, n, other, shift, places);
    for (unsigned d = 0; d < DIGITS; d++) {
        OF(sort_here)(how, other + begin, from + begin, places[d] - begin,
                      shift, home + begin);
        begin = places[d];
    }
}

static void OF(sort_here)(const struct OF(radix) *how, KEY *from, KEY *other,
                          size_t n, unsigned bits, KEY *home)
{
    if (n <= BY_INSERTION)
        OF(insert_all)(how, from, n, home);
    else if (bits > 8 * LOW_DIGITS)
        OF(by_high_digit)(how, from, other, n, bits, home);
    else
        OF(by_low_digits)(how, from, other, n, bits, home);
}

/* --- shared -------------------------------------------------------------- */

static int OF(count_parts)(size_t begin, size_t end, void *arg)
{
    const struct OF(radix) *how = arg;

    for (size_t p = begin; p < end; p++) {
        size_t *table = how->tables[p];
        size_t last = part_begin(how->n, how->parts, p + 1);

        memset(table, 0, sizeof how->tables[p]);
        for (size_t i = part_begin(how->n, how->parts, p); i < last; i++)
            table[OF(digit)(how, how->from[i], how->shift)]++;
    }
    return 0;
}

static int OF(scatter_parts)(size_t begin, size_t end, void *arg)
{
    const struct OF(radix) *how = arg;

    for (size_t p = begin; p < end; p++) {
        size_t first = part_begin(how->n, how->parts, p);
        size_t last = part_begin(how->n, how->parts, p + 1);

        OF(scatter)(how, how->from + first, last - first, how->other,
                    how->shift, how->tables[p]);
    }
    return 0;
}

/* Those that are not huge; what was `other` has the elements now. */
static int OF(sort_buckets)(size_t begin, size_t end, void *arg)
{
    const struct OF(radix) *how = arg;

    for (size_t d = begin; d < end; d++) {
        size_t at = d > 0 ? how->ends[d - 1] : 0;
        size_t n = how->ends[d] - at;

        if (!is_huge(n, how->n))
            OF(sort_here)(how, how->other + at, how->from + at, n, how->shift,
                          how->home + at);
    }
    return 0;
}

/* Sorts with all workers by the digit that ends at `bits`, then each bucket;
 * those that one worker would be left with alone, again with all. */
static void OF(share)(struct OF(radix) how, unsigned bits)
{
    size_t huge[HUGE_MOST + 1];     /* what follows overwrites the tables */
    size_t begin[HUGE_MOST + 1];
    size_t found = 0;

    if (how.n < SHARED_LEAST || bits == 0) {
        OF(sort_here)(&how, how.from, how.other, how.n, bits, how.home);
        return;
    }
    how.shift = bits > 8 ? bits - 8 : 0;
    for_each(how.parts, OF(count_parts), &how);
    sum_up_parts(how.tables, how.parts);
    for_each(how.parts, OF(scatter_parts), &how);
    how.ends = how.tables[how.parts - 1];
    for_each(DIGITS, OF(sort_buckets), &how);
    for (size_t d = 0; d < DIGITS; d++) {
        begin[found] = d > 0 ? how.ends[d - 1] : 0;
        huge[found] = how.ends[d] - begin[found];
        found += is_huge(huge[found], how.n);
    }
    for (size_t i = 0; i < found; i++) {
        struct OF(radix) next = how;

        next.from = how.other + begin[i];
        next.other = how.from + begin[i];
        next.home = how.home + begin[i];
        next.n = huge[i];
        OF(share)(next, how.shift);
    }
}

/* --- how many bits differ ------------------------------------------------ */

static int OF(differ)(size_t begin, size_t end, void *into, void *arg)
{
    const struct OF(radix) *how = arg;
    KEY first = OF(key)(how, how->from[0]);
    KEY bits = 0;

    for (size_t i = begin; i < end; i++)
        bits |= OF(key)(how, how->from[i]) ^ first;
    *(KEY *)into |= bits;
    return 0;
}

static void OF(unite)(void *into, const void *from, void *arg)
{
    (void)arg;
    *(KEY *)into |= *(const KEY *)from;
}

static unsigned OF(bits_that_differ)(struct OF(radix) *how)
{
    static const KEY none = 0;
    static const struct moirai_fold op = { sizeof none, &none, OF(differ),
                                           OF(unite), NULL };
    KEY bits = 0;
    unsigned n = 0;

    fold_all(how->n, &op, how, &bits);
    for (; bits != 0; bits >>= 1)
        n++;
    return n;
}

static int OF(sort)(KEY *array, size_t n, KEY negative,
                    KEY sign, const struct moirai_par_attr *attr)
{
    struct OF(radix) how = {
        .negative = negative, .sign = sign, .from = array, .home = array,
        .n = n, .parts = parts_of(n),
    };
    struct mo_scratch scratch;
    int rc = prepare(&scratch, n, sizeof *array, how.parts, attr);

    if (rc != 0 || n < 2)
        return rc;
    how.tables = scratch.memory;
    how.other = (KEY *)(void *)(how.tables + how.parts);
    OF(share)(how, OF(bits_that_differ)(&how));
    mo_scratch_put(&scratch);
    return 0;
}
