/* SPDX-License-Identifier: MIT */
/*
 * peers.c - starting, awaiting and ending real servers.
 */
#include "peers.h"

#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES 5

static const char *look_for(const char *program)
{
    static const char *const folders[] = { "/usr/bin", "/usr/sbin", "/bin",
                                           "/usr/local/bin" };
    static char path[256];

    if (program[0] == '/')
        return access(program, X_OK) == 0 ? program : NULL;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], program);
        if (access(path, X_OK) == 0)
            return path;
    }
    return NULL;
}

const char *peer_program(const char *const *programs)
{
    const char *found = NULL;

    while (found == NULL && *programs != NULL)
        found = look_for(*programs++);
    return found;
}

void peer_open(struct peer *peer)
{
    memset(peer, 0, sizeof *peer);
    snprintf(peer->folder, sizeof peer->folder, "/tmp/moirai-peer-XXXXXX");
    CHECK(mkdtemp(peer->folder) != NULL);
}

void peer_write(const struct peer *peer, const char *name,
                const char *format, ...)
{
    char path[200];
    va_list args;
    FILE *out;

    snprintf(path, sizeof path, "%s/%s", peer->folder, name);
    out = fopen(path, "w");
    CHECK(out != NULL);
    va_start(args, format);
    CHECK(vfprintf(out, format, args) >= 0);
    va_end(args);
    CHECK_EQ(fclose(out), 0);
}

static struct sockaddr_in local(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool listens(uint16_t port)
{
    struct sockaddr_in address = local(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return yes;
}

static pid_t start(const struct peer *peer, const char *const *argv, uid_t uid)
{
    char log[200];
    pid_t pid;

    snprintf(log, sizeof log, "%s/log", peer->folder);
    pid = fork();
    CHECK(pid >= 0);
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(0);
    if (open("/dev/null", O_RDONLY) != 0
        || dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0666), 1) != 1
        || dup2(1, 2) != 2 || chdir(peer->folder) != 0
        || (uid != 0 && setuid(uid) != 0))
        _exit(126);
    if (uid != 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);   /* setuid undoes it */
    execv(argv[0], (char *const *)argv);
    _exit(127);
}

/* False: it has ended before. */
static bool await(const struct peer *peer)
{
    while (waitpid(peer->pid, NULL, WNOHANG) == 0) {
        if (listens(peer->port))
            return true;
        usleep(10000);
    }
    return false;
}

static void say_log(const struct peer *peer)
{
    char command[200];

    snprintf(command, sizeof command, "sed 's/^/# /' %s/log", peer->folder);
    if (system(command) != 0)
        fprintf(stderr, "# there is no log\n");
}

void peer_start(struct peer *peer, void (*configure)(const struct peer *peer),
                const char *const *argv, uid_t uid)
{
    for (int i = 0; i < TRIES; i++) {
        peer->port = free_port();
        configure(peer);
        peer->pid = start(peer, argv, uid);
        if (await(peer))
            return;
    }
    say_log(peer);
    CHECK_FMT(false, "%s does not start", argv[0]);
}

int peer_run(const struct peer *peer, const char *const *argv, uid_t uid)
{
    pid_t pid = start(peer, argv, uid);
    int status;

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    if (status != 0)
        say_log(peer);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag,
                      struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void peer_close(struct peer *peer, int signal)
{
    if (peer->pid > 0) {
        kill(peer->pid, signal);
        waitpid(peer->pid, NULL, 0);
    }
    nftw(peer->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
