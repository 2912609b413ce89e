/* SPDX-License-Identifier: MIT */
/*
 * bench_read.c - the questions and contestants of `moirai bench`, from YAML.
 *
 * Read as a configuration is: all mistakes are told in one run, with their
 * places.
 */
#include "bench.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "json.h"
#include "mistakes.h"
#include "text.h"
#include "tool.h"

#define WORKERS_MAX 1024

struct reader {
    struct bench *b;
    struct mo_tree tree;
    struct mo_report report;
    bool memory;                    /* ran out */
};

typedef const struct mo_tree_node node;

__attribute__((format(printf, 3, 4)))
static void say(struct reader *r, node *at, const char *format, ...)
{
    char path[MO_TREE_PATH];
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    mo_report_add(&r->report, &at->place, mo_tree_path(path, at), "%s", text);
}

/* Room for n > 0 things; notes if there is none. */
static void *room(struct reader *r, size_t n, size_t size)
{
    void *p = mo_arena_alloc(&r->b->arena, (n + 1) * size);

    r->memory = r->memory || p == NULL;
    return p;
}

static size_t count(node *list)
{
    size_t n = 0;

    for (node *at = list->first; at != NULL; at = at->next)
        n++;
    return n;
}

static bool is_shape(struct reader *r, node *at, enum mo_tree_shape shape)
{
    static const char *const names[] = { "a value", "keys", "a list" };

    if (at->shape == shape)
        return !at->bad;
    if (!at->bad)
        say(r, at, "expected %s", names[shape]);
    return false;
}

/* Is each key of `map` one of `keys` (NULL-terminated)? */
static void check_keys(struct reader *r, node *map, const char *const *keys)
{
    char quoted[MO_TEXT_QUOTED];

    for (node *at = map->first; at != NULL; at = at->next) {
        struct mo_text_guess guess;
        const char *const *key = keys;

        mo_text_guess_init(&guess, at->key);
        for (; *key != NULL && strcmp(*key, at->key) != 0; key++)
            mo_text_guess_offer(&guess, *key);
        if (*key != NULL)
            continue;
        if (guess.best != NULL)
            say(r, at, "unknown key, did you mean \"%s\"?", guess.best);
        else
            say(r, at, "unknown key %s", mo_text_quote(quoted, at->key));
    }
}

static const char *text_at(struct reader *r, node *map, const char *key,
                           const char *preset)
{
    node *at = mo_tree_find(map, key);

    if (at == NULL && preset == NULL)
        say(r, map, "\"%s\" is missing", key);
    if (at == NULL || !is_shape(r, at, MO_TREE_SCALAR))
        return preset != NULL ? preset : "";
    return at->text != NULL ? at->text : "";
}

/* A number from `least` to `most`, or `preset` if there is no such key. */
static double number_at(struct reader *r, node *map, const char *key,
                        double least, double most, double preset)
{
    node *at = mo_tree_find(map, key);
    const char *text;
    double value;
    char *end;

    if (at == NULL || !is_shape(r, at, MO_TREE_SCALAR))
        return preset;
    text = at->text != NULL ? at->text : "";
    value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most)) {
        say(r, at, "expected a number from %g to %g", least, most);
        return preset;
    }
    return value;
}

/* The words of a list, NULL-terminated; none without the key. */
static const char **words_at(struct reader *r, node *map, const char *key,
                             size_t *n)
{
    node *list = mo_tree_find(map, key);
    const char **words;

    *n = 0;
    if (list == NULL || !is_shape(r, list, MO_TREE_LIST))
        return room(r, 0, sizeof *words);
    words = room(r, count(list), sizeof *words);
    for (node *at = list->first; at != NULL && words != NULL; at = at->next) {
        if (is_shape(r, at, MO_TREE_SCALAR) && at->text != NULL)
            words[(*n)++] = at->text;
    }
    return words;
}

/* --- contestants --------------------------------------------------------- */

static enum bench_kind kind_at(struct reader *r, node *map)
{
    static const char *const kinds[] = { "own", "peer", "wall" };
    const char *text = text_at(r, map, "kind", NULL);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i], text) == 0)
            return (enum bench_kind)i;
    }
    if (mo_tree_find(map, "kind") != NULL)
        say(r, mo_tree_find(map, "kind"), "expected own, peer or wall");
    return BENCH_PEER;
}

static void read_contestant(struct reader *r, node *map)
{
    static const char *const keys[] = {
        "title", "kind", "run", "packages", NULL,
    };
    struct bench_contestant *c =
        &r->b->contestants[r->b->contestant_count++];

    *c = (struct bench_contestant){ .name = map->key, .chosen = true };
    if (!is_shape(r, map, MO_TREE_MAP))
        return;
    check_keys(r, map, keys);
    c->title = text_at(r, map, "title", c->name);
    c->kind = kind_at(r, map);
    c->run = text_at(r, map, "run", NULL);
    c->packages = words_at(r, map, "packages", &c->package_count);
}

