/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tool.c - the words of a command line, and texts as JSON.
 *
 * An input is a command line, a word each line. What libFuzzer itself says
 * does not go through stdio's stderr.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#include "../../tools/json.h"
#include "../../tools/tool.h"

#include "fuzz.h"

const char fuzz_name[] = "tool";

#define WORDS_MAX 32

static const struct tool_flag flags[] = {
    TOOL_FLAG_HELP,
    TOOL_FLAG_JSON,
    { 'c', "config", true },
    { 'v', "verbose", false },
    { 0, NULL, false },
};

/* Every word comes out once at most, and reading ends. */
static void try_words(char **argv, int argc)
{
    struct tool_args args = {
        .command = "fuzz", .flags = flags, .argv = argv, .argc = argc,
        .next = 1,
    };
    size_t letters = 0;
    int got;

    for (int i = 1; i < argc; i++)
        letters += strlen(argv[i]) + 1;
    while ((got = tool_next(&args)) != -1) {
        FUZZ_CHECK(got == 0 || got == '?' || got == 'h' || got == 'j' ||
                   got == 'c' || got == 'v', "%d", got);
        FUZZ_CHECK((got != 0 && got != 'c') || args.value != NULL, "%d", got);
        FUZZ_CHECK(letters-- > 0, "more flags than letters");
    }
    FUZZ_CHECK(args.next == argc, "%d of %d", args.next, argc);
}

/* Is it a JSON string in UTF-8? */
static bool is_string(const char *p)
{
    if (*p++ != '"')
        return false;
    while (*p != '\0' && *p != '"') {
        size_t n = mo_text_utf8(p, strlen(p));

        if (n == 0 || (unsigned char)*p < 0x20)
            return false;
        if (*p == '\\') {
            if (p[1] == 'u' && strspn(p + 2, "0123456789abcdef") >= 4)
                n = 6;
            else if (p[1] == '"' || p[1] == '\\')
                n = 2;
            else
                return false;
        }
        p += n;
    }
    return strcmp(p, "\"") == 0;
}

/* What `write` puts on standard output, malloc'ed. */
static char *caught(void (*write)(const char *text), const char *text)
{
    FILE *own = stdout;
    char *out = NULL;
    size_t n = 0;

    stdout = open_memstream(&out, &n);
    if (stdout == NULL)
        abort();
    write(text);
    fclose(stdout);
    stdout = own;
    return out;
}

static void as_json(const char *text)
{
    struct json j = { .comma = false };

    json_text(&j, text);
}

static void as_shown(const char *text)
{
    tool_put(stdout, text);
}

static void try_text(const char *text)
{
    char *out = caught(as_json, text);

    FUZZ_CHECK(is_string(out), "%s", out);
    free(out);
    out = caught(as_shown, text);
    FUZZ_CHECK(mo_text_shows(out, 4 * strlen(text)), "%s", out);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    char *text = fuzz_text(data, size);
    char *argv[WORDS_MAX + 1] = { (char[]){ "fuzz" } };
    FILE *own = stderr;
    char *rest = text;
    int argc = 1;

    try_text(text);
    while (argc < WORDS_MAX && (argv[argc] = fuzz_line(&rest)) != NULL)
        argc++;
    argv[argc] = NULL;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    if (nowhere != NULL)
        stderr = nowhere;
    try_words(argv, argc);
    stderr = own;
    free(text);
    return 0;
}
