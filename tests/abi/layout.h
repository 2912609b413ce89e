/* SPDX-License-Identifier: MIT */
/*
 * layout.h - the head of the program that tests/abi/headers.awk writes.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TYPE(t)                                                               \
    printf("\n" #t ": %zu, aligned to %zu\n", sizeof(t), _Alignof(t))
#define MEMBER(t, name, text)                                                 \
    printf("%6zu %4zu  %s\n", offsetof(t, name), sizeof(((t *)0)->name), text)
#define VALUE(name) printf("%6lld  %s\n", (long long)(name), #name)

struct layout_probe {
    char first;
    int64_t second;
};

/* The classes of machines whose layouts differ. */
static const char *layout_class(void)
{
    if (sizeof(void *) == 8)
        return sizeof(long) == 8 ? "lp64" : "llp64";
    return offsetof(struct layout_probe, second) == 8 ? "ilp32" : "ilp32-i386";
}
