/* SPDX-License-Identifier: MIT */
/*
 * plan_svg.c - a plan as a picture.
 *
 * As wide as makes it about as high as a screen has it. Colours follow the
 * reader's preference for light or dark, workers have one for each node, and
 * what is under the pointer says what it is. Texts have room for any font.
 */
#include "plan.h"

#include <string.h>

#include "near.h"
#include "svg.h"
#include "why.h"

#define MARGIN 16
#define LETTER 7                    /* room for one, at 12 pixels */
#define BOLD 8                      /* for one that is bold */
#define LINE 17                     /* of text */
#define PU 42                       /* width and height of one */
#define PU_HIGH 34
#define PU_GAP 3
#define NARROW 560                  /* of what is tried */
#define WIDE 3200
#define COLOURS 8                   /* of workers; then again */

static const struct plan_measures measures = {
    .side = 8, .head = 24, .foot = 8, .notice = 24, .gap = 6, .row_gap = 6,
    .letter = BOLD,
};

/* The least that can be said of how far from 8 to 5 a drawing is. */
static int64_t misshape(const struct plan *plan)
{
    int64_t off = 5 * (int64_t)plan->boxes[0].width
                - 8 * (int64_t)plan->boxes[0].height;

    return off < 0 ? -off : off;
}

static void arrange(struct plan *plan)
{
    struct plan_measures m = measures;
    int columns = plan->most_pus > 1 ? 2 : 1;
    int rows = ((int)plan->most_pus + columns - 1) / columns;
    int64_t least = INT64_MAX;
    int best = NARROW;

    m.cell_width = columns * (PU + PU_GAP) + PU_GAP;
    m.cell_height = rows * (PU_HIGH + PU_GAP) + PU_GAP;
    for (int room = NARROW; room <= WIDE; room += PU) {
        plan_arrange(plan, &m, room);
        if (misshape(plan) < least) {
            least = misshape(plan);
            best = room;
        }
    }
    plan_arrange(plan, &m, best);
}

/* --- text beside the boxes ------------------------------------------------ */

/* A text as lines, from `y` on; returns where the next is. Without a file it
 * only counts. */
static int put_lines(FILE *file, int width, int y, const char *text)
{
    int most = (width - 2 * MARGIN) / LETTER;

    while (*text != '\0') {
        size_t n = strlen(text);
        char line[WHY_MAX];

        if (n > (size_t)most)
            for (n = (size_t)most; n > 0 && text[n] != ' ';)
                n--;
        if (n == 0)
            n = strcspn(text, " ");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        if (file != NULL) {
            fprintf(file, "<text x=\"%d\" y=\"%d\">", MARGIN, y + 13);
            svg_put(file, line);
            fputs("</text>\n", file);
        }
        y += LINE;
        text += n;
        text += strspn(text, " ");
    }
    return y;
}

static int put_head(FILE *file, const struct plan *plan, int width,
                    const char *why)
{
    char text[WHY_MAX];
    int y = MARGIN + 30;

    if (file != NULL) {
        fprintf(file, "<text class=\"title\" x=\"%d\" y=\"%d\">", MARGIN,
                MARGIN + 18);
        svg_put(file, plan_summary(text, plan));
        fputs("</text>\n", file);
    }
    plan_use(text, plan);
    y = put_lines(file, width, y, strcat(text, "."));
    snprintf(text, sizeof text, "%u worker%s: %.*s", (unsigned)plan->workers,
             plan->workers == 1 ? "" : "s", WHY_MAX - 40, why);
    return put_lines(file, width, y, text) + 8;
}

/* A sample beside what it means. */
static int put_key(FILE *file, int y, const char *class, const char *text)
{
    if (file != NULL) {
        fprintf(file, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"22\" "
                "height=\"14\" rx=\"3\"/>\n<text x=\"%d\" y=\"%d\">", class,
                MARGIN, y + 2, MARGIN + 30, y + 13);
        svg_put(file, text);
        fputs("</text>\n", file);
    }
    return y + LINE + 2;
}

