/* SPDX-License-Identifier: MIT */
/*
 * main.c - a fuzz target without its fuzzer: tries the inputs that are kept.
 *
 *     fuzz_NAME [FILE...]
 *
 * Without a FILE those in $srcdir/tests/fuzz/corpus/NAME. Each is tried in a
 * process of its own, which has a minute. Prints TAP.
 */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define SECONDS_MAX 60
#define SIZE_MOST (4u << 20)

static int number;

/* The whole file, malloc'ed; NULL: it cannot be read, or is too large. */
static uint8_t *read_file(const char *path, size_t *size)
{
    uint8_t *bytes = malloc(SIZE_MOST);
    FILE *f = fopen(path, "rb");
    bool right = f != NULL && bytes != NULL;

    if (right) {
        *size = fread(bytes, 1, SIZE_MOST, f);
        right = ferror(f) == 0 && *size < SIZE_MOST;
    }
    if (f != NULL)
        fclose(f);
    if (right)
        return bytes;
    free(bytes);
    return NULL;
}

/* In the child. The input gets a block of exactly its size, for ASan's sake. */
static int try_here(const char *path)
{
    size_t size = 0;
    uint8_t *all = read_file(path, &size);
    uint8_t *input = malloc(size > 0 ? size : 1);

    if (all == NULL || input == NULL)
        return EXIT_FAILURE;
    memcpy(input, all, size);
    free(all);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
    return EXIT_SUCCESS;
}

static bool try_one(const char *path)
{
    const char *base = strrchr(path, '/');
    int status = 0;
    bool right;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(SECONDS_MAX);
        exit(try_here(path));
    }
    right = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    if (child > 0 && WIFSIGNALED(status))
        printf("# ended by: %s\n", strsignal(WTERMSIG(status)));
    printf("%s %d - %s/%s\n", right ? "ok" : "not ok", ++number, fuzz_name,
           base != NULL ? base + 1 : path);
    return right;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool try_corpus(void)
{
    const char *source = getenv("srcdir");
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    char file[PATH_MAX + 256];
    bool right = true;
    int n;

    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s",
             source != NULL ? source : ".", fuzz_name);
    n = scandir(path, &entries, visible, alphasort);
    if (n <= 0)
        fprintf(stderr, "%s: no inputs\n", path);
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        right = try_one(file) && right;
        free(entries[i]);
    }
    free(entries);
    return right && n > 0;
}

int main(int argc, char **argv)
{
    bool right = true;

    for (int i = 1; i < argc; i++)
        right = try_one(argv[i]) && right;
    if (argc == 1)
        right = try_corpus();
    printf("1..%d\n", number);
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
