/* SPDX-License-Identifier: MIT */
/*
 * plan_text.c - a plan as text, as wide as the terminal.
 *
 * Drawn on a grid of cells first, as boxes lie in boxes. Lines are those of
 * Unicode where the locale has it, else of ASCII. All that colour says, signs
 * say too.
 */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool.h"
#include "why.h"

#define FIELD 24                    /* bytes of what is written of a pu */

enum ink { INK_PLAIN, INK_TITLE, INK_WORKER, INK_CLOSED };

/* Lines that a cell of the grid may have in place of a letter. */
enum line { LINE_ACROSS = 1, LINE_DOWN, LINE_NW, LINE_NE, LINE_SW, LINE_SE };

static const char *const ascii[] = { "-", "|", "+", "+", "+", "+" };
static const char *const unicode[] = { "─", "│", "┌", "┐", "└", "┘" };

struct cell {
    char letter;                    /* or enum line */
    unsigned char ink;
};

struct grid {
    const struct plan *plan;
    struct cell *cells;
    int width, height;
    int field;                      /* width of a pu's */
};

/* --- on the grid --------------------------------------------------------- */

static void put(const struct grid *g, int x, int y, char letter, enum ink ink)
{
    if (x < g->width && y < g->height)
        g->cells[y * g->width + x] = (struct cell){ letter,
                                                    (unsigned char)ink };
}

/* Not beyond column `end`. */
static int write_at(const struct grid *g, int x, int y, int end,
                    const char *text, enum ink ink)
{
    for (; *text != '\0' && x < end; text++)
        put(g, x++, y, *text, ink);
    return x;
}

static void draw_border(const struct grid *g, const struct plan_box *box)
{
    int right = box->x + box->width - 1;
    int bottom = box->y + box->height - 1;

    for (int x = box->x + 1; x < right; x++) {
        put(g, x, box->y, LINE_ACROSS, INK_PLAIN);
        put(g, x, bottom, LINE_ACROSS, INK_PLAIN);
    }
    for (int y = box->y + 1; y < bottom; y++) {
        put(g, box->x, y, LINE_DOWN, INK_PLAIN);
        put(g, right, y, LINE_DOWN, INK_PLAIN);
    }
    put(g, box->x, box->y, LINE_NW, INK_PLAIN);
    put(g, right, box->y, LINE_NE, INK_PLAIN);
    put(g, box->x, bottom, LINE_SW, INK_PLAIN);
    put(g, right, bottom, LINE_SE, INK_PLAIN);
}

static void draw_box(const struct grid *g, const struct plan_box *box)
{
    int end = box->x + box->width - 2;
    char list[PLAN_LIST];
    int x = box->x + 1;

    draw_border(g, box);
    put(g, x, box->y, ' ', INK_PLAIN);
    x = write_at(g, x + 1, box->y, end, box->title, INK_TITLE);
    put(g, x, box->y, ' ', INK_PLAIN);
    if (box->node != PLAN_NONE)
        write_at(g, box->x + 2, box->y + 1, end,
                 plan_on_node(list, g->plan, box->node), INK_WORKER);
}

static enum ink field_text(char *out, const struct plan *plan, uint32_t pu)
{
    const struct mo_machine_pu *of = &plan->machine->pus[pu];
    uint32_t worker = plan->worker_of[pu];

    if (worker != PLAN_NONE)
        snprintf(out, FIELD, "%u:w%u", (unsigned)of->number, (unsigned)worker);
    else
        snprintf(out, FIELD, of->allowed ? "%u" : "(%u)",
                 (unsigned)of->number);
    return worker != PLAN_NONE ? INK_WORKER
         : of->allowed ? INK_PLAIN : INK_CLOSED;
}

static void draw_core(const struct grid *g, const struct plan_box *box)
{
    int right = box->x + box->width - 1;
    char text[FIELD];

    put(g, box->x, box->y, '[', INK_PLAIN);
    for (uint32_t i = 0; i < box->count; i++) {
        enum ink ink = field_text(text, g->plan, box->first + i);

        write_at(g, box->x + 1 + (int)i * (g->field + 1), box->y, right, text,
                 ink);
    }
    put(g, right, box->y, ']', INK_PLAIN);
}

/* --- on standard output -------------------------------------------------- */

static bool has_unicode(void)
{
    static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        const char *set = value != NULL ? strchr(value, '.') : NULL;

        if (value != NULL && value[0] != '\0')
            return set != NULL && (strncasecmp(set, ".utf-8", 6) == 0
                                   || strncasecmp(set, ".utf8", 5) == 0);
    }
    return false;
}

