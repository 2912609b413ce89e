# SPDX-License-Identifier: MIT
"""moirai-gdb.py - the tasks of a program, as gdb sees its threads.

    info tasks             every task: what it waits for, since when, where
    task N                 bt, up, frame, info locals are about task N ...
    task off               ... and again about the thread
    task N COMMAND         one command about task N, e.g. `task 7 bt full`
    task apply all bt      a backtrace of every task
    task gcore [FILE]      a core file that has the stacks of tasks

For live processes and core files. gdb loads this file by itself with the
library where that is installed where gdb looks; `source` does it elsewhere.
"""

import os
import sys


def folders():
    """Where the package may be: beside this file; or, if this is the copy that
    gdb finds, in the folder of moirai under the same share/."""
    here = os.path.dirname(os.path.realpath(__file__))
    yield here
    while os.path.dirname(here) != here:
        here = os.path.dirname(here)
        yield os.path.join(here, 'moirai')


def load():
    for name in [n for n in sys.modules if n.split('.')[0] == 'moirai_gdb']:
        module = sys.modules.pop(name)
        if name == 'moirai_gdb.show':
            module.display.retire()
    for folder in folders():
        if os.path.exists(os.path.join(folder, 'moirai_gdb', '__init__.py')):
            writes = sys.dont_write_bytecode
            sys.dont_write_bytecode = True
            sys.path.insert(0, folder)
            try:
                import moirai_gdb
            finally:
                sys.path.remove(folder)
                sys.dont_write_bytecode = writes
            return
    raise ImportError('moirai-gdb.py: the package moirai_gdb is not there')


load()
