/* SPDX-License-Identifier: MIT */
/*
 * par.c - loops over ranges, tiles and arrays, and reductions: what a call
 * makes of its arguments. How ranges are shared is in loop.c.
 */
#include <moirai/par.h>

#include <errno.h>
#include <string.h>

#include "loop.h"

#define LARGEST 1024                /* moirai_fold.size */

int moirai_par_for(size_t begin, size_t end, moirai_range_fn *body, void *arg,
                   const struct moirai_par_attr *attr)
{
    struct moirai_par_attr own;
    struct mo_loop loop;
    int rc = mo_loop_attr(attr, &own);

    if (rc != 0 || begin >= end)
        return rc;
    if (end - begin == 1)
        return mo_loop_single(begin, body, arg);
    mo_loop_init(&loop, end - begin, &own);
    loop.body = body;
    loop.arg = arg;
    return mo_loop_run(&loop, begin, end, NULL);
}

int moirai_par_reduce(size_t begin, size_t end, const struct moirai_fold *op,
                      void *arg, void *result,
                      const struct moirai_par_attr *attr)
{
    struct moirai_par_attr own;
    struct mo_loop loop;
    int rc = mo_loop_attr(attr, &own);

    if (rc == 0 && op->size > LARGEST)
        rc = -EINVAL;
    if (rc != 0)
        return rc;
    memcpy(result, op->zero, op->size);
    if (begin >= end)
        return 0;
    mo_loop_init(&loop, end - begin, &own);
    loop.op = op;
    loop.arg = arg;
    return mo_loop_run(&loop, begin, end, result);
}

/* --- tiles --------------------------------------------------------------- */

struct tiles {
    const struct moirai_tile *whole;
    moirai_tile_fn *body;
    void *arg;
    size_t rows, columns;           /* of a tile */
    size_t across;                  /* tiles beside each other */
};

/* Indices are rows. */
static int do_band(size_t begin, size_t end, void *arg)
{
    const struct tiles *tiles = arg;
    struct moirai_tile tile = *tiles->whole;

    tile.row = begin;
    tile.row_end = end;
    return tiles->body(&tile, tiles->arg);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Indices are tiles, row by row. */
static int do_tiles(size_t begin, size_t end, void *arg)
{
    const struct tiles *tiles = arg;
    const struct moirai_tile *whole = tiles->whole;
    int rc = 0;

    for (size_t i = begin; i < end && rc == 0; i++) {
        struct moirai_tile tile;
        size_t rows, columns;

        tile.row = whole->row + i / tiles->across * tiles->rows;
        tile.column = whole->column + i % tiles->across * tiles->columns;
        rows = least(tiles->rows, whole->row_end - tile.row);
        columns = least(tiles->columns, whole->column_end - tile.column);
        tile.row_end = tile.row + rows;
        tile.column_end = tile.column + columns;
        rc = tiles->body(&tile, tiles->arg);
    }
    return rc;
}

int moirai_par_tiles(const struct moirai_tile *whole, moirai_tile_fn *body,
                     void *arg, const struct moirai_par_attr *attr)
{
    struct tiles tiles = { whole, body, arg, 1, 1, 1 };
    struct moirai_par_attr own;
    size_t rows, columns, down;
    int rc = mo_loop_attr(attr, &own);

    if (rc != 0 || whole->row >= whole->row_end
        || whole->column >= whole->column_end)
        return rc;
    rows = whole->row_end - whole->row;
    columns = whole->column_end - whole->column;
    if (own.columns == 0 || own.columns >= columns)
        return moirai_par_for(whole->row, whole->row_end, do_band, &tiles,
                              attr);
    tiles.columns = own.columns;
    tiles.rows = own.grain != 0 ? own.grain : own.columns;
    tiles.across = columns / tiles.columns + (columns % tiles.columns != 0);
    down = rows / tiles.rows + (rows % tiles.rows != 0);
    own.grain = 0;
    return moirai_par_for(0, down * tiles.across, do_tiles, &tiles, &own);
}

/* --- arrays -------------------------------------------------------------- */

struct map {
    const char *from;
    char *to;
    size_t from_size, to_size;
    moirai_map_fn *fn;
    void *arg;
};

static int do_map(size_t begin, size_t end, void *arg)
{
    const struct map *map = arg;

    return map->fn(map->from + begin * map->from_size,
                   map->to + begin * map->to_size, end - begin, map->arg);
}

int moirai_par_map(const void *from, size_t from_size, void *to,
                   size_t to_size, size_t n, moirai_map_fn *fn, void *arg,
                   const struct moirai_par_attr *attr)
{
    struct map map = { from, to, from_size, to_size, fn, arg };

    return moirai_par_for(0, n, do_map, &map, attr);
}
