/* SPDX-License-Identifier: MIT */
/*
 * cmd_topo.c - `moirai topo`: draw the machine, and where workers would sit.
 *
 * Where the workers cannot be seated the machine is drawn nevertheless, without
 * them, behind the mistakes: it shows what there is to choose from.
 */
#include "tool.h"

#include <errno.h>
#include <string.h>

#include "json.h"
#include "mistakes.h"
#include "plan.h"
#include "svg.h"
#include "where.h"
#include "why.h"

#define MOST_PUS 4096               /* that are drawn */

struct topo {
    const char *config;             /* NULL: none was given */
    const char *to;                 /* a file for the picture; NULL: standard
                                     * output */
    bool json, svg;
    struct mo_setup *s;
    struct mo_seats seats;
    struct mo_machine own;          /* in place of that of the seats, which do
                                     * not always need one */
    struct plan plan;
    char why[2 * WHY_MAX];
};

/* The machine and its workers; what is wrong becomes a mistake. 0, -ENOMEM, or
 * -EINVAL: there is no machine. */
static int look(struct topo *t, struct mo_report *report)
{
    const char *made_up = mo_setup_runtime(t->s)->topology;
    char text[WHY_MAX];
    int rc = where_try(t->s, report);

    if (rc != 0)
        return rc;
    if (where_open(t->s, &t->seats, NULL) != 0)
        t->seats = (struct mo_seats){ .bind = MO_BIND_NONE };
    if (t->seats.machine.pu_count == 0) {
        rc = mo_machine_read(made_up, &t->own, NULL);
        if (rc != 0)
            return rc == -ENOMEM ? rc : -EINVAL;
    }
    t->plan.made_up = made_up;
    t->plan.machine = t->own.pu_count != 0 ? &t->own : &t->seats.machine;
    t->plan.seats = &t->seats;
    t->plan.sched = mo_setup_sched(t->s)->ops;
    t->plan.victims = mo_setup_runtime(t->s)->victims;
    t->plan.workers = why_workers(text, t->s);
    mo_topo_read(&t->plan.use);
    snprintf(t->why, sizeof t->why, "%s. ", text);
    snprintf(t->why + strlen(t->why), WHY_MAX, "%s.",
             where_text(text, &t->seats));
    return 0;
}

static int write_svg(struct topo *t)
{
    FILE *file = t->to != NULL ? fopen(t->to, "w") : stdout;
    int code = file == NULL ? errno : 0;

    if (code == 0) {
        plan_svg(&t->plan, t->why, file);
        if (t->to != NULL)
            code = svg_close(file);
    }
    return code == 0 ? TOOL_OK
         : tool_failure("topo", "%s: %s", t->to, strerror(code));
}

static void print_json(const struct topo *t, struct mo_report *report,
                       bool drawn)
{
    struct json j = { .comma = false };

    json_open(&j, '{');
    json_pair(&j, "file", t->config);
    json_key(&j, "ok");
    json_bool(&j, report->count == 0);
    json_key(&j, "mistakes");
    mistakes_json(&j, report);
    if (drawn)
        plan_json(&j, &t->plan, t->why);
    json_close(&j, '}');
    json_end();
}

/* 0, -ENOMEM, or TOOL_FAILURE, which has been told. */
static int draw(struct topo *t, struct mo_report *report)
{
    uint32_t n = t->plan.machine->pu_count;
    int rc;

    if (n > MOST_PUS && !t->json)
        return tool_failure("topo", "%u hardware threads are too many for a "
                            "drawing, which shows %d; take --json",
                            (unsigned)n, MOST_PUS);
    rc = plan_open(&t->plan);
    if (rc != 0)
        return rc;
    if (t->json)
        print_json(t, report, true);
    else if (t->svg)
        rc = write_svg(t);
    else
        rc = plan_text(&t->plan, t->why);
    plan_close(&t->plan);
    return rc;
}

static int topo(struct topo *t)
{
    struct moirai_config config = { .size = sizeof config, .file = t->config };
    struct mo_report report = { .list = NULL };
    int rc = mo_setup_read(&config, MO_SETUP_CAUTIOUS | MO_SETUP_KEEP, &t->s,
                           &report);
    bool fine = rc != -ENOMEM && t->s != NULL;
    int status;

    if (fine)
        rc = look(t, &report);
    fine = fine && rc == 0;
    if (!t->json)
        mistakes_print(&report);
    status = report.count == 0 ? TOOL_OK : TOOL_CONFIG;
    if (fine)
        rc = draw(t, &report);
    else if (t->json && rc != -ENOMEM)
        print_json(t, &report, false);
    if (rc == -ENOMEM)
        status = tool_failure("topo", "out of memory");
    else if (fine && rc != 0)
        status = rc;
    mo_seats_close(&t->seats);
    mo_machine_fini(&t->own);
    mo_setup_close(t->s);
    mo_report_fini(&report);
    return status;
}

/* --synthetic TEXT is -s runtime.topology=TEXT. */
static int set_topology(const char *text)
{
    char setting[1024];

    if (text[0] == '\0')
        return tool_usage("topo", "--synthetic needs a machine, as \"node:2 "
                          "core:4 pu:2\"");
    if ((size_t)snprintf(setting, sizeof setting, "runtime.topology=%s", text)
        >= sizeof setting)
        return tool_usage("topo", "--synthetic takes no more than %u bytes",
                          (unsigned)(sizeof setting
                                     - sizeof "runtime.topology="));
    return tool_set("topo", setting);
}

static int take(struct topo *t, int flag, const char *value)
{
    if (flag == 0 && t->to != NULL)
        return tool_usage("topo", "one file at a time");
    if (flag == 0)
        t->to = value;
    if (flag == 'c')
        t->config = value;
    t->json = t->json || flag == 'j';
    t->svg = t->svg || flag == 'g';
    t->plan.order = t->plan.order || flag == 'o';
    if (flag == 'y')
        return set_topology(value);
    return flag == 's' ? tool_set("topo", value) : TOOL_OK;
}

int cmd_topo(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        { 'c', "config", true }, TOOL_FLAG_SET, { 'y', "synthetic", true },
        { 'o', "order", false }, { 'g', "svg", false }, TOOL_FLAG_JSON,
        TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = "topo", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct topo t = { .config = NULL };
    int flag;
    int rc;

    while ((flag = tool_next(&args)) != -1) {
        if (flag == 'h')
            return tool_explain("topo");
        if (flag == '?')
            return TOOL_USAGE;
        rc = take(&t, flag, args.value);
        if (rc != TOOL_OK)
            return rc;
    }
    if (t.json && t.svg)
        return tool_usage("topo", "--json or --svg");
    if (t.to != NULL && !t.svg)
        return tool_usage("topo", "a FILE is where --svg writes to; a "
                          "configuration is named by -c");
    return topo(&t);
}