static int put_foot(FILE *file, const struct plan *plan, int width, int y)
{
    bool bound = plan->seats->each != NULL;
    char text[WHY_MAX];
    char private[PLAN_TITLE];

    y = put_key(file, y + 10, "free", "hardware thread");
    if (plan->machine->allowed < plan->machine->pu_count)
        y = put_key(file, y, "shut", "this process may not use it");
    if (bound)
        y = put_key(file, y, "w0", plan->any_seated
                    ? "a worker is bound to it; a colour for each node"
                    : "workers bound to a node; a colour for each");
    plan_private(private, plan);
    snprintf(text, sizeof text, "%s%s%s", private[0] != '\0' ? "Each core has "
             : "", private, private[0] != '\0' ? " to itself." : "");
    y = put_lines(file, width, y, text);
    if (!plan->order)
        return y + MARGIN;
    y = put_lines(file, width, y + 8, "Whom workers take tasks from:");
    for (uint32_t i = 0; i < plan->workers; i++)
        y = put_lines(file, width, y, plan_rings(text, plan, i));
    return put_lines(file, width, y, plan_order(plan)) + MARGIN;
}

/* --- boxes ---------------------------------------------------------------- */

static void put_pu(FILE *file, const struct plan *plan, uint32_t index, int x,
                   int y)
{
    const struct mo_machine_pu *pu = &plan->machine->pus[index];
    uint32_t worker = plan->worker_of[index];
    char class[8];

    snprintf(class, sizeof class, "w%u", (unsigned)(pu->node % COLOURS));
    fprintf(file, "<g><title>hardware thread %u, core %u, node %u, package "
            "%u", (unsigned)pu->number, (unsigned)pu->core,
            (unsigned)plan->machine->nodes[pu->node].number,
            (unsigned)pu->package);
    if (worker != PLAN_NONE)
        fprintf(file, ": worker %u", (unsigned)worker);
    if (!pu->allowed)
        fputs(": this process may not use it", file);
    fprintf(file, "</title><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" "
            "height=\"%d\" rx=\"4\"/>", worker != PLAN_NONE ? class
            : pu->allowed ? "free" : "shut", x, y, PU, PU_HIGH);
    fprintf(file, "<text class=\"%s\" x=\"%d\" y=\"%d\">%u</text>",
            worker != PLAN_NONE ? "small on" : pu->allowed ? "small"
                                                            : "small off",
            x + PU / 2, y + (worker != PLAN_NONE ? 13 : 21),
            (unsigned)pu->number);
    if (worker != PLAN_NONE)
        fprintf(file, "<text class=\"who on\" x=\"%d\" y=\"%d\">w%u</text>",
                x + PU / 2, y + 27, (unsigned)worker);
    fputs("</g>\n", file);
}

static void put_core(FILE *file, const struct plan *plan,
                     const struct plan_box *box, int down)
{
    fprintf(file, "<rect class=\"core\" x=\"%d\" y=\"%d\" width=\"%d\" "
            "height=\"%d\" rx=\"5\"/>\n", box->x + MARGIN, box->y + down,
            box->width, box->height);
    for (uint32_t i = 0; i < box->count; i++)
        put_pu(file, plan, box->first + i,
               box->x + MARGIN + PU_GAP + (int)(i % 2) * (PU + PU_GAP),
               box->y + down + PU_GAP + (int)(i / 2) * (PU_HIGH + PU_GAP));
}

