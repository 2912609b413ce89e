/* SPDX-License-Identifier: MIT */
/*
 * sse2.c - four floats at a time, with what every x86-64 has.
 */
#include <emmintrin.h>
#include <stddef.h>

#define LANES 4
#define NAMED(verb) sse2_##verb
#define TARGET __attribute__((target("sse2")))
#define VECTOR TARGET static inline __attribute__((always_inline))

typedef __m128 vec;

VECTOR vec load(const float *p) { return _mm_loadu_ps(p); }
VECTOR void store(float *p, vec v) { _mm_storeu_ps(p, v); }
VECTOR vec fill(float x) { return _mm_set1_ps(x); }
VECTOR vec add(vec a, vec b) { return _mm_add_ps(a, b); }
VECTOR vec mul(vec a, vec b) { return _mm_mul_ps(a, b); }
VECTOR vec madd(vec a, vec b, vec c) { return add(mul(a, b), c); }
VECTOR vec min(vec a, vec b) { return _mm_min_ps(a, b); }
VECTOR vec max(vec a, vec b) { return _mm_max_ps(a, b); }

VECTOR vec load_part(const float *p, size_t n)
{
    return _mm_setr_ps(n > 0 ? p[0] : 0, n > 1 ? p[1] : 0,
                       n > 2 ? p[2] : 0, 0);
}

VECTOR void store_part(float *p, size_t n, vec v)
{
    if (n > 0)
        _mm_store_ss(p, v);
    if (n > 1)
        _mm_store_ss(p + 1, _mm_shuffle_ps(v, v, 1));
    if (n > 2)
        _mm_store_ss(p + 2, _mm_shuffle_ps(v, v, 2));
}

VECTOR float total(vec v)
{
    v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps(v, v, 1)));
}

VECTOR float least(vec v)
{
    v = _mm_min_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_min_ss(v, _mm_shuffle_ps(v, v, 1)));
}

VECTOR float greatest(vec v)
{
    v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_max_ss(v, _mm_shuffle_ps(v, v, 1)));
}

#include "simd/kernels.h"

const struct mo_simd_set mo_simd_sse2 = SET("sse2");
