/* SPDX-License-Identifier: MIT */
/*
 * files.c - the files below a directory, over just enough of HTTP/1.0.
 *
 * What a client may cost is bounded: memory by the size of a line and of a
 * head, time by a deadline for the whole request and one for each piece of the
 * answer. A path never leads up; links within the directory are followed, as
 * whoever made them meant them to be.
 *
 * Files go from the page cache to the socket within the kernel. What is not in
 * the cache holds up a worker for as long as the disk takes.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define LINE 4096                   /* bytes, at most */
#define LINES 100                   /* of a head */
#define PIECE 65536
#define INDEX "index.html"
#define LINGER (2 * MOIRAI_S)

struct files {
    struct server server;
    const char *root;
    int64_t request_ns, piece_ns;
};

struct request {
    bool head;                      /* is all that is wanted */
    char target[LINE];              /* as it came, without a query */
    char path[PATH_MAX];            /* of the file */
};

static const char usage_text[] =
    "usage: files [options] ADDRESS DIRECTORY\n"
    "Serves the files below a directory over HTTP/1.0.\n"
    "\n"
    "  -r, --request=SECONDS  for a whole request (10)\n"
    "  -p, --piece=SECONDS  for each 64 KiB of the answer (30)\n"
    SERVE_HELP
    SERVE_NOTES;

static const struct option options[] = {
    { "request", required_argument, NULL, 'r' },
    { "piece", required_argument, NULL, 'p' },
    SERVE_OPTIONS
};

/* --- the request ---------------------------------------------------------- */

/* HTTP's number for it; 0: nobody is there to be told. */
static int status_of(int rc)
{
    switch (rc) {
    case -ETIMEDOUT:
        return 408;
    case -EMSGSIZE:
        return 431;
    case -ENOENT: case -ENOTDIR: case -ENAMETOOLONG: case -ELOOP:
        return 404;
    case -EACCES: case -EPERM:
        return 403;
    case -EMFILE: case -ENFILE: case -ENOMEM:
        return 503;
    case -ECANCELED: case -EPIPE: case -ECONNRESET:
        return 0;
    default:
        return 500;
    }
}

/* One line, without its end, as a string. 0 or a negative errno. */
static int read_line(struct moirai_reader *reader, char **line,
                     int64_t deadline_ns)
{
    size_t n;
    int rc = moirai_reader_until(reader, "\n", 1, line, &n, deadline_ns);

    if (rc != 0)
        return rc;
    n--;
    if (n > 0 && (*line)[n - 1] == '\r')
        n--;
    (*line)[n] = '\0';
    return 0;
}

