/* SPDX-License-Identifier: MIT */
/*
 * program.c - what comes before a program is started under a configuration.
 */
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mistakes.h"
#include "setup.h"
#include "tool.h"

int program_check(const char *command, const char *file, bool json)
{
    struct moirai_config config = { .size = sizeof config, .file = file };
    struct mo_report report = { .list = NULL };
    struct json j = { .comma = false };
    struct mo_setup *s = NULL;
    int rc = mo_setup_read(&config, MO_SETUP_CAUTIOUS, &s, &report);

    if (rc == -ENOMEM)
        rc = tool_failure(command, "out of memory");
    else if (rc != 0)
        rc = TOOL_CONFIG;
    if (rc == TOOL_CONFIG && json) {
        json_open(&j, '{');
        json_key(&j, "mistakes");
        mistakes_json(&j, &report);
        json_close(&j, '}');
        json_end();
    } else if (rc == TOOL_CONFIG) {
        mistakes_print(&report);
    }
    mo_setup_close(s);
    mo_report_fini(&report);
    return rc;
}

int program_export(const char *command, const char *file)
{
    char *path;
    int rc;

    if (file == NULL)
        file = getenv("MOIRAI_CONFIG");
    if (file == NULL || file[0] == '\0')
        return 0;
    path = realpath(file, NULL);
    rc = path != NULL ? setenv("MOIRAI_CONFIG", path, 1) : -1;
    if (rc != 0)
        tool_failure(command, "%s: %s", file, strerror(errno));
    free(path);
    return rc;
}
