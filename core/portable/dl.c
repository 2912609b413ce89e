/* SPDX-License-Identifier: MIT */
/*
 * dl.c - modules as files, through libltdl alone.
 *                                        [in place of ../dl.c: sees ltdl.h]
 *
 * What libltdl says is all that is known of a file that does not load, and
 * nothing of the file is looked at before.
 */
#include "dl.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ltdl.h>

#include "mem.h"

struct names {
    char **list;                    /* mo_mem_alloc, as are its strings */
    size_t n, room;
};

static int start_ltdl(void)
{
    static bool started;

    if (!started && lt_dlinit() != 0) {
        lt_dlexit();
        return -ENOMEM;
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
    const char *words;
    int rc = start_ltdl();

    if (rc == 0)
        rc = advise(&advice);
    if (rc != 0)
        return rc;
    opened = lt_dlopenadvise(path, advice);
    lt_dladvise_destroy(&advice);
    if (opened != NULL) {
        *handle = opened;
        return 0;
    }
    words = lt_dlerror();
    snprintf(why, MO_DL_WHY, "%s", words != NULL ? words : "it does not load");
    return -ENOEXEC;
}

const void *mo_dl_symbol(void *handle, const char *name, size_t *size)
{
    *size = 0;
    return lt_dlsym(handle, name);
}

static int add_name(struct names *names, const char *name)
{
    if (names->n == names->room) {
        size_t room = 2 * names->room + 16;
        char **list = mo_mem_alloc(room * sizeof *list, 1);

        if (list == NULL)
            return -ENOMEM;
        if (names->n > 0)
            memcpy(list, names->list, names->n * sizeof *list);
        mo_mem_free(names->list);
        names->list = list;
        names->room = room;
    }
    names->list[names->n] = mo_mem_strdup(name);
    if (names->list[names->n] == NULL)
        return -ENOMEM;
    names->n++;
    return 0;
}

static int read_names(const char *directory, struct names *names)
{
    DIR *dir = opendir(directory);
    const struct dirent *entry;
    int rc = 0;

    if (dir == NULL)
        return errno != 0 ? -errno : -ENOENT;
    while (rc == 0 && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = add_name(names, entry->d_name);
    closedir(dir);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int mo_dl_list(const char *directory, int (*fn)(void *ctx, const char *name),
               void *ctx)
{
    struct names names = { .list = NULL };
    int rc = read_names(directory, &names);

    if (names.n > 0)
        qsort(names.list, names.n, sizeof *names.list, by_name);
    for (size_t i = 0; i < names.n; i++) {
        if (rc == 0)
            rc = fn(ctx, names.list[i]);
        mo_mem_free(names.list[i]);
    }
    mo_mem_free(names.list);
    return rc;
}
