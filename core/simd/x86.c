/* SPDX-License-Identifier: MIT */
/*
 * x86.c - the sets of x86-64 and i386.
 *
 * The compiler's run-time library asks the processor, and the system whether it
 * keeps the wider registers.
 */
#include "simd/set.h"

const struct mo_simd_set *const mo_simd_sets[] = {
    &mo_simd_avx512, &mo_simd_avx2, &mo_simd_sse2, &mo_simd_scalar, NULL,
};

bool mo_simd_can(const struct mo_simd_set *set)
{
    __builtin_cpu_init();
    if (set == &mo_simd_avx512)
        return __builtin_cpu_supports("avx512f");
    if (set == &mo_simd_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (set == &mo_simd_sse2)
        return __builtin_cpu_supports("sse2");
    return true;
}
