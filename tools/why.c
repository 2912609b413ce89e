/* SPDX-License-Identifier: MIT */
/*
 * why.c - sentences about why a configuration came to what it came to.
 */
#include "why.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <moirai/sched.h>
#include <moirai/stack.h>

#include "guard.h"
#include "section.h"
#include "text.h"
#include "topo.h"

const struct mo_chosen **why_sections(const struct mo_setup *s, size_t *n)
{
    const struct mo_sections *all = mo_setup_sections(s);
    const struct mo_chosen **list = malloc(
        (3 + all->n_channels + all->n_transports) * sizeof *list);

    *n = 0;
    if (list == NULL)
        return NULL;
    list[(*n)++] = &all->sched;
    list[(*n)++] = &all->stack;
    list[(*n)++] = &all->io;
    for (size_t i = 0; i < all->n_transports; i++)
        list[(*n)++] = &all->transports[i].chosen;
    for (size_t i = 0; i < all->n_channels; i++)
        list[(*n)++] = &all->channels[i].chosen;
    return list;
}

/* The value called `name` of the section whose first value is `v`. */
static const struct mo_option_value *find_value(
    const struct mo_option_value *v, const char *name)
{
    const char *path = v != NULL ? v->path : "";

    while (v != NULL && strcmp(v->path, path) == 0) {
        if (strcmp(v->name, name) == 0)
            return v;
        v = v->next;
    }
    return NULL;
}

/* What was asked for, if it was by somebody. */
static const char *asked_by(char *out, size_t size,
                            const struct mo_chosen *chosen)
{
    char place[4800];

    if (chosen->place.from == MO_FROM_PRESET)
        snprintf(out, size, "nobody names one, and the preset is \"%s\"",
                 chosen->asked);
    else
        snprintf(out, size, "%s asks for \"%.200s\"",
                 mo_report_origin(place, sizeof place, &chosen->place),
                 chosen->asked);
    return out;
}

static const char *nothing_found(char *out, const struct mo_chosen *chosen)
{
    char asked[5200];

    if (chosen->asked == NULL)
        snprintf(out, WHY_MAX, "no plugin is named, and there is no preset");
    else if (chosen->reason != NULL)
        snprintf(out, WHY_MAX, "%s, but %.700s", asked_by(asked, sizeof asked,
                                                          chosen),
                 chosen->reason);
    else
        snprintf(out, WHY_MAX, "%s, but there is none that can run here; "
                 "calls that block go to the pool of threads that may",
                 asked_by(asked, sizeof asked, chosen));
    return out;
}

const char *why_section(char *out, const struct mo_chosen *chosen)
{
    const struct mo_plugin *p = chosen->from;
    const struct mo_option_value *v;
    char asked[5200];
    size_t used;

    if (p == NULL)
        return nothing_found(out, chosen);
    asked_by(asked, sizeof asked, chosen);
    if (strcmp(chosen->asked, "auto") == 0)
        snprintf(out, WHY_MAX, "%s: of those that can run here it has the "
                 "highest rank, %d", asked, (int)p->plugin->rank);
    else if (strchr(chosen->asked, '/') == NULL &&
             strcmp(chosen->asked, p->name) != 0)
        snprintf(out, WHY_MAX, "%s, which cannot be had; of the others that "
                 "can run here it has the highest rank, %d", asked,
                 (int)p->plugin->rank);
    else
        snprintf(out, WHY_MAX, "%s", asked);
    v = find_value(chosen->values, "plugin");
    for (v = v != NULL ? v->over : NULL; v != NULL; v = v->over) {
        used = strlen(out);
        snprintf(out + used, WHY_MAX - used, "; this wins over \"%.200s\" of ",
                 v->text);
        used = strlen(out);
        mo_report_origin(out + used, WHY_MAX - used, &v->place);
    }
    return out;
}

bool why_taken(const struct mo_plugin *p, const struct mo_chosen *const *list,
               size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i]->from == p)
            return true;
    }
    return false;
}

/* The plugin that `auto` took for one of the sections in place of p. */
static const struct mo_plugin *beaten_by(const struct mo_plugin *p,
                                         const struct mo_chosen *const *list,
                                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct mo_plugin *winner = list[i]->from;

        if (winner != NULL && winner->kind == p->kind &&
            strcmp(list[i]->asked, "auto") == 0)
            return winner;
    }
    return NULL;
}

