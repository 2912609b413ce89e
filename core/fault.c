/* SPDX-License-Identifier: MIT */
/*
 * fault.c - a task has used up its stack.
 *
 * Below each stack is a guard. Who runs into it gets SIGSEGV (or SIGBUS), which
 * is handled on a stack of its own, as there is nothing left of the other. The
 * handler says which task it was, where it was spawned and how to give it more,
 * and passes the signal on to whoever handled it before us: usually nobody, and
 * the process ends there, its core file showing the overflow. All other faults
 * are passed on at once.
 *
 * Policy `kill` ends the task alone, as moirai_fail would, in the stack's own
 * frames: half of the guard is opened for that, and closed when the stack is
 * given back. It is not done where the task may hold what others need: inside
 * the runtime, inside the C library (malloc!), inside any library but the
 * program and the one that the task's function is in, or in a function that any
 * of those has called (pthread_once). What the program's own
 * code may hold is for the program to know; that is why `kill` is to be asked
 * for.
 *
 * A frame larger than the guard can jump over it, unless the program was
 * compiled with -fstack-clash-protection, as moirai.pc says. If it then touches
 * nothing that is there, the address gives it away; if it does not, mo_wait
 * finds the stack pointer astray.
 *
 * Everything in the handler is system calls and plain memory: no lock, no
 * allocation, no stdio.
 */
#include "fault.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <moirai/task.h>

#include "arch/context.h"
#include "backtrace.h"
#include "handle.h"
#include "line.h"
#include "mem.h"
#include "option.h"
#include "os/symbol.h"
#include "text.h"

#define STACK_BYTES ((size_t)64 << 10)  /* for handlers, ours and others' */
#define REACH ((uintptr_t)256 << 20)    /* how far a frame may have jumped */
#define ROOM ((size_t)8 << 10)      /* of stack to end a task with, at least */
#define ADVICE 512

static const int faults[] = { SIGSEGV, SIGBUS };

#define FAULTS (sizeof faults / sizeof faults[0])

static struct sigaction before[FAULTS];     /* whose handlers ours replaced */
static struct sigaction origin[FAULTS];     /* ... those before any that lead
                                             * back to ours */
static bool covered[FAULTS];        /* one was put above ours, and may stay */
static unsigned users;              /* runtimes that want them; both guarded
                                     * by mo_child_forbid */
static _Thread_local sigjmp_buf *caught __attribute__((
    tls_model("initial-exec")));    /* where mo_fault_try goes on; or NULL */

struct passing {                    /* a signal on its way to others */
    const void *context;
    const char *frame;              /* of our handler */
};

static _Thread_local struct passing passing __attribute__((
    tls_model("initial-exec")));

/* --- what to say ---------------------------------------------------------- */


static void say_task(struct mo_line *line, const struct mo_worker *w)
{
    const struct moirai_task *task = w->task;
    const struct moirai_handle *handle = task != NULL ? task->handle : NULL;

    if (task == NULL) {
        mo_line_text(line, "the loop of worker ");
        mo_line_number(line, w->hot.index);
        return;
    }
    mo_line_text(line, "task ");
    mo_line_number(line, task->id);
    if (handle != NULL && handle->name != NULL) {
        mo_line_text(line, " \"");
        mo_line_text(line, handle->name);
        mo_line_text(line, "\"");
    }
    mo_line_text(line, ", spawned at ");
    mo_line_text(line, task->site->file);
    mo_line_text(line, ":");
    mo_line_number(line, task->site->line);
    mo_line_text(line, ",");
}

static void say_place(struct mo_line *line, uintptr_t pc)
{
    struct mo_symbol symbol;

    mo_symbol_find(pc, &symbol);
    if (symbol.name[0] != '\0') {
        mo_line_text(line, " in ");
        mo_line_text(line, symbol.name);
    } else {
        mo_line_text(line, " at ");
        mo_line_hex(line, symbol.offset);
    }
    if (symbol.object[0] != '\0') {
        mo_line_text(line, symbol.name[0] != '\0' ? " (" : " of ");
        mo_line_text(line, symbol.object);
        mo_line_text(line, symbol.name[0] != '\0' ? ")" : "");
    }
}

/* One paragraph, up to the full stop before what becomes of the task. */
static void say_overflow(struct mo_line *line, struct mo_worker *w,
                         uintptr_t pc, bool jumped)
{
    const struct mo_fiber *fiber = w->fiber;
    const char *advice =
        w->runtime->advice[fiber->stack.stack_class % MOIRAI_STACK_CLASSES];

    mo_line_text(line, "moirai: stack overflow: ");
    say_task(line, w);
    mo_line_text(line, " needs more than its stack of ");
    mo_line_size(line, fiber->stack.size);
    if (pc != 0)
        say_place(line, pc);
    mo_line_text(line, ". ");
    mo_line_text(line, advice != NULL ? advice : "");
    if (jumped)
        mo_line_text(line, " It has a frame larger than the guard below the "
                     "stack, which may have overwritten another stack: compile "
                     "with -fstack-clash-protection.");
}

