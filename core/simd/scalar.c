/* SPDX-License-Identifier: MIT */
/*
 * scalar.c - one number after the other.
 *
 * What the other sets are compared with, and all there is on machines without
 * one. Where there is another, core.am forbids the compiler to make vectors of
 * these loops, so that the factors of the others mean what they say.
 *
 * Products are rounded by being assigned: neither x87 nor a compiler that fuses
 * within expressions may keep more bits of them.
 */
#include <math.h>

#include "simd/set.h"

static void scalar_add(const float *a, const float *b, size_t n, float *sum)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = a[i] + b[i];
}

static void scalar_mul(const float *a, const float *b, size_t n,
                       float *product)
{
    for (size_t i = 0; i < n; i++)
        product[i] = a[i] * b[i];
}

static void scalar_scale(float k, const float *a, size_t n, float *scaled)
{
    for (size_t i = 0; i < n; i++)
        scaled[i] = k * a[i];
}

static void scalar_axpy(float k, const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        float product = k * x[i];

        y[i] = product + y[i];
    }
}

static float scalar_dot(const float *a, const float *b, size_t n)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++) {
        float product = a[i] * b[i];

        sum += product;
    }
    return sum;
}

static float scalar_sum(const float *a, size_t n)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i];
    return sum;
}

static float scalar_min(const float *a, size_t n)
{
    float least = INFINITY;

    for (size_t i = 0; i < n; i++)
        least = a[i] < least ? a[i] : least;
    return least;
}

static float scalar_max(const float *a, size_t n)
{
    float greatest = -INFINITY;

    for (size_t i = 0; i < n; i++)
        greatest = a[i] > greatest ? a[i] : greatest;
    return greatest;
}

const struct mo_simd_set mo_simd_scalar = {
    .name = "scalar",
    .add = scalar_add,
    .mul = scalar_mul,
    .scale = scalar_scale,
    .axpy = scalar_axpy,
    .dot = scalar_dot,
    .sum = scalar_sum,
    .min = scalar_min,
    .max = scalar_max,
};
