/* SPDX-License-Identifier: MIT */
/*
 * avx2.c - eight floats at a time, with AVX2 and FMA.
 *
 * Parts are masked: lanes that are off are neither read nor written, and cannot
 * fault.
 */
#include <immintrin.h>
#include <stddef.h>

#define LANES 8
#define NAMED(verb) avx2_##verb
#define TARGET __attribute__((target("avx2,fma")))
#define VECTOR TARGET static inline __attribute__((always_inline))

typedef __m256 vec;

VECTOR vec load(const float *p) { return _mm256_loadu_ps(p); }
VECTOR void store(float *p, vec v) { _mm256_storeu_ps(p, v); }
VECTOR vec fill(float x) { return _mm256_set1_ps(x); }
VECTOR vec add(vec a, vec b) { return _mm256_add_ps(a, b); }
VECTOR vec mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
VECTOR vec madd(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
VECTOR vec min(vec a, vec b) { return _mm256_min_ps(a, b); }
VECTOR vec max(vec a, vec b) { return _mm256_max_ps(a, b); }

VECTOR __m256i first(size_t n)
{
    __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);

    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lanes);
}

VECTOR vec load_part(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, first(n));
}

VECTOR void store_part(float *p, size_t n, vec v)
{
    _mm256_maskstore_ps(p, first(n), v);
}

VECTOR float total(vec v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v),
                          _mm256_extractf128_ps(v, 1));

    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

VECTOR float least(vec v)
{
    __m128 s = _mm_min_ps(_mm256_castps256_ps128(v),
                          _mm256_extractf128_ps(v, 1));

    s = _mm_min_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_min_ss(s, _mm_movehdup_ps(s)));
}

VECTOR float greatest(vec v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v),
                          _mm256_extractf128_ps(v, 1));

    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#include "simd/kernels.h"

const struct mo_simd_set mo_simd_avx2 = SET("avx2");
