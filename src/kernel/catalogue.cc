// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel/catalogue.h"

#include <algorithm>
#include <array>

#include "archive/release.h"
#include "base/text.h"

namespace kobox {
namespace {

using namespace std::chrono_literals;

constexpr Duration k_old = 24h;

using Distributions = std::vector<const Distribution*>;

Distributions all_of(bool named_only) {
  Distributions found;
  for (const auto& one : distributions())
    if (one.named_only == named_only) found.push_back(&one);
  return found;
}

// Where to look, one group after the other until it is found.
std::vector<Distributions> places_for(const Selector& selector) {
  const Distribution* likely = nullptr;
  if (selector.kind == Selector::Kind::release) likely = distribution_of_release(selector.text);
  for (const auto& one : distributions())
    if (selector.kind == Selector::Kind::line && one.line == selector.version) likely = &one;
  std::vector<Distributions> places;
  if (likely != nullptr) places.push_back({likely});
  if (likely == nullptr || !likely->named_only)
    places.push_back(all_of(/*named_only=*/false));
  else
    for (const auto* one : all_of(/*named_only=*/true)) places.push_back({one});
  return places;
}

// Of a line the newest that can be built for, else the newest. `offers`: newest first.
const Offer* choose(const Selector& selector, const std::vector<Offer>& offers) {
  const Offer* bare = nullptr;
  for (const auto& offer : offers) {
    if (!selector.names(offer.release)) continue;
    if (offer.has_headers || selector.kind == Selector::Kind::release) return &offer;
    if (bare == nullptr) bare = &offer;
  }
  return bare;
}

std::unexpected<Error> unknown(const Selector& selector, const std::vector<Offer>& offers) {
  std::vector<std::string> known;
  for (const auto& offer : offers) {
    auto name =
        selector.kind == Selector::Kind::release ? offer.release : line_of_release(offer.release);
    if (std::ranges::find(known, name) == known.end()) known.push_back(std::move(name));
  }
  const auto guess = did_you_mean(selector.text, known);
  if (selector.kind == Selector::Kind::release)
    return fail(ErrorKind::usage,
                "Debian has no kernel '{}'{}; `kobox kernel list --all` shows those that it has",
                printable(selector.text), guess);
  return fail(ErrorKind::usage, "Debian has no kernel '{}'{}; it has {}", selector.text, guess,
              known.empty() ? "none that kobox knows" : join(known, ", "));
}

}  // namespace

Catalogue::Catalogue(std::filesystem::path directory, Progress& progress, Refresh refresh,
                     HostFiles host)
    : directory_(std::move(directory)),
      progress_(progress),
      refresh_(refresh),
      host_(std::move(host)) {}

Result<> Catalogue::update(Shelf& shelf) {
  shelf.fresh = true;
  auto done = shelf.apt.update();
  if (done) return {};
  if (done.error().kind() == ErrorKind::interrupted || shelf.apt.age() == Duration::max())
    return std::unexpected(
        std::move(done).error().while_doing("asking Debian's archive for its kernels"));
  progress_.note("Debian's archive cannot be reached, the lists of the last time are used: " +
                 done.error().to_string());
  return {};
}

Result<Catalogue::Shelf*> Catalogue::open(const Distribution& distribution) {
  for (auto& shelf : shelves_)
    if (&shelf.apt.distribution() == &distribution) return &shelf;
  Shelf shelf{.apt = Apt(directory_, distribution, progress_, host_)};
  if (refresh_ == Refresh::when_old && shelf.apt.age() > k_old) KOBOX_CHECK(update(shelf));
  KOBOX_TRY(shelf.index, shelf.apt.index());
  if (const auto left_out = shelf.apt.left_out(); !left_out.empty())
    progress_.note(
        fmt::format("the mirror does not have {}; passed over", join(left_out, " and ")));
  shelves_.push_back(std::move(shelf));
  return &shelves_.back();
}

Result<bool> Catalogue::refresh() {
  bool any = false;
  if (refresh_ == Refresh::never) return false;
  for (auto& shelf : shelves_) {
    if (shelf.fresh) continue;
    any = true;
    shelf.fresh = true;
    KOBOX_CHECK(shelf.apt.update());
    KOBOX_TRY(shelf.index, shelf.apt.index());
  }
  return any;
}

Result<std::vector<Offer>> Catalogue::offers_of(
    std::span<const Distribution* const> distributions) {
  std::vector<Offer> offers;
  std::optional<Error> failed;
  std::size_t opened = 0;
  unanswered_.clear();
  for (const auto* distribution : distributions) {
    const auto shelf = open(*distribution);
    if (!shelf && shelf.error().kind() == ErrorKind::interrupted)
      return std::unexpected(shelf.error());
    if (!shelf) {
      if (distributions.size() > 1)
        progress_.note(fmt::format("the kernels of Debian's {} are left out: {}",
                                   distribution->name, shelf.error().to_string()));
      failed = shelf.error();
      unanswered_.push_back(distribution);
      continue;
    }
    ++opened;
    for (auto& release : (*shelf)->index.releases()) {
      const bool has_headers = (*shelf)->index.has_headers(release);
      offers.push_back({std::move(release), distribution, has_headers});
    }
  }
  if (opened == 0 && failed) return std::unexpected(*failed);
  std::ranges::stable_sort(offers, is_newer_release, &Offer::release);
  return offers;
}

Result<std::vector<Offer>> Catalogue::offers_of(const Distribution& distribution) {
  return offers_of(std::array{&distribution});
}

Result<std::vector<Offer>> Catalogue::offers() { return offers_of(all_of(/*named_only=*/false)); }

Result<KernelPackages> Catalogue::packages_for(const Offer& offer) {
  KOBOX_TRY(const auto* shelf, open(*offer.distribution));
  return shelf->index.packages_for(offer.release);
}

Result<Catalogue::Found> Catalogue::find(const Selector& selector) {
  auto found = look_up(selector);
  if (found || found.error().kind() != ErrorKind::usage) return found;
  // If that fails, the first error tells more.
  const auto again = refresh();
  if (!again && again.error().kind() == ErrorKind::interrupted)
    return std::unexpected(again.error());
  return again && *again ? look_up(selector) : found;
}

Result<Catalogue::Found> Catalogue::look_up(const Selector& selector) {
  std::vector<Offer> seen;
  for (const auto& place : places_for(selector)) {
    KOBOX_TRY(auto offers, offers_of(place));
    if (const auto* offer = choose(selector, offers)) {
      KOBOX_TRY(auto packages, packages_for(*offer));
      KOBOX_TRY(const auto* shelf, open(*offer->distribution));
      return Found{std::move(packages), &shelf->apt};
    }
    if (offers.size() > seen.size()) seen = std::move(offers);
  }
  return unknown(selector, seen);
}

}  // namespace kobox
