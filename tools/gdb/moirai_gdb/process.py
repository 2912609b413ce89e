# SPDX-License-Identifier: MIT
"""process.py - the runtimes of a process, and their tasks."""

import bisect
import re
import struct
import sys
import time

import gdb

from .memory import Memory, Types, Unknown
from .memory import duration, enum_names, find_list, symbol_at

NEVER = (1 << 63) - 1

# As core/wait.c has them; compilers may have dissolved its table.
WORDS = {
    'FRAME': 'join of a fork',
    'HANDLE': 'join of a task',
    'SCOPE': 'end of a scope',
    'SEND': 'channel send',
    'RECV': 'channel receive',
    'BLOCK': 'blocking call',
    'GROUP': 'wait group',
    'READ': 'read lock',
    'WRITE': 'write lock',
    'COND': 'condition',
    'CHILDREN': 'children of a supervisor',
}

# By enum moirai_io_op, whose numbers stay, as core/backend.c has them.
CALLS = ('call of', 'event of', 'read of', 'write to', 'receive from',
         'send to', 'accept of', 'connect of', 'sync of', 'splice from',
         'open in', 'close of', 'stat of')


class Task:
    """One task. `sp`: where its registers are saved; None while it runs.
    `thread`: the one that it runs on. `wrong`: what cannot be right."""

    def __init__(self, runtime, address, task_id):
        self.runtime = runtime
        self.address = address      # of the task
        self.id = task_id
        self.name = None
        self.site = '?'
        self.state = '?'
        self.since = None
        self.sp = None
        self.thread = None
        self.wrong = None
        self.plain = True           # not a fork

    def label(self):
        return self.runtime.prefix() + str(self.id)

    def title(self):
        name = ' "%s"' % self.name if self.name else ''
        return 'task %s%s (%s, spawned at %s)' % (self.label(), name,
                                                  self.state, self.site)


class Threads:
    """Where the stack pointer of each of gdb's threads is."""

    def __init__(self):
        self.pointers = []          # (sp, thread), sorted by sp
        chosen = gdb.selected_thread()
        frame = gdb.selected_frame() if chosen else None
        for thread in gdb.selected_inferior().threads():
            try:
                thread.switch()
                sp = gdb.newest_frame().read_register('sp')
                self.pointers.append((int(sp), thread.num, thread))
            except gdb.error:
                continue            # it runs, or is gone
        if chosen is not None:
            chosen.switch()
            if frame.is_valid():
                frame.select()
        self.pointers.sort()

    def of(self, worker):
        """The thread of a worker, by its pthread_t; where it is told."""
        for _, _, thread in self.pointers:
            try:
                handle = int.from_bytes(thread.handle(), sys.byteorder)
            except (AttributeError, RuntimeError, gdb.error):
                continue
            if handle and handle == worker['thread.real']:
                return thread
        return None

    def pointer(self, thread):
        return next(sp for sp, _, own in self.pointers if own == thread)

    def inside(self, low, high):
        """The thread whose stack pointer is there."""
        i = bisect.bisect_left(self.pointers, (low,))
        if i < len(self.pointers) and self.pointers[i][0] < high:
            return self.pointers[i][2]
        return None


