/* SPDX-License-Identifier: MIT */
/*
 * cmd_run.c - `moirai run`: start a program under a configuration.
 *
 * The launcher has one thread and no handlers: all signals it cares for are
 * blocked, and it takes them one by one. A signal that the terminal sends
 * goes to the whole foreground group, the program included, so only what
 * somebody sent to the launcher itself is passed on.
 */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mistakes.h"
#include "setup.h"

#define STATUS_CANNOT_START 126
#define STATUS_NO_PROGRAM 127

struct run {
    const char *file;
    bool json;
    char **program;                 /* NULL-terminated */
    sigset_t taken;                 /* by the launcher */
    sigset_t before;                /* what was blocked at the start */
};

static int check_config(const struct run *r)
{
    struct moirai_config config = { .size = sizeof config, .file = r->file };
    struct mo_report report = { .list = NULL };
    struct json j = { .comma = false };
    struct mo_setup *s = NULL;
    int rc = mo_setup_read(&config, true, &s, &report);

    if (rc == -ENOMEM)
        rc = tool_failure("run", "out of memory");
    else if (rc != 0)
        rc = TOOL_CONFIG;
    if (rc == TOOL_CONFIG && r->json) {
        json_open(&j, '{');
        json_key(&j, "mistakes");
        mistakes_json(&j, &report);
        json_close(&j, '}');
        json_end();
    } else if (rc == TOOL_CONFIG) {
        mistakes_print(&report);
    }
    mo_setup_close(s);
    mo_report_fini(&report);
    return rc;
}

/* The program may change its directory before it starts a runtime. */
static int export_config(const struct run *r)
{
    char *path = realpath(r->file, NULL);
    int rc = path != NULL ? setenv("MOIRAI_CONFIG", path, 1) : -1;

    if (rc != 0)
        tool_failure("run", "%s: %s", r->file, strerror(errno));
    free(path);
    return rc;
}

static void take_signals(struct run *r)
{
    static const int passed[] = {
        SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD,
    };

    sigemptyset(&r->taken);
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        sigaddset(&r->taken, passed[i]);
    sigprocmask(SIG_BLOCK, &r->taken, &r->before);
    signal(SIGCHLD, SIG_DFL);       /* ignored, it would eat the status */
}

/* In the child. Writes errno to `report` if the program does not start. */
static void become(const struct run *r, pid_t launcher, int report)
{
    int code;

    /* Killed with the launcher; if that went before this took effect, now. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher)
        _exit(STATUS_CANNOT_START);
    sigprocmask(SIG_SETMASK, &r->before, NULL);
    execvp(r->program[0], r->program);
    code = errno;
    if (write(report, &code, sizeof code) < 0)
        _exit(STATUS_CANNOT_START);
    _exit(code == ENOENT ? STATUS_NO_PROGRAM : STATUS_CANNOT_START);
}

/* Starts the program. Its process, or a negative errno. */
static pid_t start(const struct run *r, int *exec_error)
{
    pid_t launcher = getpid();
    int ends[2];
    pid_t child;

    *exec_error = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    child = fork();
    if (child < 0) {
        child = -errno;
    } else if (child == 0) {
        close(ends[0]);
        become(r, launcher, ends[1]);
    }
    close(ends[1]);
    if (child > 0 && read(ends[0], exec_error, sizeof *exec_error) < 0)
        *exec_error = 0;
    close(ends[0]);
    return child;
}

static void pass_on(pid_t child, const siginfo_t *info)
{
    if (info->si_code == SI_KERNEL)
        return;                     /* the terminal told the program too */
    kill(child, info->si_signo);
}

static int join(const struct run *r, pid_t child)
{
    siginfo_t info;
    int status;

    for (;;) {
        if (waitpid(child, &status, WNOHANG) == child)
            break;
        if (sigwaitinfo(&r->taken, &info) > 0 && info.si_signo != SIGCHLD)
            pass_on(child, &info);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int launch(struct run *r)
{
    int exec_error;
    pid_t child;
    int status;

    take_signals(r);
    child = start(r, &exec_error);
    if (child < 0)
        return tool_failure("run", "cannot start a process: %s",
                            strerror((int)-child));
    status = join(r, child);
    if (exec_error != 0)
        tool_failure("run", "%s: %s", r->program[0], strerror(exec_error));
    return status;
}

int cmd_run(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        { 'c', "config", true }, TOOL_FLAG_JSON, TOOL_FLAG_HELP,
        { 0, NULL, false },
    };
    struct tool_args args = { .command = "run", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct run r = { .file = NULL };
    int flag;
    int rc;

    while ((flag = tool_next(&args)) > 0) {
        if (flag == 'h')
            return tool_explain("run");
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 'c')
            r.file = args.value;
        r.json = r.json || flag == 'j';
    }
    if (r.file == NULL)
        return tool_usage("run", "which configuration? -c FILE");
    if (flag == -1)
        return tool_usage("run", "which program?");
    r.program = argv + args.next - 1;
    rc = check_config(&r);
    if (rc == 0 && export_config(&r) != 0)
        rc = TOOL_FAILURE;
    return rc == 0 ? launch(&r) : rc;
}
