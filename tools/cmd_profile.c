/* SPDX-License-Identifier: MIT */
/*
 * cmd_profile.c - `moirai profile stacks`: how large stacks must be.
 *
 * The program runs with stacks.watermark set to all, and its runtime writes to
 * a file, a line for each place where tasks are spawned and each class of stack
 * that they used: "size SPAWNED MEASURED DEEPEST P99 CLASS-SIZE PLACE". Where a
 * program has several runtimes, or several processes, lines add up.
 */
#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "launch.h"
#include "program.h"
#include "text.h"

#define COMMAND "profile stacks"
#define STEP (UINT64_C(16) << 10)   /* recommended sizes are multiples of it */
#define LEAST_LOOP (UINT64_C(64) << 10)

struct place {                      /* and a class of stack */
    char name[8];                   /* "size", "loop" or "extra" */
    uint64_t spawned, measured;     /* tasks */
    uint64_t deepest, p99;          /* bytes */
    uint64_t size;                  /* of a stack of the class */
    char *at;                       /* file:line */
};

struct profile {
    const char *file;               /* NULL: $MOIRAI_CONFIG, or none */
    bool json;
    char **program;                 /* NULL-terminated */
    char path[64];                  /* of what the runtime writes */
    struct place *places;
    size_t count;
};

/* --- reading -------------------------------------------------------------- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool add_place(struct profile *p, const struct place *found)
{
    struct place *places;

    for (size_t i = 0; i < p->count; i++) {
        struct place *known = &p->places[i];

        if (strcmp(known->name, found->name) != 0
            || strcmp(known->at, found->at) != 0)
            continue;
        known->spawned += found->spawned;
        known->measured += found->measured;
        known->deepest = larger(known->deepest, found->deepest);
        known->p99 = larger(known->p99, found->p99);
        known->size = larger(known->size, found->size);
        return true;
    }
    places = realloc(p->places, (p->count + 1) * sizeof *places);
    if (places == NULL)
        return false;
    p->places = places;
    places[p->count] = *found;
    places[p->count].at = strdup(found->at);
    return places[p->count++].at != NULL;
}

static bool read_line(struct profile *p, char *line)
{
    struct place found = { .at = NULL };
    unsigned long long n[5];
    int end = 0;

    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%7s %llu %llu %llu %llu %llu %n", found.name, &n[0],
               &n[1], &n[2], &n[3], &n[4], &end) < 6 || end == 0)
        return true;                /* cut off: its runtime was */
    found.spawned = n[0];
    found.measured = n[1];
    found.deepest = n[2];
    found.p99 = n[3];
    found.size = n[4];
    found.at = line + end;
    return add_place(p, &found);
}

static int by_depth(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int name = strcmp(y->name, x->name);    /* "size" before "loop" */

    if (name != 0)
        return name;
    if (x->deepest != y->deepest)
        return x->deepest < y->deepest ? 1 : -1;
    return strcmp(x->at, y->at);
}

static int read_places(struct profile *p)
{
    FILE *file = fopen(p->path, "re");
    char *line = NULL;
    size_t room = 0;
    bool fits = true;

    if (file == NULL)
        return tool_failure(COMMAND, "%s: %s", p->path, strerror(errno));
    while (fits && getline(&line, &room, file) >= 0)
        fits = read_line(p, line);
    free(line);
    fclose(file);
    if (!fits)
        return tool_failure(COMMAND, "out of memory");
    if (p->count > 0)
        qsort(p->places, p->count, sizeof p->places[0], by_depth);
    return TOOL_OK;
}

/* --- telling -------------------------------------------------------------- */

/* Half as much again, and 8 KiB. */
static uint64_t recommended(uint64_t deepest)
{
    uint64_t size = deepest + deepest / 2 + (UINT64_C(8) << 10);

    return (size + STEP - 1) / STEP * STEP;
}

/* What all tasks that use such stacks come to; 0: none did. */
static uint64_t recommended_of(const struct profile *p, const char *name)
{
    uint64_t deepest = 0;
    uint64_t size;

    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->places[i].name, name) == 0)
            deepest = larger(deepest, p->places[i].deepest);
    size = deepest != 0 ? recommended(deepest) : 0;
    return size != 0 && strcmp(name, "loop") == 0 ? larger(size, LEAST_LOOP)
                                                  : size;
}

static void print_size(uint64_t bytes)
{
    char text[32];

    if (bytes == 0)
        snprintf(text, sizeof text, "-");
    else
        snprintf(text, sizeof text, "%lluKiB",
                 (unsigned long long)((bytes + 1023) / 1024));
    printf(" %9s", text);
}

static void print_place(const struct place *place)
{
    uint64_t enough = recommended(place->deepest);

    printf("%10llu %10llu  %-5s", (unsigned long long)place->spawned,
           (unsigned long long)place->measured, place->name);
    print_size(place->deepest);
    print_size(place->p99);
    print_size(place->size);
    print_size(enough);
    print_size(enough < place->size ? place->size - enough : 0);
    fputs("  ", stdout);
    tool_put(stdout, place->at);
    putchar('\n');
}

