/* SPDX-License-Identifier: MIT */
/*
 * fuzz_elf.c - a module's file, before the dynamic linker sees it.
 *
 * What is found whole is looked at once more, without arithmetic that could
 * wrap around.
 */
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/elf.h"
#include "text.h"

#include "fuzz.h"

const char fuzz_name[] = "elf";

#define WHY 100

static void judge_whole(const uint8_t *data, size_t size)
{
    bool dynamic = false;
    ElfW(Ehdr) head;
    ElfW(Phdr) p;

    FUZZ_CHECK(size >= sizeof head, "%zu bytes", size);
    memcpy(&head, data, sizeof head);
    for (size_t i = 0; i < head.e_phnum; i++) {
        uint64_t at = head.e_phoff + i * sizeof p;

        FUZZ_CHECK(at <= size && size - at >= sizeof p, "header %zu", i);
        memcpy(&p, data + at, sizeof p);
        if (p.p_type != PT_LOAD && p.p_type != PT_DYNAMIC)
            continue;
        dynamic = dynamic || p.p_type == PT_DYNAMIC;
        FUZZ_CHECK(p.p_offset <= size && p.p_filesz <= size - p.p_offset,
                   "segment %zu", i);
    }
    FUZZ_CHECK(dynamic, "no dynamic section");
    FUZZ_CHECK(head.e_shoff <= size &&
               (uint64_t)head.e_shnum * head.e_shentsize <=
                   size - head.e_shoff, "section headers");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("module", MFD_CLOEXEC);
    char why[WHY];
    char path[64];
    int rc;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        fuzz_fail(__FILE__, __LINE__, "memfd", "no room for %zu bytes", size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(why, 0, sizeof why);
    rc = mo_elf_check(path, why, sizeof why);
    close(fd);
    FUZZ_CHECK(rc <= 0 && (rc == 0) == (why[0] == '\0'), "%d: %s", rc, why);
    FUZZ_CHECK(mo_text_shows(why, sizeof why), "%s", why);
    if (rc == 0)
        judge_whole(data, size);
    return 0;
}
