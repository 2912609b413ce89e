/* SPDX-License-Identifier: MIT */
/*
 * depth.c - how deep tasks go, seen from what they leave behind.
 *
 * Nothing is done while a task runs. What it wrote stays on its stack, so it
 * is enough to look afterwards how far down that reaches, and to wipe it off
 * before the next task whose depth is to be known. The kernel says which pages
 * of a stack are in memory at all (mincore), the words of the lowest of those
 * say the rest: a call leaves its return address, so the deepest one is seen,
 * but for what a function that calls no other leaves zero in its frame.
 *
 * A look takes a microsecond or so, more than most tasks. So (`on`) a worker
 * spends a hundredth of its time on looks: after one that took t the next is
 * due 100 t later. Others are not measured one by one, but what they leave
 * behind stays, too: the next look at that stack sees the deepest of them, and
 * whose it was, if all were of one spawn site. `all` measures every task.
 *
 * fiber->low is where what is known to be dirty begins: below it nobody had
 * written at the last look. NULL: nobody has looked. fiber->depth_site is whose
 * tasks ran there since it was wiped.
 *
 * Tables are written by their worker and read by any. (docs/decisions has what
 * was measured, and what was rejected.)
 */
#include "depth.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arch/switch.h"
#include "line.h"
#include "log.h"
#include "mem.h"
#include "os/memory.h"
#include "stats.h"
#include "task.h"

#define SHARE 100                   /* of a worker's time, one part for looks */
#define CHUNK 1024                  /* pages asked about at once */
#define BELOW 512                   /* bytes that may be in use under sp */
#define NEAR 8                      /* a part of a stack so small is left */

struct mo_depth {                   /* of a worker */
    size_t page;                    /* constant */
    int64_t due_ns;                 /* when the next look is */
    unsigned char pages[CHUNK];
    struct mo_depths sites[MO_SITES + 1];
};

static const struct moirai_site several;    /* stands for more than one */
static MO_ATOMIC(uint32_t) told[MO_SITES + 1];  /* who is near the end */

bool mo_depth_init(struct mo_worker *w)
{
    size_t page = mo_os_page();
    unsigned char here;

    if (w->runtime->options.watermark == MO_WATERMARK_OFF)
        return true;
    if (mo_watched() || !mo_switch_saves_on_stack()
        || !mo_os_resident((void *)((uintptr_t)w / page * page), 1, &here)) {
        if (w->hot.index == 0)
            mo_log(MOIRAI_LOG_WARN, "stacks.watermark: not available %s",
                   mo_watched() ? "under a sanitizer" : "on this system");
        return true;
    }
    w->depths = mo_mem_alloc(sizeof *w->depths, MO_CACHE_LINE);
    if (w->depths == NULL)
        return false;
    w->depths->page = page;
    w->noted |= w->runtime->options.watermark == MO_WATERMARK_ALL;
    return true;
}

void mo_depth_fini(struct mo_worker *w)
{
    mo_mem_free(w->depths);
}

/* --- looking -------------------------------------------------------------- */

static char *top_of(const struct mo_fiber *fiber)
{
    return fiber->stack.base + fiber->stack.size;
}

/* The lowest word in [from, to) that is not zero, or `to`. */
static char *first_used(char *from, char *to)
{
    const uintptr_t *at = (const uintptr_t *)(void *)from;

    while ((char *)(uintptr_t)at < to && *at == 0)
        at++;
    return (char *)(uintptr_t)at < to ? (char *)(uintptr_t)at : to;
}

/* Calls each(page's part below `to`) for what of [base, to) is in memory, from
 * the lowest, until that returns something. */
static char *each_page(struct mo_worker *w, const struct mo_fiber *fiber,
                       char *to, char *(*each)(char *from, char *to))
{
    uintptr_t base = (uintptr_t)fiber->stack.base;
    size_t page = w->depths->page;
    char *at = fiber->stack.base + (0 - base) % page;

    while (at < to) {
        size_t n = ((size_t)(to - at) + page - 1) / page;

        n = n < CHUNK ? n : CHUNK;
        if (!mo_os_resident(at, n * page, w->depths->pages))
            return NULL;
        for (size_t i = 0; i < n; i++, at += page) {
            char *end = at + page < to ? at + page : to;
            char *found = NULL;

            if (w->depths->pages[i] & 1)
                found = each(at, end);
            if (found != NULL)
                return found;
        }
    }
    return NULL;
}

