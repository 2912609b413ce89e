/* SPDX-License-Identifier: MIT */
/*
 * bench_command.c - from `run` in questions.yaml to a command.
 *
 * Its words, between blanks, are NAME=VALUE for the environment, then the
 * program, below the folder of programs unless it has a path from the root,
 * then arguments; without any, the question, the workers and the scale. In all
 * of them {program}, {question}, {workers} and {scale} are replaced.
 */
#include "bench.h"

#include <string.h>

#define WORDS 32                    /* at most, settings or arguments */

/* What stands for itself or for a value. */
struct blank {
    const char *name, *value;
};

/* The n bytes of `word` with blanks filled in; NULL: no memory. */
static char *fill(struct bench *b, const char *word, size_t n,
                  const struct blank *blanks)
{
    char *text = mo_arena_strndup(&b->arena, word, n);

    for (; text != NULL && blanks->name != NULL; blanks++) {
        const char *at = strstr(text, blanks->name);

        if (at != NULL)
            text = mo_arena_printf(&b->arena, "%.*s%s%s", (int)(at - text),
                                   text, blanks->value,
                                   at + strlen(blanks->name));
    }
    return text;
}

/* A word of the environment: it has a = behind a name. */
static bool is_setting(const char *word)
{
    size_t n = strcspn(word, "=/");

    return n > 0 && word[n] == '=';
}

static char *below(struct bench *b, char *program)
{
    return program[0] == '/' ? program
                             : mo_arena_printf(&b->arena, "%s/%s", b->programs,
                                               program);
}

/* Sorts the words of `run` into the two lists. */
static bool split(struct bench *b, const char *run, const struct blank *blanks,
                  char **environment, char **arguments)
{
    size_t settings = 0, words = 0;

    while (*(run += strspn(run, " ")) != '\0') {
        size_t n = strcspn(run, " ");
        char *word = fill(b, run, n, blanks);

        run += n;
        if (word != NULL && words == 0 && !is_setting(word))
            word = below(b, word);
        if (word == NULL || settings == WORDS - 1 || words == WORDS - 1)
            return false;
        if (words == 0 && is_setting(word))
            environment[settings++] = word;
        else
            arguments[words++] = word;
    }
    return words > 0;
}

bool bench_command(struct bench *b, const struct bench_match *m,
                   struct bench_entry *e)
{
    const struct bench_question *q = m->question;
    char *workers = mo_arena_printf(&b->arena, "%u", m->workers);
    char *scale = mo_arena_printf(&b->arena, "%g", bench_scale(b, q));
    const struct blank blanks[] = {
        { "{program}", q->program }, { "{question}", q->name },
        { "{workers}", workers }, { "{scale}", scale }, { NULL, NULL },
    };

    e->environment = mo_arena_alloc(&b->arena,
                                    WORDS * sizeof *e->environment);
    e->arguments = mo_arena_alloc(&b->arena, WORDS * sizeof *e->arguments);
    if (workers == NULL || scale == NULL || e->environment == NULL ||
        e->arguments == NULL ||
        !split(b, e->who->run, blanks, e->environment, e->arguments))
        return false;
    if (e->arguments[1] != NULL)
        return true;
    e->arguments[1] = mo_arena_strdup(&b->arena, q->name);
    e->arguments[2] = workers;
    e->arguments[3] = scale;
    return e->arguments[1] != NULL;
}
