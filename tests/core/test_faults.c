/* SPDX-License-Identifier: MIT */
/*
 * test_faults.c - whatever the C library and the system refuse while a runtime
 * starts, the start either fails, with a text, or does without; nothing stays
 * behind, and the next start does.
 *
 * Each point of a start is refused once alone, and once with all that come
 * after it. Every attempt is made in a process of its own, since libltdl and
 * the dynamic linker keep what they have.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "faults.h"
#include "trial.h"
#include "with.h"

enum { MET = 0, NOT_MET = 3 };      /* how an attempt's process exits */

#define SECONDS 20                  /* that an attempt may take */

/* What is left over after it all. */
struct rest {
    struct faults_count memory;
    int files;
};

struct attempt {
    const struct moirai_config *config;
    uint32_t kinds;
    uint64_t first, n;
    struct rest *sound;             /* after starts that nothing happened to */
    int kept;                       /* blocks that glibc may lose */
};

static int open_files(void)
{
    DIR *files = opendir("/proc/self/fd");
    int n = 0;

    CHECK(files != NULL);
    while (readdir(files) != NULL)
        n++;
    closedir(files);
    return n;
}

static int add_one(void *arg)
{
    return ++*(int *)arg;
}

static int wait_a_turn(void *arg)
{
    (void)arg;
    return moirai_yield();
}

static int spawn_one(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, wait_a_turn, NULL), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return add_one(arg);
}

/* It is whole: tasks run on it, wait, and it stops. */
static void use(struct moirai_runtime *rt)
{
    int n = 6;

    CHECK_EQ(moirai_run(rt, spawn_one, &n), 7);
    with_end(rt);
}

/* Exactly one of the two is there: a runtime, or a reason. */
static void start_refused(const struct attempt *a, uint64_t *asked)
{
    struct moirai_error err = { .code = 0, .text = "" };
    struct moirai_runtime *rt = NULL;
    int rc;

    faults_begin(a->kinds, a->first, a->n);
    rc = moirai_start(&rt, a->config, &err);
    *asked = faults_end().asked;
    if (rc == 0) {
        use(rt);
        return;
    }
    CHECK_FMT(rt == NULL, "failed, but gave a runtime");
    CHECK_FMT(rc < 0 && err.code == rc && err.text[0] != '\0',
              "returned %d, and the error is %d: \"%s\"", rc, err.code,
              err.text);
    CHECK_FMT((a->kinds & FAULTS_MEMORY) == 0 || rc == -ENOMEM ||
              rc == -EAGAIN, "out of memory, but returned %d: %s", rc,
              err.text);
}

static struct rest look(void)
{
    struct rest rest = { .files = open_files() };

    rest.memory = faults_end();
    return rest;
}

/* Libraries keep memory, but as much as after starts that went well. */
static void compare(const struct rest *now, const struct rest *before,
                    const struct rest *sound, int kept)
{
    CHECK_FMT(now->memory.blocks <= sound->memory.blocks + kept,
              "%d blocks of memory were leaked",
              (int)(now->memory.blocks - sound->memory.blocks));
    CHECK_FMT(now->memory.maps <= before->memory.maps,
              "%d mappings were leaked",
              (int)(now->memory.maps - before->memory.maps));
    CHECK_FMT(now->files <= before->files, "%d files are still open",
              now->files - before->files);
}

/* In a process of its own. */
static void make_attempt(const struct attempt *a)
{
    struct moirai_runtime *rt = NULL;
    struct moirai_error err = { .text = "" };
    struct rest before = look();
    struct rest now;
    uint64_t asked;
    int rc;

    start_refused(a, &asked);
    rc = moirai_start(&rt, a->config, &err);
    CHECK_FMT(rc == 0, "the next start too: %d: %s", rc, err.text);
    use(rt);
    while (with_threads() > 1)      /* joined ones may show a moment longer */
        sched_yield();
    now = look();
    if (a->first == 0)
        *a->sound = now;
    compare(&now, &before, a->sound, a->kept);
    fflush(NULL);
    _exit(a->first == 0 || asked < a->first ? NOT_MET : MET);
}

