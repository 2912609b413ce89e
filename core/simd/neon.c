/* SPDX-License-Identifier: MIT */
/*
 * neon.c - four floats at a time, with what every aarch64 has.
 *
 * Not for 32-bit Arm, whose vectors take subnormal numbers for zero.
 */
#include <arm_neon.h>
#include <stddef.h>

#define LANES 4
#define NAMED(verb) neon_##verb
#define TARGET
#define VECTOR static inline __attribute__((always_inline))

typedef float32x4_t vec;

VECTOR vec load(const float *p) { return vld1q_f32(p); }
VECTOR void store(float *p, vec v) { vst1q_f32(p, v); }
VECTOR vec fill(float x) { return vdupq_n_f32(x); }
VECTOR vec add(vec a, vec b) { return vaddq_f32(a, b); }
VECTOR vec mul(vec a, vec b) { return vmulq_f32(a, b); }
VECTOR vec madd(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }

/* Not vminnm and vmaxnm, which answer a signaling NaN by a NaN. */
VECTOR vec min(vec a, vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
VECTOR vec max(vec a, vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }

VECTOR vec load_part(const float *p, size_t n)
{
    float lanes[LANES] = { 0 };

    for (size_t i = 0; i < n; i++)
        lanes[i] = p[i];
    return load(lanes);
}

VECTOR void store_part(float *p, size_t n, vec v)
{
    float lanes[LANES];

    store(lanes, v);
    for (size_t i = 0; i < n; i++)
        p[i] = lanes[i];
}

VECTOR float total(vec v) { return vaddvq_f32(v); }
VECTOR float least(vec v) { return vminvq_f32(v); }
VECTOR float greatest(vec v) { return vmaxvq_f32(v); }

#include "simd/kernels.h"

const struct mo_simd_set mo_simd_neon = SET("neon");