static void print_key(const struct profile *p, const char *name)
{
    char text[MO_TEXT_NUMBER];
    uint64_t size = recommended_of(p, name);

    if (size != 0)
        printf("  %s: %s\n", name, mo_text_show_size(text, size));
}

static void print_table(const struct profile *p)
{
    printf("%s%10s %10s  %-5s %9s %9s %9s %9s %9s  %s%s\n", tool_bold(stdout),
           "TASKS", "MEASURED", "STACK", "DEEPEST", "P99", "HAS", "ENOUGH",
           "SAVED", "SPAWNED AT", tool_plain(stdout));
    for (size_t i = 0; i < p->count; i++)
        print_place(&p->places[i]);
    fputs("\nENOUGH is half as much again as was used and 8KiB, in steps of "
          "16KiB. SAVED is\nreserved for each stack beyond that: memory with "
          "stacks: {plugin: heap} or\nfixed, addresses with others. What the "
          "program did not do in this run may need\nmore.\n\n", stdout);
    puts("stacks:");
    print_key(p, "size");
    print_key(p, "loop");
    print_key(p, "extra");
}

static void write_json(const struct profile *p, int status)
{
    static const char *const names[] = { "size", "loop", "extra" };
    struct json j = { .comma = false };

    json_open(&j, '{');
    json_key(&j, "status");
    json_number(&j, status);
    json_key(&j, "places");
    json_open(&j, '[');
    for (size_t i = 0; i < p->count; i++) {
        const struct place *place = &p->places[i];
        const struct { const char *key; uint64_t value; } pairs[] = {
            { "tasks", place->spawned }, { "measured", place->measured },
            { "deepest", place->deepest }, { "p99", place->p99 },
            { "has", place->size }, { "enough", recommended(place->deepest) },
        };

        json_open(&j, '{');
        json_pair(&j, "spawned_at", place->at);
        json_pair(&j, "stack", place->name);
        for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
            json_key(&j, pairs[k].key);
            json_unsigned(&j, pairs[k].value);
        }
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_key(&j, "stacks");
    json_open(&j, '{');
    for (int i = 0; i < 3; i++) {
        uint64_t size = recommended_of(p, names[i]);

        if (size == 0)
            continue;
        json_key(&j, names[i]);
        json_unsigned(&j, size);
    }
    json_close(&j, '}');
    json_close(&j, '}');
    json_end();
}

/* --- the command ---------------------------------------------------------- */

static int make_file(struct profile *p)
{
    static const char path[] = "/tmp/moirai-stacks-XXXXXX";
    int fd;

    memcpy(p->path, path, sizeof path);
    fd = mkstemp(p->path);
    if (fd < 0)
        return tool_failure(COMMAND, "%s: %s", p->path, strerror(errno));
    close(fd);
    return TOOL_OK;
}

static int set_watermark(const struct profile *p)
{
    char setting[100];
    int rc = tool_set(COMMAND, "stacks.watermark=all");

    snprintf(setting, sizeof setting, "stacks.watermark_file=%s", p->path);
    return rc == TOOL_OK ? tool_set(COMMAND, setting) : rc;
}

/* The program's status, as `moirai run` has it, or that of a failure. */
static int run_program(struct profile *p)
{
    int rc = set_watermark(p);
    int status;

    if (rc == TOOL_OK)
        rc = program_check(COMMAND, p->file, p->json);
    if (rc == TOOL_OK && program_export(COMMAND, p->file) != 0)
        rc = TOOL_FAILURE;
    if (rc != TOOL_OK)
        return rc;
    status = launch(p->program);
    rc = read_places(p);
    if (rc != TOOL_OK)
        return rc;
    if (p->json)
        write_json(p, status);
    else if (p->count > 0)
        print_table(p);
    if (p->count == 0 && status == 0)
        return tool_failure(COMMAND, "%s has told nothing: no runtime of it "
                            "was stopped, or it chooses stacks.watermark "
                            "itself", p->program[0]);
    return tool_finish(status);
}

static int profile(struct profile *p)
{
    int rc = make_file(p);

    if (rc != TOOL_OK)
        return rc;
    rc = run_program(p);
    unlink(p->path);
    for (size_t i = 0; i < p->count; i++)
        free(p->places[i].at);
    free(p->places);
    return rc;
}

int cmd_profile_stacks(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        { 'c', "config", true }, TOOL_FLAG_SET, TOOL_FLAG_JSON,
        TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = COMMAND, .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct profile p = { .file = NULL };
    int flag;
    int rc;

    while ((flag = tool_next(&args)) > 0) {
        if (flag == 'h')
            return tool_explain(COMMAND);
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 'c')
            p.file = args.value;
        if (flag == 's' && (rc = tool_set(COMMAND, args.value)) != TOOL_OK)
            return rc;
        p.json = p.json || flag == 'j';
    }
    if (flag == -1)
        return tool_usage(COMMAND, "which program?");
    p.program = argv + args.next - 1;
    return profile(&p);
}
