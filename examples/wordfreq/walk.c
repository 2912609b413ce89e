/* SPDX-License-Identifier: MIT */
/*
 * walk.c - the first stage: which files there are.
 *
 * Directories are read on a thread that may block, a batch of files at a time.
 * In a walk only regular files count: links are not followed, so there are no
 * cycles, and nothing is opened that could be a device. What the user names is
 * taken as it is, link or pipe.
 */
#include "job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BATCH 256                   /* files found before they are sent on */

struct todo {                       /* a directory not read yet */
    struct todo *next;
    char path[];
};

struct walk {
    struct job *job;
    const char *const *paths;       /* the next one the user named */
    struct todo *todo;              /* newest first, so a walk is depth-first
                                     * and this list short */
    struct todo *current;           /* what `dir` reads */
    DIR *dir;
    struct file *found[BATCH];
    size_t count;
};

static int add_file(struct walk *walk, const char *parent, const char *name,
                    bool follow)
{
    size_t room = strlen(parent) + 1 + strlen(name) + 1;
    struct file *file = malloc(sizeof *file + room);

    if (file == NULL)
        return -ENOMEM;
    file->follow = follow;
    stpcpy(stpcpy(stpcpy(file->path, parent), *parent ? "/" : ""), name);
    walk->found[walk->count++] = file;
    return 0;
}

static int add_directory(struct walk *walk, const char *parent,
                         const char *name)
{
    size_t room = strlen(parent) + 1 + strlen(name) + 1;
    struct todo *todo = malloc(sizeof *todo + room);

    if (todo == NULL)
        return -ENOMEM;
    stpcpy(stpcpy(stpcpy(todo->path, parent), *parent ? "/" : ""), name);
    todo->next = walk->todo;
    walk->todo = todo;
    return 0;
}

static int take_operand(struct walk *walk)
{
    const char *path = *walk->paths++;
    struct stat st;

    if (strcmp(path, "-") == 0)
        return add_file(walk, "", "/dev/stdin", true);
    if (stat(path, &st) != 0) {
        if (!(errno == ENOENT && walk->job->options.optional))
            job_complain(walk->job, path, errno);
        return 0;
    }
    if (S_ISDIR(st.st_mode))
        return add_directory(walk, "", path);
    return add_file(walk, "", path, true);
}

static void open_directory(struct walk *walk)
{
    struct todo *todo = walk->todo;

    walk->todo = todo->next;
    walk->dir = opendir(todo->path);
    if (walk->dir == NULL) {
        job_complain(walk->job, todo->path, errno);
        free(todo);
        return;
    }
    walk->current = todo;
}

static void close_directory(struct walk *walk, int code)
{
    if (code != 0)
        job_complain(walk->job, walk->current->path, code);
    closedir(walk->dir);
    free(walk->current);
    walk->dir = NULL;
    walk->current = NULL;
}

/* Some file systems do not say in the entry what it is. */
static unsigned char entry_type(DIR *dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return DT_REG;              /* opening it will say what is wrong */
    return IFTODT(st.st_mode);
}

static int take_entry(struct walk *walk)
{
    const char *parent = walk->current->path;
    const struct dirent *entry;

    errno = 0;
    entry = readdir(walk->dir);
    if (entry == NULL) {
        close_directory(walk, errno);
        return 0;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return 0;
    switch (entry_type(walk->dir, entry)) {
    case DT_DIR:
        return add_directory(walk, parent, entry->d_name);
    case DT_REG:
        return add_file(walk, parent, entry->d_name, false);
    default:
        return 0;
    }
}

/* Finds the next batch, on a thread that may block: 1, 0 when there are no
 * more, or -ENOMEM. */
static int walk_step(void *arg)
{
    struct walk *walk = arg;
    int rc = 0;

    while (walk->count < BATCH && rc == 0) {
        if (walk->dir != NULL)
            rc = take_entry(walk);
        else if (walk->todo != NULL)
            open_directory(walk);
        else if (*walk->paths != NULL)
            rc = take_operand(walk);
        else
            break;
    }
    return rc < 0 ? rc : walk->count != 0;
}

static void forget(struct walk *walk, size_t from)
{
    while (from < walk->count)
        free(walk->found[from++]);
    walk->count = 0;
}

static int walk_send(struct walk *walk, struct moirai_chan *files)
{
    int64_t sent = moirai_chan_send_batch(files, walk->found, walk->count,
                                          MOIRAI_NEVER);
    bool all = sent == (int64_t)walk->count;

    forget(walk, sent < 0 ? 0 : (size_t)sent);
    if (all)
        return 0;
    return sent < 0 ? (int)sent : -ECANCELED;
}

int walk_paths(struct stage *stage)
{
    struct walk walk = {
        .job = stage->job,
        .paths = stage->job->options.paths,
    };
    int rc;

    while ((rc = moirai_block(walk_step, &walk)) > 0) {
        rc = walk_send(&walk, stage->out);
        if (rc != 0)
            break;
    }
    forget(&walk, 0);
    if (walk.dir != NULL)
        close_directory(&walk, 0);
    while (walk.todo != NULL) {
        struct todo *todo = walk.todo;

        walk.todo = todo->next;
        free(todo);
    }
    return rc;
}