/* --- who said how large stacks are ---------------------------------------- */

static const struct mo_option_value *find_value(const struct mo_setup *setup,
                                                const char *key)
{
    const struct mo_option_value *v = mo_setup_values(setup);
    const struct mo_option_value *found = NULL;

    for (; v != NULL; v = v->next)
        if (strcmp(v->key, key) == 0)
            found = v;
    return found;
}

/* "Write `stacks: {size: 512KiB}` in place of ... at f.yaml:3:12." */
static void compose(struct mo_line *line, const struct moirai_runtime *rt,
                    enum moirai_stack_class stack_class)
{
    static const char *const keys[MOIRAI_STACK_CLASSES] = {
        [MOIRAI_STACK_TASK] = "stacks.size",
        [MOIRAI_STACK_LOOP] = "stacks.loop",
        [MOIRAI_STACK_EXTRA] = "stacks.extra",
    };
    const char *key = keys[stack_class];
    const char *name = strchr(key, '.') + 1;
    const struct mo_option_value *value = find_value(rt->setup, key);
    size_t size = rt->stack_sizes[stack_class];
    char place[256];
    char number[MO_TEXT_NUMBER];

    if (value == NULL) {
        mo_line_text(line, "The stack allocator decides how large that is.");
        return;
    }
    mo_line_text(line, "For twice as much, write `stacks: {");
    mo_line_text(line, name);
    mo_line_text(line, ": ");
    mo_line_text(line, mo_text_show_size(number, 2 * (uint64_t)size));
    mo_line_text(line, "}` in the YAML file");
    if (value->place.from != MO_FROM_PRESET) {
        mo_line_text(line, "; now ");
        mo_line_text(line, mo_report_place(place, sizeof place,
                                           &value->place));
        mo_line_text(line, " says ");
        mo_line_text(line, value->text);
    }
    mo_line_text(line, ".");
}

static int prepare_advice(struct moirai_runtime *rt)
{
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++) {
        struct mo_line line = { .room = ADVICE - 1, .fd = -1 };

        rt->advice[i] = line.text = mo_mem_alloc(ADVICE, 1);
        if (line.text == NULL)
            return -ENOMEM;
        compose(&line, rt, (enum moirai_stack_class)i);
    }
    return 0;
}

static void forget_advice(struct moirai_runtime *rt)
{
    for (int i = 0; i < MOIRAI_STACK_CLASSES; i++)
        mo_mem_free(rt->advice[i]);
}

/* --- ending the task alone ------------------------------------------------ */

/* The C library's own function, not our entry that leads to it. */
static uintptr_t inside_libc(void)
{
    return (uintptr_t)&sigaltstack;
}

static const void *program(void)
{
    return mo_symbol_object(mo_symbol_program());
}

struct calls {                      /* that lead to where a task is */
    uintptr_t pc;
    const void *own[3];             /* objects that hold nothing meanwhile */
    bool foreign;                   /* there is one of another */
};

static bool look_at_call(uintptr_t pc, void *arg)
{
    struct calls *calls = arg;
    const void *object = mo_symbol_object(pc - 1);

    for (int i = 0; i < 3; i++)
        if (object == calls->own[i])
            return true;
    calls->foreign = true;
    return false;
}

