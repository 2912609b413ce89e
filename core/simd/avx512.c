/* SPDX-License-Identifier: MIT */
/*
 * avx512.c - sixteen floats at a time, with AVX-512F.
 *
 * Parts are masked: lanes that are off are neither read nor written, and cannot
 * fault.
 */
#include <immintrin.h>
#include <stddef.h>

#define LANES 16
#define NAMED(verb) avx512_##verb
#define TARGET __attribute__((target("avx512f")))
#define VECTOR TARGET static inline __attribute__((always_inline))

typedef __m512 vec;

VECTOR vec load(const float *p) { return _mm512_loadu_ps(p); }
VECTOR void store(float *p, vec v) { _mm512_storeu_ps(p, v); }
VECTOR vec fill(float x) { return _mm512_set1_ps(x); }
VECTOR vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
VECTOR vec mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
VECTOR vec madd(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
VECTOR vec min(vec a, vec b) { return _mm512_min_ps(a, b); }
VECTOR vec max(vec a, vec b) { return _mm512_max_ps(a, b); }
VECTOR float total(vec v) { return _mm512_reduce_add_ps(v); }
VECTOR float least(vec v) { return _mm512_reduce_min_ps(v); }
VECTOR float greatest(vec v) { return _mm512_reduce_max_ps(v); }

VECTOR __mmask16 first(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

VECTOR vec load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(first(n), p);
}

VECTOR void store_part(float *p, size_t n, vec v)
{
    _mm512_mask_storeu_ps(p, first(n), v);
}

#include "simd/kernels.h"

const struct mo_simd_set mo_simd_avx512 = SET("avx512");
