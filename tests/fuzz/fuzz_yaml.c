/* SPDX-License-Identifier: MIT */
/*
 * fuzz_yaml.c - a YAML file, all the way to the chosen plugins.
 *
 * What is accepted is read once more with every value said by the program too,
 * key by key: both ways must lead to the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "option.h"
#include "section.h"
#include "value.h"
#include "world.h"

const char fuzz_name[] = "yaml";

#define SETTINGS_MAX 64

/* Can a path of keys be taken apart again? Names may have dots. */
static bool plain_names(const struct mo_sections *s)
{
    for (size_t i = 0; i < s->n_channels; i++) {
        if (strpbrk(s->channels[i].name, ".=\"") != NULL)
            return false;
    }
    for (size_t i = 0; i < s->n_transports; i++) {
        if (strpbrk(s->transports[i].name, ".=\"") != NULL)
            return false;
    }
    for (size_t i = 0; i < s->n_nodes; i++) {
        if (strpbrk(s->nodes[i].name, ".=\"") != NULL)
            return false;
    }
    return true;
}

/* Every value of the file as a setting; NULL: too many. */
static char **settings_of(const struct mo_setup *setup)
{
    const struct mo_option_value *v = mo_setup_values(setup);
    char **settings = calloc(SETTINGS_MAX + 1, sizeof *settings);
    size_t n = 0;

    for (; v != NULL && n < SETTINGS_MAX; v = v->next) {
        size_t room = strlen(v->key) + strlen(v->text) + 2;

        if (v->place.from != MO_FROM_FILE || strcmp(v->key, "version") == 0 ||
            strcmp(v->key, "plugins.path") == 0)
            continue;
        settings[n] = malloc(room);
        snprintf(settings[n++], room, "%s=%s", v->key, v->text);
    }
    return settings;
}

static void compare_chosen(const struct mo_chosen *a,
                           const struct mo_chosen *b)
{
    FUZZ_CHECK((a->plugin == NULL) == (b->plugin == NULL), "no plugin");
    if (a->plugin == NULL)
        return;
    FUZZ_CHECK(strcmp(a->plugin->name, b->plugin->name) == 0, "%s, %s",
               a->plugin->name, b->plugin->name);
    FUZZ_CHECK(mo_value_same(a->plugin->options, a->config, b->config),
               "options of %s", a->plugin->name);
}

static void compare(const struct mo_setup *one, const struct mo_setup *two)
{
    const struct mo_sections *a = mo_setup_sections(one);
    const struct mo_sections *b = mo_setup_sections(two);

    FUZZ_CHECK(mo_value_same(mo_keys_runtime, &a->runtime, &b->runtime),
               "runtime");
    compare_chosen(&a->sched, &b->sched);
    compare_chosen(&a->stack, &b->stack);
    compare_chosen(&a->io, &b->io);
    FUZZ_CHECK(a->n_channels == b->n_channels &&
               a->n_transports == b->n_transports &&
               a->n_nodes == b->n_nodes, "numbers of names");
    for (size_t i = 0; i < a->n_channels; i++) {
        compare_chosen(&a->channels[i].chosen, &b->channels[i].chosen);
        FUZZ_CHECK(strcmp(a->channels[i].home, b->channels[i].home) == 0 &&
                   a->channels[i].delivery == b->channels[i].delivery,
                   "%s", a->channels[i].name);
    }
    for (size_t i = 0; i < a->n_transports; i++)
        compare_chosen(&a->transports[i].chosen, &b->transports[i].chosen);
}

static void say_again(const struct mo_setup *setup)
{
    char **settings = settings_of(setup);
    struct mo_setup *again;

    if (settings == NULL)
        abort();
    if (settings[SETTINGS_MAX - 1] == NULL) {
        again = world_read((const char *const *)settings);
        FUZZ_CHECK(again != NULL, "right as a file, wrong as settings");
        compare(setup, again);
        mo_setup_close(again);
    }
    for (size_t i = 0; settings[i] != NULL; i++)
        free(settings[i]);
    free(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mo_setup *setup;

    world_set((const char *)data, size, NULL);
    setup = world_read(NULL);
    if (setup != NULL && plain_names(mo_setup_sections(setup)))
        say_again(setup);
    mo_setup_close(setup);
    return 0;
}
