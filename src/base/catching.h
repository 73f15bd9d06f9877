// SPDX-License-Identifier: GPL-2.0-or-later
// Where exceptions of libraries end: a thread that one leaves ends the process and all its results.
#pragma once

#include <exception>
#include <new>
#include <system_error>
#include <type_traits>

#include "base/result.h"

namespace kobox {

// Calls `work`, which gives a Result. What is thrown becomes an Error: environment for memory,
// threads or files that cannot be had (std::filesystem's exceptions are system errors), else
// internal.
template <class Work>
std::invoke_result_t<Work&> catching(Work&& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::environment, "this host has no memory left");
  } catch (const std::system_error& error) {
    return fail(ErrorKind::environment, "{}", error.what());
  } catch (const std::exception& error) {
    return fail(ErrorKind::internal, "{}", error.what());
  }
}

}  // namespace kobox
