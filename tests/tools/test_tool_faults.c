/* SPDX-License-Identifier: MIT */
/*
 * test_tool_faults.c - whatever the C library and the system refuse `moirai`,
 * it ends as documented, says why, and never tells half of the truth.
 *
 * The tool is started anew for each of its calls, which tests/support/faults
 * refuses by LD_PRELOAD.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "faults.h"

#define SECONDS 20                  /* that one start of the tool may take */
#define TEXT 65536

/* How it ended. */
struct ending {
    int status;                     /* as of waitpid */
    uint64_t asked;                 /* calls of the kinds it made */
    char out[TEXT], err[TEXT];
};

static void setenv_format(const char *name, const char *format, ...)
{
    char text[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    CHECK_EQ(setenv(name, text, 1), 0);
}

/* In the child. */
static void become(char *const *argv, int out, int err)
{
    char folder[3000];

    CHECK(getcwd(folder, sizeof folder) != NULL);
    setenv_format("LD_PRELOAD", "%s/tests/support/.libs/faults.so", folder);
    CHECK(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
    alarm(SECONDS);
    execv(argv[0], argv);
    _exit(98);
}

static void read_back(int fd, char *text)
{
    ssize_t n = pread(fd, text, TEXT - 1, 0);

    CHECK(n >= 0);
    text[n] = '\0';
    close(fd);
}

/* Starts the tool with the `first`th call of these kinds refused, `n` in
 * all. */
static void start(char *const *argv, uint32_t kinds, uint64_t first,
                  uint64_t n, struct ending *e)
{
    int out = memfd_create("out", MFD_CLOEXEC);
    int err = memfd_create("err", MFD_CLOEXEC);
    int report = memfd_create("report", 0);
    struct faults_count counted = { .asked = 0 };
    pid_t child;

    CHECK(out >= 0 && err >= 0 && report >= 0);
    setenv_format("MO_FAULTS", "%u %llu %llu %d", kinds,
                  (unsigned long long)first, (unsigned long long)n, report);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        become(argv, out, err);
    CHECK_EQ(waitpid(child, &e->status, 0), child);
    CHECK(pread(report, &counted, sizeof counted, 0) >= 0);
    close(report);
    e->asked = counted.asked;
    read_back(out, e->out);
    read_back(err, e->err);
}

/* Words are part of what is said when it fails. */
static void judge(const struct ending *e, const struct ending *sound,
                  uint32_t kind, const char *where)
{
    int status = WEXITSTATUS(e->status);

    CHECK_FMT(WIFEXITED(e->status), "%s: died of signal %d", where,
              WTERMSIG(e->status));
    CHECK_FMT(status == WEXITSTATUS(sound->status) || status == 1 ||
              (status == 3 && kind != FAULTS_MEMORY),
              "%s: status %d, \"%s\"", where, status, e->err);
    if (status != WEXITSTATUS(sound->status))
        CHECK_FMT(e->err[0] != '\0', "%s: status %d without a word", where,
                  status);
    else if (kind == FAULTS_MEMORY)
        CHECK_FMT(strcmp(e->out, sound->out) == 0 &&
                  strcmp(e->err, sound->err) == 0,
                  "%s: status %d, but it says\n%s%sand without that\n%s%s",
                  where, status, e->out, e->err, sound->out, sound->err);
}

static void refuse_kind(char *const *argv, uint32_t kind)
{
    static struct ending sound, e;
    char where[100];

    start(argv, kind, 0, 0, &sound);
    CHECK_FMT(WIFEXITED(sound.status) && WEXITSTATUS(sound.status) != 98 &&
              (sound.asked > 0 || kind != FAULTS_MEMORY),
              "the tool does not start with faults.so: status %d, \"%s\"",
              sound.status, sound.err);
    for (int i = 0; i < 2; i++) {
        for (uint64_t at = 1; at <= sound.asked; at++) {
            snprintf(where, sizeof where, "kind %u, call %d%s refused", kind,
                     (int)at, i == 0 ? "" : " and all after it");
            start(argv, kind, at, i == 0 ? 1 : FAULTS_ALWAYS, &e);
            judge(&e, &sound, kind, where);
        }
    }
}

static void refuse_each(char *const *argv)
{
    if (!FAULTS_WORK)
        SKIP("sanitizers have functions of their own in libc's place");
#ifdef MO_COVERAGE
    SKIP("gcc's counting of lines does not survive it");
#endif
    setenv("MOIRAI_PLUGIN_PATH", "plugins/.libs", 1);
    for (uint32_t kind = FAULTS_MEMORY; kind <= FAULTS_REST; kind *= 2)
        refuse_kind(argv, kind);
}

/* "FOLDER/name" in the sources. */
static char *source(const char *name)
{
    static char path[4096];
    const char *srcdir = getenv("srcdir");

    snprintf(path, sizeof path, "%s/%s", srcdir != NULL ? srcdir : ".", name);
    return path;
}

TEST(faults, of_moirai_check_are_told)
{
    char *argv[] = { "tools/moirai", "check", source("config/sim.yaml"),
                     NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_check_are_told_beside_mistakes)
{
    char *argv[] = { "tools/moirai", "check", "--json",
                     source("tests/config/bad/ten.yaml"), NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_plugins_are_told)
{
    char *argv[] = { "tools/moirai", "plugins", "-v", NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_run_are_told)
{
    char *argv[] = { "tools/moirai", "run", "-c",
                     source("config/one-thread.yaml"), "true", NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_config_are_told)
{
    char *argv[] = { "tools/moirai", "config", "-s", "runtime.workers=2",
                     source("tests/config/good/variables.yaml"), NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_config_are_told_beside_the_schema)
{
    char *argv[] = { "tools/moirai", "config", "--schema", NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_config_are_told_beside_the_tables)
{
    char *argv[] = { "tools/moirai", "config", "--markdown", NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_explain_are_told)
{
    char *argv[] = { "tools/moirai", "explain", source("config/sim.yaml"),
                     NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_explain_are_told_beside_mistakes)
{
    char *argv[] = { "tools/moirai", "explain", "--json",
                     source("tests/config/bad/misspelt_plugin.yaml"), NULL };

    refuse_each(argv);
}

TEST(faults, of_moirai_bench_are_told)
{
    char *argv[] = { "tools/moirai", "bench", "--list", "--programs",
                     "nowhere", "--questions",
                     source("tests/tools/questions.yaml"), NULL };

    refuse_each(argv);
}
