/* SPDX-License-Identifier: MIT */
/*
 * cmd_plugins_new.c - `moirai plugins new`: a package to begin a plugin with.
 *
 * The files are those of tools/templates, compiled in, with another name in
 * place of theirs. What is there already is left alone.
 */
#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builtin.h"
#include "json.h"
#include "kind.h"
#include "templates.h"
#include "text.h"

#define COMMAND "plugins new"
#define NAME_MAX_BYTES 40
#define NAME_BYTES (NAME_MAX_BYTES + 20)

struct file {
    const char *name;               /* with "sample" for the plugin's name */
    const char *const *lines;
    mode_t mode;
};

struct package {
    const struct mo_kind *kind;
    const char *name;
    const char *directory;
    char folder[NAME_BYTES];        /* "sched_mine", which is the preset */
    bool made;                      /* the directory */
    bool json;
};

/* --- what a kind's package has ------------------------------------------- */

#define FILES 6

static void fill_files(struct file *files, const char *const *source,
                       const char *const *settings)
{
    const struct file all[FILES] = {
        { "sample.c", source, 0666 },
        { "sample.yaml", settings, 0666 },
        { "configure.ac", template_configure_ac, 0666 },
        { "Makefile.am", template_Makefile_am, 0666 },
        { "test.sh", template_test_sh, 0777 },
        { "README.md", template_README_md, 0666 },
    };

    memcpy(files, all, sizeof all);
}

/* False: there is no template for plugins of this kind. */
static bool files_of(uint32_t kind, struct file *files)
{
    switch (kind) {
    case MOIRAI_SCHED:
        fill_files(files, template_sched_sample_c, template_sched_sample_yaml);
        return true;
    case MOIRAI_STACK:
        fill_files(files, template_stack_sample_c, template_stack_sample_yaml);
        return true;
    case MOIRAI_CHAN:
        fill_files(files, template_chan_sample_c, template_chan_sample_yaml);
        return true;
    case MOIRAI_IO:
        fill_files(files, template_io_sample_c, template_io_sample_yaml);
        return true;
    default:
        return false;
    }
}

/* --- names --------------------------------------------------------------- */

/* Of C, or else not for us: a plugin's name becomes those of a struct and of
 * functions. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {
        "auto", "bool", "break", "case", "char", "const", "continue",
        "default", "do", "double", "else", "enum", "errno", "extern", "false",
        "float", "for", "goto", "if", "inline", "int", "long", "moirai",
        "register", "restrict", "return", "short", "signed", "sizeof",
        "static", "struct", "switch", "true", "typedef", "union", "unsigned",
        "void", "volatile", "while", NULL,
    };
    const char *const *word = words;

    while (*word != NULL && strcmp(*word, name) != 0)
        word++;
    return *word != NULL;
}

static bool is_builtin(uint32_t kind, const char *name)
{
    const struct moirai_plugin *const *p = mo_builtin_list();

    while (*p != NULL && ((*p)->kind != kind || strcmp((*p)->name, name) != 0))
        p++;
    return *p != NULL;
}

static int take_name(struct package *p, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t n = strlen(name);
    char quoted[MO_TEXT_QUOTED];

    mo_text_quote(quoted, name);
    if (n == 0 || n > NAME_MAX_BYTES || strspn(name, letters) != n
        || name[0] < 'a' || name[0] > 'z')
        return tool_usage(COMMAND, "%s is no name for a plugin: a small "
                          "letter, then letters, digits and \"_\", %d at most",
                          quoted, NAME_MAX_BYTES);
    if (is_reserved(name))
        return tool_usage(COMMAND, "%s is no name for a plugin: it means "
                          "something in C, or to moirai", quoted);
    if (is_builtin(p->kind->kind, name))
        return tool_usage(COMMAND, "there is a builtin %s %s, and it would "
                          "come first", p->kind->noun, quoted);
    p->name = name;
    snprintf(p->folder, sizeof p->folder, "%s_%s", p->kind->prefix, name);
    return TOOL_OK;
}

static int take_kind(struct package *p, const char *text)
{
    struct file files[FILES];
    char quoted[MO_TEXT_QUOTED];

    for (p->kind = mo_kind_first(); p->kind->kind != 0; p->kind++)
        if (strcmp(p->kind->prefix, text) == 0)
            break;
    if (p->kind->kind != 0 && files_of(p->kind->kind, files))
        return TOOL_OK;
    mo_text_quote(quoted, text);
    return tool_usage(COMMAND, "%s is no kind of plugin that there is a "
                      "package for: sched, stack, chan, io", quoted);
}

/* --- writing ------------------------------------------------------------- */

/* Where the next of the template's names is in the text, NULL: there is none;
 * which it is, and what stands in its place. */
