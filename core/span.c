/* SPDX-License-Identifier: MIT */
/*
 * span.c - a piece of memory for each worker.
 */
#include <moirai/span.h>

#include <errno.h>

#include "mem.h"
#include "worker.h"

int moirai_cells_init(struct moirai_cells *cells, struct moirai_runtime *rt,
                      size_t size)
{
    uint32_t n = rt->staff.most + 1;
    size_t stride;
    char *data;

    if (size > SIZE_MAX / n - MOIRAI_CACHE_LINE)
        return -ENOMEM;
    stride = (size + MOIRAI_CACHE_LINE - 1) / MOIRAI_CACHE_LINE
             * MOIRAI_CACHE_LINE;
    data = mo_mem_alloc(n * stride, MOIRAI_CACHE_LINE);
    if (data == NULL)
        return -ENOMEM;
    cells->data = data;
    cells->stride = stride;
    cells->n = n;
    return 0;
}

void moirai_cells_fini(struct moirai_cells *cells)
{
    mo_mem_free(cells->data);
}
