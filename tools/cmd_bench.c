/* SPDX-License-Identifier: MIT */
/*
 * cmd_bench.c - `moirai bench`: ask moirai and others the same questions.
 */
#include "tool.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_child.h"
#include "mem.h"
#include "signals.h"
#include "text.h"

#define ROUNDS 7
#define ROUNDS_MAX 1000
#define TIMEOUT_S 300
#define TIMEOUT_MAX 86400
#define WORKERS_MAX 1024

struct asked {
    struct bench bench;
    const char *only, *peers;       /* lists with commas; NULL: all */
    const char *scales;             /* the same, NULL: one for all */
    const char *save, *markdown, *svg;
    bool json, list;
};

/* --- what is asked for --------------------------------------------------- */

static int wrong(const char *option, const char *text, const char *wanted)
{
    char quoted[MO_TEXT_QUOTED];

    return tool_usage("bench", "--%s takes %s, not %s", option, wanted,
                      mo_text_quote(quoted, text));
}

/* A whole number of 1 to `most`. */
static int take_number(const char *option, const char *text, unsigned most,
                       unsigned *number)
{
    uint64_t value;
    char wanted[60];

    if (mo_text_uint(text, &value) != 0 || value < 1 || value > most) {
        snprintf(wanted, sizeof wanted, "a whole number from 1 to %u", most);
        return wrong(option, text, wanted);
    }
    *number = (unsigned)value;
    return TOOL_OK;
}

static int take_scale(const char *text, double *scale)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value > 0) || value > 1e6)
        return wrong("scale", text, "numbers above 0, for one question as in "
                                    "\"fib=0.1\"");
    *scale = value;
    return TOOL_OK;
}

/* The next name of a list with commas, into `word` (size bytes). NULL: there
 * is none. */
static const char *next_word(const char **list, char *word, size_t size)
{
    size_t n = strcspn(*list, ",");

    if (**list == '\0')
        return NULL;
    snprintf(word, size, "%.*s", (int)n, *list);
    *list += n;
    *list += **list == ',';
    return word;
}

static int take_workers(struct bench *b, const char *list)
{
    char word[MO_TEXT_NUMBER];
    int rc = TOOL_OK;

    b->worker_count = 0;
    while (rc == TOOL_OK && next_word(&list, word, sizeof word) != NULL) {
        if (b->worker_count == BENCH_WORKERS)
            return tool_usage("bench", "%d numbers of workers at most",
                              BENCH_WORKERS);
        rc = take_number("workers", word, WORKERS_MAX,
                         &b->workers[b->worker_count++]);
    }
    return rc;
}

static int unknown(const char *noun, const char *word,
                   const struct mo_text_guess *guess)
{
    char quoted[MO_TEXT_QUOTED];

    mo_text_quote(quoted, word);
    if (guess->best != NULL)
        return tool_usage("bench", "no %s %s, did you mean \"%s\"?", noun,
                          quoted, guess->best);
    return tool_usage("bench", "no %s %s", noun, quoted);
}

/* NULL: there is none of that name, and `guess` has one that is like it. */
static struct bench_question *find_question(struct bench *b, const char *name,
                                            struct mo_text_guess *guess)
{
    mo_text_guess_init(guess, name);
    for (size_t i = 0; i < b->question_count; i++) {
        if (strcmp(b->questions[i].name, name) == 0)
            return &b->questions[i];
        mo_text_guess_offer(guess, b->questions[i].name);
    }
    return NULL;
}

static int choose_questions(struct bench *b, const char *list)
{
    char word[100];

    for (size_t i = 0; i < b->question_count; i++)
        b->questions[i].chosen = false;
    while (next_word(&list, word, sizeof word) != NULL) {
        struct mo_text_guess guess;
        struct bench_question *q = find_question(b, word, &guess);

        if (q == NULL)
            return unknown("question", word, &guess);
        q->chosen = true;
    }
    return TOOL_OK;
}

/* NAME=F for one question, F for all that are not named. */
static int choose_scales(struct bench *b, const char *list)
{
    char word[100];
    int rc = TOOL_OK;

    while (rc == TOOL_OK && next_word(&list, word, sizeof word) != NULL) {
        char *value = strchr(word, '=');
        struct bench_question *q;
        struct mo_text_guess guess;

        if (value == NULL) {
            rc = take_scale(word, &b->scale);
            continue;
        }
        *value++ = '\0';
        q = find_question(b, word, &guess);
        if (q == NULL)
            return unknown("question", word, &guess);
        rc = take_scale(value, &q->scale);
    }
    return rc;
}

