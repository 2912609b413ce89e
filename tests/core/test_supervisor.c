/* SPDX-License-Identifier: MIT */
/*
 * test_supervisor.c - children are started in order, again when they fail, and
 * stopped the other way round; who fails too often takes all with him.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "with.h"

#define CHILDREN 3

/* What a child does; all of them note it: A a start, a the end. */
struct job {
    struct log *log;
    char letter;
    int fails;                      /* so many times at first */
    int code;
    const char *text;
    int runs;                       /* how often it was started */
    int go;                         /* asked to stop */
    int deaf;                       /* it takes no notice of that */
    int64_t after_ns;               /* it ends after that; 0: when stopped */
};

struct log {
    char text[128];
    int used;
    int begun;                      /* starts, of all */
    struct job jobs[CHILDREN];
    struct moirai_child children[CHILDREN];
    struct moirai_supervisor s;
    struct moirai_supervisor_attr attr;
    int result;
};

static void note(struct job *job, char letter)
{
    int at = with_add(&job->log->used, 1) - 1;

    CHECK(at < (int)sizeof job->log->text - 1);
    job->log->text[at] = letter;
}

static int work(void *arg)
{
    struct job *job = arg;
    int rc = 0;

    note(job, (char)(job->letter - 'a' + 'A'));
    job->runs++;
    with_add(&job->log->begun, 1);
    if (job->runs <= job->fails) {
        do                          /* the others have all begun */
            moirai_sleep_until(moirai_after(MOIRAI_MS));
        while (with_get(&job->log->begun) < CHILDREN);
        note(job, '!');
        if (job->text != NULL)
            moirai_fail(job->code, job->text);
        return job->code;
    }
    if (job->after_ns != 0)
        rc = moirai_sleep_until(moirai_after(job->after_ns));
    while (job->after_ns == 0 && rc == 0 && (job->deaf || !with_get(&job->go)))
        rc = moirai_sleep_until(moirai_after(MOIRAI_MS));
    note(job, rc == 0 ? job->letter : '#');
    return rc;
}

static void ask(void *arg)
{
    struct job *job = arg;

    with_set(&job->go, 1);
}

static void prepare(struct log *log, uint32_t policy)
{
    static const char *const names[CHILDREN] = { "ada", "bob", "cyd" };

    memset(log, 0, sizeof *log);
    log->attr = (struct moirai_supervisor_attr)MOIRAI_SUPERVISOR_ATTR_INIT;
    log->attr.policy = policy;
    for (int i = 0; i < CHILDREN; i++) {
        log->jobs[i] = (struct job){ .log = log, .letter = (char)('a' + i) };
        log->children[i] = (struct moirai_child){
            .name = names[i], .fn = work, .arg = &log->jobs[i], .stop = ask,
        };
    }
}

static int supervise(void *arg)
{
    struct log *log = arg;

    log->result = moirai_supervisor_run(&log->s, NULL);
    return 0;
}

static struct moirai_supervisor_stats read_stats(struct log *log)
{
    struct moirai_supervisor_stats stats = { .size = sizeof stats };

    CHECK_EQ(moirai_supervisor_read(&log->s, &stats), 0);
    return stats;
}

/* Runs it; tells it to stop after so many starts of children, or not if 0. */
static void run(struct log *log, uint32_t started)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_supervisor_init(&log->s, log->children, CHILDREN,
                                    &log->attr), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, supervise, log), 0);
    while (started != 0 && with_get(&log->begun) < (int)started)
        moirai_sleep_until(moirai_after(MOIRAI_MS));
    if (started != 0)
        moirai_supervisor_stop(&log->s);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(read_stats(log).running, 0);
}

/* Children start in any order; those that stop do so one after another. */
static void ends_with(const struct log *log, const char *end)
{
    size_t n = strlen(log->text);

    CHECK(n >= strlen(end));
    CHECK_STR(log->text + n - strlen(end), end);
}

/* The same where some may not have begun when they are stopped. */
static void last_stops_first(const struct log *log)
{
    const char *b = strrchr(log->text, 'b'), *c = strrchr(log->text, 'c');

    CHECK(b == NULL || c == NULL || c < b);
}

static int stops_in_reverse(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    run(&log, 3);
    CHECK_EQ(log.result, 0);
    ends_with(&log, "cba");
    CHECK_EQ(read_stats(&log).overdue, 0);
    CHECK_STR(moirai_supervisor_text(&log.s), "");
    return 0;
}

TEST(supervisor, stops_its_children_one_by_one_the_last_first)
{
    with_each(stops_in_reverse, NULL);
    with_seeds(100, stops_in_reverse, NULL);
}

