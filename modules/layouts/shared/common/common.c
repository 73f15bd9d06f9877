// SPDX-License-Identifier: GPL-2.0-or-later
int common_number(void);

int common_number(void)
{
	return 7;
}