static char *find_used(char *from, char *to)
{
    char *found = first_used(from, to);

    return found != to ? found : NULL;
}

static char *wipe_page(char *from, char *to)
{
    char *found = first_used(from, to);

    if (found != to)
        memset(found, 0, (size_t)(to - found));
    return NULL;
}

/* Sees what is new below `low`. */
static void look(struct mo_worker *w, struct mo_fiber *fiber)
{
    char *found = each_page(w, fiber, fiber->low, find_used);

    if (found != NULL)
        fiber->low = found;
}

/* What is below `ceiling` is zero after that. */
static void wipe(struct mo_worker *w, struct mo_fiber *fiber, char *ceiling)
{
    ceiling = (char *)((uintptr_t)ceiling / 16 * 16);
    each_page(w, fiber, ceiling, wipe_page);
    fiber->low = ceiling;
    fiber->depth_site = NULL;
}

/* --- remembering ---------------------------------------------------------- */

static void raise_to(uint64_t *most, uint64_t value)
{
    if (mo_load_relaxed(most) < value)
        mo_store_relaxed(most, value);
}

static uint32_t step_of(uint64_t bytes)
{
    uint32_t log = 63 - (uint32_t)__builtin_clzll(bytes | 1024);
    uint32_t step = 2 * (log - 10) + (uint32_t)(bytes >> (log - 1) & 1);

    return step < MO_DEPTH_STEPS ? step : MO_DEPTH_STEPS - 1;
}

/* The most that falls into a step. */
static uint64_t step_end(uint32_t step)
{
    uint64_t half = UINT64_C(1) << (step / 2 + 9);

    return half * (step % 2 == 0 ? 3 : 4);
}

static uint32_t index_of(const struct moirai_site *site)
{
    uint32_t index = site != &several ? mo_load_relaxed(&site->index)
                                      : MO_SITES;

    return index <= MO_SITES ? index : 0;
}

/* Once for a site. */
static void warn(struct mo_worker *w, const struct mo_fiber *fiber,
                 const struct moirai_site *site, uint64_t depth)
{
    const char *advice = w->runtime->advice[fiber->stack.stack_class
                                            % MOIRAI_STACK_CLASSES];
    char text[64] = "";
    struct mo_line line = { text, sizeof text - 1, 0, -1 };

    if (site == &several || mo_swap(&told[index_of(site)], 1) != 0)
        return;
    mo_line_size(&line, depth);
    mo_line_text(&line, " of ");
    mo_line_size(&line, fiber->stack.size);
    text[line.used] = '\0';
    mo_log(MOIRAI_LOG_WARN, "tasks spawned at %s:%u have used %s of stack. %s",
           site->file, site->line, text, advice != NULL ? advice : "");
}

static void record(struct mo_worker *w, const struct mo_fiber *fiber,
                   const struct moirai_site *site, bool alone)
{
    struct mo_depths *d = &w->depths->sites[index_of(site)];
    uint64_t depth = (uint64_t)(top_of(fiber) - fiber->low);

    raise_to(&d->deepest[fiber->stack.stack_class % MOIRAI_STACK_CLASSES],
             depth);
    if (alone) {
        mo_count(&d->measured, 1);
        mo_count(&d->steps[step_of(depth)], 1);
    }
    if (depth > fiber->stack.size - fiber->stack.size / NEAR)
        warn(w, fiber, site, depth);
}

/* What those left that were not measured: the deepest of them. */
static void look_back(struct mo_worker *w, struct mo_fiber *fiber)
{
    const char *before = fiber->low;

    if (before == NULL || fiber->depth_site == NULL)
        return;
    look(w, fiber);
    if (fiber->low != before)
        record(w, fiber, fiber->depth_site, false);
}

/* --- when ----------------------------------------------------------------- */

