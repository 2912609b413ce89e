/* SPDX-License-Identifier: MIT */
/*
 * none.c - for machines that no set has been written for.
 */
#include "simd/set.h"

const struct mo_simd_set *const mo_simd_sets[] = { &mo_simd_scalar, NULL };

bool mo_simd_can(const struct mo_simd_set *set)
{
    (void)set;
    return true;
}
