/* SPDX-License-Identifier: MIT */
/*
 * collect.c - keeps some elements of an array, in their order.
 *
 * This is a scan over the numbers of elements that pieces give. A piece whose
 * place is known writes there; nobody writes behind it before it has said how
 * much there is, so that it may scribble there. A piece whose place is not yet
 * known writes to scratch memory, at its own index, and is copied later.
 */
#include <moirai/par.h>

#include <errno.h>
#include <string.h>

#include "chain.h"
#include "loop.h"

struct collect {
    const char *from;
    char *to;
    size_t from_size, to_size;
    moirai_collect_fn *fn;
    void *arg;
    size_t grain;
    size_t *given;                  /* 1 + elements of a piece put aside */
    char *aside;
};

static int put_aside(size_t begin, size_t end, void *into, void *arg)
{
    const struct collect *all = arg;
    ptrdiff_t n = all->fn(all->from + begin * all->from_size, end - begin,
                          all->aside + begin * all->to_size, all->arg);

    if (n < 0)
        return (int)n;
    all->given[begin / all->grain] = (size_t)n + 1;
    *(size_t *)into += (size_t)n;
    return 0;
}

static int put(size_t begin, size_t end, void *into, void *arg)
{
    const struct collect *all = arg;
    size_t given = all->given[begin / all->grain];
    size_t *place = into;
    char *to = all->to + *place * all->to_size;
    ptrdiff_t n;

    if (given != 0) {
        n = (ptrdiff_t)given - 1;
        memcpy(to, all->aside + begin * all->to_size,
               (size_t)n * all->to_size);
    } else {
        n = all->fn(all->from + begin * all->from_size, end - begin, to,
                    all->arg);
    }
    if (n < 0)
        return (int)n;
    *place += (size_t)n;
    return 0;
}

static void add(void *into, const void *from, void *arg)
{
    (void)arg;
    *(size_t *)into += *(const size_t *)from;
}

static const size_t none = 0;
static const struct moirai_fold counting = {
    .size = sizeof none, .zero = &none,
    .fold = put_aside, .join = add, .scan = put,
};

int moirai_par_collect(const void *from, size_t from_size, void *to,
                       size_t to_size, size_t n, size_t *count,
                       moirai_collect_fn *fn, void *arg,
                       const struct moirai_par_attr *attr)
{
    struct collect all = { from, to, from_size, to_size, fn, arg, 0, NULL,
                           NULL };
    struct moirai_par_attr own;
    struct mo_scratch scratch;
    size_t pieces, room, kept;
    int rc = mo_loop_attr(attr, &own);

    if (rc != 0)
        return rc;
    *count = 0;
    if (n == 0)
        return 0;
    all.grain = own.grain = mo_chain_grain(n, own.grain);
    pieces = n / own.grain + (n % own.grain != 0);
    room = mo_chain_room(pieces, sizeof none);
    rc = mo_scratch_get(&scratch, room + pieces * sizeof *all.given
                                  + n * to_size, &own);
    if (rc != 0)
        return rc;
    own.size = sizeof own;
    own.scratch = scratch.memory;
    own.scratch_size = room;
    all.given = (size_t *)((char *)scratch.memory + room);
    memset(all.given, 0, pieces * sizeof *all.given);
    all.aside = (char *)(all.given + pieces);
    rc = moirai_par_scan(0, n, &counting, &all, &kept, &own);
    if (rc == 0)
        *count = kept;
    mo_scratch_put(&scratch);
    return rc;
}

/* --- by a predicate ------------------------------------------------------ */

struct filter {
    size_t size;
    moirai_keep_fn *keep;
    void *arg;
};

static ptrdiff_t keep_wanted(const void *from, size_t n, void *to, void *arg)
{
    const struct filter *filter = arg;
    const char *element = from;
    char *next = to;

    for (size_t i = 0; i < n; i++) {
        if (filter->keep(element, filter->arg)) {
            memcpy(next, element, filter->size);
            next += filter->size;
        }
        element += filter->size;
    }
    return filter->size != 0 ? (next - (char *)to) / (ptrdiff_t)filter->size
                             : 0;
}

int moirai_par_filter(const void *from, size_t size, void *to, size_t n,
                      size_t *count, moirai_keep_fn *keep, void *arg,
                      const struct moirai_par_attr *attr)
{
    struct filter filter = { size, keep, arg };

    return moirai_par_collect(from, size, to, size, n, count, keep_wanted,
                              &filter, attr);
}