/* Simulated time does not pass while somebody looks, and what is counted in
 * valgrind must not depend on time. */
bool mo_depth_due(const struct mo_worker *w)
{
    const struct moirai_runtime *rt = w->runtime;

    return rt->options.watermark == MO_WATERMARK_ALL || rt->os->sim != NULL
        || (w->clock_ns >= w->depths->due_ns && !mo_valgrind());
}

static int64_t begin_look(const struct mo_worker *w)
{
    return w->runtime->os->sim == NULL ? mo_runtime_now(w->runtime) : 0;
}

static void end_look(struct mo_worker *w, int64_t began)
{
    int64_t now = begin_look(w);

    if (w->depths->due_ns < now)
        w->depths->due_ns = now;
    w->depths->due_ns += SHARE * (now - began);
}

static void join_sites(struct mo_fiber *fiber, const struct moirai_site *site)
{
    if (fiber->depth_site == NULL)
        fiber->depth_site = site;
    else if (fiber->depth_site != site)
        fiber->depth_site = &several;
}

static void measure(struct mo_worker *w, struct mo_fiber *fiber,
                    const struct moirai_site *site, char *ceiling)
{
    int64_t began = begin_look(w);

    look_back(w, fiber);
    wipe(w, fiber, ceiling);
    fiber->depth_site = site;
    fiber->measured = 1;
    end_look(w, began);
}

void mo_depth_start(struct mo_worker *w, struct mo_fiber *fiber,
                    const struct moirai_site *site)
{
    if (mo_depth_due(w))
        measure(w, fiber, site, fiber->sp);
    else
        join_sites(fiber, site);
}

struct mo_fiber *mo_depth_start_here(struct mo_worker *w,
                                     const struct moirai_site *site)
{
    struct mo_fiber *fiber = w->fiber;

    if (!mo_depth_due(w) || fiber->measured)
        return NULL;
    measure(w, fiber, site, (char *)__builtin_frame_address(0) - BELOW);
    return fiber;
}

static void end_measure(struct mo_worker *w, struct mo_fiber *fiber)
{
    int64_t began = begin_look(w);

    look(w, fiber);
    record(w, fiber, fiber->depth_site, true);
    fiber->measured = 0;
    end_look(w, began);
}

void mo_depth_end_here(struct mo_fiber *fiber)
{
    end_measure(mo_here(), fiber);
    fiber->depth_site = &several;   /* that follow, and are not seen */
}

void mo_depth_end(struct mo_worker *w, struct mo_fiber *fiber)
{
    if (fiber->measured)
        end_measure(w, fiber);
}

void mo_depth_trim(struct mo_worker *w, struct mo_fiber *fiber, char *low)
{
    size_t size = w->depths->page;
    char *page = (char *)((uintptr_t)low / size * size);
    int64_t began;

    if (fiber->low == NULL && fiber->depth_site == NULL)
        return;
    if (fiber->low != NULL && (fiber->measured || mo_depth_due(w))) {
        began = begin_look(w);
        look(w, fiber);
        end_look(w, began);
        record(w, fiber, fiber->depth_site != NULL ? fiber->depth_site
                                                   : &several, false);
    }
    if (!fiber->measured && (fiber->low == NULL || fiber->low < page))
        fiber->low = page;
}

/* --- telling -------------------------------------------------------------- */

void mo_depth_read(const struct moirai_runtime *rt, uint32_t index,
                   struct mo_depth_sum *sum)
{
    uint64_t steps[MO_DEPTH_STEPS] = { 0 };
    uint64_t above = 0;

    memset(sum, 0, sizeof *sum);
    for (uint32_t i = 0; i < mo_load_relaxed(&rt->worker_count); i++) {
        const struct mo_worker *w = rt->workers[i];
        const struct mo_depths *d;

        if (w->depths == NULL)
            continue;
        d = &w->depths->sites[index];
        for (int c = 0; c < MOIRAI_STACK_CLASSES; c++)
            raise_to(&sum->deepest[c], mo_load_relaxed(&d->deepest[c]));
        sum->measured += mo_load_relaxed(&d->measured);
        for (uint32_t k = 0; k < MO_DEPTH_STEPS; k++)
            steps[k] += mo_load_relaxed(&d->steps[k]);
    }
    for (uint32_t k = MO_DEPTH_STEPS; k > 0 && sum->p99 == 0; k--) {
        above += steps[k - 1];
        if (above > sum->measured / 100)
            sum->p99 = step_end(k - 1);
    }
}

