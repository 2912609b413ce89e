/* SPDX-License-Identifier: MIT */
/*
 * kernels.h - the functions of a set, over vectors of LANES floats.
 *
 * Included once by the file of each set, which has defined before:
 *
 *     LANES           floats in a vector, a power of two
 *     NAMED(verb)     the name of a function here, as profilers show it
 *     TARGET          attributes that let a function use the instructions
 *     vec             the type of a vector
 *     load(p), store(p, v), load_part(p, n), store_part(p, n, v)
 *                     unaligned; a part is the first n < LANES, and the other
 *                     lanes of what is loaded are 0
 *     fill(x)         x in every lane
 *     add(a, b), mul(a, b), madd(a, b, c)
 *                     madd is a * b + c, rounded once or twice
 *     min(a, b), max(a, b)
 *                     b where a is NaN
 *     total(v)        the sum of the lanes
 *     least(v), greatest(v)
 *
 * Arrays that are written are walked from their first aligned vector on,
 * because a store that straddles two cache lines costs two; what is read may
 * straddle. Reductions keep four vectors, for the time an addition takes to be
 * finished is that of about four of them. Eight were tried: up to a tenth
 * faster in the first cache, a quarter slower for a hundred numbers.
 */
#ifndef MO_KERNELS_H
#define MO_KERNELS_H

#include <math.h>
#include <stdint.h>

#include "simd/set.h"

#define INLINE static inline __attribute__((always_inline)) TARGET

enum op { ADD, MUL, SCALE, AXPY };

INLINE vec apply(enum op op, vec k, vec a, vec b)
{
    switch (op) {
    case ADD:
        return add(a, b);
    case MUL:
        return mul(a, b);
    case SCALE:
        return mul(k, a);
    default:
        return add(mul(k, a), b);
    }
}

/* The same for the first n < LANES. */
INLINE void part(enum op op, vec k, const float *a, const float *b, size_t n,
                 float *out)
{
    store_part(out, n, apply(op, k, load_part(a, n), load_part(b, n)));
}

/* How many floats there are before the first that begins a vector. */
INLINE size_t before_aligned(const float *p)
{
    return (0 - (uintptr_t)p / sizeof(float)) % LANES;
}

/* out[i] = apply(op, k, a[i], b[i]). `op` is a constant at every call. All of a
 * step is read before any of it is written: out may be a or b. */
INLINE void each(enum op op, vec k, const float *a, const float *b, size_t n,
                 float *out)
{
    size_t i = 0;

    if (n >= 8 * LANES) {
        i = before_aligned(out);
        if (i > 0)
            part(op, k, a, b, i, out);
    }
    for (; n - i >= 4 * LANES; i += 4 * LANES) {
        vec v0 = apply(op, k, load(a + i), load(b + i));
        vec v1 = apply(op, k, load(a + i + LANES), load(b + i + LANES));
        vec v2 = apply(op, k, load(a + i + 2 * LANES),
                       load(b + i + 2 * LANES));
        vec v3 = apply(op, k, load(a + i + 3 * LANES),
                       load(b + i + 3 * LANES));

        store(out + i, v0);
        store(out + i + LANES, v1);
        store(out + i + 2 * LANES, v2);
        store(out + i + 3 * LANES, v3);
    }
    for (; n - i >= LANES; i += LANES)
        store(out + i, apply(op, k, load(a + i), load(b + i)));
    if (n > i)
        part(op, k, a + i, b + i, n - i, out + i);
}

TARGET static void NAMED(add)(const float *a, const float *b, size_t n,
                              float *sum)
{
    each(ADD, fill(0), a, b, n, sum);
}

TARGET static void NAMED(mul)(const float *a, const float *b, size_t n,
                              float *product)
{
    each(MUL, fill(0), a, b, n, product);
}

TARGET static void NAMED(scale)(float k, const float *a, size_t n,
                                float *scaled)
{
    each(SCALE, fill(k), a, a, n, scaled);
}

