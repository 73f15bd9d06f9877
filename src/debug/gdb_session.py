# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by GDB: connects it to the machine, keeps modules' symbols where the kernel has placed
# them, and gives every frame of the kernel its name.
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
#   layout       offsets in bytes: module_name, module_kallsyms, kallsyms_symtab; without modules
#                there is none
#   modules      of each
#     sources    [as the compiler knew the directory, as the user does]
#     ko         the module's file, with its DWARF
#     name       as the kernel calls it
#     symbols    section name -> [index in the symbol table, st_value] of a symbol that lies in it
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
PARKED_SECTIONS = 64  # of a module, at most


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
    """A module's symbols, from the moment the kernel has placed it until it goes away."""

    def __init__(self, facts, layout, number):
        self.facts = facts
        self.layout = layout
        self.parked = PARKED + number * PARKED_SECTIONS * PARKED_BYTES
        self.was_placed = False
        self.sections = {}
        self.shown = None  # an address in the symbols that GDB has
        self.asleep = set()  # numbers of breakpoints in parked sections

    def sections_of(self, module):
        """Where the kernel has placed the sections, from the symbols that it has relocated."""
        table = read_pointer(
            read_pointer(module + self.layout["module_kallsyms"]) + self.layout["kallsyms_symtab"]
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
        self.was_placed = True
        self.show(self.sections_of(module))
        for breakpoint in visible_breakpoints():
            if breakpoint.number in self.asleep:
                for location in breakpoint.locations:
                    if not PARKED <= location.address < 1 << 63:
                        location.enabled = True
        self.asleep = set()

    def initialised(self, _module):
        sections = dict(self.sections)
        for i, name in enumerate(name for name in sections if name.startswith(".init")):
            sections[name] = self.parked + i * PARKED_BYTES
        self.show(sections)
        self.asleep = set()
        for breakpoint in visible_breakpoints():
            for location in breakpoint.locations:
                if 0 <= location.address - self.parked < PARKED_SECTIONS * PARKED_BYTES:
                    location.enabled = False  # where nothing is nothing can be inserted
                    self.asleep.add(breakpoint.number)

    def unloaded(self, _module):
        self.hide()


class Trackers:
    """All modules that GDB is told of."""

    def __init__(self, facts):
        self.first_argument = facts["first_argument"]
        self.name_at = facts["layout"]["module_name"]
        self.by_name = {
            one["name"]: Tracker(one, facts["layout"], number)
            for number, one in enumerate(facts["modules"])
        }

    def entered(self):
        """The tracker of the module that a function has as its first argument, and its address."""
        module = int(gdb.parse_and_eval("$" + self.first_argument))
        name = read_memory(module + self.name_at, NAME_BYTES).split(b"\0")[0]
        return self.by_name.get(name.decode("utf-8", "replace")), module

    def tell_of_pending(self):
        """A breakpoint may still mean a module that is not there yet."""
        if not all(one.was_placed for one in self.by_name.values()):
            return
        for breakpoint in visible_breakpoints():
            if breakpoint.pending:
                gdb.write(
                    "kobox: breakpoint %d: neither %s nor the kernel has a place '%s'\n"
                    % (breakpoint.number, ", ".join(self.by_name), breakpoint.location)
                )


class AtEntry(gdb.Breakpoint):
    """Calls back when the kernel enters a function with one of our modules as its argument."""

    def __init__(self, function, trackers, callback):
        super().__init__("*" + function, internal=True)
        self.silent = True
        self.trackers = trackers
        self.callback = callback

    def stop(self):
        tracker, module = self.trackers.entered()
        if tracker:
            self.callback(tracker, module)
            if self.callback is Tracker.placed:
                self.trackers.tell_of_pending()
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
    for sources in {tuple(one["sources"]) for one in facts["modules"]}:
        quietly("set substitute-path %s %s" % tuple(map(quoted, sources)))
    quietly("target remote " + facts["server"])
    if facts["modules"]:
        trackers = Trackers(facts)
        AtEntry("do_init_module", trackers, Tracker.placed)
        AtEntry("trim_init_extable", trackers, Tracker.initialised)
        AtEntry("free_module", trackers, Tracker.unloaded)
    for location in facts["breakpoints"]:
        quietly("break " + location)


set_up(kobox)
