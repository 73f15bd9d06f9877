// SPDX-License-Identifier: GPL-2.0-or-later
// How long things took: sum, longest, and quantiles in constant memory.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <map>

namespace kobox {

class Durations {
 public:
  void add(std::uint64_t ns) {
    ++count_;
    sum_ += ns;
    if (ns > longest_) longest_ = ns;
    ++buckets_[bucket_of(ns)];
  }
  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }
  std::uint64_t longest() const { return longest_; }
  std::uint64_t mean() const { return count_ == 0 ? 0 : sum_ / count_; }
  // The smallest value that at least so many thousandths of all do not exceed, to one part in 64.
  std::uint64_t quantile(unsigned thousandths) const {
    if (count_ == 0) return 0;
    const auto rank = (count_ * thousandths + 999) / 1000;
    std::uint64_t seen = 0;
    for (const auto& [bucket, number] : buckets_) {
      seen += number;
      if (seen >= rank) return largest_of(bucket) < longest_ ? largest_of(bucket) : longest_;
    }
    return longest_;
  }

 private:
  // Each power of two is cut into 64 parts; what is below 64 is exact.
  static constexpr unsigned k_bits = 6;
  static std::uint32_t bucket_of(std::uint64_t ns) {
    if (ns < (1U << k_bits)) return static_cast<std::uint32_t>(ns);
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - k_bits;
    return (shift << k_bits) + static_cast<std::uint32_t>(ns >> shift);
  }
  static std::uint64_t largest_of(std::uint32_t bucket) {
    if (bucket < (2U << k_bits)) return bucket;
    const auto shift = (bucket >> k_bits) - 1;
    const std::uint64_t part = (bucket & ((1U << k_bits) - 1)) + (1U << k_bits);
    return ((part + 1) << shift) - 1;
  }

  std::uint64_t count_ = 0, sum_ = 0, longest_ = 0;
  std::map<std::uint32_t, std::uint64_t> buckets_;
};

}  // namespace kobox