/* Peers only; moirai itself and walls always take part. */
static int choose_peers(struct bench *b, const char *list)
{
    char word[100];

    for (size_t i = 0; i < b->contestant_count; i++)
        b->contestants[i].chosen = b->contestants[i].kind != BENCH_PEER;
    while (next_word(&list, word, sizeof word) != NULL) {
        struct mo_text_guess guess;
        bool found = strcmp(word, "none") == 0;

        mo_text_guess_init(&guess, word);
        for (size_t i = 0; i < b->contestant_count; i++) {
            struct bench_contestant *c = &b->contestants[i];
            bool same = strcmp(c->name, word) == 0;

            c->chosen = c->chosen || same;
            found = found || same;
            mo_text_guess_offer(&guess, c->name);
        }
        if (!found)
            return unknown("contestant", word, &guess);
    }
    return TOOL_OK;
}

/* --- what comes out ------------------------------------------------------ */

/* Writes by `put` to the file at `path`. */
static int write_file(const struct bench *b, const char *path,
                      void (*put)(const struct bench *b, FILE *file))
{
    FILE *file = fopen(path, "w");
    bool bad;

    if (file == NULL)
        return tool_failure("bench", "%s: %s", path, strerror(errno));
    put(b, file);
    bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad)
        return tool_failure("bench", "%s: cannot be written", path);
    return TOOL_OK;
}

/* All that was asked for; `status` if that went well. */
static int tell(const struct asked *a, int status)
{
    const struct bench *b = &a->bench;
    int rc = TOOL_OK;

    if (a->json)
        bench_json(b, stdout);
    else
        bench_print(b);
    if (a->save != NULL)
        rc = write_file(b, a->save, bench_json);
    if (rc == TOOL_OK && a->markdown != NULL)
        rc = write_file(b, a->markdown, bench_markdown);
    if (rc == TOOL_OK && a->svg != NULL && !bench_svg(b, a->svg))
        rc = TOOL_FAILURE;
    return rc == TOOL_OK ? status : rc;
}

static int bench(struct asked *a)
{
    struct bench *b = &a->bench;
    int status;

    if (!signals_open("bench"))
        return TOOL_FAILURE;
    if (!bench_look(b) || !bench_arrange(b)) {
        status = tool_failure("bench", "out of memory");
    } else if (a->list) {
        bench_list(b);
        status = TOOL_OK;
    } else {
        status = bench_play(b);
        bench_regimes(b);
        signals_close();            /* a second Ctrl-C ends it */
        status = tell(a, status);
    }
    signals_close();
    return status;
}

/* --- the command --------------------------------------------------------- */

static int take(struct asked *a, int flag, const char *value)
{
    struct bench *b = &a->bench;
    unsigned number = (unsigned)b->timeout_s;
    int rc = TOOL_OK;

    switch (flag) {
    case 'd': b->programs = value; break;
    case 'f': b->questions_file = value; break;
    case 'g': a->svg = value; break;
    case 'j': a->json = true; break;
    case 'l': a->list = true; break;
    case 'm': a->markdown = value; break;
    case 'o': a->only = value; break;
    case 'p': a->peers = value; break;
    case 'r': rc = take_number("rounds", value, ROUNDS_MAX, &b->rounds); break;
    case 'S': a->save = value; break;
    case 't':
        rc = take_number("timeout", value, TIMEOUT_MAX, &number);
        b->timeout_s = (int)number;
        break;
    case 'w': rc = take_workers(b, value); break;
    case 'x': a->scales = value; break;
    default: break;
    }
    return rc;
}

static int run(struct asked *a)
{
    int rc = bench_read(&a->bench, a->json);

    if (rc == TOOL_OK && a->only != NULL)
        rc = choose_questions(&a->bench, a->only);
    if (rc == TOOL_OK && a->scales != NULL)
        rc = choose_scales(&a->bench, a->scales);
    if (rc == TOOL_OK && a->peers != NULL)
        rc = choose_peers(&a->bench, a->peers);
    if (rc == TOOL_OK)
        rc = bench(a);
    mo_arena_fini(&a->bench.arena);
    return rc;
}

int cmd_bench(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        { 'd', "programs", true }, { 'f', "questions", true },
        { 'g', "svg", true }, { 'l', "list", false },
        { 'm', "markdown", true }, { 'o', "only", true },
        { 'p', "peers", true }, { 'r', "rounds", true },
        { 'S', "save", true }, { 't', "timeout", true },
        { 'w', "workers", true }, { 'x', "scale", true },
        TOOL_FLAG_JSON, TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = "bench", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct asked a = {
        .bench = { .questions_file = BENCH_QUESTIONS,
                   .programs = BENCH_PROGRAMS, .rounds = ROUNDS, .scale = 1,
                   .timeout_s = TIMEOUT_S },
    };
    int flag;
    int rc;

    while ((flag = tool_next(&args)) != -1) {
        if (flag == 'h')
            return tool_explain("bench");
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 0)
            return tool_usage("bench", "questions stand behind --only");
        rc = take(&a, flag, args.value);
        if (rc != TOOL_OK)
            return rc;
    }
    return run(&a);
}
