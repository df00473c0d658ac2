// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/resources.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace fronta::cpu {

/// A work-stealing pool of threads; one place that offers {"cpu", workers} and `offers`.
///
/// Tasks submitted from outside start in order of submission per priority. A task submitted by a
/// task of the pool goes to its worker's own queue, from which that worker takes the newest and
/// idle workers the oldest. Workers spin shortly before they sleep; a sleeping pool costs nothing.
/// A task that waits for another lends its cpu share to a substitute thread.
/// ```
/// fronta::executor ex{fronta::cpu::threads{.workers = 4, .name = "io"}};
/// ```
///
/// A thread cannot contain what ends the process: a `noexcept` function that throws, abort, a stack
/// overflow, an invalid access.
struct threads {
  /// At least 1, else `std::invalid_argument`. Not given: the usable CPUs (affinity and cgroup).
  std::optional<int> workers = {};
  /// The place, and the prefix of the thread names (`name_0`, …; the kernel keeps 15 bytes). Not
  /// given: the place is "cpu" and the prefix is unique to the pool.
  std::string name = {};
  /// Further tags of the place.
  resources offers = {};
  /// Runs once in every thread before its first task, also in substitutes. When it throws, the
  /// pool is broken: pending tasks and later submissions fail with `broken_pool_error`.
  std::function<void()> initializer = {};
  /// Binds each worker to a core of its own, through hwloc. `std::invalid_argument` without hwloc,
  /// `std::runtime_error` where it shows no core.
  bool pin = false;
  /// Spin up to 15 µs before sleeping. Not given: when more than one CPU is usable.
  std::optional<bool> spin = {};
  /// A thread that a worker wakes starts on a core that is free: the worker's own if that is about
  /// to sleep, else any other. For that moment its affinity is narrowed, then set to what it was;
  /// so a cpuset that grows later no longer reaches it. Not given: when more than one CPU is usable
  /// and `pin` is not set. False leaves it to the kernel, which may let two workers share a core.
  std::optional<bool> place = {};
  /// How many threads may exist beyond `workers`, for tasks that wait inside tasks.
  int max_substitutes = 4096;
};

/// Throws `std::invalid_argument` for options out of range. Threads start with the executor.
std::unique_ptr<backend> make_backend(threads config);

}  // namespace fronta::cpu
