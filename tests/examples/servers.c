/* SPDX-License-Identifier: MIT */
/*
 * servers.c - processes and sockets for tests of servers.
 */
#include "servers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS 16

/* Where programs of another machine are run by an emulator, libtool has to say
 * which file is the program. */
static const char by_emulator[] =
    "exec ./libtool --silent --mode=execute $RUN \"$0\" \"$@\"";

__attribute__((noreturn))
static void become(const char *name, unsigned descriptors,
                   const char *const *arguments)
{
    const char *words[ARGUMENTS + 5] = { "sh", "-c", by_emulator };
    struct rlimit limit = { descriptors, descriptors };
    char path[64];
    unsigned n = 4;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (descriptors != 0)
        setrlimit(RLIMIT_NOFILE, &limit);
    snprintf(path, sizeof path, "examples/servers/%s", name);
    words[3] = path;
    for (unsigned i = 0; arguments[i] != NULL && i < ARGUMENTS; i++)
        words[n++] = arguments[i];
    if (getenv("RUN") != NULL && getenv("RUN")[0] != '\0')
        execvp("sh", (char *const *)words);
    else
        execv(path, (char *const *)words + 3);
    _exit(127);
}

/* A file without a name. */
static int open_nameless(void)
{
    FILE *file = tmpfile();
    int fd;

    CHECK(file != NULL);
    fd = dup(fileno(file));
    CHECK(fd >= 0);
    fclose(file);
    return fd;
}

static pid_t begin(const char *name, unsigned descriptors,
                   const char *const *arguments, int out, int err)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        dup2(out, 1);
        dup2(err, 2);
        close(out);
        close(err);
        become(name, descriptors, arguments);
    }
    return pid;
}

void server_start(struct child *child, const char *name,
                  unsigned descriptors, const char *const *arguments)
{
    char line[128] = "";
    int ends[2];
    unsigned port;
    FILE *out;

    CHECK_EQ(pipe(ends), 0);
    child->said = open_nameless();
    child->pid = begin(name, descriptors, arguments, ends[1], child->said);
    close(ends[1]);
    out = fdopen(ends[0], "r");
    CHECK(out != NULL);
    CHECK_FMT(fgets(line, sizeof line, out) != NULL
              && sscanf(line, "listening on 127.0.0.1:%u", &port) == 1,
              "%s said: \"%s\"", name, line);
    child->port = (uint16_t)port;
    fclose(out);
}

static int wait_for(pid_t pid)
{
    int status;

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

int server_wait(struct child *child)
{
    return wait_for(child->pid);
}

void server_tell(const struct child *child)
{
    const struct timespec pause = { 0, 1000000 };
    int fd;

    CHECK_EQ(kill(child->pid, SIGTERM), 0);
    while ((fd = dial(child->port)) >= 0) {
        close(fd);
        nanosleep(&pause, NULL);
    }
}

static void read_back(int fd, char *text, size_t size)
{
    ssize_t n = pread(fd, text, size - 1, 0);

    CHECK(n >= 0);
    text[n] = '\0';
}

unsigned server_count(const struct child *child, const char *text)
{
    char said[4096];
    unsigned n = 0;

    read_back(child->said, said, sizeof said);
    for (const char *at = said; (at = strstr(at, text)) != NULL; at++)
        n++;
    return n;
}

bool server_said(const struct child *child, const char *text)
{
    return server_count(child, text) != 0;
}

int server_run(const char *name, const char *const *arguments, char *said,
               size_t size)
{
    int file = open_nameless();
    int status = wait_for(begin(name, 0, arguments, file, file));

    read_back(file, said, size);
    close(file);
    return status;
}

/* --- sockets -------------------------------------------------------------- */

static struct sockaddr_in local(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };

    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int dial(uint16_t port)
{
    struct sockaddr_in address = local(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

int bind_somewhere(uint16_t *port)
{
    struct sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&address, size), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

int listen_somewhere(uint16_t *port)
{
    int fd = bind_somewhere(port);

    CHECK_EQ(listen(fd, 0), 0);
    return fd;
}

void put(int fd, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        ssize_t rc = send(fd, at, n, MSG_NOSIGNAL);

        CHECK_FMT(rc > 0, "send: %s", strerror(errno));
        at += rc;
        n -= (size_t)rc;
    }
}

void get(int fd, void *bytes, size_t n)
{
    CHECK_EQ(get_rest(fd, bytes, n), n);
}

size_t get_rest(int fd, char *bytes, size_t size)
{
    size_t n = 0;
    ssize_t rc = 1;

    while (n < size && rc > 0) {
        rc = recv(fd, bytes + n, size - n, 0);
        CHECK_FMT(rc >= 0 || errno == ECONNRESET, "recv: %s",
                  strerror(errno));
        if (rc > 0)
            n += (size_t)rc;
    }
    return n;
}
