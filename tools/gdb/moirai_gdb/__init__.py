# SPDX-License-Identifier: MIT
"""The tasks of a program, as gdb sees its threads.

How a task is shown. A task that waits is a stack and the registers that the
context switch saved on it. gdb has no way of showing a stack that no thread is
on, least of all in a core file, where registers cannot be written. So the
selected thread lends its innermost frame: an unwinder says that this frame
was called from where the task is. The unwinder goes on from the first frame
that is not the runtime's; the lent frame is printed as the call by which the
task waits. With -full it goes on from the switch itself.

The selection ends when the process runs on: what gdb does then, it does to
the thread.

    memory.py     structs, by the names in the library's debug information
    process.py    runtimes and tasks
    contexts.py   saved registers, by machine
    show.py       unwinder, frame filter, the selection
    places.py     the function that a task waits in, for thousands of tasks
    commands.py   info tasks, task, task apply
    gcore.py      task gcore
"""

from . import commands, gcore
