/* SPDX-License-Identifier: MIT */
/*
 * every.c - the promises that every kind makes: what a plugin says of itself,
 * that it starts, or fails as it should, and that nothing of it stays.
 */
#include "conformance.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_MALLINFO2
#include <malloc.h>
#endif

static bool is_text(const char *text)
{
    return text != NULL && text[0] != '\0' && strchr(text, '\n') == NULL;
}

static void check_option(const struct moirai_plugin *plugin,
                         const struct moirai_option *option)
{
    HOLDS(is_text(option->help), "its option %s has no line of help",
          option->name);
    HOLDS(option->offset < plugin->config_size, "its option %s lies outside of "
          "its config struct", option->name);
    HOLDS(option->type != MOIRAI_CHOICE || option->choices != NULL,
          "its option %s has no words to choose from", option->name);
}

/* A preset is in its own bounds. */
static void check_presets(const struct moirai_plugin *plugin)
{
    const struct moirai_option *option = plugin->options;

    for (; option != NULL && option->name != NULL; option++)
        if (option->preset == NULL)
            return;                 /* one has to be written */
    free(conformance_config(plugin, NULL));
}

PROMISE(plugin_describes_itself,
        "Its descriptor is what the loader, and people, want to read.")
{
    const struct moirai_plugin *plugin = subject->plugin;
    const struct moirai_option *option = plugin->options;

    HOLDS(plugin->abi == MOIRAI_PLUGIN_ABI, "it has plugin ABI %u",
          (unsigned)plugin->abi);
    HOLDS(is_text(plugin->name), "it has no name");
    HOLDS(is_text(plugin->version), "it has no version");
    HOLDS(is_text(plugin->summary), "it has no summary");
    HOLDS(plugin->ops != NULL && plugin->ops_size > 0,
          "it has no table of functions");
    for (; option != NULL && option->name != NULL; option++)
        check_option(plugin, option);
    check_presets(plugin);
}

void conformance_starts(const struct subject *subject,
                        conformance_start *start)
{
    struct moirai_error err;
    int rc = start(subject, -1, &err);

    HOLDS(rc <= 0, "it starts with %d, which is neither 0 nor a negative errno",
          rc);
    HOLDS(rc == 0 || err.text[0] != '\0', "it returned %d, and left *err "
          "empty", rc);
    HOLDS(rc == 0, "it returned %d: %s", rc, err.text);
}

static int start_cleanly(const struct subject *subject,
                         conformance_start *start, int64_t grants)
{
    struct moirai_error err;
    int rc = start(subject, grants, &err);

    HOLDS(conformance_allocations() == 0, "%s, it still holds %lld pieces of "
          "the host's memory", rc != 0 ? "having failed" : "after fini",
          (long long)conformance_allocations());
    if (rc == 0)
        return 0;
    HOLDS(rc == -ENOMEM, "without memory it returns %d, not -ENOMEM", rc);
    HOLDS(err.code == -ENOMEM && err.text[0] != '\0',
          "without memory it returns -ENOMEM, and does not fill *err");
    return rc;
}

void conformance_fails_cleanly(const struct subject *subject,
                               conformance_start *start)
{
    struct moirai_error err;
    int64_t grants = 0;

    NEEDS(start(subject, -1, &err) == 0, "with memory it does not start");
    while (start_cleanly(subject, start, grants) != 0) {
        grants++;
        HOLDS(grants < 1000, "it fails with 1000 pieces of memory, too");
    }
}

/* --- nothing stays ------------------------------------------------------- */

/* A piece that is lost each time makes every window grow; what the C library
 * keeps for later does not. */
#define WINDOWS 6
#define ROUNDS 20
#define LEAST 16                    /* bytes of a piece that is lost */

struct left {
    size_t bytes;
    size_t files;
    size_t threads;
};

static size_t count_entries(const char *path)
{
    DIR *directory = opendir(path);
    size_t n = 0;

    while (directory != NULL && readdir(directory) != NULL)
        n++;
    if (directory != NULL)
        closedir(directory);
    return n;
}

/* Of the C library, where it tells: sanitizers put zeroes in its place. */
static size_t count_bytes(void)
{
#ifdef HAVE_MALLINFO2
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

static struct left count(void)
{
    return (struct left){ count_bytes(), count_entries("/proc/self/fd"),
                          count_entries("/proc/self/task") };
}

/* By how much the least of the windows grew. */
static void keep_least(struct left *least, const struct left *before,
                       const struct left *after)
{
    size_t bytes = after->bytes > before->bytes ? after->bytes - before->bytes
                                                : 0;
    size_t files = after->files > before->files ? after->files - before->files
                                                : 0;
    size_t threads = after->threads > before->threads
                   ? after->threads - before->threads : 0;

    least->bytes = bytes < least->bytes ? bytes : least->bytes;
    least->files = files < least->files ? files : least->files;
    least->threads = threads < least->threads ? threads : least->threads;
}

void conformance_leaves_nothing(const struct subject *subject,
                                void (*open_and_close)(const struct subject *))
{
    struct left least = { SIZE_MAX, SIZE_MAX, SIZE_MAX };
    struct left before = count();

    for (int window = 0; window < WINDOWS; window++) {
        struct left after;

        for (int i = 0; i < ROUNDS; i++)
            open_and_close(subject);
        after = count();
        keep_least(&least, &before, &after);
        before = after;
    }
    HOLDS(least.files < ROUNDS, "%zu files stay open when it has been opened "
          "and closed %d times", least.files, ROUNDS);
    HOLDS(least.threads < ROUNDS, "%zu threads stay when it has been opened "
          "and closed %d times", least.threads, ROUNDS);
    HOLDS(least.bytes < ROUNDS * LEAST, "%zu bytes of malloc stay when it has "
          "been opened and closed %d times", least.bytes, ROUNDS);
}
