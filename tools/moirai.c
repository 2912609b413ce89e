/* SPDX-License-Identifier: MIT */
/*
 * moirai.c - the tool: which command is meant, and how each is used.
 *
 * The tool links the core itself, not libmoirai.so: it looks at things that
 * no program needs to see, and what is not public can still change.
 */
#include "tool.h"

#include <string.h>

#include "json.h"
#include "text.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
    const char *usage;
} commands[] = {
    { "run", cmd_run, "start a program under a configuration",
      "usage: moirai run [-c FILE] [-s KEY=VALUE]... [--] PROGRAM [ARG...]\n"
      "\n"
      "Checks FILE, starts PROGRAM with MOIRAI_CONFIG set to it, passes\n"
      "SIGINT, SIGTERM, SIGHUP and SIGQUIT on to it, and ends as it ends:\n"
      "with its status, or 128 + N if signal N killed it. PROGRAM is killed\n"
      "if moirai is. Without FILE: $MOIRAI_CONFIG, or the presets.\n"
      "\n"
      "  -c, --config FILE   the configuration\n"
      "  -s, --set KEY=VALUE one key otherwise: -s runtime.workers=2\n"
      "  -j, --json          tell mistakes in FILE as JSON\n"
      "\n"
      "Further statuses: 3 FILE is wrong, 127 there is no PROGRAM, 126 it\n"
      "cannot be started.\n" },
    { "check", cmd_check, "look for mistakes in configurations",
      "usage: moirai check [--json] [-q] [-s KEY=VALUE]... FILE...\n"
      "\n"
      "Lists all mistakes of each FILE, a line each, on standard error; for a\n"
      "FILE without one, what is in force and who said so. Variables such as\n"
      "MOIRAI_WORKERS count, as they do when a program starts.\n"
      "\n"
      "  -j, --json          one JSON object on standard output\n"
      "  -q, --quiet         only the mistakes\n"
      "  -s, --set KEY=VALUE one key otherwise: -s runtime.workers=2\n"
      "\n"
      "Status: 0 no mistakes, 3 mistakes.\n" },
    { "config", cmd_config, "print every value in force, and who said so",
      "usage: moirai config [--json] [-s KEY=VALUE]... [FILE]\n"
      "       moirai config --schema|--markdown [FILE]\n"
      "\n"
      "Prints, as YAML, what FILE, the environment and the command line come\n"
      "to, each value with its origin behind it. The output is itself a\n"
      "configuration and means the same. Without FILE: $MOIRAI_CONFIG, or the\n"
      "presets.\n"
      "\n"
      "  -j, --json          one JSON object\n"
      "  -s, --set KEY=VALUE one key otherwise: -s runtime.workers=2\n"
      "  -S, --schema        what may be written, as a JSON Schema (draft 7)\n"
      "  -M, --markdown      the same as tables for people\n"
      "\n"
      "Both know the plugins that \"moirai plugins\" lists.\n"
      "Status: 3 FILE is wrong.\n" },
    { "explain", cmd_explain, "say which plugin was taken, and why",
      "usage: moirai explain [--json] [-s KEY=VALUE]... [FILE]\n"
      "\n"
      "For each section that chooses a plugin: which was taken, who asked for\n"
      "it, who else was considered and why not taken. Besides, how many\n"
      "workers there will be, how stacks are guarded, and how each value can\n"
      "be changed. Where FILE is wrong, the mistakes come first.\n"
      "Without FILE: $MOIRAI_CONFIG, or the presets.\n"
      "\n"
      "  -j, --json          one JSON object\n"
      "  -s, --set KEY=VALUE one key otherwise: -s runtime.workers=2\n"
      "\n"
      "Status: 3 FILE is wrong.\n" },
    { "topo", cmd_topo, "draw the machine, and where workers sit",
      "usage: moirai topo [-c FILE] [-s KEY=VALUE]... [-y MACHINE] [-o]\n"
      "                   [--json | --svg [PICTURE]]\n"
      "\n"
      "Draws packages, nodes with their memory, caches, cores and hardware\n"
      "threads, which of them this process may use, and what each worker of\n"
      "the configuration would be bound to; as wide as the terminal. Without\n"
      "FILE: $MOIRAI_CONFIG, or the presets.\n"
      "\n"
      "  -c, --config FILE   the configuration\n"
      "  -s, --set KEY=VALUE one key otherwise: -s runtime.bind=spread\n"
      "  -y, --synthetic MACHINE  one that is made up, in hwloc's words:\n"
      "                      \"node:2 core:4 pu:2\"; as runtime.topology is\n"
      "  -o, --order         whom each worker takes tasks from, the nearest\n"
      "                      first\n"
      "  -g, --svg           a picture, to PICTURE or standard output\n"
      "  -j, --json          one JSON object\n"
      "\n"
      "Status: 1 the picture cannot be written, 3 FILE is wrong, or workers\n"
      "cannot be bound so; the machine is drawn all the same.\n" },
    { "plugins", cmd_plugins, "list what can be plugged in",
      "usage: moirai plugins [-v] [--json] [-c FILE]\n"
      "\n"
      "Lists the plugins that are built in or found in the directories of\n"
      "plugins.path in FILE, of MOIRAI_PLUGIN_PATH, and where modules are\n"
      "installed.\n"
      "\n"
      "  -v, --verbose       options too, and what cannot be used and why\n"
      "  -j, --json          everything as one JSON object\n"
      "  -c, --config FILE   search as this configuration says\n" },
    { "plugins new", cmd_plugins_new, "write a package to begin a plugin with",
      "usage: moirai plugins new [--json] KIND NAME [DIR]\n"
      "\n"
      "Writes a plugin that works, of KIND sched, stack, chan or io, with\n"
      "its configuration, a test, autotools and a README, into DIR (preset:\n"
      "KIND_NAME), which must not be there. It is built against what is\n"
      "installed: headers, pkg-config, and this command.\n"
      "\n"
      "  -j, --json          one JSON object on standard output\n"
      "\n"
      "Status: 2 there is no such KIND, NAME is no name, DIR is there.\n" },
    { "plugins test", cmd_plugins_test, "try whether a plugin keeps its "
      "promises",
      "usage: moirai plugins test [-qv] [--json] [-c FILE] [-s KEY=VALUE]...\n"
      "                           [-o PROMISE]... [-t SECONDS] PLUGIN\n"
      "\n"
      "Tries each promise that plugins of its kind make, in a process of its\n"
      "own: PLUGIN may hang, crash or lie. Says of each whether it is kept,\n"
      "and what was seen if not. PLUGIN is a file (./sched_mine.so), a name,\n"
      "or KIND_NAME.\n"
      "\n"
      "  -c, --config FILE   its options are those in FILE, which chooses it\n"
      "  -s, --set KEY=VALUE one key otherwise: -s scheduler.batch=4; of a\n"
      "                      channel, -s channels.plugins-test.capacity=4\n"
      "  -o, --only PROMISE  this one; -v shows how each is called\n"
      "  -t, --timeout S     seconds that a promise may take (preset 60)\n"
      "  -q, --quick         a tenth of what is done by chance\n"
      "  -v, --verbose       what PLUGIN writes, and names and reasons\n"
      "  -j, --json          one JSON object on standard output\n"
      "\n"
      "Status: 1 a promise is broken, 3 FILE or the options are wrong.\n" },
    { "profile stacks", cmd_profile_stacks, "measure how large stacks must be",
      "usage: moirai profile stacks [-c FILE] [-s KEY=VALUE]... [--json]\n"
      "                             [--] PROGRAM [ARG...]\n"
      "\n"
      "Runs PROGRAM as \"run\" does, measures how deep each task goes in its\n"
      "stack (stacks.watermark: all), and tells, for each place where tasks\n"
      "are spawned, how much they used and how much would be enough; then\n"
      "what to write in YAML. PROGRAM must stop its runtime.\n"
      "\n"
      "  -c, --config FILE   the configuration\n"
      "  -s, --set KEY=VALUE one key otherwise: -s runtime.workers=2\n"
      "  -j, --json          one JSON object on standard output\n"
      "\n"
      "Status: that of PROGRAM; 1 it told nothing, 3 FILE is wrong.\n" },
    { "sim", cmd_sim, "run a program under many schedules",
      "usage: moirai sim [-c FILE] [-s KEY=VALUE]... [-n N|FIRST..LAST]\n"
      "                  [-J JOBS] [-S random|pct] [-d DEPTH]\n"
      "                  [-i KIND=N,...] [-x] [-b BOUND] [-t SECONDS]\n"
      "                  [-T FILE] [--json]\n"
      "                  [--] PROGRAM [ARG...]\n"
      "\n"
      "Runs PROGRAM in the simulator, with one seed after the other, until it\n"
      "fails: by its exit status, a signal, or by not ending in time. Of the\n"
      "first seed that fails it tells how to replay it, and does so, with all\n"
      "events in a file.\n"
      "\n"
      "  -c, --config FILE   the configuration\n"
      "  -s, --set KEY=VALUE one key otherwise: -s runtime.workers=3\n"
      "  -n, --seeds N       so many seeds, or FIRST..LAST (preset 1000);\n"
      "                      of -x, schedules at most (preset 100000)\n"
      "  -J, --jobs N        so many at a time (preset: the processors)\n"
      "  -S, --strategy NAME random, or pct: ranks that fall (preset random)\n"
      "  -d, --depth N       of pct: steps that a fault needs in a certain\n"
      "                      order (preset 3)\n"
      "  -i, --inject KIND=N,...  faults, one in N: memory, wakes, timers,\n"
      "                      cancels; limit=N of them, delay=TIME of timers\n"
      "  -x, --exhaustive    every order of tasks, on one worker, instead\n"
      "  -b, --bound N       of -x: so many choices of a run (preset 1000)\n"
      "  -t, --timeout S     seconds that one run may take (preset 60)\n"
      "  -T, --trace FILE    for the events (preset moirai-sim.trace)\n"
      "  -j, --json          one JSON object on standard output\n"
      "\n"
      "Status: 1 a seed failed, or the program cannot be simulated, 3 FILE is\n"
      "wrong, 128 + N signal N ended it early.\n" },
    { "bench", cmd_bench, "measure moirai, side by side with others",
      "usage: moirai bench [--json] [--list] [-o QUESTION,...] [-p PEER,...]\n"
      "                    [-w WORKERS,...] [-r ROUNDS] [-x SCALE]\n"
      "                    [-t SECONDS] [-S FILE] [-m FILE] [-g DIR]\n"
      "                    [-f FILE] [-d DIR]\n"
      "\n"
      "Asks moirai, other runtimes and minimal C programs the same questions,\n"
      "by turns, and prints the medians, their spread and their ratios to the\n"
      "best of the others. Says who is not there, and what would bring them.\n"
      "\n"
      "  -j, --json          one JSON object on standard output\n"
      "  -l, --list          only the questions, and who is there to answer\n"
      "  -o, --only LIST     these questions\n"
      "  -p, --peers LIST    these others; \"none\" for none\n"
      "  -w, --workers LIST  so many workers, where a question bears it\n"
      "  -r, --rounds N      rounds, in which each runs once (preset 7)\n"
      "  -x, --scale LIST    so much of the work (preset 1), or NAME=F for a\n"
      "                      question\n"
      "  -t, --timeout S     seconds that one run may take (preset 300)\n"
      "  -S, --save FILE     the JSON besides, to FILE\n"
      "  -m, --markdown FILE a table in Markdown besides, to FILE\n"
      "  -g, --svg DIR       a plot for each question besides, into DIR\n"
      "  -f, --questions FILE other questions\n"
      "  -d, --programs DIR  where the programs are\n"
      "\n"
      "Status: 1 somebody failed, 3 the questions are wrong, 128 + N signal N\n"
      "ended it early; what was measured until then is told.\n" },
    { "version", cmd_version, "print the version",
      "usage: moirai version [--json]\n" },
    { "help", cmd_help, "explain a command",
      "usage: moirai help [COMMAND | --json]\n" },
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static size_t find_command(const char *name)
{
    size_t i = 0;

    while (i < COMMANDS && strcmp(commands[i].name, name) != 0)
        i++;
    return i;
}

/* A command may have two words: "plugins test". Of those that `argv` begins
 * with; *words is how many it has. */
static size_t find_words(int argc, char **argv, int *words)
{
    char both[40];
    size_t i = COMMANDS;

    *words = 2;
    if (argc > 1) {
        snprintf(both, sizeof both, "%.19s %.19s", argv[0], argv[1]);
        i = find_command(both);
    }
    if (i < COMMANDS)
        return i;
    *words = 1;
    return find_command(argv[0]);
}

static int unknown_command(const char *name)
{
    char quoted[MO_TEXT_QUOTED];
    struct mo_text_guess guess;

    mo_text_guess_init(&guess, name);
    for (size_t i = 0; i < COMMANDS; i++)
        mo_text_guess_offer(&guess, commands[i].name);
    mo_text_quote(quoted, name);
    if (guess.best != NULL)
        return tool_usage("", "unknown command %s, did you mean \"%s\"?",
                          quoted, guess.best);
    return tool_usage("", "unknown command %s", quoted);
}

static void overview(FILE *file)
{
    fputs("usage: moirai COMMAND [ARGUMENT...]\n\n", file);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(file, "  %-16s%s\n", commands[i].name, commands[i].summary);
    fputs("\n\"moirai help COMMAND\" tells more. Status: 0 fine, 1 failure, "
          "2 wrong usage,\n3 wrong configuration.\n", file);
}

int tool_explain(const char *command)
{
    size_t i = find_command(command);

    if (i == COMMANDS)
        return unknown_command(command);
    fputs(commands[i].usage, stdout);
    return TOOL_OK;
}

static int explain_as_json(void)
{
    struct json j = { .comma = false };

    json_open(&j, '{');
    json_key(&j, "commands");
    json_open(&j, '[');
    for (size_t i = 0; i < COMMANDS; i++) {
        json_open(&j, '{');
        json_pair(&j, "name", commands[i].name);
        json_pair(&j, "summary", commands[i].summary);
        json_pair(&j, "usage", commands[i].usage);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_close(&j, '}');
    json_end();
    return TOOL_OK;
}

int cmd_help(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        TOOL_FLAG_JSON, TOOL_FLAG_HELP, { 0, NULL, false },
    };
    struct tool_args args = { .command = "help", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    char *command[2];
    int count = 0;
    bool json = false;
    int words;
    size_t i;
    int flag;

    while ((flag = tool_next(&args)) != -1) {
        if (flag == '?')
            return TOOL_USAGE;
        if (flag == 0 && count == 2)
            return tool_usage("help", "one command at a time");
        if (flag == 0)
            command[count++] = (char *)args.value;
        json = json || flag == 'j';
    }
    if (json && count > 0)
        return tool_usage("help", "as JSON all commands at once");
    if (json)
        return explain_as_json();
    if (count == 0) {
        overview(stdout);
        return TOOL_OK;
    }
    i = find_words(count, command, &words);
    if (i == COMMANDS)
        return unknown_command(command[0]);
    if (words < count)
        return tool_usage("help", "one command at a time");
    return tool_explain(commands[i].name);
}

/* `moirai --json COMMAND` is `moirai COMMAND --json`. */
static void move_json(int argc, char **argv)
{
    char *json = argc > 2 ? argv[1] : "";
    int words;

    if ((strcmp(json, "--json") != 0 && strcmp(json, "-j") != 0) ||
        argv[2][0] == '-')
        return;
    find_words(argc - 2, argv + 2, &words);
    for (int i = 1; i <= words; i++)
        argv[i] = argv[i + 1];
    argv[words + 1] = json;
}

int main(int argc, char **argv)
{
    const char *name;
    int words = 1;
    size_t i;

    if (argc < 2) {
        overview(stderr);
        return TOOL_USAGE;
    }
    move_json(argc, argv);
    name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        i = find_command("help");
    else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        i = find_command("version");
    else
        i = find_words(argc - 1, argv + 1, &words);
    if (i == COMMANDS)
        return unknown_command(name);
    return tool_finish(commands[i].run(argc - words, argv + words));
}
