/* SPDX-License-Identifier: MIT */
/*
 * test_dl.c - module files: whole ones, broken ones, directories.
 */
#include "check.h"

#include <moirai/plugin.h>

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "dl.h"
#include "os/elf.h"
#include "trial.h"

#define BROKEN "tests/broken/.libs/"

static char place[] = "/tmp/moirai-dl-XXXXXX";
static char path[300];

static const char *in_place(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static void make_place(void)
{
    CHECK(mkdtemp(place) != NULL);
}

static void remove_place(void)
{
    char command[300];

    snprintf(command, sizeof command, "rm -rf %s", place);
    CHECK_EQ(system(command), 0);
}

/* The bytes of a good module. */
static char *good(size_t *n)
{
    FILE *file = fopen(BROKEN "sched_good.so", "rb");
    char *bytes = malloc(1 << 20);

    CHECK(file != NULL && bytes != NULL);
    *n = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void put(const char *name, const char *bytes, size_t n)
{
    FILE *file = fopen(in_place(name), "wb");

    CHECK(file != NULL);
    CHECK_EQ(fwrite(bytes, 1, n, file), n);
    CHECK_EQ(fclose(file), 0);
}

TEST(dl, opens_a_module_and_finds_its_constant)
{
    char why[MO_DL_WHY];
    void *handle;
    size_t size;

    CHECK_EQ(mo_dl_open(BROKEN "sched_good.so", &handle, why), 0);
    CHECK(mo_dl_symbol(handle, "moirai_plugin", &size) != NULL);
    CHECK(size >= sizeof(struct moirai_plugin));
    CHECK(mo_dl_symbol(handle, "moirai_nothing", &size) == NULL);
    CHECK_EQ(size, 0);
}

TEST(dl, tells_the_true_reason)
{
    char why[MO_DL_WHY];
    void *handle;

    CHECK_EQ(mo_dl_open(BROKEN "sched_undefined.so", &handle, why), -ENOEXEC);
    CHECK_STR(why, "undefined symbol: moirai_test_nowhere");
    CHECK_EQ(mo_dl_open("/nowhere/x.so", &handle, why), -ENOENT);
    CHECK_STR(why, "No such file or directory");
    CHECK_EQ(mo_dl_open("/tmp", &handle, why), -ENOEXEC);
    CHECK_STR(why, "not a regular file");
    CHECK_EQ(mo_dl_open("/dev/null", &handle, why), -ENOEXEC);
    CHECK_STR(why, "not a regular file");
}

TEST(dl, says_that_a_file_may_not_be_read)
{
    char why[MO_DL_WHY];
    void *handle;

    make_place();
    put("sched_secret.so", "x", 1);
    CHECK_EQ(chmod(in_place("sched_secret.so"), 0), 0);
    CHECK_EQ(chmod(place, 0755), 0);
    if (geteuid() == 0)
        CHECK_EQ(seteuid(65534), 0);
    CHECK_EQ(mo_dl_open(path, &handle, why), -EACCES);
    CHECK_STR(why, "Permission denied");
    if (getuid() == 0)
        CHECK_EQ(seteuid(0), 0);
    remove_place();
}

TEST(dl, refuses_a_module_cut_anywhere)
{
    char why[MO_DL_WHY];
    size_t n;
    char *bytes = good(&n);

    make_place();
    for (size_t cut = 0; cut < n; cut += cut < 1024 ? 8 : 512) {
        put("sched_cut.so", bytes, cut);
        if (mo_elf_check(path, why, sizeof why) == 0)
            continue;               /* only section headers are missing */
        CHECK_FMT(strstr(why, "truncated") != NULL || cut < 4, "%zu: %s",
                  cut, why);
    }
    put("sched_cut.so", bytes, n / 8);
    CHECK_EQ(mo_elf_check(path, why, sizeof why), -ENOEXEC);
    free(bytes);
    remove_place();
}

/* What a child may try without harm to us. */
static void open_it(void *arg)
{
    char why[MO_DL_WHY];
    void *handle;
    size_t size;

    if (mo_dl_open(arg, &handle, why) == 0)
        mo_dl_symbol(handle, "moirai_plugin", &size);
}

TEST(dl, survives_flipped_bytes_in_a_trial)
{
    size_t n;
    char *bytes = good(&n);
    char why[MO_DL_WHY];
    uint64_t seed = 1;
    int rounds = check_long() ? 2000 : 100;

    make_place();
    for (int i = 0; i < rounds; i++) {
        char *copy = malloc(n);

        CHECK(copy != NULL);
        memcpy(copy, bytes, n);
        for (int k = 0; k < 8; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            copy[(seed >> 33) % (i % 2 ? n : 1024)] ^= (char)(seed >> 25);
        }
        put("sched_flip.so", copy, n);
        mo_trial_run(open_it, path, why, sizeof why);
        free(copy);
    }
    free(bytes);
    remove_place();
}

static void crash(void *arg)
{
    (void)arg;
    raise(SIGSEGV);
}

static void leave(void *arg)
{
    (void)arg;
    _exit(0);
}

static void nothing(void *arg)
{
    (void)arg;
}

TEST(dl, a_trial_tells_how_it_ended)
{
    char why[MO_DL_WHY];

    CHECK_EQ(mo_trial_run(nothing, NULL, why, sizeof why), 0);
    CHECK_EQ(mo_trial_run(crash, NULL, why, sizeof why), -ENOEXEC);
    CHECK(strstr(why, "ends the process") != NULL);
    CHECK_EQ(mo_trial_run(leave, NULL, why, sizeof why), -ENOEXEC);
}

struct names {
    char text[200];
};

static int append(void *ctx, const char *name)
{
    struct names *names = ctx;

    strcat(names->text, name);
    strcat(names->text, " ");
    return strcmp(name, "stop") == 0 ? -ECANCELED : 0;
}

TEST(dl, lists_a_directory_in_order)
{
    struct names names = { "" };

    make_place();
    put("b", "", 0);
    put("C", "", 0);
    put("a", "", 0);
    CHECK_EQ(mo_dl_list(place, append, &names), 0);
    CHECK_STR(names.text, "C a b ");
    put("stop", "", 0);
    put("zzz", "", 0);
    names.text[0] = '\0';
    CHECK_EQ(mo_dl_list(place, append, &names), -ECANCELED);
    CHECK_STR(names.text, "C a b stop ");
    remove_place();
    CHECK_EQ(mo_dl_list(place, append, &names), -ENOENT);
}

static void never_end(void *arg)
{
    (void)arg;
    raise(SIGALRM);                 /* as be_quiet's alarm would */
}

static void wait_a_little(void *arg)
{
    struct timespec ts = { 0, 20000000 };

    (void)arg;
    while (nanosleep(&ts, &ts) != 0)
        continue;
}

static void on_signal(int number)
{
    (void)number;
}

TEST(dl, a_trial_is_not_ended_by_our_signals)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
    struct itimerval off = { { 0, 0 }, { 0, 0 } };
    char why[MO_DL_WHY];

    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
    CHECK_EQ(mo_trial_run(wait_a_little, NULL, why, sizeof why), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &off, NULL), 0);
}

