// SPDX-License-Identifier: GPL-2.0-or-later
// Where the error comes from that a module's init returned.
#pragma once

#include <vector>

#include "base/result.h"
#include "guest/init_trace.h"
#include "harness/load_failure.h"
#include "harness/session.h"
#include "module/ko_code.h"

namespace kobox {

// Loads the modules once more, in a machine where that has not been done yet, with probes on the
// kernel's functions that the module calls, on its own, and on the instructions that set this
// error. If its init fails with the same error, and it is certain which call or which line gave it,
// `failure` (of the load) gets that: in its message, and as function, file and line. Otherwise it
// is left as it is: also where the guest's kernel cannot trace, or the machine ends. Bounded by a
// minute or two. Error: interrupted.
Result<> explain_init_error(Session& session, const Project& project, const Prepared& prepared,
                            const InitError& error, Failure& failure);

// What was asked of the kernel, and what it could not do.
struct InitProbes {
  InitTraceSpec spec;
  bool has_all_functions = false;  // all that init may reach are in the spec, and could be probed
  std::vector<std::string> unknown_callees;  // whose errors would not be seen
};
InitProbes init_probes(const KoCode& code, int error);

struct InitCulprit {
  std::string callee;  // that returned the error; "": the place sets it itself
  KoCode::Place place;
  bool is_behind_call = false;  // else the instruction is at the place itself
};
// Nothing where it is not certain.
std::optional<InitCulprit> find_init_culprit(const KoCode& code, const InitProbes& probes,
                                             const InitTrace& trace);

}  // namespace kobox
