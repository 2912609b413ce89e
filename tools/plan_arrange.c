/* SPDX-License-Identifier: MIT */
/*
 * plan_arrange.c - a place for each box of a plan.
 *
 * First sizes, from the inside: what is in a box stands in rows, as many beside
 * each other as the room lets, in rows of about the same length; cores are all
 * of one size, and other boxes as wide as the widest beside them. Then places,
 * from the outside.
 */
#include "plan.h"

#include <string.h>

struct arrange {
    struct plan *plan;
    const struct plan_measures *m;
};

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int head(const struct arrange *a, const struct plan_box *box)
{
    char list[PLAN_LIST];
    bool notice = box->node != PLAN_NONE
               && plan_on_node(list, a->plan, box->node)[0] != '\0';

    return a->m->head + (notice ? a->m->notice : 0);
}

static int least_width(const struct arrange *a, const struct plan_box *box)
{
    char list[PLAN_LIST] = "";
    size_t letters = strlen(box->title);

    if (box->node != PLAN_NONE)
        plan_on_node(list, a->plan, box->node);
    if (strlen(list) > letters)
        letters = strlen(list);
    return (int)letters * a->m->letter + 2 * a->m->side;
}

/* How many of `n` stand in a row, so that all rows are about as long. */
static int per_row(const struct arrange *a, int n, int width, int room)
{
    int most = (room + a->m->gap) / (width + a->m->gap);
    int rows;

    if (most >= n)
        return n;
    most = larger(most, 1);
    rows = (n + most - 1) / most;
    return (n + rows - 1) / rows;
}

/* Boxes from `index` on that are cores, or that are none; *width is that of the
 * widest, and *after the first that is otherwise. */
static int count_alike(const struct arrange *a, uint32_t index, int *width,
                       uint32_t *after)
{
    const struct plan_box *boxes = a->plan->boxes;
    bool core = boxes[index].core;
    int n = 0;

    *width = 0;
    for (; index != PLAN_NONE && boxes[index].core == core; n++) {
        *width = larger(*width, boxes[index].width);
        index = boxes[index].next;
    }
    *after = index;
    return n;
}

/* Places a run of boxes that are alike, from `y` on; within `box`, whose corner
 * is (0, 0). Returns where it ends, and *right likewise. */
static int place_run(const struct arrange *a, uint32_t index, uint32_t after,
                     int columns, int width, int y, int *right)
{
    const struct plan_measures *m = a->m;

    while (index != after) {
        int tallest = 0;

        for (int i = 0; i < columns && index != after; i++) {
            struct plan_box *box = &a->plan->boxes[index];

            box->x = m->side + i * (width + m->gap);
            box->y = y;
            box->width = width;
            tallest = larger(tallest, box->height);
            *right = larger(*right, box->x + width);
            index = box->next;
        }
        y += tallest + m->row_gap;
    }
    return y;
}

static void measure(const struct arrange *a, uint32_t index, int room)
{
    const struct plan_measures *m = a->m;
    struct plan_box *box = &a->plan->boxes[index];
    int inside = room - 2 * m->side;
    int right = m->side;
    int y = head(a, box);

    box->width = m->cell_width;
    box->height = m->cell_height;
    if (box->core)
        return;
    for (uint32_t i = box->child; i != PLAN_NONE; i = a->plan->boxes[i].next)
        measure(a, i, inside);
    for (uint32_t i = box->child, after; i != PLAN_NONE; i = after) {
        int width;
        int n = count_alike(a, i, &width, &after);

        y = place_run(a, i, after, per_row(a, n, width, inside), width, y,
                      &right);
    }
    box->height = y + m->foot - (box->child != PLAN_NONE ? m->row_gap : 0);
    box->width = least_width(a, box);
    if (box->width > room)
        box->width = room;
    box->width = larger(box->width, right + m->side);
}

/* From the corner of the box around it to that of the drawing; and all boxes in
 * a row reach as far down as the tallest. */
static void move(const struct arrange *a, uint32_t index, int x, int y)
{
    struct plan_box *boxes = a->plan->boxes;

    boxes[index].x += x;
    boxes[index].y += y;
    for (uint32_t i = boxes[index].child; i != PLAN_NONE; i = boxes[i].next)
        move(a, i, boxes[index].x, boxes[index].y);
}

static void level_rows(const struct arrange *a)
{
    struct plan_box *boxes = a->plan->boxes;

    for (uint32_t k = 0; k < a->plan->box_count; k++) {
        for (uint32_t i = boxes[k].child; i != PLAN_NONE;) {
            uint32_t end = i;
            int tallest = 0;

            for (; end != PLAN_NONE && boxes[end].y == boxes[i].y;
                 end = boxes[end].next)
                tallest = larger(tallest, boxes[end].height);
            for (; i != end; i = boxes[i].next)
                boxes[i].height = tallest;
        }
    }
}

void plan_arrange(struct plan *plan, const struct plan_measures *m, int room)
{
    struct arrange a = { plan, m };

    plan->boxes[0].x = plan->boxes[0].y = 0;
    measure(&a, 0, room);
    level_rows(&a);
    move(&a, 0, 0, 0);
}
