// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace fronta {

/// A counter-based stream of random numbers: Philox4x32-10 (Salmon et al., "Parallel random
/// numbers: as easy as 1, 2, 3", SC 2011). A uniform random bit generator. Two streams with equal
/// (seed, stream, substream) are equal on every machine; other streams are independent.
class rng {
 public:
  using result_type = std::uint64_t;

  constexpr explicit rng(std::uint64_t seed, std::uint64_t stream = 0,
                         std::uint32_t substream = 0) noexcept
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{0, substream, static_cast<std::uint32_t>(stream),
                 static_cast<std::uint32_t>(stream >> 32)} {}

  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }

  constexpr result_type operator()() noexcept {
    if (left_ == 0) {
      block_ = philox(counter_, key_);
      ++counter_[0];  // 2^32 blocks of 128 bits a stream
      left_ = 2;
    }
    --left_;
    const auto at = static_cast<std::size_t>(left_) * 2;
    return (static_cast<std::uint64_t>(block_[at + 1]) << 32) | block_[at];
  }

  /// Uniform in [0, 1), 53 bits; the same numbers with every standard library.
  constexpr double uniform() noexcept { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

  static constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> c,
                                                       std::array<std::uint32_t, 2> k) noexcept {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53} * c[0];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57} * c[2];
      c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(b),
           static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(a)};
      k[0] += 0x9E3779B9;
      k[1] += 0xBB67AE85;
    }
    return c;
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int left_ = 0;
};

}  // namespace fronta