class Runtime:
    """One runtime and what it is busy with."""

    def __init__(self, process, address, number):
        self.process = process
        self.number = number
        self.record = process.types.record('moirai_runtime', address)
        self.broken = []            # what could not be followed
        self.workers = []
        self.read_workers()
        self.read_world()

    def prefix(self):
        return '%d.' % self.number if self.process.several else ''

    def read_workers(self):
        memory, types = self.process.memory, self.process.types
        for i in range(self.record['worker_count']):
            try:
                at = self.record['workers'] + i * memory.word.size
                self.workers.append(types.record('mo_worker',
                                                 memory.pointer(at)))
            except gdb.MemoryError as error:
                self.broken.append('worker %d: %s' % (i, error))

    def read_world(self):
        """The clock, and under the simulator where its threads are."""
        self.contexts = []          # saved stack pointers
        self.clock = None
        types = self.process.types
        try:
            sim = types.record('mo_os', self.record['os'])['sim']
            if not sim:
                return
            world = types.record('mo_sim', sim)
            self.clock = world['clock']
            size = types.layout('mo_sim_thread').size
            for i in range(world['count']):
                thread = types.record('mo_sim_thread',
                                      world.at('threads') + i * size)
                if thread.address != world['current'] and \
                        not thread['ended']:
                    self.contexts.append(thread['sp'])
        except (gdb.MemoryError, Unknown) as error:
            self.broken.append('simulator: %s' % error)
        self.contexts.sort()

    def fibers(self):
        """Every record of a stack, by the roster; where that is broken, also
        those of the tasks that the scopes know."""
        seen = set()
        try:
            for at in self.roster():
                fiber = self.fiber(at)
                if at not in seen:
                    seen.add(at)
                    yield fiber
        except (gdb.MemoryError, Unknown) as error:
            self.broken.append('the list of stacks is broken after %d of them '
                               '(%s): what follows was searched for'
                               % (len(seen), error))
            for fiber in self.search(self.record.at('root'), seen):
                seen.add(fiber.address)
                yield fiber

    def fiber(self, at):
        fiber = self.process.types.record('mo_fiber', at, alone=True)
        if fiber['waiter.fiber'] != at:
            raise Unknown('there is none at 0x%x' % at)
        return fiber

    def roster(self):
        """The addresses in it. Odd ones are places that are free."""
        memory, types = self.process.memory, self.process.types
        at = self.record['roster.pages']
        pages = set()
        while at:
            if at in pages:
                raise Unknown('it runs in a circle')
            pages.add(at)
            page = types.record('mo_roster_page', at)
            places = page.data[page.at('places') - at:]
            for (fiber,) in memory.word.iter_unpack(places):
                if fiber % 2 == 0:
                    yield fiber
            at = page['next']

    def search(self, scope, seen):
        """Those of a scope and its children that were not seen."""
        try:
            record = self.process.types.record('moirai_scope', scope)
            at, child = record['fibers'], record['children']
            known = set()
            while at and at not in known:
                known.add(at)
                fiber = self.fiber(at)
                if at not in seen:
                    yield fiber
                at = fiber['next']
            while child and child not in known:
                known.add(child)
                yield from self.search(child, seen)
                child = self.process.types.record('moirai_scope',
                                                  child)['sibling_next']
        except (gdb.MemoryError, Unknown):
            return

    def tasks(self):
        """Every task that has begun, by its number."""
        tasks = []
        on_stack = set()
        running = {w['task']: w for w in self.workers if w['task']}
        fibers = list(self.fibers())
        self.busy = set()           # threads that are on one of the stacks
        for fiber in fibers:
            thread = self.thread_on(fiber)
            if thread is not None:
                self.busy.add(thread.num)
        for fiber in fibers:
            if fiber['task'] == 0:
                continue
            task = Task(self, fiber['task'], fiber['shown_id'])
            on_stack.add(fiber['task'])
            try:
                self.describe(task, fiber, running.get(fiber['task']))
            except (gdb.error, Unknown, struct.error) as error:
                task.wrong = str(error)
            tasks.append(task)
        for address, worker in running.items():
            if address not in on_stack:
                tasks.append(self.fresh(address, worker))
        tasks.sort(key=lambda t: t.id)
        return tasks

    def thread_on(self, fiber):
        low = fiber['stack.base']
        return self.process.threads.inside(low, low + fiber['stack.size'])

    def thread_aside(self, worker):
        """The thread of a worker that is on none of the stacks: it handles a
        signal on a stack for that."""
        thread = self.process.threads.of(worker)
        return thread if thread and thread.num not in self.busy else None

    def describe(self, task, fiber, worker):
        """Reads about a task that owns a stack."""
        low = fiber['stack.base']
        task.thread = self.thread_on(fiber)
        if task.thread is None and worker is not None and \
                worker['fiber'] == fiber.address:
            task.thread = self.thread_aside(worker)
        task.name = self.process.string(fiber['shown_name'])
        self.place(task, fiber['shown_site'])
        kind = self.process.types.record('moirai_task', task.address)['kind']
        task.plain = self.process.task_kinds.get(kind) != 'FRAME'
        if task.thread is not None:
            task.state = self.running_text(worker, task.thread)
            return
        task.sp = self.context(fiber)
        if worker is not None and worker['fiber'] == fiber.address:
            task.state = self.running_text(worker, None)
        else:
            self.describe_wait(task, fiber)
        if not low <= task.sp < low + fiber['stack.size']:
            raise Unknown('its saved stack pointer 0x%x is not on its stack'
                          % task.sp)

    def context(self, fiber):
        """Where the fiber's registers are saved: a thread of the simulator
        that does not run is left by another switch than its fiber's."""
        low = fiber['stack.base']
        i = bisect.bisect_left(self.contexts, low)
        if i < len(self.contexts) and \
                self.contexts[i] < low + fiber['stack.size']:
            return self.contexts[i]
        return fiber['sp']

    def running_text(self, worker, thread):
        where = []
        if worker is not None:
            where.append('on worker %d' % worker['hot.index'])
        if thread is not None:
            where.append('thread %d' % thread.num)
        return ', '.join(['running ' + where[0]] + where[1:] if where
                         else ['running'])

    def fresh(self, address, worker):
        """A task that has not waited yet: it runs in its worker's loop."""
        task = Task(self, address, 0)
        try:
            record = self.process.types.record('moirai_task', address)
            task.id = record['id']
            self.place(task, record['site'])
            fiber = self.process.types.record('mo_fiber', worker['fiber'])
            task.thread = self.thread_on(fiber) or self.thread_aside(worker)
            if task.thread is None:
                sp = self.context(fiber)
                if sp != fiber['sp']:   # a thread of the simulator
                    task.sp = sp
            task.state = self.running_text(worker, task.thread)
            if record['handle']:
                handle = self.process.types.record('moirai_handle',
                                                   record['handle'])
                task.name = self.process.string(handle['name'])
        except (gdb.error, Unknown) as error:
            task.wrong = str(error)
        return task

    def place(self, task, site):
        if site:
            task.site = self.process.site(site)

    # What a task waits for.

    def describe_wait(self, task, fiber):
        process = self.process
        kind = process.kinds.get(fiber['waiter.kind'])
        claim = process.claims.get(fiber['waiter.claim'] & process.claim_mask)
        if kind in (None, 'NONE', 'YIELD') or claim == 'TAKEN':
            task.state = 'ready'
            return
        about = getattr(self, 'about_' + kind.lower(), self.about_other)
        try:
            detail = about(fiber['waiter.object'], fiber)
        except (gdb.error, Unknown) as error:
            detail = ' on 0x%x (%s)' % (fiber['waiter.object'], error)
        task.state = process.kind_text(fiber['waiter.kind']) + detail
        deadline = fiber['waiter.deadline_ns']
        if kind != 'SLEEP' and deadline and deadline < NEVER - 1:
            task.state += self.until(deadline)
        task.since = fiber['waiter.since_ns'] or None

    def until(self, deadline):
        now = self.now()
        if now is None:
            return ''
        if deadline <= now:
            return ', due'
        return ', %s left' % duration(deadline - now)

    def now(self):
        """The runtime's clock; None if nobody knows: in a core file."""
        return self.clock if self.clock is not None else self.process.clock

    def about_other(self, at, fiber):
        name = self.process.symbol(at) if at else None
        return ' on 0x%x%s' % (at, ' <%s>' % name if name else '') \
            if at else ''

    def about_recv(self, at, fiber):
        record = self.process.types.record('mo_chan', at)
        name = None
        if record['name']:
            layout = self.process.types.layout('mo_name')
            name = self.process.string(record['name']
                                       + layout.find('text')[1])
        return ' on %s%s' % (name or '0x%x' % at,
                             ' (closed)' if record['closed'] else '')

    about_send = about_recv

    def about_mutex(self, at, fiber):
        owner = self.process.types.record('moirai_mutex', at)['word'] & ~6
        name = self.process.symbol(at)
        return ' 0x%x%s, %s' % (at, ' <%s>' % name if name else '',
                                self.owner_text(owner))

    def owner_text(self, owner):
        if owner == 0:
            return 'free'
        try:
            fiber = self.process.types.record('mo_fiber', owner)
            if fiber['waiter.fiber'] == owner:
                return 'held by task %s%d' % (self.prefix(), fiber['shown_id'])
        except gdb.MemoryError:
            pass
        return 'held by a thread'

    def about_handle(self, at, fiber):
        record = self.process.types.record('moirai_handle', at)
        name = self.process.string(record['name'])
        text = ', "%s"' % name if name else ''
        if record['fibers']:
            other = self.process.types.record('mo_fiber', record['fibers'])
            text += ', which is task %s%d' % (self.prefix(),
                                              other['shown_id'])
        return text

    def about_frame(self, at, fiber):
        record = self.process.types.record('moirai_frame', at)
        return ', task %s%d: %s' % (
            self.prefix(), record['task.id'],
            self.process.symbol(record['task.fn'])
            or '0x%x' % record['task.fn'])

    def about_scope(self, at, fiber):
        left = self.process.types.record('moirai_scope', at)['live']
        return ', %d task%s left' % (left, '' if left == 1 else 's')

    def about_sleep(self, at, fiber):
        deadline = fiber['waiter.deadline_ns']
        if deadline is None:
            return ''
        return ' for ever' if deadline >= NEVER - 1 else self.until(deadline)

    def about_block(self, at, fiber):
        function = self.process.types.record('job', at)['fn']
        return ': %s' % (self.process.symbol(function)
                         or '0x%x' % function)

    def about_input(self, at, fiber):
        call = self.process.types.record('mo_io_call', at)
        op = call['request.op']
        return ': %s descriptor %d' % (CALLS[op if op < len(CALLS) else 0],
                                       call['request.fd'])

    about_output = about_input

    def heading(self, tasks):
        fresh = self.not_begun(tasks)
        return 'Runtime %d at 0x%x: %d worker%s, %d task%s%s%s' % (
            self.number, self.record.address, len(self.workers),
            '' if len(self.workers) == 1 else 's', len(tasks),
            '' if len(tasks) == 1 else 's',
            ', %d not begun' % fresh if fresh > 0 else '',
            ', simulated' if self.clock is not None else '')

    def not_begun(self, tasks):
        """Tasks in queues: they have no stack, and are only counted."""
        known = sum(1 for t in tasks if t.plain)
        spawned = (self.record['outside.spawned'] or 0) + sum(
            w['count.spawned'] or 0 for w in self.workers)
        finished = sum(w['count.finished'] or 0 for w in self.workers)
        return spawned - finished - known


