/* SPDX-License-Identifier: MIT */
/*
 * dl.c - modules as files: open, look inside, list a directory.
 *                                                [only file that sees ltdl.h]
 *
 * libltdl opens a module lazily: a function that exists nowhere is noticed at
 * its first call, which ends the process, and lazy binding itself needs a lot
 * of stack, on whatever stack the call is made. And when it cannot open a
 * file it says "file not found", whatever the reason. So dlopen is asked
 * first, to resolve everything now, and for its words if it cannot.
 */
#include "dl.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ltdl.h>

#include "os/elf.h"

/* Takes the path, which everybody has seen already, off the front. */
static void copy_words(char *why, const char *path, const char *words)
{
    size_t n = strlen(path);

    if (strncmp(words, path, n) == 0 && strncmp(words + n, ": ", 2) == 0)
        words += n + 2;
    snprintf(why, MO_DL_WHY, "%s", words);
}

/* A start that failed half-way has to be taken back, or libltdl takes itself to
 * be started; and it may not have noticed that its loader is missing. */
/* The first object is the program. One that names no dynamic linker has its
 * libc inside; a module would bring a second one, with an allocator, threads
 * and locks that know nothing of the first. */
static int look_for_linker(struct dl_phdr_info *program, size_t size, void *ctx)
{
    bool *found = ctx;

    (void)size;
    for (int i = 0; i < program->dlpi_phnum; i++)
        if (program->dlpi_phdr[i].p_type == PT_INTERP)
            *found = true;
    return 1;
}

static int refuse_static(char *why)
{
    bool found = false;

    dl_iterate_phdr(look_for_linker, &found);
    if (found)
        return 0;
    snprintf(why, MO_DL_WHY, "this program is linked statically, and has the "
             "plugins that libmoirai was built with, but loads no modules");
    return -ENOEXEC;
}

static int start_ltdl(void)
{
    static bool started;

    if (started)
        return 0;
    if (lt_dlinit() != 0 || lt_dlloader_find("lt_dlopen") == NULL) {
        lt_dlexit();
        return -ENOMEM;
    }
    started = true;
    return 0;
}

/* Only its words tell why dlopen failed. That it cannot open a file that was
 * just read has the same reason. */
static bool out_of_memory(const char *path, const char *words)
{
    static const char *const parts[] = {
        "cannot allocate", "cannot create", "cannot enlarge", "cannot extend",
        "out of memory",
    };
    size_t n = strlen(path);

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(words, parts[i]) != NULL)
            return true;
    return strncmp(words, path, n) == 0 &&
           strstr(words + n, "cannot open shared object file") != NULL;
}

void *mo_dl_library(const char *name, char *why)
{
    void *library;

    if (refuse_static(why) != 0)
        return NULL;
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        copy_words(why, name, dlerror());
    return library;
}

void *mo_dl_function(void *library, const char *name, char *why)
{
    void *function = dlsym(library, name);

    if (function == NULL)
        snprintf(why, MO_DL_WHY, "it has no %s", name);
    return function;
}

/* Resolves all of it. */
static int try_dlopen(const char *path, char *why)
{
    const char *words;

    if (dlopen(path, RTLD_NOW | RTLD_LOCAL) != NULL)
        return 0;
    words = dlerror();
    if (words == NULL || out_of_memory(path, words))
        return -ENOMEM;
    copy_words(why, path, words);
    return -ENOEXEC;
}

static int advise(lt_dladvise *advice)
{
    if (lt_dladvise_init(advice) != 0)
        return -ENOMEM;
    if (lt_dladvise_ext(advice) != 0 || lt_dladvise_local(advice) != 0 ||
        lt_dladvise_resident(advice) != 0) {
        lt_dladvise_destroy(advice);
        return -ENOMEM;
    }
    return 0;
}

int mo_dl_open(const char *path, void **handle, char *why)
{
    lt_dladvise advice;
    lt_dlhandle opened;
    int rc = refuse_static(why);

    if (rc == 0)
        rc = mo_elf_check(path, why, MO_DL_WHY);
    if (rc == 0)
        rc = try_dlopen(path, why);
    if (rc == 0)
        rc = start_ltdl();
    if (rc == 0)
        rc = advise(&advice);
    if (rc != 0)
        return rc;
    opened = lt_dlopenadvise(path, advice);
    lt_dladvise_destroy(&advice);
    if (opened == NULL)
        return -ENOMEM;             /* what else, after dlopen? */
    *handle = opened;
    return 0;
}

const void *mo_dl_symbol(void *handle, const char *name, size_t *size)
{
    const void *address = lt_dlsym(handle, name);
    const ElfW(Sym) *symbol = NULL;
    Dl_info info;
    void *extra = NULL;

    *size = 0;
    if (address != NULL &&
        dladdr1(address, &info, &extra, RTLD_DL_SYMENT) != 0) {
        symbol = extra;
        if (symbol != NULL && info.dli_saddr == address)
            *size = symbol->st_size;
    }
    return address;
}

static int any_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Not alphasort, which depends on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int mo_dl_list(const char *directory, int (*fn)(void *ctx, const char *name),
               void *ctx)
{
    struct dirent **entries;
    int n = scandir(directory, &entries, any_entry, by_name);
    int rc = 0;

    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        if (rc == 0)
            rc = fn(ctx, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rc;
}
