/* SPDX-License-Identifier: MIT */
/*
 * fuzz_large.c - files as large as may be, and what they cost.
 *
 * An input is a pattern: a head, "%%", a body, "%%" and a tail, all lines.
 * The body is repeated while the file is no larger than configurations may be;
 * every "@" in it becomes the number of its repetition. However it looks, the
 * file must be judged within a second, so nothing may cost the square of what
 * is in it.
 *
 * The fuzzer, which is slowed down by what it measures, tries smaller files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config.h"
#include "world.h"

const char fuzz_name[] = "large";

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define FILE_SIZE (MO_CONFIG_SIZE / 8)
#define SECONDS_MOST 2.5
#elif defined(MO_SANITIZE_ADDRESS) || defined(MO_SANITIZE_THREAD) || \
    defined(MO_COVERAGE)
#define FILE_SIZE MO_CONFIG_SIZE
#define SECONDS_MOST 10.0
#else
#define FILE_SIZE MO_CONFIG_SIZE
#define SECONDS_MOST 1.0
#endif

struct file {
    char bytes[FILE_SIZE];
    size_t size;
};

/* Appends n bytes, but leaves `spare`. False: they do not fit. */
static bool append(struct file *file, const char *text, size_t n, size_t spare)
{
    if (n + spare > sizeof file->bytes - file->size)
        return false;
    memcpy(file->bytes + file->size, text, n);
    file->size += n;
    return true;
}

/* The whole body once more, or nothing of it. */
static bool append_body(struct file *file, const char *body, unsigned round,
                        size_t spare)
{
    size_t before = file->size;
    char number[16];
    int digits = snprintf(number, sizeof number, "%05x", round);
    bool fits = *body != '\0';

    while (fits && *body != '\0') {
        size_t plain = strcspn(body, "@");

        fits = append(file, body, plain, spare);
        body += plain;
        if (fits && *body == '@') {
            fits = append(file, number, (size_t)digits, spare);
            body++;
        }
    }
    if (!fits)
        file->size = before;
    return fits;
}

/* Ends the part of `text` at the next line "%%"; returns the part after. */
static char *cut(char *text)
{
    char *end = strncmp(text, "%%\n", 3) == 0 ? text : strstr(text, "\n%%\n");
    char *next;

    if (end == NULL)
        return text + strlen(text);
    next = end + (end == text ? 3 : 4);
    end[end == text ? 0 : 1] = '\0';
    return next;
}

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct file file;
    char *head = fuzz_text(data, size);
    char *body = cut(head);
    char *tail = cut(body);
    size_t tail_size = strlen(tail);
    double seconds = cpu_seconds();
    unsigned round = 0;

    file.size = 0;
    append(&file, head, strlen(head), tail_size);
    while (append_body(&file, body, round, tail_size))
        round++;
    append(&file, tail, tail_size, 0);
    world_set(file.bytes, file.size, NULL);
    mo_setup_close(world_read(NULL));
    seconds = cpu_seconds() - seconds;
    FUZZ_CHECK(seconds <= SECONDS_MOST, "%.2f s", seconds);
    if (getenv("FUZZ_TIMES") != NULL)
        printf("# %.3f s\n", seconds);
    free(head);
    return 0;
}
