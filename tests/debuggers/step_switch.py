# SPDX-License-Identifier: MIT
"""step_switch.py - at every instruction of the switch, a right backtrace.

Sourced by gdb with a program that has not been started. Steps through mo_switch
instruction by instruction. Until the stack is changed the callers must be those
that were there on entry, and from then on those that are there on return: any
other answer means that the unwind information is wrong at that instruction.
What the switch leaves in memory must be as the table of moirai_gdb says.
"""

import os
import sys

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', '..', 'tools', 'gdb'))
from moirai_gdb.contexts import switch_in_use   # noqa: E402

TIMES = 24                      # switches


def callers():
    """The functions on the stack, without those that were inlined: at a return
    address these are not the same as right after it."""
    names = []
    frame = gdb.newest_frame()
    while frame is not None:
        if frame.type() != gdb.INLINE_FRAME:
            names.append(frame.name() or '?')
        last, frame = frame, frame.older()
    reason = last.unwind_stop_reason()
    if reason > gdb.FRAME_UNWIND_OUTERMOST:
        names.append(gdb.frame_stop_reason_string(reason))
    return names


def word(text):
    return int(gdb.parse_and_eval('(unsigned long)(%s)' % text))


class Saved:
    """On entry to the switch: the registers that it is to save."""

    def __init__(self):
        self.switch = switch_in_use()
        self.where = word('$rdi')   # mo_switch(save, to)
        self.registers = {name: word('$' + name) for name in self.switch['at']}
        self.registers['rip'] = word('*(long *)$rsp')

    def complaint(self):
        at = word('*(long *)%d' % self.where)
        for name, offset in self.switch['at'].items():
            if word('*(long *)%d' % (at + offset)) != self.registers[name]:
                return '%s is not saved at %d' % (name, offset)
        return None


def one(number):
    """Steps through one switch. Returns (instructions, complaint, callers)."""
    before = callers()
    saved = Saved()
    seen = []
    while gdb.newest_frame().name() == 'mo_switch':
        seen.append((int(gdb.newest_frame().pc()), callers()))
        gdb.execute('stepi', to_string=True)
    after = callers()
    changed = False
    for pc, names in seen:
        changed = changed or names[1:] != before[1:]
        if changed and names[1:] != after:
            return (len(seen), 'switch %d at 0x%x: %s; before %s, after %s'
                    % (number, pc, names, before, after), after)
    return len(seen), saved.complaint(), after


def main():
    for setting in ('pagination off', 'confirm off', 'width 0',
                    'backtrace past-main on'):
        gdb.execute('set ' + setting, to_string=True)
    gdb.execute('tbreak main', to_string=True)
    gdb.execute('run', to_string=True)
    gdb.execute('break *mo_switch', to_string=True)
    gdb.execute('continue', to_string=True)
    gdb.execute('set scheduler-locking step')
    steps, ends = 0, set()
    for number in range(TIMES):
        count, complaint, after = one(number)
        if complaint:
            print('wrong:', complaint)
            return
        steps += count
        ends.update(after)
        gdb.execute('continue', to_string=True)
    print('stepped', steps, 'instructions of', TIMES, 'switches')
    print('seen', ' '.join(sorted(ends)))


main()