static const char *ink_code(unsigned ink)
{
    if (ink == INK_TITLE)
        return tool_bold(stdout);
    if (ink == INK_WORKER)
        return tool_green(stdout);
    return ink == INK_CLOSED ? tool_faint(stdout) : "";
}

static void print_line(const struct grid *g, int y)
{
    static const struct cell blank = { 0, INK_PLAIN };
    const char *const *lines = has_unicode() ? unicode : ascii;
    const struct cell *cells = &g->cells[y * g->width];
    const struct cell *last = &blank;
    int end = g->width;

    while (end > 0 && cells[end - 1].letter == 0)
        end--;
    for (int x = 0; x < end; last = &cells[x++]) {
        char letter = cells[x].letter;

        if (cells[x].ink != last->ink && last->ink != INK_PLAIN)
            fputs(tool_plain(stdout), stdout);
        if (cells[x].ink != last->ink)
            fputs(ink_code(cells[x].ink), stdout);
        if (letter >= LINE_ACROSS && letter <= LINE_SE)
            fputs(lines[letter - LINE_ACROSS], stdout);
        else
            putchar(letter != 0 ? letter : ' ');
    }
    printf("\n");
}

static int widest_field(const struct plan *plan)
{
    size_t widest = 1;
    char text[FIELD];

    for (uint32_t i = 0; i < plan->machine->pu_count; i++) {
        field_text(text, plan, i);
        if (strlen(text) > widest)
            widest = strlen(text);
    }
    return (int)widest;
}

static int draw(struct plan *plan, int width)
{
    struct grid g = { .plan = plan, .field = widest_field(plan) };
    struct plan_measures m = {
        .side = 2, .head = 1, .foot = 1, .notice = 1, .gap = 1, .letter = 1,
        .cell_width = 1 + (int)plan->most_pus * (g.field + 1),
        .cell_height = 1,
    };

    plan_arrange(plan, &m, width);
    g.width = plan->boxes[0].width;
    g.height = plan->boxes[0].height;
    g.cells = calloc((size_t)g.width * (size_t)g.height, sizeof *g.cells);
    if (g.cells == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < plan->box_count; i++) {
        if (plan->boxes[i].core)
            draw_core(&g, &plan->boxes[i]);
        else
            draw_box(&g, &plan->boxes[i]);
    }
    for (int y = 0; y < g.height; y++)
        print_line(&g, y);
    free(g.cells);
    return 0;
}

/* --- beside the drawing -------------------------------------------------- */

static void print_legend(const struct plan *plan, int width)
{
    const struct mo_machine *machine = plan->machine;
    char private[PLAN_TITLE];
    char text[WHY_MAX];

    plan_private(private, plan);
    snprintf(text, sizeof text, "[ ] is a core%s%s%s, a number a hardware "
             "thread, as the system counts them%s%s.",
             private[0] != '\0' ? " with " : "", private,
             private[0] != '\0' ? " to itself" : "",
             plan->any_seated ? ", 7:w3 one that worker 3 is bound to" : "",
             machine->allowed < machine->pu_count
                 ? ", (7) one that this process may not use" : "");
    tool_paragraph(width, 2, 0, text);
}

static void print_order(const struct plan *plan, int width)
{
    char text[WHY_MAX];

    printf("\n%swhom workers take tasks from%s\n", tool_bold(stdout),
           tool_plain(stdout));
    for (uint32_t i = 0; i < plan->workers; i++)
        if (plan_rings(text, plan, i)[0] != '\0')
            tool_paragraph(width, 4, printf("  "), text);
    tool_paragraph(width, 2, 0, plan_order(plan));
}

int plan_text(struct plan *plan, const char *why)
{
    int width = tool_width();
    char text[WHY_MAX];
    int rc;

    fputs(tool_bold(stdout), stdout);
    tool_paragraph(width, 2, printf("machine:"), plan_summary(text, plan));
    fputs(tool_plain(stdout), stdout);
    snprintf(text + strlen(plan_use(text, plan)), 2, ".");
    tool_paragraph(width, 2, 0, text);
    printf("%sworkers: %u%s\n", tool_bold(stdout), (unsigned)plan->workers,
           tool_plain(stdout));
    tool_paragraph(width, 2, 0, why);
    printf("\n");
    rc = draw(plan, width);
    print_legend(plan, width);
    if (plan->order)
        print_order(plan, width);
    return rc;
}