/* True: the point was met. */
static bool attempt(const struct attempt *a)
{
    int status = 0;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        alarm(SECONDS);
        setenv("MOIRAI_LOG", "error", 1);   /* not of missing guards */
        make_attempt(a);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_FMT(WIFEXITED(status) && (WEXITSTATUS(status) == MET ||
                                    WEXITSTATUS(status) == NOT_MET),
              "kinds %u, call %d%s refused: %s %d", a->kinds, (int)a->first,
              a->n > 1 ? " and all after it" : "",
              WIFSIGNALED(status) ? "died of signal" : "exited with",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return WEXITSTATUS(status) == MET;
}

/* Every call of these kinds, one after the other. */
static void refuse_each(const struct moirai_config *config, uint32_t kinds,
                        int kept)
{
    static const uint64_t lengths[] = { 1, FAULTS_ALWAYS };
    struct rest *sound = mmap(NULL, sizeof *sound, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct attempt a = { .config = config, .kinds = kinds, .sound = sound,
                         .kept = kept };
    uint64_t points = 0;

    CHECK(sound != MAP_FAILED);
    attempt(&a);
    for (int i = 0; i < 2; i++) {
        a.n = lengths[i];
        for (a.first = 1; attempt(&a); a.first++)
            points++;
    }
    CHECK_FMT(points > 0 || kinds != FAULTS_MEMORY, "nothing was refused");
    munmap(sound, sizeof *sound);
}

static void refuse_all_kinds(const struct moirai_config *config, int kept)
{
    for (uint32_t kind = FAULTS_MEMORY; kind <= FAULTS_REST; kind *= 2)
        refuse_each(config, kind, kept);
}

static void refuse_file(const char *name)
{
    static const char *const set[] = { "runtime.workers=2", NULL };
    const char *srcdir = getenv("srcdir");
    char path[4096];
    struct moirai_config config = { .size = sizeof config, .file = path,
                                    .set = set };

    if (!FAULTS_WORK)
        SKIP("sanitizers have functions of their own in libc's place");
    snprintf(path, sizeof path, "%s/config/%s.yaml",
             srcdir != NULL ? srcdir : ".", name);
    refuse_all_kinds(&config, 0);
}

TEST(faults, leave_nothing_of_a_start_by_all_cores_yaml)
{
    refuse_file("all-cores");
}

TEST(faults, leave_nothing_of_a_start_by_fifo_yaml)
{
    refuse_file("fifo");
}

TEST(faults, leave_nothing_of_a_start_by_one_thread_yaml)
{
    refuse_file("one-thread");
}

TEST(faults, leave_nothing_of_a_start_by_sim_yaml)
{
    refuse_file("sim");
}

/* Sizes for which nothing has to be asked of the system. */
TEST(faults, leave_nothing_of_a_start_by_presets)
{
    struct moirai_config config = { .size = sizeof config };

    if (!FAULTS_WORK)
        SKIP("sanitizers have functions of their own in libc's place");
    refuse_all_kinds(&config, 0);
}

/* Not those that are built in: libltdl and the dynamic linker take part. When
 * dlopen fails half-way, it loses a block or two itself. */
TEST(faults, leave_nothing_of_a_start_that_loads_modules)
{
    static const char *const set[] = { "runtime.workers=2", NULL };
    static const char text[] =
        "version: 1\n"
        "plugins: {path: [plugins/.libs]}\n"
        "scheduler: {plugin: ./plugins/.libs/sched_fifo.so, batch: 2}\n"
        "stacks: {plugin: ./plugins/.libs/stack_mmap.so}\n"
        "channels:\n"
        "  words: {plugin: ./plugins/.libs/chan_ring.so, capacity: 7}\n";
    struct moirai_config config = { .size = sizeof config, .text = text,
                                    .set = set };

    if (!FAULTS_WORK)
        SKIP("sanitizers have functions of their own in libc's place");
    refuse_all_kinds(&config, 2);
}

/* --- while it runs ------------------------------------------------------- */

#define CROWD 300                   /* more than one region holds stacks for */

struct crowd {
    struct moirai_chan *chan;
    int began;
};

static int wait_for_end(void *arg)
{
    struct crowd *c = arg;

    with_add(&c->began, 1);
    CHECK_EQ(moirai_chan_recv(c->chan, NULL, MOIRAI_NEVER), -EPIPE);
    return 0;
}

/* No more address space for a while: some of them have to wait for it. */
static int gather(void *arg)
{
    static const char *const none[] = { "capacity=0", NULL };
    struct moirai_elem elem = { .size = sizeof elem };
    struct crowd c = { .began = 0 };
    struct moirai_scope scope;
    int before;

    CHECK_EQ(moirai_chan_make(NULL, NULL, none, &elem, &c.chan, NULL), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    faults_begin(*(uint32_t *)arg, 1, FAULTS_ALWAYS);
    for (int i = 0; i < CROWD; i++)
        CHECK_EQ(moirai_spawn(&scope, wait_for_end, &c), 0);
    CHECK_EQ(moirai_sleep_until(moirai_after(5 * MOIRAI_MS)), 0);
    before = with_get(&c.began);
    faults_end();
    while (with_get(&c.began) < CROWD)
        CHECK_EQ(moirai_sleep_until(moirai_after(MOIRAI_MS)), 0);
    CHECK_EQ(moirai_chan_close(c.chan), 0);
    CHECK_EQ(moirai_scope_end(&scope), 0);
    moirai_chan_put(c.chan);
    return before;
}

/* How often `text` is in what was written to the file. */
static int times_in(int fd, const char *text)
{
    static char all[1 << 20];
    ssize_t size = pread(fd, all, sizeof all - 1, 0);
    int n = 0;

    CHECK(size >= 0);
    all[size] = '\0';
    for (const char *at = strstr(all, text); at != NULL;
         at = strstr(at + 1, text))
        n++;
    return n;
}

/* And are told of, but not in each of the many tries. */
TEST(faults, of_stacks_last_as_long_as_the_system_refuses_them)
{
    static const char *const set[] = { "runtime.workers=2", "stacks.pool=0",
                                       NULL };
    uint32_t kinds = FAULTS_PAGES | FAULTS_MEMORY;
    struct moirai_runtime *rt;
    int began, told;

    if (!FAULTS_WORK)
        SKIP("sanitizers have functions of their own in libc's place");
    rt = with_settings(set);
    told = memfd_create("told", 0);
    CHECK(told >= 0 && dup2(told, STDERR_FILENO) >= 0);
    began = moirai_run(rt, gather, &kinds);
    CHECK_FMT(began < CROWD, "nobody had to wait");
    with_end(rt);
    CHECK(times_in(told, "no stack for task") > 0);
    CHECK(times_in(told, "no stack for task") <= 4);
}

static int answer(void *arg)
{
    (void)arg;
    return 42;
}

struct held {
    int begun, go_on;
};

static int hold(void *arg)
{
    struct held *h = arg;

    with_set(&h->begun, 1);
    with_wait(&h->go_on);
    return 43;
}

static int hold_a_thread(void *arg)
{
    return moirai_block(hold, arg) == 43 ? 0 : -EINVAL;
}

/* Without any thread there is nobody to make the call; with one that is busy
 * it waits for that one. */
static int block(void *arg)
{
    struct moirai_scope scope;
    struct held h = { .begun = 0 };

    (void)arg;
    faults_begin(FAULTS_THREADS, 1, FAULTS_ALWAYS);
    CHECK_EQ(moirai_block(answer, NULL), -EAGAIN);
    faults_end();
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, hold_a_thread, &h), 0);
    with_wait(&h.begun);
    faults_begin(FAULTS_THREADS, 1, FAULTS_ALWAYS);
    with_set(&h.go_on, 1);
    CHECK_EQ(moirai_block(answer, NULL), 42);
    faults_end();
    CHECK_EQ(moirai_scope_end(&scope), 0);
    return 0;
}

TEST(faults, of_threads_are_the_error_of_a_call_that_none_can_make)
{
    if (!FAULTS_WORK)
        SKIP("sanitizers have functions of their own in libc's place");
    with_one(2, block, NULL);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

TEST(faults, of_processes_are_told_by_a_trial)
{
    char why[100] = "";

    if (!FAULTS_WORK)
        SKIP("sanitizers have functions of their own in libc's place");
    faults_begin(FAULTS_THREADS, 1, 1);
    CHECK_EQ(mo_trial_run(do_nothing, NULL, why, sizeof why), -EAGAIN);
    faults_end();
    CHECK_EQ(mo_trial_run(do_nothing, NULL, why, sizeof why), 0);
}

TEST(faults, of_guards_are_told_where_they_were_asked_for)
{
    static const char *const set[] = { "stacks.guard_kind=install", NULL };
    struct moirai_config config = { .size = sizeof config, .set = set };
    struct moirai_runtime *rt = NULL;
    struct moirai_error err;

    if (!FAULTS_WORK)
        SKIP("sanitizers have functions of their own in libc's place");
    faults_begin(FAULTS_PAGES, 1, 1);
    CHECK_EQ(moirai_start(&rt, &config, &err), -ENOTSUP);
    faults_end();
    CHECK(strstr(err.text, "this kernel cannot install guards") != NULL);
}