TARGET static void NAMED(axpy)(float k, const float *x, size_t n, float *y)
{
    each(AXPY, fill(k), x, y, n, y);
}

TARGET static float NAMED(dot)(const float *a, const float *b, size_t n)
{
    vec s0 = fill(0);
    vec s1 = fill(0);
    vec s2 = fill(0);
    vec s3 = fill(0);
    size_t i;

    for (i = 0; n - i >= 4 * LANES; i += 4 * LANES) {
        s0 = madd(load(a + i), load(b + i), s0);
        s1 = madd(load(a + i + LANES), load(b + i + LANES), s1);
        s2 = madd(load(a + i + 2 * LANES), load(b + i + 2 * LANES), s2);
        s3 = madd(load(a + i + 3 * LANES), load(b + i + 3 * LANES), s3);
    }
    for (; n - i >= LANES; i += LANES)
        s0 = madd(load(a + i), load(b + i), s0);
    if (n > i)
        s1 = madd(load_part(a + i, n - i), load_part(b + i, n - i), s1);
    return total(add(add(s0, s1), add(s2, s3)));
}

TARGET static float NAMED(sum)(const float *a, size_t n)
{
    vec s0 = fill(0);
    vec s1 = fill(0);
    vec s2 = fill(0);
    vec s3 = fill(0);
    size_t i;

    for (i = 0; n - i >= 4 * LANES; i += 4 * LANES) {
        s0 = add(load(a + i), s0);
        s1 = add(load(a + i + LANES), s1);
        s2 = add(load(a + i + 2 * LANES), s2);
        s3 = add(load(a + i + 3 * LANES), s3);
    }
    for (; n - i >= LANES; i += LANES)
        s0 = add(load(a + i), s0);
    if (n > i)
        s1 = add(load_part(a + i, n - i), s1);
    return total(add(add(s0, s1), add(s2, s3)));
}

/* Of the two, the one that is nearer to the end looked for. */
INLINE vec nearer(bool low, vec a, vec b)
{
    return low ? min(a, b) : max(a, b);
}

/* The least if `low`, else the greatest. What is left over in the end is looked
 * at together with numbers before it once more, which changes nothing. */
INLINE float extreme(bool low, const float *a, size_t n)
{
    float start = low ? INFINITY : -INFINITY;
    vec m0 = fill(start);
    vec m1 = fill(start);
    vec m2 = fill(start);
    vec m3 = fill(start);
    size_t i;

    for (i = 0; n - i >= 4 * LANES; i += 4 * LANES) {
        m0 = nearer(low, load(a + i), m0);
        m1 = nearer(low, load(a + i + LANES), m1);
        m2 = nearer(low, load(a + i + 2 * LANES), m2);
        m3 = nearer(low, load(a + i + 3 * LANES), m3);
    }
    for (; n - i >= LANES; i += LANES)
        m0 = nearer(low, load(a + i), m0);
    if (n >= LANES)
        m1 = nearer(low, load(a + n - LANES), m1);
    m0 = nearer(low, nearer(low, m0, m1), nearer(low, m2, m3));
    start = low ? least(m0) : greatest(m0);
    for (; n < LANES && i < n; i++)
        start = (low ? a[i] < start : a[i] > start) ? a[i] : start;
    return start;
}

TARGET static float NAMED(min)(const float *a, size_t n)
{
    return extreme(true, a, n);
}

TARGET static float NAMED(max)(const float *a, size_t n)
{
    return extreme(false, a, n);
}

#define SET(text)                                                             \
    {                                                                         \
        .name = text, .add = NAMED(add), .mul = NAMED(mul),                   \
        .scale = NAMED(scale), .axpy = NAMED(axpy), .dot = NAMED(dot),        \
        .sum = NAMED(sum), .min = NAMED(min), .max = NAMED(max),              \
    }

#endif
