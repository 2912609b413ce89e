/* SPDX-License-Identifier: MIT */
/*
 * bench_machine.c - where and when it was measured, and against which versions.
 */
#include "bench.h"

#include <sched.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "bench_child.h"

#define QUERY_S 10                  /* that dpkg may take */

/* As /proc/cpuinfo has it. */
static const char *processor(struct bench *b)
{
    FILE *file = fopen("/proc/cpuinfo", "r");
    const char *name = "unknown processor";
    bool found = false;
    char line[256];

    while (file != NULL && !found &&
           fgets(line, sizeof line, file) != NULL) {
        char *colon = strstr(line, ": ");

        found = strncmp(line, "model name", 10) == 0 && colon != NULL;
        if (found)
            name = mo_arena_strndup(&b->arena, colon + 2,
                                    strcspn(colon + 2, "\n"));
    }
    if (file != NULL)
        fclose(file);
    return name;
}

static const char *kernel(struct bench *b)
{
    struct utsname u;

    if (uname(&u) != 0)
        return "unknown kernel";
    return mo_arena_printf(&b->arena, "%s %s %s", u.sysname, u.release,
                           u.machine);
}

static const char *date(struct bench *b)
{
    time_t now = time(NULL);
    struct tm utc;
    char text[40];

    if (gmtime_r(&now, &utc) == NULL)
        return "unknown date";
    strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
    return mo_arena_strdup(&b->arena, text);
}

/* Gives the contestants whose first package this is the version. false: no
 * memory. */
static bool note(struct bench *b, const char *package, const char *version)
{
    const char *copy = mo_arena_strdup(&b->arena, version);

    for (size_t i = 0; i < b->contestant_count; i++) {
        struct bench_contestant *c = &b->contestants[i];

        if (c->package_count > 0 && strcmp(c->packages[0], package) == 0)
            c->version = copy;
    }
    return copy != NULL;
}

/* Lines "STATUS PACKAGE VERSION". false: no memory. */
static bool take_versions(struct bench *b, char *lines)
{
    bool memory = true;
    char *rest = NULL;

    for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *status = strtok(line, " ");
        char *package = strtok(NULL, " ");
        char *version = strtok(NULL, " ");

        if (version != NULL && strcmp(status, "installed") == 0)
            memory = note(b, package, version) && memory;
    }
    return memory;
}

/* Asks dpkg for the first packages of all. Where there is none, or it does not
 * know one, versions stay unknown. false: no memory. */
static bool ask_versions(struct bench *b)
{
    char *environment[] = { NULL };
    char **arguments = mo_arena_alloc(&b->arena, (b->contestant_count + 4) *
                                                 sizeof *arguments);
    struct bench_child c = { .environment = environment,
                             .arguments = arguments,
                             .timeout_s = QUERY_S };
    size_t n = 0;

    if (arguments == NULL)
        return false;
    arguments[n++] = (char[]){ "/usr/bin/dpkg-query" };
    arguments[n++] = (char[]){ "--show" };
    arguments[n++] = (char[]){ "--showformat=${db:Status-Status} ${Package} "
                               "${Version}\n" };
    for (size_t i = 0; i < b->contestant_count; i++) {
        const struct bench_contestant *who = &b->contestants[i];

        if (who->package_count == 0)
            continue;
        arguments[n] = mo_arena_strdup(&b->arena, who->packages[0]);
        if (arguments[n++] == NULL)
            return false;
    }
    bench_child_run(&c);
    b->signal = c.signal;
    return take_versions(b, c.out);
}

bool bench_look(struct bench *b)
{
    cpu_set_t cpus;

    b->processor = processor(b);
    b->kernel = kernel(b);
    b->date = date(b);
    b->cpus = sched_getaffinity(0, sizeof cpus, &cpus) == 0
                  ? (unsigned)CPU_COUNT(&cpus) : 1;
    return b->processor != NULL && b->kernel != NULL && b->date != NULL &&
           ask_versions(b);
}

const char *bench_compiler(struct bench *b, const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *text = NULL;
    char line[256];
    FILE *file;

    if (slash == NULL ||
        (size_t)snprintf(line, sizeof line, "%.*s/compiler",
                         (int)(slash - program), program) >= sizeof line)
        return NULL;
    file = fopen(line, "r");
    if (file == NULL)
        return NULL;
    if (fgets(line, sizeof line, file) != NULL)
        text = mo_arena_strndup(&b->arena, line, strcspn(line, "\n"));
    fclose(file);
    return text;
}
