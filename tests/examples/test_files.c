/* SPDX-License-Identifier: MIT */
/*
 * test_files.c - examples/servers/files as its clients see it: what it serves,
 * what it refuses, and whom it does not wait for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "servers.h"

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define LARGE ((size_t)3 << 20)     /* a file with something in it */
#define HUGE ((off_t)64 << 20)      /* one that no socket holds */
#define ROOM (LARGE + 4096)

static char place[] = "/tmp/moirai-files-XXXXXX";

/* A path below the place. */
static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    FILE *file = fopen(at(name), "w");

    CHECK(file != NULL);
    CHECK_EQ(fwrite(bytes, 1, n, file), n);
    CHECK_EQ(fclose(file), 0);
}

static void write_large(void)
{
    unsigned char *bytes = malloc(LARGE);

    CHECK(bytes != NULL);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (unsigned char)(i * 7 >> 3);
    write_file("root/large", bytes, LARGE);
    free(bytes);
}

/* What there is to be served, and beside it what is not. */
static void make_place(void)
{
    CHECK(mkdtemp(place) != NULL);
    CHECK_EQ(mkdir(at("root"), 0755), 0);
    CHECK_EQ(mkdir(at("root/sub"), 0755), 0);
    write_file("secret", "secret", 6);
    write_file("root/index.html", "front", 5);
    write_file("root/a b.txt", "blank", 5);
    write_file("root/..odd", "dots", 4);
    write_file("root/empty.css", "", 0);
    write_file("root/huge", "", 0);
    CHECK_EQ(truncate(at("root/huge"), HUGE), 0);
    CHECK_EQ(mkfifo(at("root/pipe"), 0644), 0);
    write_large();
}

