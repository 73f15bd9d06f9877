// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/catalogue.h"

#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_old = 24h;

}  // namespace

Result<Catalogue> Catalogue::open(Apt& apt, Progress& progress, Refresh refresh) {
  Catalogue catalogue(apt, refresh == Refresh::when_old);
  if (refresh == Refresh::when_old && apt.age() > k_old) {
    const auto done = apt.update();
    catalogue.may_refresh_ = false;
    if (!done && (done.error().kind() == ErrorKind::interrupted || apt.age() == Duration::max()))
      return std::unexpected(
          Error(done.error()).while_doing("asking Debian's archive for its kernels"));
    if (!done)
      progress.note("Debian's archive cannot be reached, the lists of the last time are used: " +
                    done.error().to_string());
  }
  KOBOX_TRY(catalogue.index_, apt.index());
  return catalogue;
}

Result<bool> Catalogue::refresh() {
  if (!may_refresh_) return false;
  may_refresh_ = false;
  KOBOX_CHECK(apt_->update());
  KOBOX_TRY(index_, apt_->index());
  return true;
}

Result<KernelPackages> Catalogue::packages_for(const Selector& selector) {
  auto found = look_up(selector);
  if (found || found.error().kind() != ErrorKind::usage) return found;
  KOBOX_TRY(const bool again, refresh());
  return again ? look_up(selector) : found;
}

Result<KernelPackages> Catalogue::look_up(const Selector& selector) const {
  if (selector.kind == Selector::Kind::release) return index_.packages_for(selector.text);
  const auto release = index_.newest_of(selector.version, selector.flavour);
  if (!release.empty()) return index_.packages_for(release);
  const auto lines = index_.lines();
  return fail(ErrorKind::usage, "Debian has no kernel '{}'{}; it has {}", selector.text,
              did_you_mean(selector.text, lines),
              lines.empty() ? "none that kobox knows" : join(lines, ", "));
}

}  // namespace kobox