static int deaf_children(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    log.jobs[1].deaf = 1;
    log.children[1].stop_ns = 3 * MOIRAI_MS;
    log.children[2].stop = NULL;
    run(&log, 3);
    CHECK_EQ(log.result, 0);
    ends_with(&log, "##a");         /* two were cancelled */
    CHECK_EQ(read_stats(&log).overdue, 1);
    CHECK_EQ(read_stats(&log).failed, 0);
    return 0;
}

TEST(supervisor, cancels_who_does_not_stop_in_time)
{
    with_each(deaf_children, NULL);
    with_seeds(100, deaf_children, NULL);
}

static int one_for_one(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    log.jobs[1].fails = 2;
    log.jobs[1].code = -EIO;
    log.jobs[1].text = "no paper";
    run(&log, 5);
    CHECK_EQ(log.result, 0);
    CHECK_EQ(log.jobs[0].runs, 1);
    CHECK_EQ(log.jobs[1].runs, 3);
    CHECK_EQ(log.jobs[2].runs, 1);
    CHECK_EQ(read_stats(&log).restarted, 2);
    CHECK_EQ(read_stats(&log).failed, 2);
    ends_with(&log, "cba");
    CHECK(strncmp(moirai_supervisor_text(&log.s), "bob ended with -", 16)
          == 0);
    CHECK(strstr(moirai_supervisor_text(&log.s), ": no paper") != NULL);
    return 0;
}

TEST(supervisor, starts_one_for_one)
{
    with_each(one_for_one, NULL);
    with_seeds(100, one_for_one, NULL);
}

static int one_for_all(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ALL);
    log.jobs[1].fails = 1;
    log.jobs[1].code = -EIO;
    log.children[0].stop = log.children[2].stop = NULL;
    run(&log, 6);
    CHECK_EQ(log.result, 0);
    for (int i = 0; i < CHILDREN; i++)
        CHECK_EQ(log.jobs[i].runs, 2);
    CHECK_EQ(read_stats(&log).restarted, 1);
    CHECK(strstr(log.text, "!##") != NULL);
    ends_with(&log, "#b#");
    return 0;
}

TEST(supervisor, starts_all_for_one)
{
    with_each(one_for_all, NULL);
    with_seeds(100, one_for_all, NULL);
}

static int rest_for_one(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_REST_FOR_ONE);
    log.jobs[1].fails = 1;
    log.jobs[1].code = -EIO;
    log.children[2].stop = NULL;
    run(&log, 5);
    CHECK_EQ(log.result, 0);
    CHECK_EQ(log.jobs[0].runs, 1);
    CHECK_EQ(log.jobs[1].runs, 2);
    CHECK_EQ(log.jobs[2].runs, 2);
    CHECK(strstr(log.text, "!#") != NULL);
    return 0;
}

TEST(supervisor, starts_the_rest_for_one)
{
    with_each(rest_for_one, NULL);
    with_seeds(100, rest_for_one, NULL);
}

static int kinds_of_children(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    log.attr.backoff_ns = -1;
    log.children[0].restart = MOIRAI_TRANSIENT;
    log.jobs[0].fails = 1;
    log.jobs[0].code = -EIO;
    log.jobs[0].after_ns = MOIRAI_MS;       /* the second time it ends well */
    log.children[1].restart = MOIRAI_TEMPORARY;
    log.jobs[1].fails = 1;
    log.jobs[1].code = -EPERM;
    log.children[2].restart = MOIRAI_TRANSIENT;
    log.jobs[2].after_ns = 2 * MOIRAI_MS;
    run(&log, 0);
    CHECK_EQ(log.result, 0);                /* nobody is left */
    CHECK_EQ(log.jobs[0].runs, 2);
    CHECK_EQ(log.jobs[1].runs, 1);
    CHECK_EQ(log.jobs[2].runs, 1);
    CHECK_EQ(read_stats(&log).failed, 2);
    return 0;
}

TEST(supervisor, ends_when_no_child_is_to_be_started_again)
{
    with_each(kinds_of_children, NULL);
    with_seeds(100, kinds_of_children, NULL);
}

static int permanent_ends_well(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    log.attr.backoff_ns = -1;
    log.jobs[0].after_ns = MOIRAI_MS;
    run(&log, 0);
    CHECK_EQ(log.result, -ENOTRECOVERABLE);
    CHECK_EQ(log.jobs[0].runs, 4);
    CHECK_EQ(read_stats(&log).failed, 0);
    CHECK_STR(moirai_supervisor_text(&log.s), "ada ended with 0");
    last_stops_first(&log);
    return 0;
}

TEST(supervisor, takes_the_end_of_a_permanent_child_for_a_fault)
{
    with_each(permanent_ends_well, NULL);
}