static void remove_place(void)
{
    static const char *const names[] = {
        "root/index.html", "root/a b.txt", "root/..odd", "root/empty.css",
        "root/huge", "root/pipe", "root/large", "secret",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK_EQ(unlink(at(names[i])), 0);
    CHECK_EQ(rmdir(at("root/sub")), 0);
    CHECK_EQ(rmdir(at("root")), 0);
    CHECK_EQ(rmdir(place), 0);
}

static void serve(struct child *server, const char *option)
{
    make_place();
    server_start(server, "files", 0, WORDS(option, HERE, at("root")));
}

static void stop(struct child *server)
{
    server_tell(server);
    CHECK_EQ(server_wait(server), 0);
    remove_place();
}

/* Sends that, and returns the whole answer, with a NUL after it. */
static char *ask(const struct child *server, const char *request, size_t *n)
{
    char *answer = malloc(ROOM + 1);
    int fd = dial(server->port);

    CHECK(answer != NULL && fd >= 0);
    put(fd, request, strlen(request));
    *n = get_rest(fd, answer, ROOM);
    answer[*n] = '\0';
    close(fd);
    return answer;
}

/* The answer begins like `head`, has `header` in it, and ends in `body`. */
static void answers(const struct child *server, const char *request,
                    const char *head, const char *header, const char *body)
{
    size_t n;
    char *answer = ask(server, request, &n);
    const char *end = strstr(answer, "\r\n\r\n");

    CHECK_FMT(strncmp(answer, head, strlen(head)) == 0, "%s: %s", request,
              answer);
    CHECK(end != NULL);
    CHECK_FMT(strstr(answer, header) != NULL, "%s: %s", request, answer);
    CHECK_STR(end + 4, body);
    free(answer);
}

TEST(files, are_served)
{
    struct child server;

    serve(&server, "--limit=4");
    answers(&server, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n",
            "Content-Type: text/html\r\nContent-Length: 5\r\n", "front");
    answers(&server, "GET /a%20b.txt?query HTTP/1.1\r\nHost: here\r\n\r\n",
            "HTTP/1.0 200 ", "\r\nContent-Type: text/plain\r\n", "blank");
    answers(&server, "GET //empty.css HTTP/1.0\n\n", "HTTP/1.0 200 ",
            "\r\nContent-Length: 0\r\n", "");
    answers(&server, "GET /..odd HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ",
            "\r\nContent-Type: application/octet-stream\r\n", "dots");
    answers(&server, "HEAD /index.html HTTP/1.0\r\n\r\n", "HTTP/1.0 200 ",
            "\r\nContent-Length: 5\r\n", "");
    answers(&server, "GET /sub HTTP/1.0\r\n\r\n", "HTTP/1.0 301 ",
            "\r\nLocation: /sub/\r\n", "301 Moved Permanently\n");
    stop(&server);
}

TEST(files, are_served_whole)
{
    struct child server;
    char *answer, *body;
    size_t n;

    serve(&server, "--limit=4");
    answer = ask(&server, "GET /large HTTP/1.0\r\n\r\n", &n);
    body = strstr(answer, "\r\n\r\n");
    CHECK(body != NULL);
    body += 4;
    CHECK_EQ(answer + n - body, LARGE);
    for (size_t i = 0; i < LARGE; i++)
        CHECK_EQ((unsigned char)body[i], (unsigned char)(i * 7 >> 3));
    free(answer);
    stop(&server);
}

TEST(files, that_are_not_to_be_had_are_refused)
{
    static const char *const up[] = {
        "/../secret", "/..", "/sub/../../secret", "/%2e%2e/secret",
        "/.%2E/secret", "/sub/%2e%2e%2f..%2fsecret", "//../secret",
    };
    struct child server;
    char request[128];

    serve(&server, "--limit=4");
    for (size_t i = 0; i < sizeof up / sizeof *up; i++) {
        snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", up[i]);
        answers(&server, request, "HTTP/1.0 403 ", "", "403 Forbidden\n");
    }
    answers(&server, "GET /pipe HTTP/1.0\r\n\r\n", "HTTP/1.0 403 ", "",
            "403 Forbidden\n");
    answers(&server, "GET /sub/ HTTP/1.0\r\n\r\n", "HTTP/1.0 404 ", "",
            "404 Not Found\n");
    answers(&server, "HEAD /none HTTP/1.0\r\n\r\n", "HTTP/1.0 404 ", "", "");
    answers(&server, "GET /large/none HTTP/1.0\r\n\r\n", "HTTP/1.0 404 ", "",
            "404 Not Found\n");
    stop(&server);
}

TEST(files, are_not_given_for_nonsense)
{
    static const char *const bad[] = {
        "GET /\r\n\r\n", "GET  HTTP/1.0\r\n\r\n",
        "GET index.html HTTP/1.0\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
        "GET http://here/ HTTP/1.0\r\n\r\n", "GET /% HTTP/1.0\r\n\r\n",
        "GET /%4 HTTP/1.0\r\n\r\n", "GET /%zz HTTP/1.0\r\n\r\n",
        "GET /%00 HTTP/1.0\r\n\r\n", "GET /%+1 HTTP/1.0\r\n\r\n",
        "GET /a\tb HTTP/1.0\r\n\r\n", "GET /a\rb HTTP/1.0\r\n\r\n",
    };
    struct child server;

    serve(&server, "--limit=4");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        answers(&server, bad[i], "HTTP/1.0 400 ", "", "400 Bad Request\n");
    answers(&server, "POST / HTTP/1.0\r\n\r\n", "HTTP/1.0 501 ", "",
            "501 Not Implemented\n");
    stop(&server);
}

/* `n` times `piece` between the two. */
static char *repeat(const char *begin, const char *piece, size_t n,
                    const char *end)
{
    size_t size = strlen(begin) + n * strlen(piece) + strlen(end) + 1;
    char *text = malloc(size);
    char *to = text;

    CHECK(text != NULL);
    to = stpcpy(to, begin);
    while (n-- > 0)
        to = stpcpy(to, piece);
    stpcpy(to, end);
    return text;
}

static void answers_many(const struct child *server, const char *begin,
                         const char *piece, size_t n, const char *status)
{
    char *request = repeat(begin, piece, n, "\r\n\r\n");
    char head[32];

    snprintf(head, sizeof head, "HTTP/1.0 %.3s ", status);
    answers(server, request, head, "", status);
    free(request);
}

TEST(files, are_not_given_for_too_much)
{
    struct child server;

    serve(&server, "--limit=4");
    answers_many(&server, "GET /", "a", 100000, "414 URI Too Long\n");
    answers_many(&server, "GET / HTTP/1.0\r\na: ", "a", 100000,
                 "431 Request Header Fields Too Large\n");
    answers_many(&server, "GET / HTTP/1.0", "\r\na: b", 1000,
                 "431 Request Header Fields Too Large\n");
    stop(&server);
}

TEST(files, are_not_kept_for_who_asks_slowly)
{
    struct child server;

    serve(&server, "--request=0.1");
    answers(&server, "", "HTTP/1.0 408 ", "", "408 Request Timeout\n");
    answers(&server, "GET / HTTP/1.0\r\na: ", "HTTP/1.0 408 ", "",
            "408 Request Timeout\n");
    stop(&server);
}

/* The server ends by itself, with a grace that would not let it: so nobody was
 * waited for. */
TEST(files, are_not_kept_for_who_takes_them_slowly)
{
    const char request[] = "GET /huge HTTP/1.0\r\n\r\n";
    struct child server;
    int fd;

    make_place();
    server_start(&server, "files", 0,
                 WORDS("--piece=0.1", "-g", "1000", HERE, at("root")));
    CHECK((fd = dial(server.port)) >= 0);
    put(fd, request, strlen(request));
    stop(&server);
    close(fd);
}
