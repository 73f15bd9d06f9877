/* SPDX-License-Identifier: GPL-2.0-or-later */
#define ABOVE 9
