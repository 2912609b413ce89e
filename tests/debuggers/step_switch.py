# SPDX-License-Identifier: MIT
"""step_switch.py - at every instruction of the switch, a right backtrace.

Sourced by gdb with a program that has not been started. Steps through mo_switch
instruction by instruction, or, where waits have it written out, through that of
moirai_yield. Until the stack is changed the callers must be those that were
there on entry, and from then on those that are there on return: any other
answer means that the unwind information is wrong at that instruction. What the
switch leaves in memory must be as the table of moirai_gdb says.
"""

import os
import sys

import gdb

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                '..', '..', 'tools', 'gdb'))
from moirai_gdb.contexts import switch_in_use   # noqa: E402

TIMES = 24                      # switches
INSTRUCTIONS = 9                # of one that is written out


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


def written_out():
    """Where moirai_yield's own switches are: {first address: last address}."""
    frame = gdb.newest_frame()
    block = gdb.block_for_pc(int(gdb.parse_and_eval('(long)&moirai_yield')))
    while block.function is None:
        block = block.superblock
    code = frame.architecture().disassemble(block.start, block.end - 1)
    places = {}
    for i, step in enumerate(code):
        if 'notrack jmp' in step['asm'] and i >= INSTRUCTIONS - 1:
            places[code[i - INSTRUCTIONS + 1]['addr']] = step['addr']
    return places


class Saved:
    """On entry to the switch: the registers that it is to save."""

    def __init__(self, back):
        self.switch = switch_in_use()
        self.where = word('$rdi')   # mo_switch(save, to)
        names = ['rbp'] if back else self.switch['at']
        self.registers = {name: word('$' + name) for name in names}
        self.registers['rip'] = back or word('*(long *)$rsp')

    def complaint(self):
        at = word('*(long *)%d' % self.where)
        for name, value in self.registers.items():
            offset = self.switch['at'][name]
            if word('*(long *)%d' % (at + offset)) != value:
                return '%s is not saved at %d' % (name, offset)
        return None


def one(number, places):
    """Steps through one switch. Returns (instructions, complaint, callers)."""
    first = int(gdb.newest_frame().pc())
    last = places.get(first)
    length = int(gdb.newest_frame().architecture().disassemble(last)[0]
                 ['length']) if last else 0
    before = callers()
    saved = Saved(last and last + length)
    seen = []
    while (first <= int(gdb.newest_frame().pc()) <= last if last
           else gdb.newest_frame().name() == 'mo_switch'):
        seen.append((int(gdb.newest_frame().pc()), callers()))
        gdb.execute('stepi', to_string=True)
    after = callers()
    there = after[1:] or after if last else after   # or: it starts
    changed = False
    for pc, names in seen:
        changed = changed or names[1:] != before[1:]
        if changed and names[1:] != there:
            return (len(seen), 'switch %d at 0x%x: %s; before %s, after %s'
                    % (number, pc, names, before, after), after)
    return len(seen), saved.complaint(), after


def main():
    for setting in ('pagination off', 'confirm off', 'width 0',
                    'backtrace past-main on'):
        gdb.execute('set ' + setting, to_string=True)
    gdb.execute('tbreak main', to_string=True)
    gdb.execute('run', to_string=True)
    places = written_out()
    for place in places or ['mo_switch']:
        gdb.execute('break *%s' % place, to_string=True)
    gdb.execute('continue', to_string=True)
    gdb.execute('set scheduler-locking step')
    steps, ends = 0, set()
    for number in range(TIMES):
        count, complaint, after = one(number, places)
        if complaint:
            print('wrong:', complaint)
            return
        steps += count
        ends.update(after)
        gdb.execute('continue', to_string=True)
    print('stepped', steps, 'instructions of', TIMES, 'switches')
    print('seen', ' '.join(sorted(ends)))


main()
