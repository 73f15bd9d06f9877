# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by GDB: keeps a module's symbols where the kernel has placed it.
#
# The kernel places a module's sections and relocates its symbols before it runs the module's init
# (load_module in kernel/module/main.c), so a breakpoint on do_init_module is the moment to tell GDB
# of them: pending breakpoints in the module are set before any of its code runs, init included.
# mod_tree_remove_init is called when init has returned and its sections are about to be freed,
# free_module when the module goes away. All three get the struct module in their first argument.
#
# The variable `kobox` is set by the script that sources this:
#   ko        the module's file, with its DWARF
#   name      as the kernel calls it
#   symbols   section name -> [index in the symbol table, st_value] of a symbol that lies in it
#   layout    offsets in bytes: module_name, module_kallsyms, kallsyms_symtab
import gdb
import struct

SYMBOL_BYTES = 24  # sizeof(Elf64_Sym)
VALUE_AT = 8  # offsetof(Elf64_Sym, st_value)


def read_pointer(address):
    memory = gdb.selected_inferior().read_memory(address & 0xFFFFFFFFFFFFFFFF, 8)
    return struct.unpack("<Q", memory.tobytes())[0]


def read_name(address):
    memory = gdb.selected_inferior().read_memory(address & 0xFFFFFFFFFFFFFFFF, 56)
    return memory.tobytes().split(b"\0")[0].decode("utf-8", "replace")


class Tracker:
    def __init__(self, facts):
        self.facts = facts
        self.shown = None  # an address in the symbols that GDB has

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
        command = 'add-symbol-file "%s"' % self.facts["ko"]
        for section, address in sections.items():
            command += " -s %s %#x" % (section, address)
        gdb.execute(command, to_string=True)
        self.sections = sections
        self.shown = next(
            (sections[name] for name in (".text", ".init.text") if name in sections),
            next(iter(sections.values()), None),
        )

    def hide(self):
        if self.shown is None:
            return
        try:
            gdb.execute("remove-symbol-file -a %#x" % self.shown, to_string=True)
        except gdb.error:
            pass
        self.shown = None


class AtEntry(gdb.Breakpoint):
    """Calls back with the struct module when the kernel enters a function with ours."""

    def __init__(self, function, facts, callback):
        super().__init__("*" + function, internal=True)
        self.silent = True
        self.facts = facts
        self.callback = callback

    def stop(self):
        module = int(gdb.parse_and_eval("$rdi"))
        if read_name(module + self.facts["layout"]["module_name"]) == self.facts["name"]:
            self.callback(module)
        return False


def follow(facts):
    tracker = Tracker(facts)

    def placed(module):
        tracker.show(tracker.sections_of(module))
        for breakpoint in gdb.breakpoints() or ():
            if breakpoint.pending and breakpoint.visible:
                gdb.write(
                    "kobox: breakpoint %d: neither %s nor the kernel has a place '%s'\n"
                    % (breakpoint.number, facts["name"], breakpoint.location)
                )

    def initialised(_module):
        left = {
            name: address
            for name, address in (tracker.sections or {}).items()
            if not name.startswith(".init")
        }
        tracker.show(left)

    def unloaded(_module):
        tracker.hide()

    AtEntry("do_init_module", facts, placed)
    AtEntry("mod_tree_remove_init", facts, initialised)
    AtEntry("free_module", facts, unloaded)


follow(kobox)
