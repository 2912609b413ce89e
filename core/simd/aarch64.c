/* SPDX-License-Identifier: MIT */
/*
 * aarch64.c - the sets of 64-bit Arm.
 */
#include "simd/set.h"

const struct mo_simd_set *const mo_simd_sets[] = {
    &mo_simd_neon, &mo_simd_scalar, NULL,
};

bool mo_simd_can(const struct mo_simd_set *set)
{
    (void)set;
    return true;
}
