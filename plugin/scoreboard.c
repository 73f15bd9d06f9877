// SPDX-License-Identifier: GPL-2.0-or-later
/* For trace_test.cc: a symbol that QEMU has from version 2 of its plugin interface on. */
extern int qemu_plugin_scoreboard_new;
int qemu_plugin_scoreboard_new = 1;