static const char *why_not(char *out, const struct mo_plugin *p,
                           const struct mo_plugin *winner)
{
    if (winner == NULL)
        snprintf(out, WHY_MAX, "nobody asks for it");
    else if (winner->plugin->rank == p->plugin->rank)
        snprintf(out, WHY_MAX, "not taken: \"%s\" has the same rank, and its "
                 "name comes first", winner->name);
    else
        snprintf(out, WHY_MAX, "not taken: rank %d is below the %d of \"%s\"",
                 (int)p->plugin->rank, (int)winner->plugin->rank,
                 winner->name);
    return out;
}

const char *why_plugin(char *out, const struct mo_plugin *p,
                       const struct mo_chosen *const *list, size_t n)
{
    const struct mo_plugin *by = p->shadowed_by;
    const char *between = "taken by ";
    size_t used = 0;

    if (p->state == MO_PLUGIN_REFUSED)
        snprintf(out, WHY_MAX, "cannot be loaded: %.1000s", p->reason);
    else if (by != NULL)
        snprintf(out, WHY_MAX, "hidden by %s%.4096s, which has the same name "
                 "and comes first; asked for by its path it is taken",
                 by->path == NULL ? "the one that is built in" : "",
                 by->path == NULL ? "" : by->path);
    else if (p->reason != NULL && !why_taken(p, list, n))
        snprintf(out, WHY_MAX, "not taken: %.1000s", p->reason);
    else if (!why_taken(p, list, n))
        why_not(out, p, beaten_by(p, list, n));
    else
        for (size_t i = 0; i < n && used + 1 < WHY_MAX; i++) {
            if (list[i]->from != p)
                continue;
            snprintf(out + used, WHY_MAX - used, "%s%s", between,
                     list[i]->path);
            used += strlen(out + used);
            between = ", ";
        }
    return out;
}

const char *why_guard(char *out, const struct mo_setup *s, uint32_t kind)
{
    const struct mo_option_value *v = find_value(mo_setup_stack(s)->values,
                                                 "guard_kind");
    char place[4800];
    size_t used;

    snprintf(out, WHY_MAX, "%s", guard_describe(kind));
    used = strlen(out);
    if (used == 0) {
        snprintf(out, WHY_MAX, "guarded in a way that the plugin does not "
                 "tell");
    } else if (v != NULL && strcmp(v->text, "auto") != 0) {
        snprintf(out + used, WHY_MAX - used, ", because %s says "
                 "\"guard_kind: %s\"",
                 mo_report_origin(place, sizeof place, &v->place), v->text);
    } else if (kind == MOIRAI_GUARD_INSTALL) {
        snprintf(out + used, WHY_MAX - used, ": this kernel can, and no way "
                 "is cheaper");
    } else if (kind == MOIRAI_GUARD_MPROTECT) {
        snprintf(out + used, WHY_MAX - used, "; this kernel cannot install "
                 "guards without a mapping (Linux 6.13 can)");
    }
    return out;
}

#define HYBRID_WOKEN                                                          \
    "Tasks that a timer or something outside has woken go on before those "   \
    "that compute; "

const char *why_hybrid(char *out, const struct mo_setup *s)
{
    const struct moirai_sched_ops *ops = mo_setup_sched(s)->ops;
    const struct mo_runtime_options *options = mo_setup_runtime(s);
    uint32_t n = why_workers(out, s);
    const char *text;

    if (options->workers_max > n)
        n = (uint32_t)options->workers_max;
    if (options->hybrid == MO_HYBRID_OFF)
        text = "A task that was woken waits until a worker has a turn for it, "
               "however long others take (hybrid: auto would change that).";
    else if (ops == NULL || (ops->flags & (MOIRAI_SCHED_DEQUE
                                           | MOIRAI_SCHED_SIM)) == 0)
        text = "Tasks go on in the scheduler's own order; hybrid is of no "
               "effect with it.";
    else if (options->hybrid == MO_HYBRID_ON)
        text = HYBRID_WOKEN "where these keep all workers for long, on a "
               "thread of their own, which is there from the start.";
    else if (n == 1)
        text = "Tasks go on in the scheduler's own order; hybrid: auto is of "
               "no effect with one worker, on has one more thread.";
    else
        text = HYBRID_WOKEN "where these keep all workers for long, on a "
               "thread of their own, which begins once a worker was kept for "
               "more than 1 ms.";
    snprintf(out, WHY_MAX, "%s", text);
    return out;
}

