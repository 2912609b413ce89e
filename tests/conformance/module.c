/* SPDX-License-Identifier: MIT */
/*
 * module.c - the promises of its kind, of a module that was built elsewhere.
 *
 * MO_MODULE names the file by a path, MO_MODULE_SET its options: "name=value
 * ...". The tests of other kinds are skipped. The core's own loader brings it
 * in, so what it would refuse fails here too.
 *
 *     MO_MODULE=/path/sched_mine.so tests/conformance/module 'sched/?*'
 */
#include "conformance.h"

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

#define SETTINGS_MAX 32

static struct mo_arena arena;
static struct mo_plugins plugins;
static const char *settings[SETTINGS_MAX + 1];

static void read_settings(void)
{
    const char *text = getenv("MO_MODULE_SET");
    char *words = strdup(text != NULL ? text : "");
    char *rest = words;
    char *word;
    size_t n = 0;

    CHECK(words != NULL);
    while ((word = strsep(&rest, " ")) != NULL && n < SETTINGS_MAX) {
        if (word[0] != '\0')
            settings[n++] = mo_arena_strdup(&arena, word);
    }
    settings[n] = NULL;
    free(words);
}

/* Is there a module, and is it of this kind? Then it is loaded. */
static bool is_of(const char *prefix, uint32_t kind,
                  const struct moirai_plugin **plugin)
{
    const char *path = getenv("MO_MODULE");
    const struct mo_plugin *found;
    const char *file = path != NULL ? strrchr(path, '/') : NULL;
    char why[MO_PLUGIN_WHY];
    int rc;

    CHECK_FMT(path == NULL || file != NULL,
              "MO_MODULE=%s is no path; write ./%s", path, path);
    if (file == NULL || strncmp(file + 1, prefix, strlen(prefix)) != 0)
        return false;
    CHECK_EQ(mo_plugin_init(&plugins, &arena, false), 0);
    rc = mo_plugin_find(&plugins, kind, path, NULL, &found, why);
    CHECK_FMT(rc == 0, "%s", why);
    read_settings();
    *plugin = found->plugin;
    return true;
}

#define MODULE_TEST(promise, suite, kind, prefix)                             \
    TEST(suite, promise)                                                      \
    {                                                                         \
        const struct moirai_plugin *plugin;                                   \
                                                                              \
        if (!is_of(prefix, kind, &plugin))                                    \
            SKIP("MO_MODULE names no path of a " prefix "NAME.so");           \
        promise(plugin, settings);                                            \
        mo_arena_fini(&arena);                                                \
    }

SCHED_PROMISES(MODULE_TEST, sched, MOIRAI_SCHED, "sched_")
STACK_PROMISES(MODULE_TEST, stack, MOIRAI_STACK, "stack_")
CHAN_PROMISES(MODULE_TEST, chan, MOIRAI_CHAN, "chan_")
