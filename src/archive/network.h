// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace kobox {

// Whether the archive may be asked: --offline forbids it.
enum class Network { allowed, forbidden };

}  // namespace kobox
