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

    if (words == NULL)
        words = "the dynamic linker does not say why";
    if (strncmp(words, path, n) == 0 && strncmp(words + n, ": ", 2) == 0)
        words += n + 2;
    snprintf(why, MO_DL_WHY, "%s", words);
}

static int start_ltdl(char *why)
{
    static bool started;

    if (started)
        return 0;
    if (lt_dlinit() != 0) {
        snprintf(why, MO_DL_WHY, "libltdl does not start: %s", lt_dlerror());
        return -ENOSYS;
    }
    started = true;
    return 0;
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
    int rc = start_ltdl(why);

    if (rc == 0)
        rc = mo_elf_check(path, why, MO_DL_WHY);
    if (rc != 0)
        return rc;
    if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL) {
        copy_words(why, path, dlerror());
        return -ENOEXEC;
    }
    rc = advise(&advice);
    if (rc != 0)
        return rc;
    opened = lt_dlopenadvise(path, advice);
    if (opened == NULL) {
        copy_words(why, path, lt_dlerror());
        rc = -ENOEXEC;
    }
    lt_dladvise_destroy(&advice);
    *handle = opened;
    return rc;
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