TEST(dl, a_trial_comes_to_an_end)
{
    char why[MO_DL_WHY];

    CHECK_EQ(mo_trial_run(never_end, NULL, why, sizeof why), -ENOEXEC);
    CHECK_STR(why, "loading it does not come to an end");
}

/* A program that wants to know nothing of its children gets no verdict. */
TEST(dl, a_trial_says_when_nobody_tells_how_it_ended)
{
    char why[MO_DL_WHY];

    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    CHECK_EQ(mo_trial_run(nothing, NULL, why, sizeof why), -ECHILD);
    CHECK(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

/* Changes one thing in a good module; says why it is refused then. */
static const char *damaged(void (*change)(ElfW(Ehdr) *head, ElfW(Phdr) *first))
{
    static char why[MO_DL_WHY];
    size_t n;
    char *bytes = good(&n);
    ElfW(Ehdr) *head = (ElfW(Ehdr) *)(void *)bytes;

    change(head, (ElfW(Phdr) *)(void *)(bytes + head->e_phoff));
    make_place();
    put("sched_damaged.so", bytes, n);
    CHECK_EQ(mo_elf_check(path, why, sizeof why), -ENOEXEC);
    free(bytes);
    remove_place();
    strcpy(place, "/tmp/moirai-dl-XXXXXX");
    return why;
}

static void change_machine(ElfW(Ehdr) *head, ElfW(Phdr) *first)
{
    (void)first;
    head->e_machine ^= 0x55;
}

static void change_count(ElfW(Ehdr) *head, ElfW(Phdr) *first)
{
    (void)first;
    head->e_phnum = 0;
}

static void change_type(ElfW(Ehdr) *head, ElfW(Phdr) *first)
{
    (void)first;
    head->e_type = ET_EXEC;
}

static void change_segment(ElfW(Ehdr) *head, ElfW(Phdr) *first)
{
    for (int i = 0; i < head->e_phnum; i++)
        if (first[i].p_type == PT_LOAD && first[i].p_filesz > 0)
            first[i].p_memsz = first[i].p_filesz - 1;
}

TEST(dl, tells_what_is_wrong_with_a_header)
{
    CHECK_STR(damaged(change_machine), "built for another kind of machine");
    CHECK_STR(damaged(change_type), "an ELF file, but no shared object");
    CHECK_STR(damaged(change_count),
              "corrupted: its program headers make no sense");
    CHECK_STR(damaged(change_segment),
              "corrupted: a segment is larger than its memory");
}
