// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/resources.hpp>
#include <fronta/time.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>

namespace fronta {

/// What stays alive after a task has run. `recipe` keeps the (copyable) callable and the inputs
/// while a handle on the task exists, so that `future::retry()` can run it anew.
enum class keep { nothing, recipe };

/// What chooses the body of a `variants` task, among the places that its tags allow. `data`: what
/// has to be copied least, unless tasks queue up there. `cost`: what is expected to end first, by
/// how long runs of the same name and size took, what has to be copied, and what is in the way;
/// until some are known, both bodies are explored. The first submission that asks for it blocks for
/// some ms a device, to time copies. `executor::explain` shows each decision.
enum class select_by { tags, data, cost };

/// What a `variants` task does that a GPU could not run: fail, or run its CPU body.
enum class fallback { none, cpu };

namespace detail {
[[noreturn]] void throw_bad_factor(double factor);
}

/// The pause before retry k (k = 1, 2, …): `first * factor^(k-1)`, at most `longest`.
/// Made from any duration: then every pause is equal.
class backoff {
 public:
  constexpr backoff() noexcept = default;
  template <class Rep, class Period>
  constexpr backoff(  // NOLINT(google-explicit-constructor): .backoff = 100ms
      std::chrono::duration<Rep, Period> every) noexcept
      : first_(time_limit(every)) {}
  /// Throws `std::invalid_argument` for a factor that is negative, infinite or not a number.
  static constexpr backoff exponential(time_limit first, double factor = 2,
                                       time_limit longest = time_limit::none()) {
    if (!(factor >= 0 && factor <= std::numeric_limits<double>::max())) {
      detail::throw_bad_factor(factor);
    }
    backoff result;
    result.first_ = first;
    result.factor_ = factor;
    result.longest_ = longest;
    return result;
  }
  [[nodiscard]] time_limit pause(int retry) const noexcept;
  friend constexpr bool operator==(backoff, backoff) noexcept = default;

 private:
  time_limit first_ = time_limit(std::chrono::nanoseconds(0));
  double factor_ = 1;
  time_limit longest_ = time_limit::none();
};

/// Options of one task; the first argument of `submit`. What is not given is taken from the
/// enclosing `annotate` scopes, then from the defaults named here.
struct task_options {
  /// Shown in errors, traces and reports.
  std::string name = {};
  /// Tags; a task that does not name "cpu" takes one cpu share.
  resources needs = {};
  /// Further runs after a failure; 0. The last run's exception is the outcome.
  std::optional<int> retries = {};
  /// Asked after each failure while retries are left; an empty function retries on everything.
  std::function<bool(const std::exception_ptr&)> retry_if = {};
  /// Pause before each retry; none.
  std::optional<fronta::backoff> backoff = {};
  /// Higher first; inherited from the submitting task, else 0.
  std::optional<int> priority = {};
  /// Counts from submit, over queueing and all attempts; the executor's `default_timeout`. Stop and
  /// done callbacks then run on a thread that the executor has for that, and so do destructors of a
  /// task that had not started. They may block; others of the kind then run beside them.
  std::optional<time_limit> timeout = {};
  /// Cancels the task while it is pending and requests its stop while it runs.
  std::stop_token stop = {};
  /// While a task with this key is alive on the executor, `submit` returns a handle on that one.
  std::string key = {};
  /// The only place (by name) where the task may run.
  std::string place_on = {};
  /// The place to choose while it is free: its amounts are there and no tasks queue up. An unknown
  /// name is refused, unless places may appear later.
  std::string prefer = {};
  /// Of tasks with two bodies, see `variants`; `tags`.
  std::optional<select_by> select = {};
  /// Likewise; `none`. With `cpu` the CPU body runs, with the same attempt, where the device broke
  /// or was given up, before the task or under it, or had no memory left; what it held of device
  /// tags and `place_on` counts no more. Not where an input was lost with the device. As with
  /// `retries`, callable and arguments must allow a second run, and the value is not taken early.
  std::optional<fronta::fallback> fallback = {};
  /// Of this call alone: not taken from `annotate`.
  fronta::keep keep = fronta::keep::nothing;
  /// For traces. Where the options are written in braces, that is the place.
  std::source_location where = std::source_location::current();
};

/// Options of `executor::map`.
struct map_options {
  /// Items per scheduled task; results, cancellation, `timeout` and `rng()` stay per item: those
  /// that ended keep their values when another one is late. At least 1.
  std::ptrdiff_t chunk_size = 1;
  /// At most this many items submitted and not yet read: bounds memory, allows infinite inputs.
  /// Not given: all items are submitted by the call.
  std::optional<std::ptrdiff_t> window = {};
  /// Counts from the call of `map`.
  time_limit timeout = time_limit::none();
  /// Options of each item.
  task_options task = {.where = {}};
};

}  // namespace fronta
