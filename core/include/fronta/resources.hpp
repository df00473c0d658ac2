// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace fronta {

/// A non-negative quantity of a tag in fixed point (1/10 000), so that ten times 0.1 is exactly 1.
/// Throws `std::invalid_argument` for NaN, negative and too large values (above about 9.2e14).
class amount {
 public:
  static constexpr std::int64_t scale = 10'000;

  constexpr amount() noexcept = default;
  template <std::integral Integer>
  amount(Integer value)  // NOLINT(google-explicit-constructor): {"gpu", 1} is the point
      : units_(from_integer(static_cast<long long>(value),
                            std::unsigned_integral<Integer> &&
                                static_cast<unsigned long long>(value) > max_integer)) {}
  template <std::floating_point Float>
  amount(Float value)  // NOLINT(google-explicit-constructor)
      : units_(from_double(static_cast<double>(value))) {}

  [[nodiscard]] static constexpr amount from_units(std::int64_t units) noexcept {
    amount result;
    result.units_ = units;
    return result;
  }
  [[nodiscard]] constexpr std::int64_t units() const noexcept { return units_; }
  [[nodiscard]] double value() const noexcept {
    return static_cast<double>(units_) / static_cast<double>(scale);
  }
  [[nodiscard]] std::string to_string() const;

  friend constexpr auto operator<=>(amount, amount) noexcept = default;
  friend constexpr amount operator+(amount a, amount b) noexcept {
    return from_units(a.units_ + b.units_);
  }
  friend constexpr amount operator-(amount a, amount b) noexcept {
    return from_units(a.units_ - b.units_);
  }

 private:
  static constexpr unsigned long long max_integer = 922'337'203'685'477ULL;
  static std::int64_t from_integer(long long value, bool too_large);
  static std::int64_t from_double(double value);

  std::int64_t units_ = 0;
};

/// A set of tags with amounts: what a task needs, or what a place offers. A default-constructed
/// set means "not given" (an enclosing `annotate` may give it); `no_needs` means "none".
/// Throws `std::invalid_argument` for an empty or repeated tag, or an amount of 0.
class resources {
 public:
  struct entry {
    std::string tag;
    amount value;
    friend bool operator==(const entry&, const entry&) = default;
  };

  resources() noexcept = default;
  resources(std::initializer_list<entry> entries) : resources(std::vector<entry>(entries)) {}
  explicit resources(std::vector<entry> entries);

  [[nodiscard]] bool given() const noexcept { return given_; }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  /// Sorted by tag.
  [[nodiscard]] const std::vector<entry>& entries() const noexcept { return entries_; }
  /// The amount of `tag`, or null when it is not named.
  [[nodiscard]] const amount* find(std::string_view tag) const noexcept;
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const resources&, const resources&) = default;
  friend const resources& no_needs_set();

 private:
  std::vector<entry> entries_;
  bool given_ = false;
};

const resources& no_needs_set();
/// "This task needs no tags", also inside an `annotate` that names some.
inline const resources& no_needs = no_needs_set();

inline namespace literals {
constexpr unsigned long long operator""_KiB(unsigned long long n) { return n << 10; }
constexpr unsigned long long operator""_MiB(unsigned long long n) { return n << 20; }
constexpr unsigned long long operator""_GiB(unsigned long long n) { return n << 30; }
constexpr unsigned long long operator""_TiB(unsigned long long n) { return n << 40; }
}  // namespace literals

}  // namespace fronta
