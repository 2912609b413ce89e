/* SPDX-License-Identifier: MIT */
/*
 * choose.c - calls the set of functions that was chosen.
 *
 * The choice is one word. It is read without order, because what it points to
 * is constant: whoever sees it sees all of it. Several threads that make the
 * first call at once come to the same choice, and one of them writes it.
 *
 * Rejected: ifunc, which would save the load and the branch, but is asked
 * while the program is being linked, too early to read the environment, can
 * not be changed for tests, and is not there on every system.
 */
#include <moirai/simd.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "log.h"
#include "simd/set.h"

static MO_ATOMIC(const struct mo_simd_set *) chosen;

static const struct mo_simd_set *widest(void)
{
    const struct mo_simd_set *const *set = mo_simd_sets;

    while (!mo_simd_can(*set))
        set++;
    return *set;
}

/* 0, -ENOENT or -ENOTSUP; see moirai_simd_use. */
static int find(const char *name, const struct mo_simd_set **found)
{
    for (size_t i = 0; mo_simd_sets[i] != NULL; i++) {
        if (strcmp(mo_simd_sets[i]->name, name) != 0)
            continue;
        if (!mo_simd_can(mo_simd_sets[i]))
            return -ENOTSUP;
        *found = mo_simd_sets[i];
        return 0;
    }
    return -ENOENT;
}

__attribute__((noinline))
static const struct mo_simd_set *choose(void)
{
    const char *name = secure_getenv("MOIRAI_SIMD");
    const struct mo_simd_set *set = widest();
    const struct mo_simd_set *none = NULL;

    if (name != NULL && *name != '\0' && find(name, &set) != 0)
        mo_log(MOIRAI_LOG_WARN, "MOIRAI_SIMD: no \"%s\" here; using %s", name,
               set->name);
    if (!mo_cas_once(&chosen, &none, set))
        set = none;
    return set;
}

static inline const struct mo_simd_set *use(void)
{
    const struct mo_simd_set *set = mo_load_relaxed(&chosen);

    return __builtin_expect(set != NULL, 1) ? set : choose();
}

int moirai_simd_use(const char *name)
{
    const struct mo_simd_set *set;
    int rc = 0;

    if (name == NULL)
        set = widest();
    else
        rc = find(name, &set);
    if (rc == 0)
        mo_store_relaxed(&chosen, set);
    return rc;
}

const char *moirai_simd_name(void)
{
    return use()->name;
}

void moirai_simd_add_f32(const float *a, const float *b, size_t n, float *sum)
{
    use()->add(a, b, n, sum);
}

void moirai_simd_mul_f32(const float *a, const float *b, size_t n,
                         float *product)
{
    use()->mul(a, b, n, product);
}

void moirai_simd_scale_f32(float k, const float *a, size_t n, float *scaled)
{
    use()->scale(k, a, n, scaled);
}

void moirai_simd_axpy_f32(float k, const float *x, size_t n, float *y)
{
    use()->axpy(k, x, n, y);
}

float moirai_simd_dot_f32(const float *a, const float *b, size_t n)
{
    return use()->dot(a, b, n);
}

float moirai_simd_sum_f32(const float *a, size_t n)
{
    return use()->sum(a, n);
}

float moirai_simd_min_f32(const float *a, size_t n)
{
    return use()->min(a, n);
}

float moirai_simd_max_f32(const float *a, size_t n)
{
    return use()->max(a, n);
}