static const char *next_name(const struct package *p, const char *text,
                             const char **found, const char **name,
                             const char *dashed)
{
    static const char *const theirs[] = { "sched_sample", "sched_bands",
                                          "sched-bands", "sample", "bands" };
    const char *ours[] = { p->folder, p->folder, dashed, p->name, p->name };
    const char *first = NULL;

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        const char *at = strstr(text, theirs[i]);

        if (at == NULL || (first != NULL && at >= first))
            continue;
        first = at;
        *found = theirs[i];
        *name = ours[i];
    }
    return first;
}

static void put_line(FILE *file, const struct package *p, const char *text)
{
    char dashed[NAME_BYTES];
    const char *found = "";
    const char *name = "";
    const char *at;

    snprintf(dashed, sizeof dashed, "%s-%s", p->kind->prefix, p->name);
    while ((at = next_name(p, text, &found, &name, dashed)) != NULL) {
        fprintf(file, "%.*s%s", (int)(at - text), text, name);
        text = at + strlen(found);
    }
    fputs(text, file);
}

static void path_of(const struct package *p, const struct file *f, char *path,
                    size_t n)
{
    const char *rest = strncmp(f->name, "sample", 6) == 0 ? f->name + 6 : NULL;

    snprintf(path, n, "%s/%s%s", p->directory, rest != NULL ? p->name : "",
             rest != NULL ? rest : f->name);
}

/* 0, or an errno value. */
static int write_file(const struct package *p, const struct file *f)
{
    char path[PATH_MAX];
    struct stat now;
    FILE *file;
    int code = 0;

    path_of(p, f, path, sizeof path);
    file = fopen(path, "wx");
    if (file == NULL)
        return errno;
    for (const char *const *line = f->lines; *line != NULL; line++)
        put_line(file, p, *line);
    if (f->mode == 0777 && stat(path, &now) == 0)
        chmod(path, now.st_mode | ((now.st_mode & 0444) >> 2));
    if (ferror(file) != 0)
        code = EIO;
    if (fclose(file) != 0)
        code = errno;
    if (code != 0)
        unlink(path);
    return code;
}

/* Takes away what was written. */
static void undo(const struct package *p, const struct file *files, size_t n)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < n; i++) {
        path_of(p, &files[i], path, sizeof path);
        unlink(path);
    }
    if (p->made)
        rmdir(p->directory);
}

static int make_directory(struct package *p)
{
    char quoted[MO_TEXT_QUOTED];

    mo_text_quote(quoted, p->directory);
    if (strlen(p->directory) + NAME_BYTES >= PATH_MAX)
        return tool_usage(COMMAND, "%s is too long", quoted);
    if (mkdir(p->directory, 0777) == 0) {
        p->made = true;
        return TOOL_OK;
    }
    if (errno == EEXIST)
        return tool_usage(COMMAND, "%s is there already; name another folder",
                          quoted);
    return tool_failure(COMMAND, "%s: %s", quoted, strerror(errno));
}

static void tell(const struct package *p, const struct file *files)
{
    struct json j = { .comma = false };
    char path[PATH_MAX];

    if (!p->json) {
        tool_put(stdout, p->directory);
        printf(" has a %s of the name %s. To build and try it:\n\n"
               "    cd ", p->kind->noun, p->name);
        tool_put(stdout, p->directory);
        puts("\n    autoreconf -i && ./configure && make && make check");
        return;
    }
    json_open(&j, '{');
    json_pair(&j, "directory", p->directory);
    json_key(&j, "files");
    json_open(&j, '[');
    for (size_t i = 0; i < FILES; i++) {
        path_of(p, &files[i], path, sizeof path);
        json_text(&j, path);
    }
    json_close(&j, ']');
    json_close(&j, '}');
    json_end();
}

static int make(struct package *p)
{
    struct file files[FILES];
    int rc = make_directory(p);

    if (rc != TOOL_OK)
        return rc;
    files_of(p->kind->kind, files);
    for (size_t i = 0; i < FILES; i++) {
        int code = write_file(p, &files[i]);

        if (code != 0) {
            undo(p, files, i);
            return tool_failure(COMMAND, "cannot write %s: %s",
                                files[i].name, strerror(code));
        }
    }
    tell(p, files);
    return TOOL_OK;
}

int cmd_plugins_new(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        TOOL_FLAG_JSON, TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = COMMAND, .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct package p = { .made = false };
    const char *words[3];
    size_t count = 0;
    int rc;
    int flag;

    while ((flag = tool_next(&args)) != -1) {
        if (flag == 'h')
            return tool_explain(COMMAND);
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 0 && count == 3)
            return tool_usage(COMMAND, "takes KIND, NAME and a folder");
        if (flag == 0)
            words[count++] = args.value;
        p.json = p.json || flag == 'j';
    }
    if (count < 2)
        return tool_usage(COMMAND, "which kind, and which name?");
    rc = take_kind(&p, words[0]);
    if (rc == TOOL_OK)
        rc = take_name(&p, words[1]);
    if (rc != TOOL_OK)
        return rc;
    p.directory = count > 2 ? words[2] : p.folder;
    return make(&p);
}
