# SPDX-License-Identifier: MIT
"""gcore.py - a core file with the stacks of tasks."""

import bisect
import os
import struct

import gdb

from .commands import Kept, command
from .memory import PAGE, Unknown
from .process import NEVER, Process
from .show import display


class TaskGcore(gdb.Command):
    """Write a core file of the process that has the stacks of its tasks.

Usage: task gcore [FILE]

gdb's own generate-core-file stops reading a mapping at the first page that it
cannot read. Stacks lie in mappings with guard pages inside, so they would be
missing. A core file written by the kernel is complete."""

    def __init__(self):
        super().__init__('task gcore', gdb.COMMAND_FILES,
                         gdb.COMPLETE_FILENAME)

    @command
    def invoke(self, argument):
        name = os.path.expanduser(argument.strip()) or \
            'core.%d' % gdb.selected_inferior().pid
        with Kept():
            display.off()
            stacks = list(self.stacks(Process()))
            said = gdb.execute('generate-core-file ' + name, to_string=True)
        if not os.path.exists(name):
            raise Unknown(said)
        with open(name, 'r+b') as file:
            segments = sorted(self.segments(file))
            for low, high in stacks:
                i = bisect.bisect_right(segments, (low, NEVER)) - 1
                if i >= 0 and high <= segments[i][1]:
                    start, _, offset = segments[i]
                    self.copy(low, high, file, offset + low - start)
        gdb.write('Saved corefile %s, with %d stacks\n' % (name,
                                                           len(stacks)))

    def stacks(self, process):
        """What is in use of every stack that something is on."""
        for runtime in process.runtimes:
            for fiber in runtime.fibers():
                low = fiber['stack.base']
                high = low + fiber['stack.size']
                thread = process.threads.inside(low, high)
                if thread is not None:
                    sp = process.threads.pointer(thread) - 4096
                elif fiber['task'] or runtime.context(fiber) != fiber['sp']:
                    sp = runtime.context(fiber)
                else:
                    continue
                if sp < high:
                    yield max(sp, low) & ~(PAGE - 1), high

    def segments(self, file):
        """(first address, end, place in the file) of what an ELF file has."""
        head = file.read(64)
        if head[:4] != b'\x7fELF':
            raise Unknown('this is no ELF file')
        order = '<' if head[5] == 1 else '>'
        wide = head[4] == 2
        at = struct.unpack_from(order + ('Q' if wide else 'I'), head,
                                32 if wide else 28)[0]
        size, count = struct.unpack_from(order + 'HH', head,
                                         54 if wide else 42)
        if count == 0xffff:         # the true number is in section 0
            file.seek(struct.unpack_from(order + ('Q' if wide else 'I'), head,
                                         40 if wide else 32)[0])
            count = struct.unpack_from(order + 'I', file.read(64),
                                       44 if wide else 28)[0]
        for i in range(count):
            file.seek(at + i * size)
            entry = file.read(size)
            if wide:
                kind, _, offset, address, _, length = struct.unpack_from(
                    order + 'IIQQQQ', entry)
            else:
                kind, offset, address, _, length = struct.unpack_from(
                    order + 'IIIII', entry)
            if kind == 1 and length:    # PT_LOAD
                yield address, address + length, offset

    def copy(self, low, high, file, offset):
        memory = gdb.selected_inferior()
        for at in range(low, high, PAGE):
            try:
                data = bytes(memory.read_memory(at, PAGE))
            except gdb.MemoryError:
                continue
            if data.strip(b'\0'):
                file.seek(offset + at - low)
                file.write(data)


TaskGcore()
