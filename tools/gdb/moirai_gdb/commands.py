# SPDX-License-Identifier: MIT
"""commands.py - info tasks, task, task apply, task off."""

import re

import gdb

from .memory import Unknown, duration
from .places import Places
from .process import Process
from .show import display


def command(function):
    """What goes wrong is told as gdb tells its errors."""
    def invoke(self, argument, from_tty):
        try:
            function(self, argument)
        except (Unknown, gdb.MemoryError) as error:
            raise gdb.GdbError(str(error))
    return invoke


class Kept:
    """Leaves the selection as it was."""

    def __enter__(self):
        self.thread = gdb.selected_thread()
        self.level = None
        if self.thread is not None:
            self.level = gdb.selected_frame().level()
        self.before = display.before
        self.task, self.full = display.task, display.full
        return self

    def __exit__(self, *unused):
        display.before = None
        display.off()
        if self.thread is None or not self.thread.is_valid():
            return
        self.thread.switch()
        if self.task is not None:
            display.show(self.task, self.full)
            display.before = self.before
        frame = gdb.newest_frame()
        while frame is not None and frame.level() < self.level:
            frame = frame.older()
        if frame is not None:
            frame.select()


class InfoTasks(gdb.Command):
    """List the tasks of moirai: what each waits for, since when, where it was
spawned, and the function that waits.

Usage: info tasks [-group] [NUMBER...]

With -group, one line for all tasks that wait for the same in the same place.
A task that has not begun has no stack; these are only counted."""

    def __init__(self):
        super().__init__('info tasks', gdb.COMMAND_STATUS)

    @command
    def invoke(self, argument):
        words = argument.split()
        group = '-group' in words
        wanted = [w for w in words if w != '-group']
        with Kept() as kept:
            display.off()
            process = Process()
            texts = [self.runtime(process, r, wanted, group, kept.task)
                     for r in process.runtimes]
        for text in process.broken:
            gdb.write('warning: %s\n' % text)
        if not process.runtimes and not process.broken:
            gdb.write('No runtime is running.\n')
        for text in texts:
            gdb.write(text)

    def runtime(self, process, runtime, wanted, group, chosen):
        tasks = runtime.tasks()
        places = Places(process)
        lines = [runtime.heading(tasks)]
        lines += ['warning: ' + text for text in runtime.broken]
        if wanted:
            tasks = [t for t in tasks
                     if t.label() in wanted or str(t.id) in wanted]
        rows = [('*' if chosen and chosen.address == t.address else '',)
                + self.row(process, places, t) for t in tasks]
        if group:
            counts = {}
            for row in rows:
                key = tuple(row[3:4] + row[5:])
                counts[key] = counts.get(key, 0) + 1
            rows = [(str(n),) + key for key, n in
                    sorted(counts.items(), key=lambda item: -item[1])]
            head = ('Tasks', 'State', 'Spawned at', 'In')
        else:
            head = ('', 'Id', 'Name', 'State', 'For', 'Spawned at', 'In')
        if rows:
            lines += table([head] + rows)
        return '\n'.join(lines) + '\n'

    def row(self, process, places, task):
        place = ''
        try:
            if task.wrong is None:
                place = places.of(task)
        except (gdb.error, Unknown, RuntimeError) as error:
            task.wrong = str(error)
        since = ''
        if task.since is not None and task.runtime.now() is not None:
            since = duration(max(task.runtime.now() - task.since, 0))
        return (task.label(), task.name or '', task.state, since, task.site,
                'error: ' + task.wrong if task.wrong else place)


def table(rows):
    """Lines with columns as wide as what is in them, within reason."""
    most = (1, 12, 24, 60, 10, 48) if len(rows[0]) == 7 else (8, 60, 48)
    widths = [min(limit, max(len(row[i]) for row in rows))
              for i, limit in enumerate(most)]
    return ['  '.join([cell.ljust(width)
                       for cell, width in zip(row, widths)] + [row[-1]])
            for row in rows]


class TaskCommand(gdb.Command):
    """Select a task of moirai, or run a command about one.

Usage: task
       task [-full] NUMBER
       task [-full] NUMBER COMMAND

Alone, says which task is selected. With a number as `info tasks` shows it, bt,
up, down, frame, info locals and print are about that task, until `task off` or
until the process runs on. With a command, only that command is about the task.

The runtime's own frames are left out, unless there is -full."""

    def __init__(self):
        super().__init__('task', gdb.COMMAND_STACK, gdb.COMPLETE_NONE, True)

    @command
    def invoke(self, argument):
        full, words = options(argument)
        if not words:
            if display.task is None:
                gdb.write('No task is selected; this is about the thread.\n')
            else:
                gdb.write('This is about %s.\n' % display.task.title())
            return
        number, rest = (words.split(None, 1) + [''])[:2]
        if rest.startswith('-full'):
            full, rest = True, rest[5:].strip()
        if rest:
            with Kept():
                display.off()
                run(Process().find(number), full, rest)
            return
        with_kept = display.before or gdb.selected_thread()
        display.off()
        display.show(Process().find(number), full)
        if display.before is not None:
            display.before = with_kept
        display.select()
        gdb.write('[Switching to %s]\n' % display.task.title())
        gdb.execute('frame')


class TaskOff(gdb.Command):
    """Select no task: commands are about the thread again.

Usage: task off"""

    def __init__(self):
        super().__init__('task off', gdb.COMMAND_STACK)

    @command
    def invoke(self, argument):
        display.off()


class TaskApply(gdb.Command):
    """Run a command about several tasks.

Usage: task apply [-full] all COMMAND
       task apply [-full] NUMBER[-NUMBER]... COMMAND

An error about one task is printed and does not end the rest."""

    def __init__(self):
        super().__init__('task apply', gdb.COMMAND_STACK)

    @command
    def invoke(self, argument):
        full, words = options(argument)
        number = r'(?:all|(?:\d+\.)?\d+(?:-\d+)?)(?=\s|$)'
        match = re.match(r'((?:%s\s*)+)(.*)' % number, words)
        if match is None:
            raise Unknown('task apply: which tasks?')
        if not match.group(2):
            raise Unknown('task apply: which command?')
        with Kept():
            display.off()
            for task in self.chosen(Process(), match.group(1).split()):
                try:
                    run(task, full, match.group(2))
                except (Unknown, gdb.error) as error:
                    gdb.write('error: %s\n' % error)
                gdb.write('\n')

    def chosen(self, process, words):
        tasks = [t for r in process.runtimes for t in r.tasks()]
        for word in words:
            if word == 'all':
                yield from tasks
                continue
            first, _, last = word.partition('-')
            if not last:
                yield process.find(first)
                continue
            prefix, _, low = first.rpartition('.')
            for task in tasks:
                if int(low) <= task.id <= int(last) and \
                        prefix in ('', str(task.runtime.number)):
                    yield task


def options(argument):
    words = argument.strip()
    if re.match(r'-full(\s|$)', words):
        return True, words[5:].strip()
    return False, words


def run(task, full, text):
    gdb.write(task.title()[0].upper() + task.title()[1:] + '\n')
    display.show(task, full)
    display.select()
    gdb.execute(text)


InfoTasks()
TaskCommand()
TaskOff()
TaskApply()