/* "GET /path?query HTTP/1.0": 200, or what is wrong. */
static int take_line(char *line, struct request *request)
{
    char *target = strchr(line, ' ');
    char *version = target != NULL ? strchr(target + 1, ' ') : NULL;

    if (version == NULL || strncmp(version + 1, "HTTP/1.", 7) != 0)
        return 400;
    *target++ = '\0';
    *version = '\0';
    request->head = strcmp(line, "HEAD") == 0;
    if (!request->head && strcmp(line, "GET") != 0)
        return 501;
    target[strcspn(target, "?#")] = '\0';
    for (const char *at = target; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return 400;
    if (target[0] != '/')
        return 400;
    while (target[1] == '/')        /* "//host" would be another's */
        target++;
    memcpy(request->target, target, strlen(target) + 1);
    return 200;
}

/* Reads all of a head, and keeps what of it matters. The status so far; 0:
 * there is nobody. */
static int read_request(const struct files *files, int fd,
                        struct request *request)
{
    int64_t deadline = moirai_after(files->request_ns);
    struct moirai_reader reader;
    char memory[LINE], *line;
    int rc, status;

    moirai_reader_init(&reader, fd, memory, sizeof memory);
    rc = read_line(&reader, &line, deadline);
    if (rc != 0)
        return rc == -EMSGSIZE ? 414 : status_of(rc);
    status = take_line(line, request);
    for (int i = 0; i < LINES; i++) {
        rc = read_line(&reader, &line, deadline);
        if (rc != 0)
            return status_of(rc);
        if (line[0] == '\0')
            return status;
    }
    return 431;
}

/* --- the file ------------------------------------------------------------- */

/* Decodes %XX; the length, or -1: that is none, or a NUL. */
static int decode(const char *from, char *to)
{
    char *begin = to;

    for (; *from != '\0'; from++) {
        char digits[3] = { 0 }, *end;

        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        memcpy(digits, from + 1, from[1] != '\0' ? 2 : 0);
        *to = (char)strtoul(digits, &end, 16);
        if (end != digits + 2 || strchr("+- ", digits[0]) != NULL
            || *to == '\0')
            return -1;
        to++;
        from += 2;
    }
    *to = '\0';
    return (int)(to - begin);
}

static bool leads_up(const char *path)
{
    for (const char *at = path; at != NULL; at = strchr(at + 1, '/'))
        if (strncmp(at, "/..", 3) == 0 && (at[3] == '/' || at[3] == '\0'))
            return true;
    return false;
}

/* Fills request->path; the status. */
static int find_path(const struct files *files, struct request *request)
{
    char decoded[LINE];
    int n = decode(request->target, decoded);

    if (n < 0)
        return 400;
    if (leads_up(decoded))
        return 403;
    n = snprintf(request->path, sizeof request->path, "%s%s%s", files->root,
                 decoded, decoded[n - 1] == '/' ? INDEX : "");
    return (size_t)n < sizeof request->path ? 200 : 414;
}

/* Opens the file of the request, and says how long it is; the status. What is
 * not a file is not opened for long: moirai_open does not wait for pipes. */
static int open_file(const struct request *request, int *fd, int64_t *size)
{
    struct stat stat;
    int rc = moirai_open(request->path, O_RDONLY | O_NOCTTY, 0);

    if (rc < 0)
        return status_of(rc);
    *fd = rc;
    rc = moirai_fstat(*fd, &stat);
    *size = stat.st_size;
    if (rc == 0 && S_ISREG(stat.st_mode))
        return 200;
    moirai_close(*fd);
    *fd = -1;
    if (rc != 0)
        return status_of(rc);
    return S_ISDIR(stat.st_mode) ? 301 : 403;
}

/* --- the answer ----------------------------------------------------------- */

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        { ".css", "text/css" }, { ".gif", "image/gif" },
        { ".html", "text/html" }, { ".jpg", "image/jpeg" },
        { ".js", "text/javascript" }, { ".json", "application/json" },
        { ".md", "text/plain" }, { ".pdf", "application/pdf" },
        { ".png", "image/png" }, { ".svg", "image/svg+xml" },
        { ".txt", "text/plain" }, { ".wasm", "application/wasm" },
    };
    const char *end = strrchr(path, '.');

    for (size_t i = 0; end != NULL && i < sizeof types / sizeof *types; i++)
        if (strcmp(end, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static const char *reason_of(int status)
{
    switch (status) {
    case 200: return "OK";
    case 301: return "Moved Permanently";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 408: return "Request Timeout";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Internal Server Error";
    }
}

/* A head, and for what is no file its reason as a text. */
static int answer(const struct files *files, int fd, int status,
                  const struct request *request, int64_t size)
{
    char text[LINE + 512], body[64] = "";
    const char *reason = reason_of(status);
    bool moved = status == 301;
    int n;

    if (status != 200) {
        n = snprintf(body, sizeof body, "%d %s\n", status, reason);
        size = n;
    }
    n = snprintf(text, sizeof text,
                 "HTTP/1.0 %d %s\r\n"
                 "Content-Type: %s\r\n"
                 "Content-Length: %" PRId64 "\r\n"
                 "%s%s%s"
                 "Connection: close\r\n"
                 "\r\n"
                 "%s", status, reason,
                 status == 200 ? type_of(request->path) : "text/plain", size,
                 moved ? "Location: " : "", moved ? request->target : "",
                 moved ? "/\r\n" : "", request->head ? "" : body);
    return moirai_write_all(fd, text, (size_t)n, NULL,
                            moirai_after(files->piece_ns));
}

/* Whether all of it went. Who does not take a piece in time, or a file that has
 * become shorter, ends it: the client sees that bytes are missing. */
static bool send_file(const struct files *files, int fd, int file,
                      int64_t size)
{
    while (size > 0) {
        int64_t piece = size < PIECE ? size : PIECE;

        if (moirai_fd_move(file, fd, (size_t)piece,
                           moirai_after(files->piece_ns)) != piece)
            return false;
        size -= piece;
    }
    return true;
}

/* To close while there are bytes to be read would throw away what the client
 * has not received yet (RFC 9112, 9.6). */
static void linger(int fd)
{
    int64_t until = moirai_after(LINGER);
    char buffer[1024];

    moirai_socket_shutdown(fd, SHUT_WR);
    while (moirai_read(fd, buffer, sizeof buffer, until) > 0)
        ;
}

static void talk(struct server *server, int fd)
{
    const struct files *files = (struct files *)server;
    struct request request = { .head = false };
    int status = read_request(files, fd, &request);
    int64_t size = 0;
    int file = -1;
    bool whole;

    if (status == 200)
        status = find_path(files, &request);
    if (status == 200)
        status = open_file(&request, &file, &size);
    if (status == 0)
        return;
    whole = answer(files, fd, status, &request, size) == 0;
    if (whole && file >= 0 && !request.head)
        whole = send_file(files, fd, file, size);
    if (file >= 0)
        moirai_close(file);
    if (whole)
        linger(fd);
}

int main(int argc, char **argv)
{
    struct files own = {
        .server = { .name = "files", .usage = usage_text, .limit = 1000,
                    .grace_ns = 10 * MOIRAI_S, .talk = talk },
        .request_ns = 10 * MOIRAI_S,
        .piece_ns = 30 * MOIRAI_S,
    };
    int option;

    while ((option = getopt_long(argc, argv, "r:p:" SERVE_SHORT, options,
                                 NULL)) != -1)
        if (option == 'r')
            own.request_ns = serve_seconds(&own.server, "--request", optarg);
        else if (option == 'p')
            own.piece_ns = serve_seconds(&own.server, "--piece", optarg);
        else
            serve_option(&own.server, option);
    if (argc - optind != 2)
        serve_refuse(&own.server, "an address and a directory are needed");
    own.server.address = argv[optind];
    own.root = argv[optind + 1];
    return serve_run(&own.server);
}
