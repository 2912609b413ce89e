/* SPDX-License-Identifier: MIT */
/*
 * cmd_plugins_test.c - `moirai plugins test`: does a plugin keep its promises?
 *
 * Nothing of the plugin runs in this process: it is loaded by a child, and by
 * another for each promise, which may hang, crash or end the process.
 */
#include "tool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attempt.h"
#include "json.h"
#include "subject.h"
#include "text.h"

#define COMMAND "plugins test"
#define TIMEOUT_S 60
#define HURRIED_S 10                /* once a promise has taken all its time */
#define TIMEOUT_MAX 86400
#define QUICK 10                    /* percent of the usual effort */

struct trial {
    struct target target;
    unsigned seconds;               /* that a promise may take */
    bool quick, shown, json;
    char **only;                    /* names of promises; none: all */
    size_t only_count;
    const struct promise *promise;  /* the one that is tried */
    struct portrait *portrait;
    unsigned counts[VERDICT_FAILED + 1];
    struct json out;
};

/* --- in a child ---------------------------------------------------------- */

static void look(void *arg)
{
    struct trial *t = arg;

    subject_look(&t->target, t->portrait, stdout);
}

static void try_promise(void *arg)
{
    const struct trial *t = arg;
    struct subject subject;

    conformance_verdict(&t->portrait->verdict);
    conformance_effort(t->quick ? QUICK : 100);
    conformance_patience(t->seconds / 2.0);
    if (!subject_open(&t->target, &subject)) {
        conformance_say(VERDICT_FAILED, "it cannot be loaded any more");
        return;
    }
    t->promise->try(&subject);
    conformance_say(VERDICT_KEPT, "");
}

/* --- what came of it ----------------------------------------------------- */

static const char *word_of(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_KEPT:
        return "kept";
    case VERDICT_WAIVED:
        return "waived";
    case VERDICT_BROKEN:
        return "broken";
    default:
        return "untried";
    }
}

static void put_line(const char *head, const char *text)
{
    printf("        %s", head);
    tool_put(stdout, text);
    putchar('\n');
}

static void put_result(const struct trial *t, const struct promise *promise,
                       const struct verdict *v)
{
    const char *colour = v->kind == VERDICT_BROKEN ? tool_red(stdout) : "";

    printf("%s%-6s%s  %s\n", colour, word_of((enum verdict_kind)v->kind),
           colour[0] != '\0' ? tool_plain(stdout) : "", promise->sentence);
    if (v->kind == VERDICT_BROKEN)
        put_line("seen: ", v->text);
    else if (v->kind == VERDICT_FAILED || (v->kind == VERDICT_WAIVED
                                           && t->shown))
        put_line("because: ", v->text);
    if (v->kind == VERDICT_BROKEN || t->shown)
        put_line("again: -o ", promise->name);
    fflush(stdout);
}

static void put_json(struct json *j, const struct promise *promise,
                     const struct verdict *v)
{
    json_open(j, '{');
    json_pair(j, "name", promise->name);
    json_pair(j, "promise", promise->sentence);
    json_pair(j, "result", word_of((enum verdict_kind)v->kind));
    if (v->kind == VERDICT_BROKEN)
        json_pair(j, "seen", v->text);
    else if (v->text[0] != '\0')
        json_pair(j, "because", v->text);
    if (v->where[0] != '\0')
        json_pair(j, "where", v->where);
    json_close(j, '}');
}

static void tell(struct trial *t, const struct promise *promise)
{
    const struct verdict *v = &t->portrait->verdict;

    t->counts[v->kind]++;
    if (t->json)
        put_json(&t->out, promise, v);
    else
        put_result(t, promise, v);
}

static void put_head(const struct trial *t)
{
    const struct portrait *p = t->portrait;

    printf("%s%s %s%s ", tool_bold(stdout), t->target.kind->noun, p->name,
           tool_plain(stdout));
    tool_put(stdout, p->version);
    fputs(": ", stdout);
    tool_put(stdout, p->summary);
    putchar('\n');
}

