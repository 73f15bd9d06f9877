// SPDX-License-Identifier: GPL-2.0-or-later
// MatrixView::answer.
#pragma once

#include <string>

#include "report/matrix.h"

namespace kobox {

// The sentence, of a view that has all else.
std::string matrix_answer(const Report& report, const MatrixView& view);

}  // namespace kobox
