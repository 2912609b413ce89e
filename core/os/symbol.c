/* SPDX-License-Identifier: MIT */
/*
 * symbol.c - from an address to the function it is in.
 *
 * _dl_find_object says which object an address is in, without a lock, as the
 * unwinder of C++ needs it. dladdr would know exported names only, and take the
 * loader's lock. The file may have been replaced since it was loaded, so
 * nothing in it is believed: the worst it can do is to give a wrong name.
 */
#include "os/symbol.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF "/proc/self/exe"

struct image {                      /* a file, mapped */
    const char *bytes;
    size_t size;
};

static struct link_map *find_object(uintptr_t address)
{
#ifdef HAVE__DL_FIND_OBJECT
    struct dl_find_object found;

    if (_dl_find_object((void *)address, &found) == 0)
        return found.dlfo_link_map;
    return NULL;
#else
    struct link_map *map = NULL;
    Dl_info info;

    if (dladdr1((void *)address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0)
        return NULL;
    return map;
#endif
}

const void *mo_symbol_object(uintptr_t address)
{
    return find_object(address);
}

uintptr_t mo_symbol_program(void)
{
    return (uintptr_t)getauxval(AT_PHDR);
}

static void copy_text(char *to, const char *from, size_t most)
{
    size_t n = 0;

    while (n < most && n + 1 < MO_SYMBOL_NAME && from[n] != '\0') {
        to[n] = from[n];
        n++;
    }
    to[n] = '\0';
}

static void copy_base(char *to, const char *path)
{
    const char *slash = strrchr(path, '/');

    copy_text(to, slash != NULL ? slash + 1 : path, SIZE_MAX);
}

static void name_object(const char *path, char *to)
{
    char target[256];
    ssize_t n;

    if (strcmp(path, SELF) != 0) {
        copy_base(to, path);
        return;
    }
    n = readlink(SELF, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    copy_base(to, target);
}

static int map_file(const char *path, struct image *image)
{
    struct stat st;
    void *bytes = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
        && (uintmax_t)st.st_size >= sizeof(ElfW(Ehdr)))
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return -1;
    image->bytes = bytes;
    image->size = (size_t)st.st_size;
    return 0;
}

static bool inside(const struct image *image, uint64_t offset, uint64_t size)
{
    return offset <= image->size && size <= image->size - offset;
}

/* Copies entry `index` of a table of section headers. */
static bool section_at(const struct image *image, const ElfW(Ehdr) *head,
                       size_t index, ElfW(Shdr) *section)
{
    uint64_t at = head->e_shoff + (uint64_t)index * sizeof *section;

    if (index >= head->e_shnum || !inside(image, at, sizeof *section))
        return false;
    memcpy(section, image->bytes + at, sizeof *section);
    return inside(image, section->sh_offset,
                  section->sh_type == SHT_NOBITS ? 0 : section->sh_size);
}

/* The function nearest below `offset`, of one table of symbols. */
static bool search(const struct image *image, const ElfW(Shdr) *table,
                   const ElfW(Shdr) *texts, uintptr_t offset,
                   ElfW(Sym) *best)
{
    size_t n = table->sh_size / sizeof(ElfW(Sym));
    bool found = false;

    memset(best, 0, sizeof *best);
    for (size_t i = 0; i < n; i++) {
        ElfW(Sym) symbol;

        memcpy(&symbol, image->bytes + table->sh_offset + i * sizeof symbol,
               sizeof symbol);
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC
            || symbol.st_shndx == SHN_UNDEF || symbol.st_value > offset
            || symbol.st_name >= texts->sh_size
            || (symbol.st_size != 0
                && offset - symbol.st_value >= symbol.st_size))
            continue;
        if (!found || symbol.st_value > best->st_value
            || (symbol.st_value == best->st_value && best->st_size == 0))
            *best = symbol;
        found = true;
    }
    return found;
}

static bool search_kind(const struct image *image, const ElfW(Ehdr) *head,
                        uint32_t kind, uintptr_t base,
                        struct mo_symbol *symbol)
{
    ElfW(Shdr) table, texts;
    ElfW(Sym) best;

    for (size_t i = 0; section_at(image, head, i, &table); i++) {
        if (table.sh_type != kind
            || !section_at(image, head, table.sh_link, &texts)
            || !search(image, &table, &texts, symbol->offset, &best))
            continue;
        copy_text(symbol->name,
                  image->bytes + texts.sh_offset + best.st_name,
                  (size_t)(texts.sh_size - best.st_name));
        symbol->start = base + best.st_value;
        return true;
    }
    return false;
}

void mo_symbol_find(uintptr_t address, struct mo_symbol *symbol)
{
    struct link_map *map = find_object(address);
    const char *path;
    struct image image;
    ElfW(Ehdr) head;

    memset(symbol, 0, sizeof *symbol);
    symbol->offset = address;
    if (map == NULL)
        return;
    symbol->offset = address - map->l_addr;
    path = map->l_name != NULL && map->l_name[0] != '\0' ? map->l_name : SELF;
    name_object(path, symbol->object);
    if (map_file(path, &image) != 0)
        return;
    memcpy(&head, image.bytes, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) == 0
        && head.e_shentsize == sizeof(ElfW(Shdr))
        && !search_kind(&image, &head, SHT_SYMTAB, map->l_addr, symbol))
        search_kind(&image, &head, SHT_DYNSYM, map->l_addr, symbol);
    munmap((void *)image.bytes, image.size);
}
