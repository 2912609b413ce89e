/* SPDX-License-Identifier: MIT */
/*
 * cmd_sim.c - `moirai sim`: run a program under many schedules.
 */
#include "tool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "program.h"
#include "signals.h"
#include "sim.h"
#include "text.h"

#define SEEDS 1000
#define SCHEDULES 100000            /* of an exhaustive search, at most */
#define JOBS_MAX 1024
#define TIMEOUT_S 60
#define TIMEOUT_MAX 86400
#define BOUND 1000
#define DEPTH 3
#define DEPTH_MAX 64
#define TRACE "moirai-sim.trace"

struct asked {
    struct sim sim;
    const char *file;               /* NULL: $MOIRAI_CONFIG, or none */
    char **sets;                    /* of -s, for who replays it */
    size_t set_count;
    bool range;                     /* seeds were said */
    bool help;
};

/* --- what is asked for --------------------------------------------------- */

static int wrong(const char *option, const char *text, const char *wanted)
{
    char quoted[MO_TEXT_QUOTED];

    return tool_usage("sim", "--%s takes %s, not %s", option, wanted,
                      mo_text_quote(quoted, text));
}

static int take_number(const char *option, const char *text, uint64_t most,
                       uint64_t *number)
{
    char wanted[60];
    uint64_t value;

    if (mo_text_uint(text, &value) != 0 || value < 1 || value > most) {
        snprintf(wanted, sizeof wanted, "a whole number from 1 to %llu",
                 (unsigned long long)most);
        return wrong(option, text, wanted);
    }
    *number = value;
    return TOOL_OK;
}

/* "1000" or "7..12". */
static int take_seeds(struct asked *a, const char *text)
{
    static const char wanted[] = "how many, or FIRST..LAST";
    const char *dots = strstr(text, "..");
    char head[MO_TEXT_NUMBER];
    struct sim *sim = &a->sim;

    a->range = true;
    sim->first = 1;
    if (dots == NULL)
        return mo_text_uint(text, &sim->last) == 0 && sim->last >= 1
            ? TOOL_OK : wrong("seeds", text, wanted);
    if ((size_t)(dots - text) >= sizeof head)
        return wrong("seeds", text, wanted);
    snprintf(head, sizeof head, "%.*s", (int)(dots - text), text);
    if (mo_text_uint(head, &sim->first) != 0
        || mo_text_uint(dots + 2, &sim->last) != 0 || sim->first > sim->last)
        return wrong("seeds", text, wanted);
    return TOOL_OK;
}

static int take_strategy(struct asked *a, const char *text)
{
    a->sim.strategy = text;
    if (strcmp(text, "random") == 0 || strcmp(text, "pct") == 0)
        return TOOL_OK;
    return wrong("strategy", text, "random or pct");
}

static int take_flag(struct asked *a, int flag, char *value)
{
    struct sim *sim = &a->sim;
    uint64_t number = 0;
    int rc = TOOL_OK;

    switch (flag) {
    case 'c': a->file = value; break;
    case 'j': sim->json = true; break;
    case 'x': sim->exhaustive = true; break;
    case 'T': sim->trace = value; break;
    case 'n': rc = take_seeds(a, value); break;
    case 'S': rc = take_strategy(a, value); break;
    case 'i': rc = sim_inject(sim, value); break;
    case 'b': rc = take_number("bound", value, 100000, &sim->bound); break;
    case 'd': rc = take_number("depth", value, DEPTH_MAX, &sim->depth); break;
    case 'J':
        rc = take_number("jobs", value, JOBS_MAX, &number);
        sim->jobs = (unsigned)number;
        break;
    case 't':
        rc = take_number("timeout", value, TIMEOUT_MAX, &number);
        sim->timeout_s = (unsigned)number;
        break;
    case 's':
        rc = tool_set("sim", value);
        a->sets[a->set_count++] = value;
        break;
    default: break;
    }
    return rc;
}

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > JOBS_MAX ? JOBS_MAX : (unsigned)n;
}

/* --- what came of it ----------------------------------------------------- */