/* In the handler of a fault, another would end the process. */
static void look_at_calls(void *arg)
{
    struct calls *calls = arg;
    sigset_t set, old;

    sigemptyset(&set);
    for (size_t i = 0; i < FAULTS; i++)
        sigaddset(&set, faults[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, &old);
    mo_backtrace_each(calls->pc, look_at_call, calls);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Is the task in a function that a library calls, as qsort does, and
 * pthread_once? */
static bool is_called_back(const struct mo_worker *w, uintptr_t pc)
{
    struct calls calls = {
        .pc = pc,
        .own = { program(), mo_symbol_object((uintptr_t)w->task->fn),
                 mo_symbol_object((uintptr_t)&mo_fault_open) },
    };

    return !mo_fault_try(look_at_calls, &calls) || calls.foreign;
}

/* Why the task cannot be ended alone; NULL: it can. */
static const char *reason_not(const struct mo_worker *w, uintptr_t pc)
{
    const struct mo_fiber *fiber = w->fiber;
    const void *object = mo_symbol_object(pc);

    if (fiber->overflown)
        return "its cleanup handlers overflowed, too";
    if (w->task == NULL)
        return "it is not a task";
    if (w->runtime->stack->relax == NULL)
        return "the stack allocator cannot open a guard";
    if (object == NULL)
        return "it was in code that belongs to no file";
    if (mo_symbol_object((uintptr_t)&mo_fault_open) == program())
        return "the runtime is linked into the program, which cannot be told "
               "from it";
    if (object == mo_symbol_object((uintptr_t)&mo_fault_open))
        return "it was inside the runtime";
    if (object == mo_symbol_object(inside_libc()))
        return "it was inside the C library, which may hold a lock";
    if (object != program()
        && object != mo_symbol_object((uintptr_t)w->task->fn))
        return "it was inside a library, which may hold a lock";
    if (is_called_back(w, pc))
        return "a library called the function, and may hold a lock";
    return NULL;
}

static void end_task(void)
{
    moirai_fail(-EOVERFLOW, "stack overflow");
}

/* True: when the handler returns, the thread goes on in end_task, on the part
 * of the stack's guard that was opened, its frames being above. */
static bool kill_task(struct mo_worker *w, ucontext_t *context,
                      const char **why)
{
    struct moirai_runtime *rt = w->runtime;
    struct mo_fiber *fiber = w->fiber;

    *why = reason_not(w, mo_context_pc(context));
    if (*why != NULL)
        return false;
    *why = "its guard is too small to end it on";
    fiber->overflown = rt->stack->relax(rt->stack_state, &fiber->stack, true)
                    >= ROOM;
    if (!fiber->overflown)
        return false;
    *why = "this machine cannot leave a handler elsewhere";
    return mo_context_enter(context, end_task, fiber->stack.base);
}

/* --- the handler ---------------------------------------------------------- */

static void on_fault(int signo, siginfo_t *info, void *context);

/* Did a stack of ours run out, and was the guard jumped over? */
static bool is_overflow(const struct mo_fiber *fiber, uintptr_t address,
                        uintptr_t sp, bool *jumped)
{
    uintptr_t base = (uintptr_t)fiber->stack.base;

    *jumped = false;
    if (fiber->stack.size == 0)
        return false;               /* the thread's own */
    if (address < base && base - address <= fiber->stack.guard)
        return true;
    *jumped = true;
    return sp != 0 && sp < base && base - sp <= REACH && address < base
        && base - address <= REACH + fiber->stack.guard;
}

/* True: the thread may go on. */
static bool overflowed(struct mo_worker *w, ucontext_t *context, bool jumped)
{
    char text[2048];
    struct mo_line line = { .text = text, .room = sizeof text,
                            .fd = STDERR_FILENO };
    const char *why = NULL;
    bool killed = false;

    say_overflow(&line, w, mo_context_pc(context), jumped);
    if (w->runtime->on_overflow == MO_OVERFLOW_KILL) {
        if (jumped)
            why = "nobody knows what it has overwritten";
        else
            killed = kill_task(w, context, &why);
        mo_line_text(&line, killed ? " It is ended alone."
                                   : " It cannot be ended alone: ");
        mo_line_text(&line, killed ? "" : why);
        mo_line_text(&line, killed ? "" : ".");
    }
    mo_line_end(&line);
    mo_line_flush(&line);
    return killed;
}

static bool is_ours(int signo)
{
    struct sigaction now;

    return sigaction(signo, NULL, &now) == 0
        && (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_fault;
}

/* What the kernel does before it calls a handler. That the signals are blocked
 * ends when ours returns, or where theirs jumps to. */
static void prepare_call(int signo, const struct sigaction *action)
{
    sigset_t own;

    sigemptyset(&own);
    sigaddset(&own, signo);
    if (action->sa_flags & SA_NODEFER)
        pthread_sigmask(SIG_UNBLOCK, &own, NULL);
    pthread_sigmask(SIG_BLOCK, &action->sa_mask, NULL);
    if ((action->sa_flags & (int)SA_RESETHAND) && is_ours(signo))
        signal(signo, SIG_DFL);
}

/* As if we had not been there. A fault that nobody handles happens once more
 * when this returns, and then ends the process. */
static void pass_on(const struct sigaction *action, int signo, siginfo_t *info,
                    void *context)
{
    if (action->sa_flags & SA_SIGINFO) {
        prepare_call(signo, action);
        action->sa_sigaction(signo, info, context);
    } else if (action->sa_handler != SIG_DFL
               && action->sa_handler != SIG_IGN) {
        prepare_call(signo, action);
        action->sa_handler(signo);
    } else if (action->sa_handler == SIG_DFL || info->si_code > 0) {
        signal(signo, SIG_DFL);
        if (info->si_code <= 0)
            raise(signo);           /* it was sent: nothing would repeat it */
    }
}

/* A handler that the program put above ours passes what is not for it on to
 * us. If it stays while the runtime is started anew, we are above it, too, and
 * get the same signal twice, deeper on the same stack. (That it is deeper tells
 * it from a later one, if a handler was left by a jump.) */
static void pass_round(size_t which, siginfo_t *info, void *context)
{
    const char *frame = __builtin_frame_address(0);
    struct passing outer = passing;
    bool again = outer.context == context && frame < outer.frame;

    passing = (struct passing){ context, frame };
    pass_on(again ? &origin[which] : &before[which], faults[which], info,
            context);
    passing = outer;
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    struct mo_worker *w = mo_self();
    int kept = errno;
    bool jumped;

    if (caught != NULL && info->si_code > 0)
        siglongjmp(*caught, 1);
    if (w == NULL || info->si_code <= 0
        || w->runtime->on_overflow == MO_OVERFLOW_IGNORE
        || !is_overflow(w->fiber, (uintptr_t)info->si_addr,
                        mo_context_sp(context), &jumped)
        || !overflowed(w, context, jumped))
        pass_round(signo == faults[0] ? 0 : 1, info, context);
    errno = kept;
}

void mo_fault_jumped(struct mo_worker *w)
{
    char text[2048];
    struct mo_line line = { .text = text, .room = sizeof text,
                            .fd = STDERR_FILENO };

    say_overflow(&line, w, 0, true);
    mo_line_end(&line);
    mo_line_flush(&line);
    abort();
}

bool mo_fault_try(void (*fn)(void *), void *arg)
{
    sigjmp_buf *outer = caught;     /* a handler may try, too */
    sigjmp_buf here;
    volatile bool whole = false;

    if (sigsetjmp(here, 1) == 0) {
        caught = &here;
        fn(arg);
        whole = true;
    }
    caught = outer;
    return whole;
}

/* --- coming and going ----------------------------------------------------- */

void mo_fault_stack_init(struct mo_signal_stack *stack)
{
    stack_t there;
    stack_t ours = { .ss_size = STACK_BYTES };

    stack->memory = NULL;
    if (sigaltstack(NULL, &there) != 0 || (there.ss_flags & SS_DISABLE) == 0)
        return;
    ours.ss_sp = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ours.ss_sp == MAP_FAILED)
        return;
    if (sigaltstack(&ours, NULL) != 0) {
        munmap(ours.ss_sp, STACK_BYTES);
        return;
    }
    stack->memory = ours.ss_sp;
    stack->size = STACK_BYTES;
}

void mo_fault_stack_fini(struct mo_signal_stack *stack)
{
    stack_t none = { .ss_flags = SS_DISABLE };
    stack_t there;

    if (stack->memory == NULL)
        return;
    if (sigaltstack(NULL, &there) == 0 && there.ss_sp == stack->memory)
        sigaltstack(&none, NULL);   /* not one that the program put there */
    munmap(stack->memory, stack->size);
    stack->memory = NULL;
}

static void install(void)
{
    struct sigaction action = { .sa_sigaction = on_fault,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK };

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FAULTS; i++) {
        sigaction(faults[i], &action, &before[i]);
        if (!covered[i])
            origin[i] = before[i];
    }
}

/* Unless the program has put its own there since. */
static void uninstall(void)
{
    for (size_t i = 0; i < FAULTS; i++) {
        if (is_ours(faults[i]))
            sigaction(faults[i], &before[i], NULL);
        else
            covered[i] = true;
    }
}

int mo_fault_open(struct moirai_runtime *rt)
{
    int rc;

    rt->on_overflow = (enum mo_overflow)rt->options.on_overflow;
    if (rt->on_overflow == MO_OVERFLOW_IGNORE)
        return 0;
    rc = prepare_advice(rt);
    if (rc != 0) {
        forget_advice(rt);
        return rc;
    }
    if (users++ == 0)
        install();
    if (rt->os->sim != NULL)
        mo_fault_stack_init(&rt->signal_stack);
    return 0;
}

void mo_fault_close(struct moirai_runtime *rt)
{
    if (rt->on_overflow == MO_OVERFLOW_IGNORE)
        return;
    mo_fault_stack_fini(&rt->signal_stack);
    if (--users == 0)
        uninstall();
    forget_advice(rt);
}

void mo_fault_forked(void)
{
    if (users > 0)
        uninstall();
    users = 0;
}
