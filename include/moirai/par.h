/* SPDX-License-Identifier: MIT */
/*
 * moirai/par.h - loops and algorithms that use every worker.
 *
 *     static int scale(size_t begin, size_t end, void *arg)
 *     {
 *         float *x = arg;
 *
 *         for (size_t i = begin; i < end; i++)
 *             x[i] *= 2;
 *         return 0;
 *     }
 *
 *     moirai_par_for(0, n, scale, x, NULL);
 *
 * A body gets a piece of the range, [begin, end), so that compilers can make
 * vector code of its inner loop. A loop begins on the calling worker, and is
 * split only while another worker looks for something to do: so it costs next
 * to nothing where all are busy, and loops inside loops are as good as one.
 *
 * Bodies are ordinary code of a task: they may wait, spawn, fork, and loop in
 * parallel again; which worker runs which piece is not defined. When a call
 * returns, every body it called has returned, whatever the outcome.
 *
 * How it ends. A body that returns other than 0 ends the loop: pieces not yet
 * begun are left out. The call returns, of the values other than 0 that bodies
 * returned, that of the piece that begins first. Cancelling the calling task or
 * its scope leaves out pieces likewise; then, if no body said otherwise, the
 * result is -ECANCELED. moirai_fail in a body ends the calling task, as it does
 * in a fork. An empty range calls no body and returns 0.
 *
 * Who may call: any task. On a plain thread everything is done right there, in
 * order. Each of these functions can wait, and gives -EINVAL for attributes
 * that make no sense.
 *
 * Source: splitting on demand is lazy binary splitting, of A. Tzannes et al.,
 * "Lazy Binary-Splitting: A Run-Time Adaptive Work-Stealing Scheduler" (2010).
 */
#ifndef MOIRAI_PAR_H
#define MOIRAI_PAR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a range is cut into the pieces that bodies get. All begin at a multiple
 * of the grain, counted from the beginning of the range. */
enum moirai_schedule {
    MOIRAI_AUTO,                    /* as it sees fit; the preset */
    MOIRAI_STATIC,                  /* ahead: pieces of one grain each; grain
                                     * 0: one piece for each worker */
    MOIRAI_DYNAMIC,                 /* pieces of one grain each, on demand */
    MOIRAI_GUIDED                   /* large ones first, then ever smaller */
};

/* How a call is to be done. Zeroed fields mean the preset. */
struct moirai_par_attr {
    uint32_t size;                  /* sizeof(struct moirai_par_attr) */
    uint32_t schedule;              /* enum moirai_schedule */
    size_t grain;                   /* indices in the smallest piece; but for
                                     * the last; 0: 1, and as said above */
    size_t columns;                 /* of a tile; 0: all of them */
    void *scratch;                  /* memory to use (borrowed), aligned as */
    size_t scratch_size;            /* malloc's; too small: it is allocated */
};

#define MOIRAI_PAR_ATTR_INIT                                                  \
    { sizeof(struct moirai_par_attr), 0, 0, 0, NULL, 0 }

/* --- loops --------------------------------------------------------------- */

/* Does the indices [begin, end), which are never none. 0: go on. */
typedef int moirai_range_fn(size_t begin, size_t end, void *arg);

/* Calls body for pieces that make up [begin, end). `arg` is borrowed; `attr`
 * (borrowed) may be NULL, here and below. */
int moirai_par_for(size_t begin, size_t end, moirai_range_fn *body, void *arg,
                   const struct moirai_par_attr *attr);

/* A rectangle of indices. */
struct moirai_tile {
    size_t row, row_end;
    size_t column, column_end;
};

typedef int moirai_tile_fn(const struct moirai_tile *tile, void *arg);

/* Calls body for tiles that make up `whole` (borrowed). A tile has
 * attr->columns columns, preset all, so that it is a band; and attr->grain
 * rows, or, in bands, as many more as the schedule makes it. */
int moirai_par_tiles(const struct moirai_tile *whole, moirai_tile_fn *body,
                     void *arg, const struct moirai_par_attr *attr);

/* Reads n elements at `from`, writes n at `to`. 0: go on. */
typedef int moirai_map_fn(const void *from, void *to, size_t n, void *arg);

/* Calls fn for pieces that make up an array of n elements of `from_size` bytes
 * each, and the corresponding ones of `to_size` bytes at `to`. The two may be
 * the same array. */
int moirai_par_map(const void *from, size_t from_size, void *to,
                   size_t to_size, size_t n, moirai_map_fn *fn, void *arg,
                   const struct moirai_par_attr *attr);

/* --- what combines ------------------------------------------------------- */

/* An operation that is associative: (a.b).c = a.(b.c). It need not commute:
 * results are combined in the order of their indices. */
struct moirai_fold {
    size_t size;                    /* bytes of a result, at most 1024 */
    const void *zero;               /* what each result begins as; borrowed */

