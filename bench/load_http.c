/* SPDX-License-Identifier: MIT */
/*
 * load_http.c - a server of HTTP, asked by wrk.
 *
 * wrk's own report has no 99.9th percentile; a script says all that is wanted
 * in one line. It is in memory, so that nothing lies around.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#define NO_ANSWER 77

static const char script[] =
    "done = function(summary, latency, requests)\n"
    "  local e = summary.errors\n"
    "  io.write(string.format('moirai %.0f %.0f %.0f %.0f %.0f %.0f\\n',\n"
    "    summary.requests, summary.duration,\n"
    "    e.connect + e.read + e.write + e.status + e.timeout,\n"
    "    latency:percentile(50), latency:percentile(99),\n"
    "    latency:percentile(99.9)))\n"
    "end\n";

static void become_wrk(const struct load_server *server, size_t connections,
                       int64_t ns, int out)
{
    char path[40], count[24], seconds[24], url[40];
    int file = memfd_create("wrk.lua", 0);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (file < 0 || write(file, script, strlen(script)) < 0)
        _exit(1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    snprintf(count, sizeof count, "%zu", connections);
    snprintf(seconds, sizeof seconds, "%lld",
             (long long)(ns + 999999999) / 1000000000);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", server->port);
    dup2(out, STDOUT_FILENO);
    execlp("wrk", "wrk", "-t1", "-c", count, "-d", seconds, "-s", path, url,
           (char *)NULL);
    _exit(errno == ENOENT ? NO_ANSWER : 1);
}

static void read_result(FILE *in, struct load_result *result)
{
    double us, errors, p50, p99, p999;
    char line[256];

    result->requests = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        if (sscanf(line, "moirai %lf %lf %lf %lf %lf %lf", &result->requests,
                   &us, &errors, &p50, &p99, &p999) != 6)
            continue;
        if (errors > 0)
            bench_fail("wrk: %.0f requests went wrong", errors);
        result->passed_ns = us * 1e3;
        result->p50_ns = p50 * 1e3;
        result->p99_ns = p99 * 1e3;
        result->p999_ns = p999 * 1e3;
    }
}

struct load_result load_http(const struct load_server *server,
                             size_t connections, int64_t ns)
{
    struct load_result result;
    double cpu = load_cpu(server);
    int ends[2], status;
    pid_t pid;
    FILE *in;

    if (pipe(ends) != 0)
        bench_fail_with(errno, "pipe");
    pid = fork();
    if (pid == 0)
        become_wrk(server, connections, ns, ends[1]);
    close(ends[1]);
    in = fdopen(ends[0], "r");
    if (pid < 0 || in == NULL)
        bench_fail_with(errno, "wrk");
    read_result(in, &result);
    fclose(in);
    waitpid(pid, &status, 0);
    result.cpu_ns = load_cpu(server) - cpu;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_ANSWER)
        bench_none();
    return result;
}
