/* SPDX-License-Identifier: MIT */
/*
 * tool.h - what the commands of `moirai` share.
 *
 * Answers go to standard output, complaints to standard error. With --json
 * the answer is one JSON value on one line, also when it is bad news.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stdio.h>

/* How the tool ends. */
enum tool_exit {
    TOOL_OK = 0,
    TOOL_FAILURE = 1,
    TOOL_USAGE = 2,
    TOOL_CONFIG = 3                 /* the configuration is wrong */
};

/* A flag that a command takes. */
struct tool_flag {
    char letter;                    /* 'v'; 0 ends the list */
    const char *name;               /* "verbose" */
    bool takes;                     /* a value follows */
};

#define TOOL_FLAG_HELP { 'h', "help", false }
#define TOOL_FLAG_JSON { 'j', "json", false }
#define TOOL_FLAG_SET { 's', "set", true }

/* A command line being read. */
struct tool_args {
    const char *command;            /* for complaints */
    const struct tool_flag *flags;
    char **argv;
    int argc;
    int next;                       /* index of what is read next */
    const char *value;              /* of the flag, or the word itself */
    bool only_words;                /* -- has been read */
    const char *cluster;            /* rest of "-vj", or NULL */
};

/* The next flag's letter; 0: a word, in args->value; -1: the end; '?': wrong
 * usage, already said on standard error. */
int tool_next(struct tool_args *args);

/* Says on standard error how `command` was used wrongly, and where to read
 * how it is done. Returns TOOL_USAGE. */
__attribute__((format(printf, 2, 3)))
int tool_usage(const char *command, const char *format, ...);

/* Says on standard error why `command` failed. Returns TOOL_FAILURE. */
__attribute__((format(printf, 2, 3)))
int tool_failure(const char *command, const char *format, ...);

/* Takes the value of -s, for all that is read from now on and for a program
 * that is started. TOOL_OK, or another status after saying why. */
int tool_set(const char *command, const char *setting);

/* Writes `text` to `file` so that it cannot play tricks on a terminal. */
void tool_put(FILE *file, const char *text);

#define TOOL_WIDTH 78               /* of text that stays as it is */

/* Writes a paragraph, as tool_put does, of at most `width` columns a line if
 * its words allow, that keeps `indent` blanks in front; its first line has
 * `column` already. */
void tool_paragraph(int width, int indent, int column, const char *text);

/* "\033[1m" and the like if `file` is a terminal that wants it, else "". */
const char *tool_bold(FILE *file);
const char *tool_red(FILE *file);
const char *tool_green(FILE *file);
const char *tool_faint(FILE *file);
const char *tool_plain(FILE *file);

/* Columns of the terminal that is open as `fd`; 0: it is none, or does not
 * tell. */
int tool_columns(int fd);

/* How wide text may be: as the terminal is, else as COLUMNS says, else
 * TOOL_WIDTH. */
int tool_width(void);

/* Pushes everything out. TOOL_FAILURE if standard output could not be
 * written, else `status`. */
int tool_finish(int status);

/* Prints how `command` is used. TOOL_OK, or TOOL_USAGE if there is none. */
int tool_explain(const char *command);

/* The commands; argv[0] is the command's name. */
int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_plugins(int argc, char **argv);
int cmd_plugins_new(int argc, char **argv);
int cmd_plugins_test(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_profile_stacks(int argc, char **argv);
int cmd_sim(int argc, char **argv);
int cmd_topo(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

#endif
