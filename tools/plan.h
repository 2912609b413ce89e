/* SPDX-License-Identifier: MIT */
/*
 * plan.h - a plan of the machine, as boxes in boxes, and who works where.
 *
 * The boxes are the same for all who draw; the units are theirs: characters or
 * pixels.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <moirai/sched.h>

#include "machine.h"
#include "seat.h"
#include "topo.h"

#define PLAN_NONE UINT32_MAX
#define PLAN_TITLE 160              /* bytes of a box's title */
#define PLAN_LIST 256               /* of a list of workers */

/* A part of the machine, or several that have the same processors. */
struct plan_box {
    char title[PLAN_TITLE];         /* "node 0, 31.3 GiB, L3 32 MiB"; a core's
                                     * is "" */
    bool core;
    uint32_t first, count;          /* pus of the machine; maybe none */
    uint32_t node;                  /* of the machine's, or PLAN_NONE: no node
                                     * begins here */
    uint32_t child, next;           /* of plan.boxes, or PLAN_NONE */
    int x, y, width, height;        /* see plan_arrange */
};

struct plan {
    const struct mo_machine *machine;
    const struct mo_seats *seats;   /* where each is NULL nobody is bound */
    const struct moirai_sched_ops *sched;   /* NULL: none could be had */
    uint32_t victims;               /* scheduler.victims */
    const char *made_up;            /* in hwloc's words; "": the machine is
                                     * this one */
    struct mo_topo use;
    uint32_t workers;
    bool order;                     /* of stealing is wanted, too */

    struct plan_box *boxes;         /* boxes[0] has all others in it */
    uint32_t box_count;
    uint32_t *worker_of;            /* pu's; PLAN_NONE: nobody's alone */
    bool any_seated;                /* in worker_of */
    uint32_t most_pus;              /* in a core */
};

/* What a drawing is made of. */
struct plan_measures {
    int side, head, foot;           /* of a box, around what is in it */
    int notice;                     /* height of the line about workers */
    int gap, row_gap;               /* between boxes */
    int cell_width, cell_height;    /* a core's */
    int letter;                     /* width of one in a title */
};

/* Fills in what comes after `order` from what comes before it, which it keeps.
 * 0 with memory that plan_close gives back, or -ENOMEM. */
int plan_open(struct plan *plan);
void plan_close(struct plan *plan);

/* Gives each box its place, in a drawing that is not wider than `room` if the
 * cores allow that. */
void plan_arrange(struct plan *plan, const struct plan_measures *m, int room);

/* "8 packages, 8 nodes, 128 cores, 256 hardware threads". Each of these writes
 * to `out` (PLAN_TITLE, PLAN_LIST or WHY_MAX bytes), which is returned. */
const char *plan_summary(char *out, const struct plan *plan);

/* What of the machine this process may use, and what it is. */
const char *plan_use(char *out, const struct plan *plan);

/* What each core has to itself: "L2 1 MiB, L1 32 KiB"; "" if nothing is known,
 * or they differ. */
const char *plan_private(char *out, const struct plan *plan);

/* "workers 0-3, 8" of those who share a node's processors; "" if there are
 * none, or it is not by nodes that they are bound. */
const char *plan_on_node(char *out, const struct plan *plan, uint32_t node);

/* Are workers told apart by how far they are? Else everybody takes from
 * anybody. */
bool plan_has_rings(const struct plan *plan);

/* If so, which of MO_NEAR_RINGS worker `to` is in for worker `from`. */
uint32_t plan_ring(const struct plan *plan, uint32_t from, uint32_t to);

/* Whom a worker takes tasks from, and all that are as near to each other:
 * "workers 0-3: each other; then workers 4-7 (distance 20)"; "" if there are no
 * rings, or that was told of one before it. */
const char *plan_rings(char *out, const struct plan *plan, uint32_t worker);

/* What holds beyond that. */
const char *plan_order(const struct plan *plan);

/* The drawings; `why` says why so many workers sit where they do. 0 or -ENOMEM;
 * that standard output or the file cannot be written is the caller's to see. */
int plan_text(struct plan *plan, const char *why);
void plan_svg(struct plan *plan, const char *why, FILE *file);

/* The same as pairs of an object. */
struct json;
void plan_json(struct json *j, const struct plan *plan, const char *why);

#endif
