/* SPDX-License-Identifier: MIT */
/*
 * elf.c - is this file a whole shared object for this machine?
 */
#include "os/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The libraries' own header tells what this process is. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

#define SEGMENTS_MAX 64
#define DYNAMIC_MAX 512

struct object {
    int fd;
    uint64_t size;                  /* of the file */
    ElfW(Ehdr) head;
    ElfW(Phdr) segments[SEGMENTS_MAX];
};

static int say(char *why, size_t n, int code, const char *text)
{
    snprintf(why, n, "%s", text);
    return code;
}

static bool inside(const struct object *o, uint64_t offset, uint64_t size)
{
    return offset <= o->size && size <= o->size - offset;
}

/* Reads exactly n bytes at `offset`. */
static bool read_at(const struct object *o, void *bytes, size_t n,
                    uint64_t offset)
{
    return inside(o, offset, n) &&
           pread(o->fd, bytes, n, (off_t)offset) == (ssize_t)n;
}

static int check_head(struct object *o, char *why, size_t n)
{
    const ElfW(Ehdr) *head = &o->head;
    unsigned char magic[SELFMAG];

    if (!read_at(o, magic, sizeof magic, 0) ||
        memcmp(magic, ELFMAG, SELFMAG) != 0)
        return say(why, n, -ENOEXEC, "not a shared object (ELF) at all");
    if (!read_at(o, &o->head, sizeof o->head, 0))
        return say(why, n, -ENOEXEC, "truncated inside the ELF header");
    if (head->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        head->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
        head->e_machine != __ehdr_start.e_machine)
        return say(why, n, -ENOEXEC, "built for another kind of machine");
    if (head->e_type != ET_DYN)
        return say(why, n, -ENOEXEC, "an ELF file, but no shared object");
    if (head->e_phentsize != sizeof(ElfW(Phdr)) || head->e_phnum == 0 ||
        head->e_phnum > SEGMENTS_MAX)
        return say(why, n, -ENOEXEC, "corrupted: its program headers make "
                                     "no sense");
    if (!read_at(o, o->segments, head->e_phnum * sizeof o->segments[0],
                 head->e_phoff))
        return say(why, n, -ENOEXEC, "truncated inside the program headers");
    return 0;
}

/* Is the address range inside what gets mapped? */
static bool mapped(const struct object *o, uint64_t address, uint64_t size)
{
    for (unsigned i = 0; i < o->head.e_phnum; i++) {
        const ElfW(Phdr) *p = &o->segments[i];

        if (p->p_type == PT_LOAD && address >= p->p_vaddr &&
            address - p->p_vaddr <= p->p_memsz &&
            size <= p->p_memsz - (address - p->p_vaddr))
            return true;
    }
    return false;
}

/* Do the tables that the linker walks lie inside the object? */
static bool dynamic_sane(const struct object *o, const ElfW(Dyn) *list,
                         size_t n)
{
    bool ended = false;
    uint64_t names = 0;
    uint64_t names_size = 0;
    uint64_t moves = 0;
    uint64_t moves_size = 0;
    uint64_t calls = 0;
    uint64_t calls_size = 0;
    uint64_t symbols = 0;

    for (size_t i = 0; i < n && !ended; i++) {
        switch (list[i].d_tag) {
        case DT_NULL: ended = true; break;
        case DT_STRTAB: names = list[i].d_un.d_ptr; break;
        case DT_STRSZ: names_size = list[i].d_un.d_val; break;
        case DT_SYMTAB: symbols = list[i].d_un.d_ptr; break;
        case DT_RELA: case DT_REL: moves = list[i].d_un.d_ptr; break;
        case DT_RELASZ: case DT_RELSZ:
            moves_size = list[i].d_un.d_val;
            break;
        case DT_JMPREL: calls = list[i].d_un.d_ptr; break;
        case DT_PLTRELSZ: calls_size = list[i].d_un.d_val; break;
        default: break;
        }
    }
    return ended && names_size > 0 && mapped(o, names, names_size) &&
           mapped(o, symbols, sizeof(ElfW(Sym))) &&
           (moves_size == 0 || mapped(o, moves, moves_size)) &&
           (calls_size == 0 || mapped(o, calls, calls_size));
}

static int check_dynamic(const struct object *o, const ElfW(Phdr) *p,
                         char *why, size_t n)
{
    ElfW(Dyn) list[DYNAMIC_MAX];
    size_t count = p->p_filesz / sizeof list[0];

    if (count > DYNAMIC_MAX)
        count = DYNAMIC_MAX;
    if (!read_at(o, list, count * sizeof list[0], p->p_offset) ||
        !mapped(o, p->p_vaddr, p->p_memsz) || !dynamic_sane(o, list, count))
        return say(why, n, -ENOEXEC, "corrupted: its dynamic section makes "
                                     "no sense");
    return 0;
}

static int check_segments(const struct object *o, char *why, size_t n)
{
    bool dynamic = false;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < o->head.e_phnum; i++) {
        const ElfW(Phdr) *p = &o->segments[i];

        if (p->p_type == PT_LOAD && !inside(o, p->p_offset, p->p_filesz)) {
            snprintf(why, n, "truncated: %llu bytes, but its segments need "
                     "%llu", (unsigned long long)o->size,
                     (unsigned long long)(p->p_offset + p->p_filesz));
            return -ENOEXEC;
        }
        if (p->p_type == PT_LOAD && p->p_filesz > p->p_memsz)
            return say(why, n, -ENOEXEC, "corrupted: a segment is larger "
                                         "than its memory");
        if (p->p_type == PT_DYNAMIC) {
            dynamic = true;
            rc = check_dynamic(o, p, why, n);
        }
    }
    if (rc == 0 && !dynamic)
        rc = say(why, n, -ENOEXEC, "corrupted: it has no dynamic section");
    return rc;
}

/* The linker has no need of these, but they are where a file ends. */
static int check_tail(const struct object *o, char *why, size_t n)
{
    const ElfW(Ehdr) *head = &o->head;

    if (inside(o, head->e_shoff, (uint64_t)head->e_shnum * head->e_shentsize))
        return 0;
    return say(why, n, -ENOEXEC, "truncated before its section headers");
}

int mo_elf_check(const char *path, char *why, size_t n)
{
    struct object o = { .fd = -1 };
    struct stat st;
    int rc;

    /* Opening a pipe or a device must not block. */
    o.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (o.fd < 0 || fstat(o.fd, &st) != 0) {
        rc = say(why, n, -errno, strerror(errno));
        goto out_close;
    }
    if (!S_ISREG(st.st_mode)) {
        rc = say(why, n, -ENOEXEC, "not a regular file");
        goto out_close;
    }
    o.size = (uint64_t)st.st_size;
    rc = check_head(&o, why, n);
    if (rc == 0)
        rc = check_segments(&o, why, n);
    if (rc == 0)
        rc = check_tail(&o, why, n);
out_close:
    if (o.fd >= 0)
        close(o.fd);
    return rc;
}