class Process:
    """What one command knows of the process."""

    def __init__(self):
        lists = find_list()
        self.memory = Memory()
        self.types = Types(self.memory)
        self.strings = {}
        self.sites = {}
        self.threads = Threads()
        self.kinds = enum_names('mo_wait_kind', 'MO_WAIT_')
        self.claims = enum_names('mo_claim', 'MO_CLAIM_')
        self.claim_mask = (1 << max(self.claims or [3]).bit_length()) - 1
        self.task_kinds = enum_names('mo_task_kind', 'MO_TASK_')
        self.clock = self.read_clock()
        self.broken = []
        heads = []
        for symbol in lists:
            heads += self.follow(int(symbol.value()))
        self.several = len(heads) > 1
        self.runtimes = []
        for i, head in enumerate(heads):
            try:
                self.runtimes.append(Runtime(self, head, i + 1))
            except gdb.MemoryError as error:
                self.broken.append('runtime 0x%x: %s' % (head, error))

    def follow(self, at):
        """A list of runtimes, oldest first."""
        found = []
        while at and at not in found:
            found.insert(0, at)
            try:
                at = self.types.record('moirai_runtime', at)['next']
            except gdb.MemoryError:
                break               # told when it is looked into
        return found

    def read_clock(self):
        """Now, as this process sees it, if it runs on this machine. Not by
        gdb.Inferior.connection: gdb 13 can fail when such an object goes."""
        try:
            stack = gdb.execute('maintenance print target-stack',
                                to_string=True)
        except gdb.error:
            return None
        if 'native' not in stack:
            return None
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)

    def string(self, address):
        if address not in self.strings:
            self.strings[address] = self.memory.string(address)
        return self.strings[address]

    def symbol(self, address):
        return symbol_at(address)

    def site(self, address):
        if address not in self.sites:
            site = self.types.record('moirai_site', address)
            self.sites[address] = '%s:%d' % (self.string(site['file']),
                                             site['line'])
        return self.sites[address]

    def kind_text(self, kind):
        """The core's word for what a wait is for."""
        name = self.kinds[kind]
        return WORDS.get(name, name.lower())

    def find(self, label):
        """The task called N, or R.N where there are several runtimes."""
        match = re.fullmatch(r'(?:(\d+)\.)?(\d+)', label)
        if match is None:
            raise Unknown('"%s" is not the number of a task' % label)
        found = [t for r in self.runtimes
                 if match.group(1) in (None, str(r.number))
                 for t in r.tasks() if t.id == int(match.group(2))]
        if not found:
            raise Unknown('there is no task %s, or it has not begun yet, or '
                          'it has ended' % label)
        if len(found) > 1:
            raise Unknown('which task %s? There are %s' % (
                label, ' and '.join(t.label() for t in found)))
        return found[0]
