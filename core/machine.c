/* SPDX-License-Identifier: MIT */
/*
 * machine.c - the memory of a machine's description, and the plainest one.
 */
#include "machine.h"

#include "mem.h"

bool mo_machine_reserve(struct mo_machine *machine)
{
    uint32_t nodes = machine->node_count;

    machine->pus = mo_mem_alloc(machine->pu_count * sizeof *machine->pus, 8);
    machine->nodes = mo_mem_alloc(nodes * sizeof *machine->nodes, 8);
    machine->caches = mo_mem_alloc((machine->cache_count + 1)
                                   * sizeof *machine->caches, 8);
    machine->distances = mo_mem_alloc((size_t)nodes * nodes
                                      * sizeof *machine->distances, 8);
    if (machine->pus != NULL && machine->nodes != NULL
        && machine->caches != NULL && machine->distances != NULL)
        return true;
    mo_machine_fini(machine);
    return false;
}

void mo_machine_fini(struct mo_machine *machine)
{
    mo_mem_free(machine->pus);
    mo_mem_free(machine->nodes);
    mo_mem_free(machine->caches);
    mo_mem_free(machine->distances);
    *machine = (struct mo_machine){ .pu_count = 0 };
}

bool mo_machine_flat(struct mo_machine *machine, const uint32_t *numbers,
                     uint32_t n)
{
    machine->pu_count = machine->core_count = machine->allowed = n;
    machine->package_count = machine->node_count = 1;
    machine->flat = true;
    if (!mo_machine_reserve(machine))
        return false;
    for (uint32_t i = 0; i < n; i++)
        machine->pus[i] = (struct mo_machine_pu){ .number = numbers[i],
                                                  .core = i,
                                                  .allowed = true };
    machine->nodes[0].count = n;
    machine->distances[0] = MO_MACHINE_NEAR;
    return true;
}
