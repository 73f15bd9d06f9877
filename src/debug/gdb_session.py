# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by GDB: connects it to the machine, keeps a module's symbols where the kernel has placed
# it, and gives every frame of the kernel its name.
#
# The kernel places a module's sections and relocates its symbols before it runs the module's init
# (load_module in kernel/module/main.c), so a breakpoint on do_init_module is the moment to tell GDB
# of them: pending breakpoints in the module are set before any of its code runs, init included.
# trim_init_extable is called when init has returned and its sections are about to be freed,
# free_module when the module goes away. All three get the struct module in their first argument.
#
# The variable `kobox` is set by the script that sources this:
#   kernel       file with the kernel's symbols
#   offset       of the running kernel from them, in bytes
#   server       for `target remote`
#   breakpoints  locations
# and, for a module,
#   sources      [as the compiler knew the directory, as the user does]
#   ko           the module's file, with its DWARF
#   name         as the kernel calls it
#   symbols      section name -> [index in the symbol table, st_value] of a symbol that lies in it
#   layout       offsets in bytes: module_name, module_kallsyms, kallsyms_symtab
import gdb
import gdb.FrameDecorator
import struct

SYMBOL_BYTES = 24  # sizeof(Elf64_Sym)
VALUE_AT = 8  # offsetof(Elf64_Sym, st_value)
NAME_BYTES = 56  # MODULE_NAME_LEN
# Where GDB believes the sections to be that the kernel has freed: at addresses that no x86-64
# processor can have, for at 0 they would lend their names to null pointers.
PARKED = 0x900000000000
PARKED_BYTES = 1 << 32  # for each


def quietly(command):
    return gdb.execute(command, to_string=True)


def quoted(path):
    return '"%s"' % path.replace("\\", "\\\\").replace('"', '\\"')


def read_memory(address, length):
    # A register is a signed number to GDB.
    return gdb.selected_inferior().read_memory(address & 0xFFFFFFFFFFFFFFFF, length).tobytes()


def read_pointer(address):
    return struct.unpack("<Q", read_memory(address, 8))[0]


def visible_breakpoints():
    return [one for one in gdb.breakpoints() or () if one.visible]


class Tracker:
    """The module's symbols, from the moment the kernel has placed it until it goes away."""

    def __init__(self, facts):
        self.facts = facts
        self.sections = {}
        self.shown = None  # an address in the symbols that GDB has
        self.asleep = set()  # numbers of breakpoints in parked sections

    def is_ours(self, module):
        name = read_memory(module + self.facts["layout"]["module_name"], NAME_BYTES)
        return name.split(b"\0")[0].decode("utf-8", "replace") == self.facts["name"]

    def sections_of(self, module):
        """Where the kernel has placed the sections, from the symbols that it has relocated."""
        layout = self.facts["layout"]
        table = read_pointer(
            read_pointer(module + layout["module_kallsyms"]) + layout["kallsyms_symtab"]
        )
        return {
            section: read_pointer(table + SYMBOL_BYTES * index + VALUE_AT) - value
            for section, (index, value) in self.facts["symbols"].items()
        }

    def show(self, sections):
        self.hide()
        command = "add-symbol-file " + quoted(self.facts["ko"])
        for section, address in sections.items():
            command += " -s %s %#x" % (section, address)
        quietly(command)
        self.sections = sections
        self.shown = sections.get(".text") or next(iter(sections.values()), None)

    def hide(self):
        if self.shown is None:
            return
        try:
            quietly("remove-symbol-file -a %#x" % self.shown)
        except gdb.error:
            pass  # the user has removed it
        self.shown = None

    def placed(self, module):
        self.show(self.sections_of(module))
        for breakpoint in visible_breakpoints():
            if breakpoint.number in self.asleep:
                for location in breakpoint.locations:
                    location.enabled = True
            if breakpoint.pending:
                gdb.write(
                    "kobox: breakpoint %d: neither %s nor the kernel has a place '%s'\n"
                    % (breakpoint.number, self.facts["name"], breakpoint.location)
                )

    def initialised(self, _module):
        sections = dict(self.sections)
        for i, name in enumerate(name for name in sections if name.startswith(".init")):
            sections[name] = PARKED + i * PARKED_BYTES
        self.show(sections)
        self.asleep = set()
        for breakpoint in visible_breakpoints():
            for location in breakpoint.locations:
                if PARKED <= location.address < PARKED + len(sections) * PARKED_BYTES:
                    location.enabled = False  # where nothing is nothing can be inserted
                    self.asleep.add(breakpoint.number)

    def unloaded(self, _module):
        self.hide()


class AtEntry(gdb.Breakpoint):
    """Calls back when the kernel enters a function with our module as its first argument."""

    def __init__(self, function, tracker, callback):
        super().__init__("*" + function, internal=True)
        self.silent = True
        self.tracker = tracker
        self.callback = callback

    def stop(self):
        module = int(gdb.parse_and_eval("$" + self.tracker.facts["first_argument"]))
        if self.tracker.is_ours(module):
            self.callback(module)
        return False


class KernelFrame(gdb.FrameDecorator.FrameDecorator):
    """To GDB, a frame above an interrupt or an exception is a signal's and has no name."""

    def function(self):
        frame = self.inferior_frame()
        if frame.type() != gdb.SIGTRAMP_FRAME:
            return super().function()
        return quietly("info symbol %#x" % frame.pc()).split(" ")[0]


class KernelFrames:
    name = "kobox"
    priority = 100
    enabled = True

    def filter(self, frames):
        return map(KernelFrame, frames)


def ignore_stray_traps():
    """A trap that GDB has no explanation for is QEMU's, and of no interest."""
    confirm = gdb.parameter("confirm")
    gdb.execute("set confirm off")
    quietly("handle SIGTRAP nostop noprint nopass")
    gdb.execute("set confirm %s" % ("on" if confirm else "off"))


def set_up(facts):
    quietly("set breakpoint pending on")
    quietly("set architecture " + facts["architecture"])
    if gdb.parameter("filename-display") == "relative":  # the user has no choice of their own
        quietly("set filename-display basename")
    ignore_stray_traps()
    gdb.frame_filters[KernelFrames.name] = KernelFrames()
    offset = " -o %#x" % facts["offset"] if facts["offset"] else ""
    quietly("symbol-file " + quoted(facts["kernel"]) + offset)
    if "ko" in facts:
        quietly("set substitute-path %s %s" % tuple(map(quoted, facts["sources"])))
    quietly("target remote " + facts["server"])
    if "ko" in facts:
        tracker = Tracker(facts)
        AtEntry("do_init_module", tracker, tracker.placed)
        AtEntry("trim_init_extable", tracker, tracker.initialised)
        AtEntry("free_module", tracker, tracker.unloaded)
    for location in facts["breakpoints"]:
        quietly("break " + location)


set_up(kobox)