/* The contestant's index, or SIZE_MAX after saying that there is none. */
static size_t find(struct reader *r, node *at, const char *name)
{
    char quoted[MO_TEXT_QUOTED];
    struct mo_text_guess guess;

    mo_text_guess_init(&guess, name);
    for (size_t i = 0; i < r->b->contestant_count; i++) {
        if (strcmp(r->b->contestants[i].name, name) == 0)
            return i;
        mo_text_guess_offer(&guess, r->b->contestants[i].name);
    }
    mo_text_quote(quoted, name);
    if (guess.best != NULL)
        say(r, at, "no contestant %s, did you mean \"%s\"?", quoted,
            guess.best);
    else
        say(r, at, "no contestant %s", quoted);
    return SIZE_MAX;
}

/* --- targets ------------------------------------------------------------- */

/* "the best peer", "Go", "the best of go, tokio". */
static const char *name_of(struct reader *r, const char **names, size_t n,
                           size_t last)
{
    const char *text = "the best of";

    if (n == 0)
        return "the best peer";
    if (n == 1)
        return r->b->contestants[last].title;
    for (size_t i = 0; i < n && text != NULL; i++)
        text = mo_arena_printf(&r->b->arena, "%s%s %s", text, i > 0 ? "," : "",
                               names[i]);
    r->memory = r->memory || text == NULL;
    return text;
}

/* All peers, or those that `to` lists. */
static void read_to(struct reader *r, node *map, struct bench_target *t)
{
    const struct bench *b = r->b;
    size_t found = 0;
    const char **names;
    size_t n;

    t->to = room(r, b->contestant_count, sizeof *t->to);
    names = words_at(r, map, "to", &n);
    if (t->to == NULL || names == NULL)
        return;
    for (size_t i = 0; i < b->contestant_count && n == 0; i++)
        t->to[i] = b->contestants[i].kind == BENCH_PEER;
    for (size_t i = 0; i < n && found != SIZE_MAX; i++) {
        found = find(r, mo_tree_find(map, "to"), names[i]);
        if (found != SIZE_MAX)
            t->to[found] = true;
    }
    if (found != SIZE_MAX)
        t->to_text = name_of(r, names, n, found);
}

static void read_target(struct reader *r, node *map, struct bench_question *q)
{
    static const char *const keys[] = {
        "metric", "workers", "most", "ratio", "to", NULL,
    };
    struct bench_target *t = &q->targets[q->target_count++];
    const char *metric;

    *t = (struct bench_target){ .most = -1, .ratio = -1 };
    if (!is_shape(r, map, MO_TREE_MAP) || q->metric_count == 0)
        return;
    check_keys(r, map, keys);
    metric = text_at(r, map, "metric", q->metrics[0]);
    while (t->metric < q->metric_count &&
           strcmp(q->metrics[t->metric], metric) != 0)
        t->metric++;
    if (t->metric == q->metric_count) {
        say(r, map, "the question has no metric \"%s\"", metric);
        t->metric = 0;
    }
    t->workers = (unsigned)number_at(r, map, "workers", 1, WORKERS_MAX, 0);
    t->most = number_at(r, map, "most", 0, 1e15, -1);
    t->ratio = number_at(r, map, "ratio", 0, 1e6, -1);
    if (t->most < 0 && t->ratio < 0)
        say(r, map, "expected \"most\" or \"ratio\"");
    read_to(r, map, t);
}

static void read_targets(struct reader *r, node *map, struct bench_question *q)
{
    node *list = mo_tree_find(map, "targets");

    if (list == NULL || !is_shape(r, list, MO_TREE_LIST))
        return;
    q->targets = room(r, count(list), sizeof *q->targets);
    for (node *at = list->first; at != NULL && q->targets != NULL;
         at = at->next)
        read_target(r, at, q);
}

/* --- questions ----------------------------------------------------------- */

