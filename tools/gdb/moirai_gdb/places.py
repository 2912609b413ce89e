# SPDX-License-Identifier: MIT
"""places.py - where in the program tasks wait."""

import os

import gdb

from .contexts import switch_in_use
from .show import display, is_core, lent_frame, skip_inlined, steps_out


class Places:
    """The function of the program that a task waits in. Most tasks wait in few
    places, so a stack is unwound once for each: from then on it is enough to
    see the same return addresses at the same distances."""

    def __init__(self, process):
        self.memory = process.memory
        self.switch = switch_in_use()
        self.shapes = {}            # pc: distances seen
        self.texts = {}             # pc, distances, addresses: place

    def of(self, task):
        if task.thread is not None:
            task.thread.switch()
            return self.text(gdb.newest_frame())
        if task.sp is None:
            return ''
        sp, memory = task.sp, self.memory
        pc = memory.pointer(sp + self.switch['at'][self.switch['pc']])
        for shape in self.shapes.get(pc, ()):
            try:
                words = tuple([memory.pointer(sp + at) for at in shape])
            except gdb.MemoryError:
                continue
            text = self.texts.get((pc, shape, words))
            if text is not None:
                return text
        return self.learn(task, pc)

    def learn(self, task, pc):
        display.raw(task)
        shape, words, low = [], [], task.sp
        frame = lent_frame()
        text = 'the runtime'
        known = True                # all return addresses were found
        for caller in steps_out(frame):
            if frame.type() != gdb.INLINE_FRAME and \
                    frame.level() > display.shown.level:
                high = int(caller.read_register('sp'))
                at = self.look(caller.pc(), low, high)
                known = known and at is not None
                if known:
                    shape.append(at - task.sp)
                    words.append(caller.pc())
                low = high
            frame = caller
            if not is_core(frame):
                text = self.text(skip_inlined(frame))
                break
        if known and shape:
            shape = tuple(shape)
            self.shapes.setdefault(pc, set()).add(shape)
            self.texts[pc, shape, tuple(words)] = text
        return text

    def look(self, pc, low, high):
        """Where on the stack this return address is; the newest copy wins."""
        size = self.memory.word.size
        for at in range(high - size, max(low, high - 65536) - 1, -size):
            try:
                if self.memory.pointer(at) == pc:
                    return at
            except gdb.MemoryError:
                return None
        return None

    def text(self, frame):
        place = frame.find_sal()
        where = ' at %s:%d' % (os.path.basename(place.symtab.filename),
                               place.line) if place.symtab else ''
        return (frame.name() or '0x%x' % frame.pc()) + where
