/* SPDX-License-Identifier: MIT */
/*
 * fuzz_override.c - what the environment and the program say over a file.
 *
 * An input is lines: those before "%%" are the file; of the others,
 * "$NAME=text" is a variable, "@ring key=text key=text" opens a channel that
 * the program describes, and any other is a setting of the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"
#include "world.h"

const char fuzz_name[] = "override";

#define LINES_MAX 16

struct said {
    char *variables[LINES_MAX + 1];
    const char *settings[LINES_MAX + 1];
    char *channels[LINES_MAX + 1];
    size_t n_variables, n_settings, n_channels;
};

static void take_line(struct said *said, char *line)
{
    if (line[0] == '$' && said->n_variables < LINES_MAX)
        said->variables[said->n_variables++] = line + 1;
    else if (line[0] == '@' && said->n_channels < LINES_MAX)
        said->channels[said->n_channels++] = line + 1;
    else if (said->n_settings < LINES_MAX)
        said->settings[said->n_settings++] = line;
}

/* What counts of the program's is as the program said it. */
static void judge_values(const struct mo_setup *setup, const struct said *said)
{
    const struct mo_option_value *v = mo_setup_values(setup);

    for (; v != NULL; v = v->next) {
        size_t n = strlen(v->text);
        bool found = v->place.from != MO_FROM_API;

        for (size_t i = 0; !found && i < said->n_settings; i++) {
            const char *setting = said->settings[i];
            size_t all = strlen(setting);

            found = all > n && setting[all - n - 1] == '=' &&
                    strcmp(setting + all - n, v->text) == 0;
        }
        FUZZ_CHECK(found, "nobody said %s=%s", v->key, v->text);
    }
}

static void describe(struct mo_setup *setup, char *line)
{
    const char *options[LINES_MAX + 1] = { NULL };
    const struct mo_chosen *chosen = NULL;
    const struct mo_chosen *again = NULL;
    struct moirai_error err = { .code = 0 };
    char *save = NULL;
    char *name = strtok_r(line, " ", &save);
    int rc;

    for (size_t i = 0; i < LINES_MAX; i++) {
        options[i] = strtok_r(NULL, " ", &save);
        if (options[i] == NULL)
            break;
    }
    rc = mo_setup_chan_make(setup, name, options, &chosen, &err);
    FUZZ_CHECK((rc == 0) == (chosen != NULL) && rc == err.code, "%d", rc);
    FUZZ_CHECK((rc == 0) == (err.text[0] == '\0'), "%s", err.text);
    if (rc == 0) {
        rc = mo_setup_chan_make(setup, name, options, &again, &err);
        FUZZ_CHECK(rc == 0 && again == chosen, "not the same again");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    char *rest = strncmp(text, "%%\n", 3) == 0 ? text : strstr(text, "\n%%\n");
    struct said said = { .n_settings = 0 };
    struct mo_setup *setup;
    size_t n = 0;
    char *line;

    if (rest == NULL) {
        rest = text;
    } else {
        n = rest == text ? 0 : (size_t)(rest - text) + 1;
        rest = text + n + 3;
    }
    while ((line = fuzz_line(&rest)) != NULL)
        take_line(&said, line);
    world_set(text, n, said.variables);
    setup = world_read(said.settings);
    if (setup != NULL) {
        judge_values(setup, &said);
        for (size_t i = 0; i < said.n_channels; i++)
            describe(setup, said.channels[i]);
    }
    mo_setup_close(setup);
    free(text);
    return 0;
}