/* A name that can be the name of a file and of a metric. */
static bool is_plain(const char *text)
{
    return text[0] != '\0' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static void read_metrics(struct reader *r, node *map, struct bench_question *q)
{
    size_t n;
    const char **words = words_at(r, map, "metrics", &n);

    if (words != NULL && (n == 0 || n > BENCH_METRICS))
        say(r, map, "a question has 1 to %d metrics", BENCH_METRICS);
    for (size_t i = 0; words != NULL && i < n && i < BENCH_METRICS; i++) {
        if (!is_plain(words[i]))
            say(r, mo_tree_find(map, "metrics"),
                "a metric has small letters, digits, - and _");
        q->metrics[q->metric_count++] = words[i];
    }
}

static void read_workers(struct reader *r, node *map, struct bench_question *q)
{
    size_t n;
    const char **words = words_at(r, map, "workers", &n);

    if (words != NULL && (n == 0 || n > BENCH_WORKERS))
        say(r, map, "workers is a list of 1 to %d numbers", BENCH_WORKERS);
    for (size_t i = 0; words != NULL && i < n && i < BENCH_WORKERS; i++) {
        uint64_t value = 0;

        if (mo_text_uint(words[i], &value) != 0 || value < 1 ||
            value > WORKERS_MAX)
            say(r, mo_tree_find(map, "workers"),
                "expected whole numbers from 1 to %d", WORKERS_MAX);
        q->workers[q->worker_count++] = (unsigned)value;
    }
}

static void read_entries(struct reader *r, node *map, struct bench_question *q)
{
    size_t n;
    const char **words = words_at(r, map, "contestants", &n);

    q->contestants = room(r, n, sizeof *q->contestants);
    if (words == NULL || q->contestants == NULL)
        return;
    if (n == 0)
        say(r, map, "\"contestants\" is missing");
    for (size_t i = 0; i < n; i++) {
        size_t found = find(r, mo_tree_find(map, "contestants"), words[i]);

        if (found != SIZE_MAX)
            q->contestants[q->contestant_count++] = found;
    }
}

static void read_question(struct reader *r, node *map)
{
    static const char *const keys[] = {
        "title", "what", "program", "workers", "metrics", "contestants",
        "targets", NULL,
    };
    struct bench_question *q = &r->b->questions[r->b->question_count++];

    *q = (struct bench_question){ .name = map->key, .chosen = true };
    if (!is_shape(r, map, MO_TREE_MAP))
        return;
    if (!is_plain(map->key))
        say(r, map, "a question has small letters, digits, - and _");
    check_keys(r, map, keys);
    q->title = text_at(r, map, "title", q->name);
    q->what = text_at(r, map, "what", "");
    q->program = text_at(r, map, "program", q->name);
    read_workers(r, map, q);
    read_metrics(r, map, q);
    read_entries(r, map, q);
    read_targets(r, map, q);
}

/* --- the file ------------------------------------------------------------ */

static node *section(struct reader *r, const char *key)
{
    node *map = mo_tree_find(r->tree.root, key);

    if (map == NULL)
        say(r, r->tree.root, "\"%s\" is missing", key);
    return map != NULL && is_shape(r, map, MO_TREE_MAP) ? map : NULL;
}

static void read_tree(struct reader *r)
{
    static const char *const keys[] = {
        "version", "contestants", "questions", NULL,
    };
    node *contestants = section(r, "contestants");
    node *questions = section(r, "questions");
    struct bench *b = r->b;

    check_keys(r, r->tree.root, keys);
    if (strcmp(text_at(r, r->tree.root, "version", NULL), "1") != 0)
        say(r, r->tree.root, "version 1 is what this moirai can read");
    if (contestants == NULL || questions == NULL)
        return;
    b->contestants = room(r, count(contestants), sizeof *b->contestants);
    b->questions = room(r, count(questions), sizeof *b->questions);
    if (r->memory)
        return;
    for (node *at = contestants->first; at != NULL; at = at->next)
        read_contestant(r, at);
    for (node *at = questions->first; at != NULL; at = at->next)
        read_question(r, at);
}

static int tell(struct reader *r, bool json)
{
    struct json j = { .comma = false };

    if (r->memory || r->report.code == -ENOMEM)
        return tool_failure("bench", "out of memory");
    if (r->report.count == 0)
        return TOOL_OK;
    if (!json) {
        mistakes_print(&r->report);
        return TOOL_CONFIG;
    }
    json_open(&j, '{');
    json_key(&j, "mistakes");
    mistakes_json(&j, &r->report);
    json_close(&j, '}');
    json_end();
    return TOOL_CONFIG;
}

int bench_read(struct bench *b, bool json)
{
    struct reader r = { .b = b };
    int rc = mo_tree_init(&r.tree, &b->arena, &r.report);
    int status;

    if (rc == 0)
        rc = mo_config_read(&r.tree, b->questions_file);
    if (rc == 0)
        rc = mo_tree_unique(&r.tree);
    r.memory = rc == -ENOMEM;
    if (r.report.count == 0 && rc == 0)
        read_tree(&r);
    status = tell(&r, json);
    mo_report_fini(&r.report);
    return status;
}
