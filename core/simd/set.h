/* SPDX-License-Identifier: MIT */
/*
 * set.h - the functions of moirai/simd.h, once per kind of instructions.
 *
 * A set is a constant. Which of them a build has, core.am decides by choosing
 * one of x86.c, aarch64.c and none.c, which lists them.
 */
#ifndef MO_SET_H
#define MO_SET_H

#include <stdbool.h>
#include <stddef.h>

struct mo_simd_set {
    const char *name;
    void (*add)(const float *a, const float *b, size_t n, float *sum);
    void (*mul)(const float *a, const float *b, size_t n, float *product);
    void (*scale)(float k, const float *a, size_t n, float *scaled);
    void (*axpy)(float k, const float *x, size_t n, float *y);
    float (*dot)(const float *a, const float *b, size_t n);
    float (*sum)(const float *a, size_t n);
    float (*min)(const float *a, size_t n);
    float (*max)(const float *a, size_t n);
};

extern const struct mo_simd_set mo_simd_avx512;
extern const struct mo_simd_set mo_simd_avx2;
extern const struct mo_simd_set mo_simd_sse2;
extern const struct mo_simd_set mo_simd_neon;
extern const struct mo_simd_set mo_simd_scalar;

/* The sets of this build, the widest first, and scalar, last; then NULL. */
extern const struct mo_simd_set *const mo_simd_sets[];

/* Can the processor, and the system with it, run this one of them? */
bool mo_simd_can(const struct mo_simd_set *set);

#endif