/* As a shell wants it. */
static void put_word(FILE *file, const char *word)
{
    if (word[0] != '\0' && strspn(word, "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_./=,:+@%") == strlen(word)) {
        fputs(word, file);
        return;
    }
    fputc('\'', file);
    for (; *word != '\0'; word++)
        fputs(*word == '\'' ? "'\\''" : (const char[]){ *word, '\0' }, file);
    fputc('\'', file);
}

static void put_command(FILE *file, const struct asked *a, char *settings)
{
    fputs("moirai run", file);
    if (a->file != NULL) {
        fputs(" -c ", file);
        put_word(file, a->file);
    }
    for (size_t i = 0; i < a->set_count; i++) {
        fputs(" -s ", file);
        put_word(file, a->sets[i]);
    }
    for (char *line = strtok(settings, "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        fputs(" -s ", file);
        put_word(file, line);
    }
    fputs(" --", file);
    for (char **word = a->sim.program; *word != NULL; word++) {
        fputc(' ', file);
        put_word(file, *word);
    }
}

/* The command that replays it; NULL: no memory. The caller's. */
static char *command_of(const struct asked *a)
{
    size_t size = sim_settings(&a->sim, &a->sim.found, NULL, 0) + 1;
    char *settings = malloc(size);
    char *command = NULL;
    FILE *file = NULL;
    size_t n;

    if (settings != NULL)
        file = open_memstream(&command, &n);
    if (file != NULL) {
        sim_settings(&a->sim, &a->sim.found, settings, size);
        put_command(file, a, settings);
        fclose(file);
    }
    free(settings);
    return command;
}

static bool same(const struct sim_outcome *a, const struct sim_outcome *b)
{
    return a->end == b->end && a->code == b->code;
}

static void put_failure(const struct asked *a, const char *command)
{
    const struct sim *sim = &a->sim;
    char how[100];

    sim_describe(&sim->outcome, sim->timeout_s, how, sizeof how);
    if (sim->exhaustive)
        printf("schedule %llu failed: it %s\n",
               (unsigned long long)sim->found.number + 1, how);
    else
        printf("seed %llu failed: it %s\n",
               (unsigned long long)sim->found.seed, how);
    if (sim->outcome.said[0] != '\0') {
        fputs("    ", stdout);
        tool_put(stdout, sim->outcome.said);
        fputc('\n', stdout);
    }
    fputs("replay: ", stdout);
    tool_put(stdout, command);
    putchar('\n');
    if (sim->signal == 0)
        printf("--- once more, its events go to %s\n", sim->trace);
    fflush(stdout);
}

static void put_again(const struct sim *sim)
{
    char how[100];

    sim_describe(&sim->again, sim->timeout_s, how, sizeof how);
    if (sim->inject[0] != '\0')
        printf("--- faults injected: %llu\n",
               (unsigned long long)sim_injected(sim));
    if (same(&sim->outcome, &sim->again))
        puts("--- it failed in the same way");
    else
        printf("--- this time it %s: it depends on more than its schedule, "
               "such as\n    time, addresses or other threads\n", how);
}

static void put_sum(const struct sim *sim)
{
    const char *noun = sim->exhaustive ? "schedule" : "seed";

    printf("%llu %s%s%s: no failure\n", (unsigned long long)sim->runs, noun,
           sim->runs == 1 ? "" : "s",
           !sim->exhaustive ? "" : sim->complete ? ", all that there are"
                                                 : ", there are more");
}

static void put_json_failure(struct json *j, const struct sim *sim,
                             const char *command)
{
    char how[100];

    sim_describe(&sim->outcome, sim->timeout_s, how, sizeof how);
    json_open(j, '{');
    if (sim->exhaustive) {
        json_pair(j, "choices", sim->found.choices);
    } else {
        json_key(j, "seed");
        json_unsigned(j, sim->found.seed);
    }
    json_pair(j, "how", how);
    json_pair(j, "said", sim->outcome.said);
    json_pair(j, "replay", command);
    json_pair(j, "trace", sim->trace);
    json_key(j, "injected");
    json_unsigned(j, sim_injected(sim));
    json_key(j, "again");
    if (sim->signal != 0)
        json_text(j, NULL);
    else
        json_bool(j, same(&sim->outcome, &sim->again));
    json_close(j, '}');
}

static void put_json(const struct sim *sim, const char *command)
{
    struct json j = { .comma = false };

    json_open(&j, '{');
    json_key(&j, "runs");
    json_unsigned(&j, sim->runs);
    json_key(&j, "complete");
    json_bool(&j, sim->complete);
    json_key(&j, "failure");
    if (sim->failed)
        put_json_failure(&j, sim, command);
    else
        json_text(&j, NULL);
    json_close(&j, '}');
    json_end();
}

/* --- the command --------------------------------------------------------- */

static int tell_failure(struct asked *a)
{
    struct sim *sim = &a->sim;
    char *command = command_of(a);
    int rc;

    if (command == NULL)
        return tool_failure("sim", "out of memory");
    if (!sim->json)
        put_failure(a, command);
    rc = sim->signal == 0 ? sim_replay(sim) : TOOL_OK;
    if (sim->json)
        put_json(sim, command);
    else if (rc == TOOL_OK && sim->signal == 0)
        put_again(sim);
    free(command);
    return TOOL_FAILURE;
}

static int search(struct asked *a)
{
    struct sim *sim = &a->sim;
    int rc;

    if (!signals_open("sim"))
        return TOOL_FAILURE;
    rc = sim_trace_check(sim);
    if (rc == TOOL_OK)
        rc = sim_search(sim);
    if (rc == TOOL_OK && sim->failed)
        rc = tell_failure(a);
    else if (rc == TOOL_OK && sim->json)
        put_json(sim, NULL);
    else if (rc == TOOL_OK)
        put_sum(sim);
    signals_close();
    free(sim->found.choices);
    return sim->signal != 0 ? 128 + sim->signal : rc;
}

/* Up to the program. TOOL_OK, or what to end with. */
static int read_flags(struct asked *a, struct tool_args *args)
{
    int rc = TOOL_OK;
    int flag = 0;

    while (rc == TOOL_OK && (flag = tool_next(args)) > 0) {
        if (flag == '?')
            return TOOL_USAGE;
        a->help = flag == 'h';
        if (a->help)
            return TOOL_OK;
        rc = take_flag(a, flag, (char *)args->value);
    }
    if (rc == TOOL_OK && flag == -1)
        return tool_usage("sim", "which program?");
    if (rc == TOOL_OK && a->sim.exhaustive && a->sim.inject[0] != '\0')
        return tool_usage("sim", "--inject is by seeds, --exhaustive is not");
    a->sim.program = args->argv + args->next - 1;
    if (!a->range && a->sim.exhaustive)
        a->sim.last = SCHEDULES;
    return rc;
}

static int run(struct asked *a)
{
    int rc = program_check("sim", a->file, a->sim.json);

    if (rc == TOOL_OK && program_export("sim", a->file) != 0)
        rc = TOOL_FAILURE;
    return rc == TOOL_OK ? search(a) : rc;
}

int cmd_sim(int argc, char **argv)
{
    static const struct tool_flag flags[] = {
        { 'c', "config", true }, TOOL_FLAG_SET, { 'n', "seeds", true },
        { 'J', "jobs", true }, { 'S', "strategy", true },
        { 'd', "depth", true }, { 'x', "exhaustive", false },
        { 'b', "bound", true }, { 'i', "inject", true },
        { 't', "timeout", true },
        { 'T', "trace", true }, TOOL_FLAG_JSON, TOOL_FLAG_HELP,
        { 0, NULL, false },
    };
    struct tool_args args = { .command = "sim", .flags = flags,
                              .argv = argv, .argc = argc, .next = 1 };
    struct asked a = {
        .sim = { .first = 1, .last = SEEDS, .jobs = processors(),
                 .strategy = "random", .depth = DEPTH, .bound = BOUND,
                 .timeout_s = TIMEOUT_S, .trace = TRACE },
        .sets = calloc((size_t)argc, sizeof *a.sets),
    };
    int rc;

    if (a.sets == NULL)
        return tool_failure("sim", "out of memory");
    rc = read_flags(&a, &args);
    if (rc == TOOL_OK && a.help)
        rc = tool_explain("sim");
    else if (rc == TOOL_OK)
        rc = run(&a);
    free(a.sets);
    return rc;
}
