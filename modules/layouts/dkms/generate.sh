#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
echo '#define GENERATED 6' > src/generated.h