    /* *into = *into . the indices [begin, end). 0: go on. */
    int (*fold)(size_t begin, size_t end, void *into, void *arg);

    /* *into = *into . *from. */
    void (*join)(void *into, const void *from, void *arg);

    /* For scans: as `fold`, and writes for each index what there was before it
     * (exclusive) or with it (inclusive) to wherever it belongs. */
    int (*scan)(size_t begin, size_t end, void *into, void *arg);
};

/* Fills *result (op->size bytes) with zero . begin . ... . end-1; only good if
 * the call returns 0. A floating-point sum depends on where the range was cut:
 * with MOIRAI_STATIC and a grain that is always the same, and so is the sum. */
int moirai_par_reduce(size_t begin, size_t end, const struct moirai_fold *op,
                      void *arg, void *result,
                      const struct moirai_par_attr *attr);

/* Calls op->scan once for each index, with all that precedes it in *into. Some
 * pieces are folded first, and so read twice. *total (may be NULL) is filled
 * as moirai_par_reduce would. All pieces are of one grain (preset: chosen by
 * the size of the range) whatever the schedule. -ENOMEM: no scratch memory; it
 * needs 128 bytes and three results for each piece.
 *
 * Source: the pieces' results are chained as in D. Merrill, M. Garland,
 * "Single-pass Parallel Prefix Scan with Decoupled Look-back" (2016); who
 * finds his predecessor's missing puts the piece aside. */
int moirai_par_scan(size_t begin, size_t end, const struct moirai_fold *op,
                    void *arg, void *total,
                    const struct moirai_par_attr *attr);

/* --- what selects -------------------------------------------------------- */

/* Reads n elements at `from`, writes any number of elements up to n at `to`,
 * and returns how many; or a negative errno, which ends the call. What it
 * writes at `to` beyond those, within the n, does no harm. */
typedef ptrdiff_t moirai_collect_fn(const void *from, size_t n, void *to,
                                    void *arg);

/* Fills `to`, which has room for n elements of `to_size` bytes, with what fn
 * writes for the pieces of an array of n elements, one piece's after another's
 * in the order of the array; *count is how many there are. The two arrays must
 * not overlap. Pieces as in a scan. -ENOMEM: no scratch memory; it needs 192
 * bytes for each piece, and n * to_size bytes. */
int moirai_par_collect(const void *from, size_t from_size, void *to,
                       size_t to_size, size_t n, size_t *count,
                       moirai_collect_fn *fn, void *arg,
                       const struct moirai_par_attr *attr);

/* Is this element wanted? */
typedef int moirai_keep_fn(const void *element, void *arg);

/* Copies the elements that are wanted, in their order. Otherwise as above. */
int moirai_par_filter(const void *from, size_t size, void *to, size_t n,
                      size_t *count, moirai_keep_fn *keep, void *arg,
                      const struct moirai_par_attr *attr);

/* --- sorting ------------------------------------------------------------- */

/* Negative, 0, positive: a is to come before b, either may, after b. */
typedef int moirai_compare_fn(const void *a, const void *b, void *arg);

/* Sorts n elements of `size` bytes; those that compare equal keep their order.
 * The grain is how many are sorted without splitting. -ENOMEM: no scratch
 * memory, it needs n * size bytes and 64 KiB; -ECANCELED: the caller was
 * cancelled before. In both cases nothing was moved; once begun, sorting is not
 * ended by cancellation.
 *
 * Source: merge sort; the merges are split as in S. Akl, N. Santoro, "Optimal
 * Parallel Merging and Sorting Without Memory Conflicts" (1987). */
int moirai_par_sort(void *array, size_t n, size_t size,
                    moirai_compare_fn *compare, void *arg,
                    const struct moirai_par_attr *attr);

/* Sorts n numbers, ascending, without comparing them: by their digits.
 * Otherwise as moirai_par_sort.
 *
 * Source: radix sort, most significant digit first across workers, least
 * significant first within what fits a cache. */
int moirai_par_sort_u32(uint32_t *array, size_t n,
                        const struct moirai_par_attr *attr);

/* The same for signed numbers. */
int moirai_par_sort_i32(int32_t *array, size_t n,
                        const struct moirai_par_attr *attr);

/* The same for floats, in the order of IEEE 754's totalOrder: -0
 * before +0, NaNs at the ends by their sign. */
int moirai_par_sort_f32(float *array, size_t n,
                        const struct moirai_par_attr *attr);

/* The same for numbers of 64 bits. */
int moirai_par_sort_u64(uint64_t *array, size_t n,
                        const struct moirai_par_attr *attr);

/* The same for signed numbers of 64 bits. */
int moirai_par_sort_i64(int64_t *array, size_t n,
                        const struct moirai_par_attr *attr);

/* The same for doubles, ordered as floats are. */
int moirai_par_sort_f64(double *array, size_t n,
                        const struct moirai_par_attr *attr);

#ifdef __cplusplus
}
#endif

#endif
