/* SPDX-License-Identifier: MIT */
/*
 * hwloc.c - without hwloc: every machine is flat.
 */
#include "machine.h"

#include <errno.h>

#include "os/affinity.h"
#include "text.h"

int mo_machine_read(const char *synthetic, struct mo_machine *machine,
                    struct moirai_error *err)
{
    uint32_t numbers[MO_AFFINITY_MOST];
    char quoted[MO_TEXT_QUOTED];
    uint32_t n;

    *machine = (struct mo_machine){ .source = "no hwloc",
                                    .real = mo_os_can_bind() };
    if (synthetic[0] != '\0')
        return moirai_error_set(err, -ENOTSUP, "runtime.topology: %s needs "
                                "hwloc, and this moirai was built without it",
                                mo_text_quote(quoted, synthetic));
    n = mo_os_affinity(numbers);
    return mo_machine_flat(machine, numbers, n) ? 0 : -ENOMEM;
}
