/* SPDX-License-Identifier: MIT */
/*
 * symbol.c - addresses, where nothing says which function they are in.
 */
#include "os/symbol.h"

void mo_symbol_find(uintptr_t address, struct mo_symbol *symbol)
{
    *symbol = (struct mo_symbol){ .offset = address };
}

const void *mo_symbol_object(uintptr_t address)
{
    (void)address;
    return NULL;
}

uintptr_t mo_symbol_program(void)
{
    return 0;
}
