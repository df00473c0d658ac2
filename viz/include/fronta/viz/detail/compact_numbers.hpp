// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/detail/bit_row.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

// Rows of numbers that take little room, and of which each can be read without the others. A row is
// made once, of all its numbers.
namespace fronta::viz::detail {

/// Each takes as many bytes as the greatest needs; none if all are 0.
class narrow_numbers {
 public:
  narrow_numbers() = default;
  explicit narrow_numbers(std::span<const std::uint32_t> all);

  [[nodiscard]] std::uint32_t operator[](std::size_t n) const noexcept {
    std::uint32_t number = 0;
    std::memcpy(&number, bytes_.data() + n * width_, sizeof(number));
    return number & mask_;
  }

 private:
  std::size_t width_ = 0;
  std::uint32_t mask_ = 0;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(sizeof(std::uint32_t));  // so many more
};

/// Each takes as many bytes as it needs itself: directly addressable codes (N. R. Brisaboa, S.
/// Ladra and G. Navarro, "DACs: Bringing direct access to variable-length codes", 2013).
class small_numbers {
 public:
  small_numbers() = default;
  explicit small_numbers(std::span<const std::uint32_t> all);

  [[nodiscard]] std::uint32_t operator[](std::size_t n) const noexcept {
    std::uint32_t number = 0;
    unsigned shift = 0;
    for (const auto& l : levels_) {
      number |= std::uint32_t{l.bytes[n]} << shift;
      if (!l.more[n]) break;
      n = l.more.ones_before(n);
      shift += 8;
    }
    return number;
  }

 private:
  // A byte of each number that has so many, and which of them have more.
  struct level {
    std::vector<std::uint8_t> bytes;
    bit_row more;
  };
  std::vector<level> levels_;
};

/// None is less than the one before it: the upper bits as steps, the lower ones as they are (P.
/// Elias, "Efficient storage and retrieval by content and address of static files", 1974).
class rising_numbers {
 public:
  using value_type = std::uint32_t;

  rising_numbers() = default;
  explicit rising_numbers(std::span<const std::uint32_t> all);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t operator[](std::size_t n) const noexcept {
    const auto steps = static_cast<std::uint32_t>(steps_.place_of(n) - n);
    return steps << width_ | lower(n);
  }

 private:
  [[nodiscard]] std::uint32_t lower(std::size_t n) const noexcept {
    if (width_ == 0) return 0;
    const auto bit = n * width_;
    const auto shift = bit % 64;
    auto bits = lower_[bit / 64] >> shift;
    if (shift + width_ > 64) bits |= lower_[bit / 64 + 1] << (64 - shift);
    return static_cast<std::uint32_t>(bits & ((std::uint64_t{1} << width_) - 1));
  }

  std::size_t size_ = 0;
  unsigned width_ = 0;  // of the lower part
  std::vector<std::uint64_t> lower_;
  bit_row steps_;
};

}  // namespace fronta::viz::detail
