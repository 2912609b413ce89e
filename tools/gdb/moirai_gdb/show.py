# SPDX-License-Identifier: MIT
"""show.py - a task that waits, in the place of a thread's innermost frame."""

import os

import gdb
import gdb.frames
import gdb.unwinder
from gdb.FrameDecorator import FrameDecorator

from .contexts import NOT_THERE, STARTS, switch_in_use
from .memory import Memory, Unknown, core_folder, symbol_at


def is_core(frame, folders={}):
    """Does the runtime's own code run in this frame?"""
    name = frame.name() or symbol_at(frame.pc())
    if name in STARTS or frame.pc() == 0:
        return True
    function = frame.function()
    if function is None or function.symtab is None:
        return False
    file = function.symtab.filename
    if file not in folders:
        core = core_folder()
        folder = os.path.dirname(file)
        folders[file] = folder == core or folder.startswith(core + '/')
    return folders[file]


class LentArgument:
    """An argument of the call that the lent frame is printed as."""

    def __init__(self, name, value):
        self.name = name
        self.held = value

    def symbol(self):
        return self.name

    def value(self):
        return self.held


class Call:
    """What the lent frame is printed as: the call by which a task waits."""

    def __init__(self, frame=None, name=None):
        self.name = name
        self.file = self.line = None
        self.arguments = []
        if frame is None:
            self.pc = int(gdb.parse_and_eval('(long)&' + name))
            return
        self.name = frame.name()
        self.pc = frame.pc()
        place = frame.find_sal()
        if place.symtab is not None:
            self.file = place.symtab.filename
            self.line = place.line
        try:
            block = frame.block()
        except RuntimeError:
            return
        while block.function is None and block.superblock is not None:
            block = block.superblock
        for symbol in block:
            if symbol.is_argument:
                value = symbol.value(frame)
                if not value.is_optimized_out:
                    value.fetch_lazy()
                self.arguments.append(LentArgument(symbol.name, value))


class LentFrame(FrameDecorator):
    """The thread's innermost frame, printed as the call."""

    def __init__(self, base, call):
        super().__init__(base)
        self.call = call

    def function(self):
        return self.call.name

    def address(self):
        return self.call.pc

    def filename(self):
        return self.call.file

    def line(self):
        return self.call.line

    def frame_args(self):
        return self.call.arguments

    def frame_locals(self):
        return None


def lent_frame():
    """The selected thread's innermost frame that a function has to itself."""
    frame = gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame


def steps_out(frame):
    """The frames that called this one."""
    frame = frame.older()
    while frame is not None:
        yield frame
        frame = frame.older()


def skip_inlined(frame):
    """The function of the program, where the call is inlined into it."""
    while frame.type() == gdb.INLINE_FRAME and frame.older() is not None and \
            (frame.name() or '').startswith('moirai_'):
        frame = frame.older()
    return frame


class Shown:
    """A task that waits, shown in the place of a thread. `registers` are those
    of the frame that is said to have called the lent one."""

    def __init__(self, task, full):
        self.task = task
        self.full = full
        self.switch = switch_in_use()
        self.thread = gdb.selected_thread().num
        frame = lent_frame()
        self.level = frame.level()
        self.lent = (int(frame.read_register(self.switch['sp'])), frame.pc())
        self.call = Call(name=self.switch['call']) if full else None
        self.registers = self.saved()

    def saved(self):
        """The registers as the switch saved them."""
        memory = Memory()
        at = self.task.sp
        found = {name: memory.pointer(at + offset)
                 for name, offset in self.switch['at'].items()}
        if self.switch['size'] is not None:
            found[self.switch['sp']] = at + self.switch['size']
        found[self.switch['pc']] &= self.switch.get('mask', -1)
        if found[self.switch['pc']] == 0:
            raise Unknown(NOT_THERE)
        return found

    def refine(self):
        """Goes on from the first frame that is not the runtime's. To find out
        its registers, the runtime's are unwound once."""
        call = None
        for frame in steps_out(lent_frame()):
            if not is_core(frame):
                break
            if frame.type() != gdb.INLINE_FRAME:
                call = frame
        else:
            call = None             # the runtime's alone
        if call is None:
            self.call = Call(name=self.switch['call'])
            return
        self.call = Call(call)
        self.registers = {}
        for name in set(self.switch['at']) | {self.switch['sp']}:
            value = frame.read_register(name)
            if not value.is_optimized_out:
                self.registers[name] = as_int(value)

    def decorate(self, frames):
        lent = lent_frame().level()
        own = []
        for item in frames:
            frame = item.inferior_frame()
            if frame.level() < lent:
                continue
            if frame.level() == lent:
                yield LentFrame(item, self.call)
            elif not self.full and is_core(frame):
                own.append(item)    # the loop's, unless more follows
            else:
                yield from own
                own = []
                yield item