static void put_box(FILE *file, const struct plan *plan,
                    const struct plan_box *box, int down)
{
    int x = box->x + MARGIN;
    int y = box->y + down;
    int fits = (box->width - 2 * measures.side) / BOLD;
    char title[PLAN_TITLE];
    char list[PLAN_LIST] = "";

    snprintf(title, sizeof title, "%.*s", fits, box->title);
    fprintf(file, "<rect class=\"box\" x=\"%d\" y=\"%d\" width=\"%d\" "
            "height=\"%d\" rx=\"6\"/>\n<text class=\"name\" x=\"%d\" "
            "y=\"%d\">", x, y, box->width, box->height, x + measures.side,
            y + 17);
    svg_put(file, title);
    fputs("</text>\n", file);
    if (box->node != PLAN_NONE)
        plan_on_node(list, plan, box->node);
    if (list[0] != '\0')
        fprintf(file, "<rect class=\"w%u\" x=\"%d\" y=\"%d\" width=\"%d\" "
                "height=\"20\" rx=\"10\"/>\n<text class=\"who on\" x=\"%d\" "
                "y=\"%d\">%.*s</text>\n", (unsigned)(box->node % COLOURS),
                x + measures.side, y + measures.head,
                box->width - 2 * measures.side, x + box->width / 2,
                y + measures.head + 14, fits, list);
}

/* --- the picture ---------------------------------------------------------- */

static void put_style(FILE *file)
{
    fputs("<style>\n"
          "text { font: 12px sans-serif; fill: #222; }\n"
          ".title { font-size: 17px; font-weight: bold; }\n"
          ".name { font-weight: bold; }\n"
          ".small { font-size: 11px; text-anchor: middle; }\n"
          ".who { font-weight: bold; text-anchor: middle; }\n"
          ".ground { fill: #fff; }\n"
          ".box { fill: #5b7a9d; fill-opacity: .09; stroke: #7c93ab; }\n"
          ".core { fill: #fff; stroke: #b9c4cf; }\n"
          ".free { fill: #e3e8ed; stroke: #b9c4cf; }\n"
          ".shut { fill: none; stroke: #b9c4cf; stroke-dasharray: 3 2; }\n"
          ".w0 { fill: #f2a36b; }\n.w1 { fill: #7fb8e6; }\n"
          ".w2 { fill: #8fcb8a; }\n.w3 { fill: #d6a3dd; }\n"
          ".w4 { fill: #e7cf5f; }\n.w5 { fill: #f19a9c; }\n"
          ".w6 { fill: #78cfc4; }\n.w7 { fill: #b9b3ec; }\n"
          "@media (prefers-color-scheme: dark) {\n"
          "text { fill: #e4e4e4; }\n"
          ".ground { fill: #16181c; }\n"
          ".box { stroke: #5d7590; }\n"
          ".core { fill: #16181c; stroke: #46515e; }\n"
          ".free { fill: #323942; stroke: #46515e; }\n"
          ".shut { stroke: #46515e; }\n"
          "}\n"
          ".on { fill: #1b1b1b; }\n"
          ".off { fill: #8a949e; }\n"
          "</style>\n", file);
}

void plan_svg(struct plan *plan, const char *why, FILE *file)
{
    char title[PLAN_TITLE];
    int width, down, end;

    arrange(plan);
    width = plan->boxes[0].width + 2 * MARGIN;
    if (width < NARROW + 2 * MARGIN)
        width = NARROW + 2 * MARGIN;
    down = put_head(NULL, plan, width, why);
    end = down + plan->boxes[0].height;
    fprintf(file, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
            "height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
            width, put_foot(NULL, plan, width, end), width,
            put_foot(NULL, plan, width, end));
    svg_put(file, plan_summary(title, plan));
    fputs("</title>\n", file);
    put_style(file);
    fputs("<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n", file);
    put_head(file, plan, width, why);
    for (uint32_t i = 0; i < plan->box_count; i++) {
        if (plan->boxes[i].core)
            put_core(file, plan, &plan->boxes[i], down);
        else
            put_box(file, plan, &plan->boxes[i], down);
    }
    put_foot(file, plan, width, end);
    fputs("</svg>\n", file);
}
