/* SPDX-License-Identifier: MIT */
/*
 * tool.c - what the commands of `moirai` share.
 *
 * Rejected: getopt_long. It permutes or stops at will of the environment, and
 * its complaints know nothing of "did you mean".
 */
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

#define WIDTH_LEAST 20
#define WIDTH_MOST 1000

__attribute__((format(printf, 2, 0)))
static void complain(const char *command, const char *format, va_list args)
{
    fprintf(stderr, "moirai%s%s: ", command[0] != '\0' ? " " : "", command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int tool_usage(const char *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(command, format, args);
    va_end(args);
    fprintf(stderr, "Try \"moirai help%s%s\".\n",
            command[0] != '\0' ? " " : "", command);
    return TOOL_USAGE;
}

int tool_failure(const char *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(command, format, args);
    va_end(args);
    return TOOL_FAILURE;
}

static int unknown_flag(const struct tool_args *args, const char *name)
{
    struct mo_text_guess guess;
    char quoted[MO_TEXT_QUOTED];

    mo_text_guess_init(&guess, name);
    for (const struct tool_flag *f = args->flags; f->letter != 0; f++)
        mo_text_guess_offer(&guess, f->name);
    if (guess.best != NULL)
        tool_usage(args->command, "unknown option %s, did you mean --%s?",
                   mo_text_quote(quoted, name), guess.best);
    else
        tool_usage(args->command, "unknown option %s",
                   mo_text_quote(quoted, name));
    return '?';
}

/* Takes the value of a flag, from behind "=" or the next word. */
static int with_value(struct tool_args *args, const struct tool_flag *flag,
                      const char *attached)
{
    args->value = attached;
    if (!flag->takes && attached != NULL) {
        tool_usage(args->command, "--%s takes no value", flag->name);
        return '?';
    }
    if (flag->takes && attached == NULL) {
        if (args->next == args->argc) {
            tool_usage(args->command, "--%s needs a value", flag->name);
            return '?';
        }
        args->value = args->argv[args->next++];
    }
    return flag->letter;
}

static int long_flag(struct tool_args *args, const char *name)
{
    size_t n = strcspn(name, "=");

    for (const struct tool_flag *f = args->flags; f->letter != 0; f++) {
        if (strlen(f->name) == n && strncmp(f->name, name, n) == 0)
            return with_value(args, f, name[n] == '=' ? name + n + 1 : NULL);
    }
    return unknown_flag(args, name);
}

static int short_flag(struct tool_args *args)
{
    char letter[2] = { *args->cluster++, '\0' };
    const struct tool_flag *f = args->flags;
    const char *rest = *args->cluster != '\0' ? args->cluster : NULL;

    args->cluster = rest;
    while (f->letter != 0 && f->letter != letter[0])
        f++;
    if (f->letter == 0)
        return unknown_flag(args, letter);
    if (!f->takes)
        return f->letter;
    args->cluster = NULL;
    return with_value(args, f, rest);
}

int tool_next(struct tool_args *args)
{
    const char *word;

    if (args->cluster != NULL)
        return short_flag(args);
    if (args->next >= args->argc)
        return -1;
    word = args->argv[args->next++];
    if (!args->only_words && strcmp(word, "--") == 0) {
        args->only_words = true;
        return tool_next(args);
    }
    if (args->only_words || word[0] != '-' || word[1] == '\0') {
        args->value = word;
        return 0;
    }
    if (word[1] == '-')
        return long_flag(args, word + 2);
    args->cluster = word + 1;
    return short_flag(args);
}

int tool_set(const char *command, const char *setting)
{
    const char *before = getenv("MOIRAI_SET");
    size_t size = (before != NULL ? strlen(before) : 0) + strlen(setting) + 2;
    char *all;
    int rc;

    if (strchr(setting, '\n') != NULL || strchr(setting, '=') == NULL)
        return tool_usage(command, "-s takes one SECTION.KEY=VALUE");
    all = malloc(size);
    if (all == NULL)
        return tool_failure(command, "out of memory");
    snprintf(all, size, "%s%s%s", before != NULL ? before : "",
             before != NULL ? "\n" : "", setting);
    rc = setenv("MOIRAI_SET", all, 1);
    free(all);
    return rc == 0 ? TOOL_OK : tool_failure(command, "out of memory");
}

/* Character by character, so that it needs no memory. */
static void put_bytes(FILE *file, const char *text, size_t left)
{
    while (left > 0) {
        size_t n = mo_text_utf8(text, left);
        char one[5] = "", shown[4 * sizeof one];

        n = n > 0 ? n : 1;
        memcpy(one, text, n);
        fputs(mo_text_show(shown, one), file);
        text += n;
        left -= n;
    }
}

void tool_put(FILE *file, const char *text)
{
    put_bytes(file, text, strlen(text));
}

void tool_paragraph(int width, int indent, int column, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, " ");

        if (column > indent && column + 1 + (int)n > width) {
            printf("\n");
            column = 0;
        }
        if (column < indent) {
            printf("%*s", indent - column, "");
            column = indent;
        } else if (column > indent) {
            column += printf(" ");
        }
        put_bytes(stdout, text, n);
        column += (int)n;
        text += n;
        text += strspn(text, " ");
    }
    printf("\n");
}

static const char *code(FILE *file, const char *sequence)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    if ((no_color != NULL && no_color[0] != '\0') || term == NULL ||
        strcmp(term, "dumb") == 0 || isatty(fileno(file)) == 0)
        return "";
    return sequence;
}

const char *tool_bold(FILE *file)
{
    return code(file, "\033[1m");
}

const char *tool_red(FILE *file)
{
    return code(file, "\033[31m");
}

const char *tool_green(FILE *file)
{
    return code(file, "\033[32m");
}

const char *tool_faint(FILE *file)
{
    return code(file, "\033[2m");
}

const char *tool_plain(FILE *file)
{
    return code(file, "\033[0m");
}

int tool_width(void)
{
    const char *said = getenv("COLUMNS");
    int columns = tool_columns(STDOUT_FILENO);
    uint64_t n;

    if (columns == 0 && said != NULL && mo_text_uint(said, &n) == 0)
        columns = n < WIDTH_MOST ? (int)n : WIDTH_MOST;
    return columns == 0 ? TOOL_WIDTH
         : columns < WIDTH_LEAST ? WIDTH_LEAST : columns;
}

int tool_finish(int status)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return status;
    return tool_failure("", "cannot write: %s", strerror(errno));
}