static int passes_the_limit(void *arg)
{
    struct log log;
    int64_t began;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    log.attr.restarts = 4;
    log.attr.window_ns = 3600 * MOIRAI_S;
    log.jobs[2].fails = 100;
    log.jobs[2].code = -EBADMSG;
    log.jobs[2].text = "nonsense";
    began = moirai_now();
    run(&log, 0);
    CHECK_EQ(log.result, -EBADMSG);
    CHECK_EQ(log.jobs[2].runs, 5);
    CHECK(strstr(moirai_supervisor_text(&log.s), ": nonsense") != NULL);
    ends_with(&log, "!ba");
    /* Four pauses of 10, 20, 40, 80 ms, and five runs of 1 ms. */
    CHECK(moirai_now() - began >= 155 * MOIRAI_MS);
    return 0;
}

TEST(supervisor, gives_up_with_the_error_of_who_passes_the_limit)
{
    with_seeds(100, passes_the_limit, NULL);
}

static int forgets(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    log.attr.restarts = 1;
    log.attr.window_ns = MOIRAI_MS / 2;     /* it lives longer */
    log.attr.backoff_ns = -1;
    log.jobs[0].fails = 20;
    log.jobs[0].code = -EIO;
    run(&log, 23);
    CHECK_EQ(log.result, 0);
    CHECK_EQ(log.jobs[0].runs, 21);
    return 0;
}

TEST(supervisor, counts_restarts_within_its_window_only)
{
    with_seeds(100, forgets, NULL);
}

static int not_one(void *arg)
{
    struct log log;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    log.attr.restarts = -1;
    log.jobs[1].fails = 1;
    log.jobs[1].code = -EIO;
    run(&log, 0);
    CHECK_EQ(log.result, -EIO);
    CHECK_EQ(log.jobs[1].runs, 1);
    ends_with(&log, "!ca");
    return 0;
}

TEST(supervisor, may_allow_no_restart)
{
    with_each(not_one, NULL);
}

/* --- as others see it ---------------------------------------------------- */

static int is_cancelled(void *arg)
{
    struct log log;
    struct moirai_scope scope;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    CHECK_EQ(moirai_supervisor_init(&log.s, log.children, CHILDREN,
                                    &log.attr), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, supervise, &log), 0);
    while (with_get(&log.begun) < 3)
        moirai_yield();
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    CHECK_EQ(log.result, -ECANCELED);
    /* Each by being cancelled (#), or asked to stop, if its supervisor has
     * heard of it first. */
    CHECK(strlen(log.text) >= 3);
    CHECK_EQ(strspn(log.text + strlen(log.text) - 3, "#abc"), 3);
    CHECK_EQ(read_stats(&log).running, 0);
    return 0;
}

TEST(supervisor, ends_with_all_its_children_when_cancelled)
{
    with_each(is_cancelled, NULL);
    with_seeds(100, is_cancelled, NULL);
}

static int is_cancelled_alone(void *arg)
{
    struct log log;
    struct moirai_handle *handle;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    CHECK_EQ(moirai_supervisor_init(&log.s, log.children, CHILDREN,
                                    &log.attr), 0);
    CHECK_EQ(moirai_spawn_with(NULL, supervise, &log, NULL, &handle), 0);
    while (with_get(&log.begun) < 3)
        moirai_yield();
    moirai_handle_cancel(handle);
    CHECK_EQ(moirai_handle_join(handle, MOIRAI_NEVER, NULL), 0);
    moirai_handle_put(handle);
    CHECK_EQ(log.result, -ECANCELED);
    ends_with(&log, "cba");         /* its children were asked, in order */
    return 0;
}

TEST(supervisor, cancelled_by_its_handle_stops_in_order)
{
    with_each(is_cancelled_alone, NULL);
    with_seeds(100, is_cancelled_alone, NULL);
}

static int tell(void *arg)
{
    moirai_supervisor_stop(arg);
    return 0;
}

