/* SPDX-License-Identifier: MIT */
/*
 * symbol.h - from an address to the function it is in.
 */
#ifndef MO_SYMBOL_H
#define MO_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MO_SYMBOL_NAME 96

struct mo_symbol {
    char name[MO_SYMBOL_NAME];      /* "": not known */
    char object[MO_SYMBOL_NAME];    /* base name of the file; "": none */
    uintptr_t start;                /* of the function, if it has a name */
    uintptr_t offset;               /* of the address in its object */
};

/* Fills *symbol. Reads the object's file, where static functions have names,
 * too, unless it is stripped. Allocates nothing and takes no lock, so a signal
 * handler may call it; takes some 100 us. */
void mo_symbol_find(uintptr_t address, struct mo_symbol *symbol);

/* Something that is the same for two addresses if they are in the same object:
 * program or shared library. NULL: in none. Any thread, any time. */
const void *mo_symbol_object(uintptr_t address);

/* An address in the program itself. */
uintptr_t mo_symbol_program(void);

#endif