static void json_head(struct trial *t)
{
    struct json *j = &t->out;

    json_open(j, '{');
    json_pair(j, "plugin", t->target.plugin);
    json_pair(j, "kind", t->target.kind->prefix);
    json_pair(j, "name", t->portrait->name);
    json_pair(j, "version", t->portrait->version);
    json_key(j, "promises");
    json_open(j, '[');
}

static void put_sum(struct trial *t)
{
    struct json *j = &t->out;

    if (!t->json) {
        printf("%u kept, %u broken", t->counts[VERDICT_KEPT],
               t->counts[VERDICT_BROKEN]);
        if (t->counts[VERDICT_WAIVED] > 0)
            printf(", %u that do not concern it", t->counts[VERDICT_WAIVED]);
        if (t->counts[VERDICT_FAILED] > 0)
            printf(", %u that could not be tried", t->counts[VERDICT_FAILED]);
        putchar('\n');
        return;
    }
    json_close(j, ']');
    json_key(j, "kept");
    json_unsigned(j, t->counts[VERDICT_KEPT]);
    json_key(j, "broken");
    json_unsigned(j, t->counts[VERDICT_BROKEN]);
    json_key(j, "waived");
    json_unsigned(j, t->counts[VERDICT_WAIVED]);
    json_key(j, "untried");
    json_unsigned(j, t->counts[VERDICT_FAILED]);
    json_close(j, '}');
    json_end();
}

/* --- the command --------------------------------------------------------- */

static bool is_wanted(const struct trial *t, const struct promise *promise)
{
    for (size_t i = 0; i < t->only_count; i++)
        if (strcmp(t->only[i], promise->name) == 0)
            return true;
    return t->only_count == 0;
}

/* Every name of -o is one of them. */
static int check_names(const struct trial *t,
                       const struct promise *const *promises)
{
    char quoted[MO_TEXT_QUOTED];
    struct mo_text_guess guess;

    for (size_t i = 0; i < t->only_count; i++) {
        const struct promise *const *p = promises;

        mo_text_guess_init(&guess, t->only[i]);
        for (; *p != NULL && strcmp((*p)->name, t->only[i]) != 0; p++)
            mo_text_guess_offer(&guess, (*p)->name);
        if (*p != NULL)
            continue;
        mo_text_quote(quoted, t->only[i]);
        return guess.best != NULL
            ? tool_usage(COMMAND, "no %s promises %s, did you mean \"%s\"?",
                         t->target.kind->noun, quoted, guess.best)
            : tool_usage(COMMAND, "no %s promises %s; -v shows the names",
                         t->target.kind->noun, quoted);
    }
    return TOOL_OK;
}

/* Not loaded: the first promise is broken, the others cannot be tried. */
static int refuse(struct trial *t, const struct promise *const *promises)
{
    t->portrait->verdict.kind = VERDICT_BROKEN;
    if (t->json)
        json_head(t);
    else
        printf("%s %s\n", t->target.kind->noun, t->target.plugin);
    tell(t, promises[0]);
    put_sum(t);
    return TOOL_FAILURE;
}

/* Who is slow, or hangs, mostly is so in all: that is not waited for as long
 * twice. */
static void try_one(struct trial *t)
{
    double began = conformance_seconds();

    attempt(try_promise, t, t->seconds,
            t->shown ? ATTEMPT_SHOWN : ATTEMPT_SILENT, &t->portrait->verdict);
    if (t->seconds > HURRIED_S && conformance_seconds() - began >= t->seconds)
        t->seconds = HURRIED_S;
}

