# SPDX-License-Identifier: MIT
"""memory.py - structs of the process, found by the names of their fields."""

import os
import re
import struct

import gdb

PAGE = 4096


class Unknown(Exception):
    """Something cannot be shown; the text says why."""


class Memory:
    """The process's memory, read by the page and kept for one command."""

    def __init__(self):
        self.pages = {}
        self.inferior = gdb.selected_inferior()
        big = 'big' in gdb.execute('show endian', to_string=True)
        self.order = '>' if big else '<'
        self.word = struct.Struct(
            self.order +
            {4: 'I', 8: 'Q'}[gdb.lookup_type('void').pointer().sizeof])

    def page(self, number):
        try:
            return self.pages[number]
        except KeyError:
            pass
        try:
            data = bytes(self.inferior.read_memory(number * PAGE, PAGE))
        except (gdb.error, OverflowError):
            data = None
        self.pages[number] = data
        return data

    def read(self, address, size, alone=False):
        """`size` bytes; gdb.MemoryError if they are not there. `alone`: those
        only, and not kept."""
        first, offset = divmod(address, PAGE)
        data = None if alone else self.page(first)
        if data is not None and offset + size <= PAGE:
            return data[offset:offset + size]
        try:
            return bytes(self.inferior.read_memory(address, size))
        except OverflowError:
            raise gdb.MemoryError('Cannot access memory at address 0x%x'
                                  % address)

    def pointer(self, address):
        return self.word.unpack(self.read(address, self.word.size))[0]

    def string(self, address, most=200):
        """The text there; None for NULL."""
        if address == 0:
            return None
        found = b''
        while len(found) < most:
            step = min(32, PAGE - address % PAGE)
            try:
                found += self.read(address, step)
            except gdb.MemoryError:
                step = 1            # what is there may end before the page
                found += self.read(address, step)
            if b'\0' in found:
                break
            address += step
        return found.split(b'\0')[0][:most].decode('utf-8', 'replace')


class Record:
    """A copy of a struct in the process, whose fields are found by name. A
    field that this version of the library does not have is None."""

    def __init__(self, memory, layout, address, alone):
        self.address = address
        self.layout = layout
        self.data = memory.read(address, layout.size, alone)

    def __getitem__(self, path):
        found = self.layout.find(path)
        return found[0].unpack_from(self.data, found[1])[0] if found else None

    def at(self, path):
        """The address of a field."""
        found = self.layout.find(path)
        return self.address + found[1] if found else None


class Layout:
    """Where the fields of a struct are."""

    def __init__(self, memory, kind):
        self.order = memory.order
        self.kind = kind.strip_typedefs()
        self.size = self.kind.sizeof
        self.found = {}

    def find(self, path):
        """(reader, offset); None if there is no such field."""
        if path not in self.found:
            self.found[path] = self.look(path)
        return self.found[path]

    def look(self, path):
        kind, offset = self.kind, 0
        for part in path.split('.'):
            field = next((f for f in kind.fields() if f.name == part), None)
            if field is None:
                return None
            offset += field.bitpos // 8
            kind = field.type.strip_typedefs()
        if kind.sizeof not in (1, 2, 4, 8):
            return None, offset
        code = {1: 'B', 2: 'H', 4: 'I', 8: 'Q'}[kind.sizeof]
        if kind.code == gdb.TYPE_CODE_INT and is_signed(kind):
            code = code.lower()
        return struct.Struct(self.order + code), offset


def is_signed(kind):
    try:
        return kind.is_signed
    except AttributeError:          # before gdb 12
        return 'unsigned' not in str(kind) and str(kind) != '_Bool'


class Types:
    """The library's structs, each looked up once."""

    def __init__(self, memory):
        self.memory = memory
        self.layouts = {}

    def layout(self, name):
        if name not in self.layouts:
            try:
                kind = gdb.lookup_type('struct ' + name)
                self.layouts[name] = Layout(self.memory, kind)
            except gdb.error:
                self.layouts[name] = None
        return self.layouts[name]

    def record(self, name, address, alone=False):
        """`alone`: it has a page to itself, which need not be kept."""
        layout = self.layout(name)
        if layout is None:
            raise Unknown('no debug information about struct ' + name)
        return Record(self.memory, layout, address, alone)


def find_list():
    """The variables at the head of the lists of runtimes: one, unless more
    than one copy of the library is in the process."""
    found = []
    for symbol in gdb.lookup_static_symbols('runtimes'):
        kind = symbol.type.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_PTR and \
                kind.target().tag == 'moirai_runtime':
            found.append(symbol)
    if found:
        return found
    try:
        gdb.parse_and_eval('(long)&moirai_start')
    except gdb.error:
        raise Unknown('libmoirai is not in this program, or not yet: is the '
                      'program running, or is this its core file?')
    raise Unknown('libmoirai is here, but not its debug information: install '
                  'libmoirai0-dbgsym, or build moirai with -g and do not '
                  'strip it')


def core_folder():
    """Where the sources of the core were compiled."""
    return os.path.dirname(find_list()[0].symtab.filename)


def enum_names(name, prefix):
    """Of an enum, {value: name without prefix}."""
    try:
        kind = gdb.lookup_type('enum ' + name)
    except gdb.error:
        return {}
    return {f.enumval: f.name[len(prefix):] for f in kind.fields()}


def symbol_at(address, known={}):
    """`name` or `name+8` of what lies there; None if that has no name."""
    if address not in known:
        text = gdb.execute('info symbol 0x%x' % address, to_string=True)
        match = re.match(r'(\S+)( \+ (\d+))? in section', text)
        known[address] = match and match.group(1) + (
            '+' + match.group(3) if match.group(3) else '')
    return known[address]


def duration(ns):
    for unit, text in ((60 * 10**9, 'min'), (10**9, 's'), (10**6, 'ms'),
                       (10**3, 'us')):
        if ns >= unit:
            return '%.*f %s' % (0 if ns >= 100 * unit else 1, ns / unit, text)
    return '%d ns' % ns
