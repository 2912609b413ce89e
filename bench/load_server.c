/* SPDX-License-Identifier: MIT */
/*
 * load_server.c - starting, timing and stopping a server.
 */
#include "load.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_ANSWER 77

/* Below the folder of this program: where libtool keeps it, one above. */
static void find_server(char *path, size_t size)
{
    const char *name = getenv("BENCH_SERVER");
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (n < 0)
        bench_fail_with(errno, "/proc/self/exe");
    self[n] = '\0';
    slash = strrchr(self, '/');
    *slash = '\0';
    slash = strrchr(self, '/');
    if (slash != NULL && strcmp(slash, "/.libs") == 0)
        *slash = '\0';
    if (snprintf(path, size, "%s/%s", self, name != NULL ? name : "serve")
        >= (int)size)
        bench_fail("the server's path is too long");
}

/* The first or the last processor that there is, or all of them. */
static void go_to(bool first, bool last)
{
    cpu_set_t some;
    int from = 0, to = CPU_SETSIZE - 1;

    memset(&some, -1, sizeof some);
    if (sched_setaffinity(0, sizeof some, &some) != 0
        || sched_getaffinity(0, sizeof some, &some) != 0)
        bench_fail_with(errno, "processors");
    while (!CPU_ISSET(from, &some))
        from++;
    while (!CPU_ISSET(to, &some))
        to--;
    if (!first && !last)
        return;
    CPU_ZERO(&some);
    CPU_SET(first ? from : to, &some);
    sched_setaffinity(0, sizeof some, &some);
}

static void become(const char *path, const struct bench *bench,
                   const char *protocol, int out)
{
    char workers[16];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(workers, sizeof workers, "%u", bench->workers);
    go_to(false, bench->workers == 1);
    dup2(out, STDOUT_FILENO);
    execl(path, path, protocol, workers, (char *)NULL);
    _exit(errno == ENOENT ? NO_ANSWER : 1);
}

/* Each connection is a descriptor here and one there. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void read_port(struct load_server *server, int from)
{
    FILE *in = fdopen(from, "r");
    unsigned port;
    int status = 0;

    if (in == NULL)
        bench_fail_with(errno, "fdopen");
    if (fscanf(in, "port %u", &port) != 1) {
        waitpid(server->pid, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == NO_ANSWER)
            bench_none();
        bench_fail("the server does not start");
    }
    fclose(in);
    server->port = (uint16_t)port;
}

void load_start(struct load_server *server, const struct bench *bench,
                const char *protocol)
{
    char path[PATH_MAX];
    int ends[2];

    find_server(path, sizeof path);
    allow_descriptors();
    if (pipe(ends) != 0)
        bench_fail_with(errno, "pipe");
    server->pid = fork();
    if (server->pid < 0)
        bench_fail_with(errno, "fork");
    if (server->pid == 0)
        become(path, bench, protocol, ends[1]);
    close(ends[1]);
    go_to(bench->workers == 1, false);
    read_port(server, ends[0]);
    bench_need(clock_getcpuclockid(server->pid, &server->cpu),
               "processor time of the server");
}

void load_stop(const struct load_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

double load_cpu(const struct load_server *server)
{
    struct timespec time;

    if (clock_gettime(server->cpu, &time) != 0)
        bench_fail("the server has ended");
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}