static int try_all(struct trial *t, const struct promise *const *promises)
{
    if (t->json)
        json_head(t);
    else
        put_head(t);
    for (; *promises != NULL; promises++) {
        if (!is_wanted(t, *promises))
            continue;
        t->promise = *promises;
        try_one(t);
        tell(t, *promises);
    }
    put_sum(t);
    return t->counts[VERDICT_BROKEN] + t->counts[VERDICT_FAILED] > 0
        ? TOOL_FAILURE : TOOL_OK;
}

static int judge(struct trial *t)
{
    const struct promise *const *promises;
    struct verdict *v = &t->portrait->verdict;
    int rc;

    promises = conformance_promises(t->target.kind->kind);
    if (promises == NULL)
        return tool_failure(COMMAND, "nothing is promised of a %s yet",
                            t->target.kind->noun);
    rc = check_names(t, promises);
    if (rc != TOOL_OK)
        return rc;
    attempt(look, t, t->seconds, ATTEMPT_SPEAKS, v);
    switch (v->kind) {
    case VERDICT_KEPT:
        return try_all(t, promises);
    case VERDICT_CONFIG:
        if (v->text[0] != '\0')
            tool_failure(COMMAND, "%s: %s", t->target.file, v->text);
        return TOOL_CONFIG;
    case VERDICT_FAILED:
        return tool_failure(COMMAND, "%s", v->text);
    default:
        return refuse(t, promises);
    }
}

static int take_timeout(struct trial *t, const char *text)
{
    char quoted[MO_TEXT_QUOTED];
    uint64_t value;

    if (mo_text_uint(text, &value) != 0 || value < 1 || value > TIMEOUT_MAX)
        return tool_usage(COMMAND, "--timeout takes seconds, from 1 to %d, "
                          "not %s", TIMEOUT_MAX, mo_text_quote(quoted, text));
    t->seconds = (unsigned)value;
    return TOOL_OK;
}

static int take(struct trial *t, int flag, const char *value, const char **what)
{
    switch (flag) {
    case 0:
        if (*what != NULL)
            return tool_usage(COMMAND, "one plugin at a time");
        *what = value;
        return TOOL_OK;
    case 'c': t->target.file = value; return TOOL_OK;
    case 's': return tool_set(COMMAND, value);
    case 'o': t->only[t->only_count++] = (char *)value; return TOOL_OK;
    case 't': return take_timeout(t, value);
    case 'q': t->quick = true; return TOOL_OK;
    case 'v': t->shown = true; return TOOL_OK;
    case 'j': t->json = t->target.json = true; return TOOL_OK;
    default: return TOOL_USAGE;
    }
}

static int run(struct trial *t, const char *what)
{
    int rc;

    if (what == NULL)
        return tool_usage(COMMAND, "which plugin?");
    rc = subject_find(what, &t->target);
    if (rc != TOOL_OK)
        return rc;
    t->portrait = attempt_share(sizeof *t->portrait);
    rc = t->portrait != NULL ? judge(t)
                             : tool_failure(COMMAND, "out of memory");
    subject_forget(&t->target);
    return rc;
}

int cmd_plugins_test(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        { 'c', "config", true }, TOOL_FLAG_SET, { 'o', "only", true },
        { 't', "timeout", true }, { 'q', "quick", false },
        { 'v', "verbose", false }, TOOL_FLAG_JSON, TOOL_FLAG_HELP,
        { 0, NULL, false },
    };
    struct tool_args args = { .command = COMMAND, .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct trial t = { .seconds = TIMEOUT_S,
                       .only = calloc((size_t)argc, sizeof *t.only) };
    const char *what = NULL;
    int rc = TOOL_OK;
    int flag;

    if (t.only == NULL)
        return tool_failure(COMMAND, "out of memory");
    while (rc == TOOL_OK && (flag = tool_next(&args)) != -1) {
        if (flag == 'h') {
            free(t.only);
            return tool_explain(COMMAND);
        }
        rc = take(&t, flag, args.value, &what);
    }
    if (rc == TOOL_OK)
        rc = run(&t, what);
    free(t.only);
    return rc;
}