const char *why_effect(char *out, const struct mo_setup *s)
{
    const char *path = mo_setup_runtime(s)->hybrid_file;
    FILE *file = path[0] != '\0' ? fopen(path, "re") : NULL;
    size_t n = 0;

    if (file != NULL) {
        n = fread(out, 1, WHY_MAX - 1, file);
        fclose(file);
    }
    out[n] = '\0';
    return out;
}

static void why_auto(char *out, const struct mo_topo *topo)
{
    size_t used;

    snprintf(out, WHY_MAX, "auto: this process may run on %u processor%s",
             (unsigned)topo->processors, topo->processors == 1 ? "" : "s");
    used = strlen(out);
    if (topo->quota == 0)
        snprintf(out + used, WHY_MAX - used, ", and no control group limits "
                 "its time on them");
    else
        snprintf(out + used, WHY_MAX - used, ", and the control group %s "
                 "gives it the time of %u%s", topo->group,
                 (unsigned)topo->quota,
                 topo->quota < topo->processors ? "" : ", which is enough");
}

uint32_t why_workers(char *out, const struct mo_setup *s)
{
    const struct mo_option_value *v = mo_setup_values(s);
    const struct moirai_sched_ops *ops = mo_setup_sched(s)->ops;
    struct mo_topo topo;
    char place[4800];

    while (v != NULL && strcmp(v->key, "runtime.workers") != 0)
        v = v->next;
    if (mo_setup_runtime(s)->workers != 0) {
        snprintf(out, WHY_MAX, "%s says so", v == NULL ? "somebody"
                 : mo_report_origin(place, sizeof place, &v->place));
        return (uint32_t)mo_setup_runtime(s)->workers;
    }
    if (ops != NULL && (ops->flags & MOIRAI_SCHED_SIM) != 0) {
        snprintf(out, WHY_MAX, "auto: a simulation plays %d on one thread",
                 MO_TOPO_SIM_WORKERS);
        return MO_TOPO_SIM_WORKERS;
    }
    mo_topo_read(&topo);
    why_auto(out, &topo);
    return topo.workers;
}

/* Appends a step of a path as a variable's name has it. False: it cannot. */
static bool add_step(char *out, const char *step, size_t n)
{
    size_t used = strlen(out);

    if (n == 0 || step[n - 1] == '_' || used + n + 3 > WHY_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)step[i];

        if (c == '_' && i > 0 && step[i - 1] == '_')
            return false;
        out[used + i] = isalnum(c) != 0 ? (char)toupper(c) : '_';
        if (out[used + i] == '_' && c != '_' &&
            (i + 1 == n || i == 0 || out[used + i - 1] == '_'))
            return false;
    }
    out[used + n] = '\0';
    return true;
}

const char *why_variable(char *out, const struct mo_option_value *v)
{
    size_t n = strcspn(v->path, ".");
    bool can;

    strcpy(out, "MOIRAI_");
    can = n > 0 && add_step(out, v->path, n);
    strcat(out, "__");
    if (can && v->path[n] == '.') {
        can = add_step(out, v->path + n + 1, strlen(v->path + n + 1));
        strcat(out, "__");
    }
    can = can && add_step(out, v->name, strlen(v->name));
    if (!can)
        out[0] = '\0';
    return out;
}

const char *why_setting(char *out, const struct mo_option_value *v)
{
    const char *name = strchr(v->path, '.');

    if (v->path[0] == '\0')
        snprintf(out, WHY_MAX, "%s", v->name);
    else if (name != NULL && strpbrk(name + 1, ".=") != NULL)
        snprintf(out, WHY_MAX, "%.*s.\"%s\".%s", (int)(name - v->path),
                 v->path, name + 1, v->name);
    else
        snprintf(out, WHY_MAX, "%s", v->key);
    return out;
}

const char *why_ignored(const char *variable)
{
    static const char *const known[] = {
        "MOIRAI_CONFIG", "MOIRAI_LOG", "MOIRAI_PLUGIN_PATH", "MOIRAI_SET",
        "MOIRAI_STACK_SIZE", "MOIRAI_WORKERS",
    };
    struct mo_text_guess guess;
    size_t n = strlen("MOIRAI_");

    if (strncmp(variable, "MOIRAI_", n) != 0 ||
        strstr(variable, "__") != NULL)
        return NULL;
    mo_text_guess_init(&guess, variable + n);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], variable) == 0)
            return NULL;
        mo_text_guess_offer(&guess, known[i] + n);
    }
    return guess.best != NULL ? guess.best - n : NULL;
}
