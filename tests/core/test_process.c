/* SPDX-License-Identifier: MIT */
/*
 * test_process.c - child processes: what they are given, what they say, how
 * they end, and that none is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "with.h"

#define SHELL(text) ((const char *const []){ "sh", "-c", (text), NULL })

/* No child is there, neither running nor dead. */
static void check_childless(void)
{
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
}

/* What it says, on both, is a text; its status. */
static int say(const char *program, const struct moirai_process_attr *attr,
               const char *input, const char *wanted)
{
    char output[256], errors[256];
    struct moirai_process_talk talk = {
        .input = input, .input_size = input != NULL ? strlen(input) : 0,
        .output = output, .output_size = sizeof output - 1,
        .errors = errors, .errors_size = sizeof errors - 1,
    };

    CHECK_EQ(moirai_process_run(SHELL(program), attr, &talk, MOIRAI_NEVER), 0);
    errors[talk.errors_length] = '\0';
    CHECK_STR(errors, "");
    output[talk.output_length] = '\0';
    CHECK_STR(output, wanted);
    return talk.status;
}

static int talk_to_them(void *arg)
{
    static const char *const environment[] = { "COLOUR=red",
                                               "PATH=/bin:/usr/bin", NULL };
    struct moirai_process_attr attr = MOIRAI_PROCESS_ATTR_INIT;

    (void)arg;
    CHECK_EQ(say("echo one", NULL, NULL, "one\n"), 0);
    CHECK_EQ(say("cat; exit 3", NULL, "in and out", "in and out"), 3 << 8);
    CHECK_EQ(say("cat", NULL, "", ""), 0);
    CHECK_EQ(say("kill -TERM $$", NULL, "unread", ""), SIGTERM);
    attr.directory = "/usr";
    attr.environment = environment;
    attr.streams[0] = MOIRAI_STREAM_NULL;
    CHECK_EQ(say("cat; pwd; echo $COLOUR$HOME", &attr, NULL, "/usr\nred\n"),
             0);
    return 0;
}

TEST(process, is_given_and_says_what_it_is_to)
{
    with_each(talk_to_them, NULL);
    with_seeds(3, talk_to_them, NULL);
    talk_to_them(NULL);
    check_childless();
}

#define MUCH ((size_t)1 << 20)

/* Both directions at once, and more than pipes hold. */
static int talk_much(void *arg)
{
    static char input[MUCH], output[MUCH];
    struct moirai_process_talk talk = { input, MUCH, output, MUCH, 0,
                                        NULL, 0, 0, 0 };

    (void)arg;
    for (size_t i = 0; i < MUCH; i++)
        input[i] = (char)(i * 7 >> 3);
    CHECK_EQ(moirai_process_run(SHELL("cat"), NULL, &talk, MOIRAI_NEVER), 0);
    CHECK_EQ(talk.output_length, MUCH);
    CHECK_EQ(memcmp(input, output, MUCH), 0);
    talk.output_size = 1000;
    CHECK_EQ(moirai_process_run(SHELL("cat"), NULL, &talk, MOIRAI_NEVER),
             -EMSGSIZE);
    CHECK_EQ(talk.output_length, 1000);
    CHECK_EQ(memcmp(input, output, 1000), 0);
    return 0;
}

TEST(process, may_say_as_much_as_there_is_room_for)
{
    with_one(1, talk_much, NULL);
    with_one(2, talk_much, NULL);
    check_childless();
}

/* --- descriptors ---------------------------------------------------------- */

