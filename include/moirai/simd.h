/* SPDX-License-Identifier: MIT */
/*
 * moirai/simd.h - arithmetic on arrays of float, as wide as the processor can.
 *
 *     static int add(size_t begin, size_t end, void *arg)
 *     {
 *         const struct vectors *v = arg;
 *
 *         moirai_simd_add_f32(v->a + begin, v->b + begin, end - begin,
 *                             v->sum + begin);
 *         return 0;
 *     }
 *
 *     moirai_par_for(0, n, add, &vectors, NULL);
 *
 * There is one set of these functions per kind of vector instructions: avx512,
 * avx2 and sse2 on x86, neon on aarch64, and scalar everywhere, which handles
 * one number after the other and is what the others are measured by. The first
 * call settles on the widest set that this processor and system can run; the
 * environment variable MOIRAI_SIMD, or moirai_simd_use, names another.
 *
 * Functions that give an array (add, mul, scale, axpy) give the same bits in
 * every set: each operation is rounded once to float, subnormal numbers are
 * kept, infinities and NaNs are IEEE's (not which NaN). Functions that give a
 * number add in another order in every set, and some of them round products
 * and sums together: dot and sum are off the exact result by no more than
 *
 *     n * 2^-24 / (1 - n * 2^-24) times the sum of |a[i] * b[i]| (of |a[i]|)
 *
 * plus n * 2^-150 where products underflow, unless something overflows; who
 * wants the same bits on every machine names a set. Source of the bound: N.
 * Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 3.1.
 *
 * Arrays may begin anywhere a float may; where they are 64-byte aligned it is
 * faster. An array that is written may be one of those that are read, or lie
 * apart from it, but not overlap it otherwise. Everything is borrowed. No
 * function here waits, allocates or fails, and any thread may call it, tasks
 * too.
 */
#ifndef MOIRAI_SIMD_H
#define MOIRAI_SIMD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* sum[i] = a[i] + b[i] for i < n. */
void moirai_simd_add_f32(const float *a, const float *b, size_t n, float *sum);

/* product[i] = a[i] * b[i] for i < n. */
void moirai_simd_mul_f32(const float *a, const float *b, size_t n,
                         float *product);

/* scaled[i] = k * a[i] for i < n. */
void moirai_simd_scale_f32(float k, const float *a, size_t n, float *scaled);

/* y[i] = k * x[i] + y[i] for i < n, the product rounded before it is added. */
void moirai_simd_axpy_f32(float k, const float *x, size_t n, float *y);

/* The sum of a[i] * b[i] for i < n; 0 if n is 0. */
float moirai_simd_dot_f32(const float *a, const float *b, size_t n);

/* The sum of a[i] for i < n; 0 if n is 0. */
float moirai_simd_sum_f32(const float *a, size_t n);

/* The least of a[i] for i < n. NaNs are passed over; of no numbers it is
 * INFINITY. Of 0.0 and -0.0 it is either. */
float moirai_simd_min_f32(const float *a, size_t n);

/* The greatest of a[i] for i < n, likewise; of no numbers it is -INFINITY. */
float moirai_simd_max_f32(const float *a, size_t n);

/* From the next call on, uses the set of this name; with NULL the widest there
 * is. 0; -ENOENT: this library has no such set; -ENOTSUP: this processor or
 * system cannot run it. For the whole process, so for its start and for tests:
 * calls that go on meanwhile use either. */
int moirai_simd_use(const char *name);

/* The name of the set in use. A constant. */
const char *moirai_simd_name(void);

#ifdef __cplusplus
}
#endif

#endif