def as_int(value):
    if value.type.strip_typedefs().code != gdb.TYPE_CODE_INT:
        value = value.cast(gdb.lookup_type('unsigned long'))
    return int(value) & ((1 << 8 * value.type.sizeof) - 1)


class FrameId:
    def __init__(self, sp, pc):
        self.sp = gdb.Value(sp)
        self.pc = gdb.Value(pc)


class Unwinder(gdb.unwinder.Unwinder):
    """Says that the lent frame was called from where the task is."""

    def __init__(self):
        super().__init__('moirai')
        self.enabled = False
        self.shown = None
        self.types = {}             # of registers

    def __call__(self, pending):
        shown = self.shown
        if shown is None:
            return None
        try:
            if pending.level() > shown.level:
                return None
        except AttributeError:      # before gdb 11
            pass
        if gdb.selected_thread().num != shown.thread:
            return None
        names = shown.switch
        sp = int(pending.read_register(names['sp']))
        pc = int(pending.read_register(names['pc']))
        if (sp, pc) != shown.lent:
            return None
        info = pending.create_unwind_info(FrameId(shown.task.sp, pc))
        for name, value in shown.registers.items():
            if name not in self.types:
                self.types[name] = pending.read_register(name).type
            kind = self.types[name]
            info.add_saved_register(name, gdb.Value(value).cast(kind))
        return info


class Filter:
    """Prints the lent frame as what it stands for, and leaves the runtime's
    loop out at the other end."""

    def __init__(self):
        self.name = 'moirai'
        self.enabled = False
        self.priority = 1000
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        thread = gdb.selected_thread().num
        if display.shown is not None and display.shown.thread == thread:
            return display.shown.decorate(frames)
        if display.trimmed == thread:
            return self.trim(frames)
        return frames

    def trim(self, frames):
        own = []
        user = False
        for item in frames:
            if user and is_core(item.inferior_frame()):
                own.append(item)
                continue
            user = user or not is_core(item.inferior_frame())
            yield from own
            own = []
            yield item


class Display:
    """Which task is shown, and in which thread's place."""

    def __init__(self):
        self.shown = None
        self.trimmed = None         # a thread that runs a task
        self.before = None          # the thread that was selected then
        self.task = None
        self.full = False
        self.calling = False
        self.unwinder = Unwinder()
        self.filter = Filter()
        gdb.unwinder.register_unwinder(None, self.unwinder, True)
        gdb.events.cont.connect(self.resumed)
        gdb.events.exited.connect(self.exited)
        gdb.events.inferior_call.connect(self.inferior_call)

    def retire(self):
        self.off()
        gdb.events.cont.disconnect(self.resumed)
        gdb.events.exited.disconnect(self.exited)
        gdb.events.inferior_call.disconnect(self.inferior_call)

    def set(self, shown):
        self.shown = self.unwinder.shown = shown
        self.unwinder.enabled = shown is not None
        self.filter.enabled = shown is not None or self.trimmed is not None
        gdb.invalidate_cached_frames()

    def off(self):
        self.task = self.trimmed = None
        if self.shown is not None or self.filter.enabled:
            self.set(None)
        if self.before is not None and self.before.is_valid():
            self.before.switch()
        self.before = None

    def show(self, task, full):
        """Selects a task."""
        if task.wrong:
            raise Unknown(task.wrong)
        if task.thread is None and task.sp is None:
            raise Unknown('nobody knows which thread it runs on')
        self.off()
        if gdb.selected_thread() is None:
            raise Unknown('no thread is selected')
        if task.thread is not None:
            self.before = gdb.selected_thread()
            task.thread.switch()
            self.trimmed = None if full else task.thread.num
            self.set(None)
        else:
            self.raw(task, full)
            if not full:
                self.shown.refine()
                self.set(self.shown)
        self.task, self.full = task, full

    def raw(self, task, full=True):
        self.set(None)
        self.set(Shown(task, full))

    def select(self):
        """The frame that a user wants to see first."""
        if self.shown is not None:
            skip_inlined(lent_frame().older()).select()

    def resumed(self, event):
        if not self.calling:
            self.task = self.before = self.trimmed = None
            self.set(None)

    def exited(self, event):
        self.resumed(event)

    def inferior_call(self, event):
        """A call that gdb makes for `print f()` comes back to where it was."""
        self.calling = isinstance(event, gdb.InferiorCallPreEvent)


display = Display()