/* They change places, and nothing is overwritten on the way. */
static int swap(void *arg)
{
    struct moirai_process_attr attr = MOIRAI_PROCESS_ATTR_INIT;
    struct moirai_process process;
    int ends[3][2], fds[3], status;
    char text[16] = "";

    (void)arg;
    for (int i = 0; i < 3; i++)
        CHECK_EQ(pipe(ends[i]), 0);
    for (int i = 0; i < 3; i++)
        fds[i] = ends[2 - i][1];
    attr.streams[1] = MOIRAI_STREAM_PIPE;
    attr.streams[2] = MOIRAI_STREAM_OUTPUT;
    attr.count = 3;
    attr.descriptors = fds;
    CHECK_EQ(moirai_process_start(&process, SHELL("echo 3 >&3; echo 4 >&4;"
                                                  "echo 5 >&5; echo 2 >&2"),
                                  &attr), 0);
    CHECK_EQ(moirai_process_wait(&process, &status, MOIRAI_NEVER), 0);
    CHECK_EQ(status, 0);
    CHECK_EQ(moirai_read(process.streams[1], text, 9, MOIRAI_NEVER), 2);
    CHECK_STR(text, "2\n");
    moirai_process_close(&process);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(read(ends[i][0], text, 9), 2);
        CHECK_EQ(text[0], '5' - i);
        close(ends[i][0]);
        close(ends[i][1]);
    }
    return 0;
}

TEST(process, has_the_descriptors_that_it_is_given)
{
    with_one(2, swap, NULL);
    swap(NULL);
    check_childless();
}

/* --- the end -------------------------------------------------------------- */

static int end_it(void *arg)
{
    const bool *without = arg;      /* a descriptor to wait for */
    struct moirai_process_attr attr = MOIRAI_PROCESS_ATTR_INIT;
    struct moirai_process process;
    int status = -1;

    attr.flags = MOIRAI_PROCESS_GROUP;
    CHECK_EQ(moirai_process_start(&process, SHELL("sleep 1000 & wait"), &attr),
             0);
    if (*without && process.fd >= 0) {
        moirai_close(process.fd);
        process.fd = -1;
    }
    CHECK_EQ(moirai_process_wait(&process, &status, MOIRAI_NOW), -EAGAIN);
    CHECK_EQ(moirai_process_wait(&process, &status, 1), -ETIMEDOUT);
    CHECK_EQ(moirai_process_wait(&process, &status, moirai_after(MOIRAI_MS)),
             -ETIMEDOUT);
    CHECK_EQ(moirai_process_signal(&process, 0), 0);
    CHECK_EQ(moirai_process_signal(&process, SIGTERM), 0);
    CHECK_EQ(moirai_process_wait(&process, &status, MOIRAI_NEVER), 0);
    CHECK_EQ(status, SIGTERM);
    CHECK_EQ(moirai_process_signal(&process, SIGTERM), -ESRCH);
    CHECK_EQ(moirai_process_wait(&process, &status, MOIRAI_NEVER), -ECHILD);
    moirai_process_close(&process);
    return 0;
}

TEST(process, is_waited_for_with_and_without_a_descriptor)
{
    bool without = false;

    for (int i = 0; i < 2; i++, without = true) {
        with_each(end_it, &without);
        with_seeds(3, end_it, &without);
        end_it(&without);
    }
    check_childless();
}

static int wait_for_it(void *arg)
{
    CHECK_EQ(moirai_process_wait(arg, NULL, MOIRAI_NEVER), -ECANCELED);
    return 0;
}

/* The pipe ends with the last of the group. */
static int close_it(void *arg)
{
    struct moirai_process_attr attr = MOIRAI_PROCESS_ATTR_INIT;
    struct moirai_process process;
    struct moirai_scope scope;
    int ends[2];
    char byte;

    (void)arg;
    CHECK_EQ(moirai_pipe(ends), 0);
    attr.flags = MOIRAI_PROCESS_GROUP;
    attr.streams[1] = ends[1];
    CHECK_EQ(moirai_process_start(&process, SHELL("sleep 1000 & sleep 1000"),
                                  &attr), 0);
    CHECK_EQ(moirai_close(ends[1]), 0);
    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, wait_for_it, &process), 0);
    moirai_yield();
    moirai_scope_cancel(&scope);
    moirai_scope_end(&scope);
    moirai_process_close(&process);
    CHECK_EQ(moirai_read(ends[0], &byte, 1, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_close(ends[0]), 0);
    return 0;
}

