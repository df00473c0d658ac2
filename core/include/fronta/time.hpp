// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <ratio>

namespace fronta {

/// How long to wait at most. Made from any duration and saturating: what does not fit (infinity,
/// `hours::max()`) means "for ever"; zero, negative and NaN mean "do not wait".
class time_limit {
 public:
  constexpr time_limit() noexcept = default;  // for ever
  template <class Rep, class Period>
  constexpr time_limit(  // NOLINT(google-explicit-constructor): f.result(5s)
      std::chrono::duration<Rep, Period> d) noexcept
      : value_(saturate(d)) {}

  static constexpr time_limit none() noexcept { return {}; }
  [[nodiscard]] constexpr bool infinite() const noexcept { return value_ == forever; }
  [[nodiscard]] constexpr bool zero() const noexcept { return value_.count() == 0; }
  [[nodiscard]] constexpr std::chrono::nanoseconds value() const noexcept { return value_; }
  friend constexpr bool operator==(time_limit, time_limit) noexcept = default;

  static constexpr std::chrono::nanoseconds forever = std::chrono::nanoseconds::max();

 private:
  template <class Rep, class Period>
  static constexpr std::chrono::nanoseconds saturate(
      std::chrono::duration<Rep, Period> d) noexcept {
    // 100 years in floating point: far from overflow on either side of the comparison.
    constexpr double limit = 100.0 * 365 * 24 * 3600;
    const double seconds = static_cast<double>(d.count()) * static_cast<double>(Period::num) /
                           static_cast<double>(Period::den);
    if (!(seconds > 0)) return std::chrono::nanoseconds{0};
    if (seconds > limit) return forever;
    const auto rounded = std::chrono::duration_cast<std::chrono::nanoseconds>(d);
    // A positive wait must not round down to a poll.
    return rounded.count() > 0 ? rounded : std::chrono::nanoseconds{1};
  }

  std::chrono::nanoseconds value_ = forever;
};

/// The instant at which a `time_limit` has passed.
class deadline {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  constexpr deadline() noexcept = default;  // never
  // Does not read the clock for time_limit::none(), which is what most waits pass.
  explicit deadline(time_limit limit) noexcept
      : deadline(limit, limit.infinite() ? time_point() : std::chrono::steady_clock::now()) {}
  deadline(time_limit limit, time_point now) noexcept
      : at_(limit.infinite() || limit.value() > time_point::max() - now ? time_point::max()
                                                                        : now + limit.value()) {}
  template <class Duration>
  static deadline at(std::chrono::time_point<std::chrono::steady_clock, Duration> t) noexcept {
    deadline result;
    // Compared in floating point: a coarse time_point::max() overflows in nanoseconds.
    const std::chrono::duration<double> since = t.time_since_epoch();
    const std::chrono::duration<double> last = time_point::max().time_since_epoch();
    if (since <= -last) {
      result.at_ = time_point::min();
    } else if (since < last) {
      result.at_ = std::chrono::time_point_cast<time_point::duration>(t);
    }
    return result;
  }
  [[nodiscard]] constexpr bool never() const noexcept { return at_ == time_point::max(); }
  [[nodiscard]] bool passed() const noexcept {
    return !never() && std::chrono::steady_clock::now() >= at_;
  }
  [[nodiscard]] constexpr time_point when() const noexcept { return at_; }

 private:
  time_point at_ = time_point::max();
};

/// The clock behind task timeouts and retry back-off, passed in so that a test can pass its own.
/// Waits on futures always use `std::chrono::steady_clock`. Thread-safe.
class clock {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  virtual ~clock() = default;
  [[nodiscard]] virtual time_point now() const noexcept = 0;
  /// Blocks until `changed` is notified or `now() >= at`; may return early.
  virtual void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                          time_point at) = 0;
};

/// The default: `std::chrono::steady_clock`.
std::shared_ptr<clock> system_clock();

}  // namespace fronta
