# SPDX-License-Identifier: MIT
"""contexts.py - what a context switch leaves on a stack, by machine."""

import gdb

from .memory import Unknown

# What mo_switch leaves on a stack, by the beginning of gdb's name of the
# architecture; this mirrors core/arch/switch_*. `at` holds the offset of each
# saved register from the saved stack pointer; `size` is what the switch takes
# off the stack again, unless it saved the stack pointer itself. `mask` is what
# of a return address is an address, and no signature or mark. Saved floating-
# point registers are left out: a variable that is in one is "not saved".


def row(first, step, names):
    return {name: first + i * step for i, name in enumerate(names.split())}


SWITCHES = {
    'i386:x86-64': {
        'call': 'mo_switch', 'sp': 'rsp', 'pc': 'rip', 'size': 56,
        'at': row(0, 8, 'r15 r14 r13 r12 rbx rbp rip'),
    },
    'i386': {
        'call': 'mo_switch', 'sp': 'esp', 'pc': 'eip', 'size': 20,
        'at': row(0, 4, 'edi esi ebx ebp eip'),
    },
    'aarch64': {
        'call': 'mo_switch', 'sp': 'sp', 'pc': 'pc', 'size': 160,
        'at': row(0, 8, 'x29 pc x19 x20 x21 x22 x23 x24 x25 x26 x27 x28'),
        'mask': (1 << 48) - 1,
    },
    'arm': {
        'call': 'mo_switch', 'sp': 'sp', 'pc': 'pc', 'size': 104,
        'at': row(68, 4, 'r4 r5 r6 r7 r8 r9 r10 r11 pc'),
        'mask': ~1,
    },
    'riscv:rv64': {
        'call': 'mo_switch', 'sp': 'sp', 'pc': 'pc', 'size': 208,
        'at': row(0, 8, 'pc fp s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11'),
    },
}

# The same where contexts are those of POSIX: offsets in glibc's ucontext_t.
UCONTEXTS = {
    'i386:x86-64': {
        'call': 'swapcontext', 'sp': 'rsp', 'pc': 'rip', 'size': None,
        'at': {'r12': 72, 'r13': 80, 'r14': 88, 'r15': 96, 'rbp': 120,
               'rbx': 128, 'rsp': 160, 'rip': 168},
    },
}


# Where stacks begin, whoever compiled that: the last is glibc's.
STARTS = ('mo_switch', 'mo_switch_start', '__start_context',
          '__startcontext')

NOT_THERE = ('its stack is not there; gdb\'s generate-core-file leaves stacks '
             'out: `task gcore` writes them')


def switch_in_use():
    """The layout of saved contexts in this program."""
    arch = gdb.selected_frame().architecture().name()
    symbol = gdb.lookup_global_symbol('mo_switch')
    file = symbol.symtab.filename if symbol and symbol.symtab else ''
    if file.endswith('switch_threads.c'):
        raise Unknown('in this build every task has a thread of its own: see '
                      '`info threads`')
    table = UCONTEXTS if file.endswith('switch_ucontext.c') else SWITCHES
    fits = [name for name in table if arch.startswith(name)]
    if not fits:
        raise Unknown('stacks of tasks that wait cannot be shown on %s%s' % (
            arch, ' with ucontext' if table is UCONTEXTS else ''))
    return table[max(fits, key=len)]