TEST(process, that_is_closed_is_gone_with_all_its_group)
{
    with_each(close_it, NULL);
    check_childless();
}

/* Neither a child nor a group is left by who gives up. */
static int give_up(void *arg)
{
    char output[8];
    struct moirai_process_talk talk = { .output = output, .output_size = 8 };

    (void)arg;
    CHECK_EQ(moirai_process_run(SHELL("echo begun; sleep 1000"), NULL, &talk,
                                moirai_after(20 * MOIRAI_MS)), -ETIMEDOUT);
    CHECK(talk.output_length == 0 || talk.output_length == 6);
    return 0;
}

static int be_cancelled(void *arg)
{
    char output[8];
    struct moirai_process_talk talk = { .output = output, .output_size = 8 };

    (void)arg;
    CHECK_EQ(moirai_process_run(SHELL("sleep 1000"), NULL, &talk,
                                MOIRAI_NEVER), -ECANCELED);
    return 0;
}

static int cancel_it(void *arg)
{
    struct moirai_scope scope;

    CHECK_EQ(moirai_scope_begin(&scope, NULL, MOIRAI_NEVER), 0);
    CHECK_EQ(moirai_spawn(&scope, be_cancelled, arg), 0);
    moirai_sleep_until(moirai_after(MOIRAI_MS));
    moirai_scope_cancel(&scope);
    CHECK_EQ(moirai_scope_end(&scope), -ECANCELED);
    return 0;
}

TEST(process, is_killed_when_nobody_waits_for_it_any_more)
{
    with_each(give_up, NULL);
    with_each(cancel_it, NULL);
    give_up(NULL);
    check_childless();
}

/* --- mistakes, and what belongs to the program ---------------------------- */

static int make_mistakes(void *arg)
{
    static const char *const nothing[] = { NULL };
    static const char *const missing[] = { "/nonexistent/program", NULL };
    static const char *const refused[] = { "/etc/passwd", NULL };
    struct moirai_process_attr attr = MOIRAI_PROCESS_ATTR_INIT;
    struct moirai_process process;
    int before = dup(0), after;

    (void)arg;
    close(before);
    CHECK_EQ(moirai_process_start(&process, nothing, NULL), -EINVAL);
    CHECK_EQ(moirai_process_start(&process, missing, NULL), -ENOENT);
    CHECK_EQ(moirai_process_start(&process, refused, NULL), -EACCES);
    attr.streams[0] = attr.streams[1] = MOIRAI_STREAM_PIPE;
    CHECK_EQ(moirai_process_start(&process, missing, &attr), -ENOENT);
    attr.streams[2] = 9999;
    CHECK_EQ(moirai_process_start(&process, SHELL(":"), &attr), -EBADF);
    attr.streams[2] = -9;
    CHECK_EQ(moirai_process_start(&process, SHELL(":"), &attr), -EINVAL);
    attr.streams[2] = MOIRAI_STREAM_SAME;
    attr.directory = "/nonexistent";
    CHECK_EQ(moirai_process_start(&process, SHELL(":"), &attr), -ENOENT);
    attr.size--;
    CHECK_EQ(moirai_process_start(&process, SHELL(":"), &attr), -EINVAL);
    after = dup(0);
    CHECK_EQ(after, before);
    close(after);
    return 0;
}

TEST(process, that_cannot_be_started_leaves_nothing)
{
    with_one(2, make_mistakes, NULL);
    make_mistakes(NULL);
    check_childless();
}

/* The program's own child, and its handler, are its own. */
TEST(process, leaves_other_children_to_the_program)
{
    pid_t own = fork();
    int status;

    if (own == 0)
        _exit(7);
    talk_to_them(NULL);
    with_one(2, talk_to_them, NULL);
    CHECK_EQ(waitpid(own, &status, 0), own);
    CHECK_EQ(status, 7 << 8);
    check_childless();
}