static const char *const class_names[MOIRAI_STACK_CLASSES] = {
    [MOIRAI_STACK_TASK] = "size",
    [MOIRAI_STACK_LOOP] = "loop",
    [MOIRAI_STACK_EXTRA] = "extra",
};

static void say_site(struct mo_line *line, uint32_t index)
{
    const struct moirai_site *site = mo_task_site(index);

    if (site == NULL) {
        mo_line_text(line, index == MO_SITES ? "several places"
                                             : "other places");
        return;
    }
    mo_line_text(line, site->file);
    mo_line_text(line, ":");
    mo_line_number(line, site->line);
}

static void print_site(struct mo_line *line, uint32_t index,
                       const struct mo_depth_sum *sum)
{
    for (int c = 0; c < MOIRAI_STACK_CLASSES; c++) {
        if (sum->deepest[c] == 0)
            continue;
        mo_line_text(line, "moirai: at most ");
        mo_line_size(line, sum->deepest[c]);
        mo_line_text(line, " of stacks.");
        mo_line_text(line, class_names[c]);
        mo_line_text(line, " used by tasks spawned at ");
        say_site(line, index);
        mo_line_text(line, "; ");
        mo_line_number(line, sum->measured);
        mo_line_text(line, " measured one by one");
        mo_line_end(line);
    }
}

static void write_site(struct mo_line *line, const struct moirai_runtime *rt,
                       uint32_t index, const struct mo_depth_sum *sum)
{
    uint64_t spawned = index < MO_SITES ? mo_stats_spawned(rt, index) : 0;

    for (int c = 0; c < MOIRAI_STACK_CLASSES; c++) {
        const uint64_t numbers[] = {
            spawned, sum->measured, sum->deepest[c], sum->p99,
            rt->stack_sizes[c],
        };

        if (sum->deepest[c] == 0)
            continue;
        mo_line_text(line, class_names[c]);
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            mo_line_text(line, " ");
            mo_line_number(line, numbers[i]);
        }
        mo_line_text(line, " ");
        say_site(line, index);
        mo_line_end(line);
    }
}

static void put_all(const struct moirai_runtime *rt, int fd, bool for_people)
{
    char text[1024];
    struct mo_line line = { text, sizeof text, 0, fd };

    for (uint32_t i = 0; i <= MO_SITES; i++) {
        struct mo_depth_sum sum;

        mo_depth_read(rt, i, &sum);
        if (for_people)
            print_site(&line, i, &sum);
        else
            write_site(&line, rt, i, &sum);
    }
    mo_line_flush(&line);
}

static void write_file(const struct moirai_runtime *rt)
{
    const char *path = rt->options.watermark_file;
    int fd;

    if (path[0] == '\0')
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) {
        mo_log(MOIRAI_LOG_WARN, "stacks.watermark_file: %s cannot be written",
               path);
        return;
    }
    put_all(rt, fd, false);
    close(fd);
}

static void look_at_all(struct mo_worker *w)
{
    for (int c = 0; c < MOIRAI_STACK_CLASSES; c++) {
        struct mo_fiber *lists[] = { w->pool[c], w->batch[c] };

        for (int i = 0; i < 2; i++)
            for (struct mo_fiber *f = lists[i]; f != NULL; f = f->next)
                look_back(w, f);
    }
}

void mo_depth_report(struct moirai_runtime *rt)
{
    uint32_t n = mo_valgrind() ? 0 : mo_load_relaxed(&rt->worker_count);

    if (rt->workers[0]->depths == NULL)
        return;
    for (uint32_t i = 0; i < n; i++)
        look_at_all(rt->workers[i]);
    if (rt->options.stats_at_exit)
        put_all(rt, STDERR_FILENO, true);
    write_file(rt);
}