/* Before it runs, or while it starts its children. */
static int told_early(void *meanwhile)
{
    struct moirai_scope scope;
    struct log log;

    prepare(&log, MOIRAI_ONE_FOR_ONE);
    CHECK_EQ(moirai_supervisor_init(&log.s, log.children, CHILDREN, NULL), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    if (meanwhile != NULL)
        CHECK_EQ(moirai_spawn(&scope, tell, &log.s), 0);
    else
        tell(&log.s);
    CHECK_EQ(moirai_supervisor_run(&log.s, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    CHECK_EQ(read_stats(&log).running, 0);
    CHECK(meanwhile != NULL || log.used == 0);
    return 0;
}

TEST(supervisor, may_be_told_to_stop_before_all_have_started)
{
    with_each(told_early, NULL);
    with_each(told_early, "meanwhile");
    with_seeds(50, told_early, "meanwhile");
}

/* A child that supervises is one as any other. */
static int run_inner(void *arg)
{
    struct log *log = arg;
    int rc;

    CHECK_EQ(moirai_supervisor_init(&log->s, log->children, CHILDREN,
                                    &log->attr), 0);
    for (int i = 0; i < CHILDREN; i++)
        log->jobs[i].go = log->jobs[i].runs = 0;
    log->used = 0;
    rc = moirai_supervisor_run(&log->s, NULL);
    if (rc != 0)
        moirai_fail(rc, moirai_supervisor_text(&log->s));
    return rc;
}

static int tree(void *arg)
{
    struct log log;
    struct moirai_child child = { .name = "in", .fn = run_inner, .arg = &log };
    struct moirai_supervisor_attr attr = MOIRAI_SUPERVISOR_ATTR_INIT;
    struct moirai_supervisor outer;

    (void)arg;
    prepare(&log, MOIRAI_ONE_FOR_ONE);
    log.attr.restarts = 1;
    log.jobs[0].fails = 100;
    log.jobs[0].code = -EIO;
    log.jobs[0].text = "deep down";
    attr.restarts = 2;
    CHECK_EQ(moirai_supervisor_init(&outer, &child, 1, &attr), 0);
    CHECK_EQ(moirai_supervisor_run(&outer, NULL), -EIO);
    CHECK(strncmp(moirai_supervisor_text(&outer), "in ended with -", 15)
          == 0);
    CHECK(strstr(moirai_supervisor_text(&outer), "ada ended with -") != NULL);
    CHECK(strstr(moirai_supervisor_text(&outer), ": deep down") != NULL);
    return 0;
}

TEST(supervisor, is_a_child_of_another)
{
    with_one(2, tree, NULL);
    with_seeds(100, tree, NULL);
}

static int fail_below(void *arg)
{
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    moirai_fail(-EIO, arg);
}

static int spawn_below(void *arg)
{
    (void)arg;
    return moirai_spawn(NULL, fail_below, "below");
}

static int ends_with_its_tasks(void *arg)
{
    struct moirai_child child = { .name = "quick", .fn = spawn_below };
    struct moirai_supervisor_attr attr = MOIRAI_SUPERVISOR_ATTR_INIT;
    struct moirai_supervisor s;

    (void)arg;
    attr.restarts = -1;
    CHECK_EQ(moirai_supervisor_init(&s, &child, 1, &attr), 0);
    CHECK_EQ(moirai_supervisor_run(&s, NULL), -EIO);
    CHECK(strstr(moirai_supervisor_text(&s), ": below") != NULL);
    return 0;
}

TEST(supervisor, sees_what_a_childs_own_tasks_fail_with)
{
    with_each(ends_with_its_tasks, NULL);
    with_seeds(100, ends_with_its_tasks, NULL);
}

TEST(supervisor, may_run_on_a_plain_thread)
{
    struct moirai_runtime *rt = with_workers(2);
    struct log log;

    prepare(&log, MOIRAI_ONE_FOR_ONE);
    for (int i = 0; i < CHILDREN; i++) {
        log.children[i].restart = MOIRAI_TRANSIENT;
        log.jobs[i].after_ns = MOIRAI_MS;
        log.jobs[i].fails = 1;
        log.jobs[i].code = -EIO;
    }
    CHECK_EQ(moirai_supervisor_init(&log.s, log.children, CHILDREN, NULL), 0);
    CHECK_EQ(moirai_supervisor_run(&log.s, NULL), -EINVAL);
    CHECK_EQ(moirai_supervisor_run(&log.s, rt), 0);
    CHECK_EQ(read_stats(&log).started, 6);
    with_end(rt);
}

TEST(supervisor, refuses_what_makes_no_sense)
{
    struct moirai_supervisor_attr attr = MOIRAI_SUPERVISOR_ATTR_INIT;
    struct moirai_supervisor_stats stats = { .size = 1 };
    struct moirai_child child = { .name = "nobody" };
    struct moirai_supervisor s;

    CHECK_EQ(moirai_supervisor_init(&s, &child, 1, NULL), -EINVAL);
    child.fn = work;
    child.restart = 3;
    CHECK_EQ(moirai_supervisor_init(&s, &child, 1, NULL), -EINVAL);
    child.restart = MOIRAI_TEMPORARY;
    attr.policy = 3;
    CHECK_EQ(moirai_supervisor_init(&s, &child, 1, &attr), -EINVAL);
    attr.policy = MOIRAI_ONE_FOR_ALL;
    attr.restarts = MOIRAI_RESTARTS_MOST + 1;
    CHECK_EQ(moirai_supervisor_init(&s, &child, 1, &attr), -EINVAL);
    attr.restarts = MOIRAI_RESTARTS_MOST;
    attr.size--;
    CHECK_EQ(moirai_supervisor_init(&s, &child, 1, &attr), -EINVAL);
    attr.size++;
    CHECK_EQ(moirai_supervisor_init(&s, &child, 1, &attr), 0);
    CHECK_EQ(moirai_supervisor_read(&s, &stats), -EINVAL);
}
