// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace fronta::viz {

/// Tasks that one consumer might have waited for: those of one executor that one task, or nobody,
/// submitted, in order of submission. What is known of them at a moment is found without a look at
/// each of them.
class task_family {
 public:
  using whose = std::pair<std::uint16_t, task_number>;  // executor and who submitted

  struct member {
    task_number task = no_task;
    std::uint32_t rank = 0;  ///< in order of completion, from 1; 0 where it never ended
    std::int64_t submitted = 0;
    std::int64_t ended = forever;
    /// When `map` hands it over: it and all before it have ended.
    std::int64_t from_map = forever;
  };

  task_family() = default;
  task_family(const index& of, const whose& its);

  /// `no_task` where it was the program.
  [[nodiscard]] task_number parent() const noexcept { return parent_; }
  /// Also those that are to come.
  [[nodiscard]] std::span<const member> members() const noexcept { return members_; }
  /// When the first was submitted, and the last of them ended as far as the trace tells.
  [[nodiscard]] std::int64_t begin() const noexcept { return begin_; }
  [[nodiscard]] std::int64_t end() const noexcept { return end_; }

  /// They are the first ones.
  [[nodiscard]] std::size_t submitted_by(std::int64_t at) const noexcept;
  [[nodiscard]] std::size_t ended_by(std::int64_t at) const noexcept;
  /// Which ended first; null where none has.
  [[nodiscard]] const member* first_to_end() const noexcept;
  /// Whether other consumers would have seen the same tasks: who submits after one has ended may
  /// have done so because it has.
  [[nodiscard]] bool is_derivable(std::int64_t at) const noexcept;
  /// For how long `map` has kept finished ones back by then, in all.
  [[nodiscard]] std::int64_t kept_back(std::int64_t at) const noexcept;

 private:
  // Sums of times from `begin_` on may not fit, but their differences do: they wrap.
  using sum = std::uint64_t;
  [[nodiscard]] sum since_begin(std::int64_t t) const noexcept {
    return static_cast<sum>(t) - static_cast<sum>(begin_);
  }

  task_number parent_ = no_task;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
  std::vector<member> members_;
  std::vector<std::uint32_t> by_end_;  // members that ended, the first one first
  // Of the first so many members that `map` hands over: their ends, and how long it keeps them.
  std::vector<sum> ends_;
  std::vector<sum> kept_;
  std::vector<sum> ends_by_end_;  // of the first so many to end
};

/// The families of a trace, each made when it is first asked for. Thread-safe.
class task_families {
 public:
  explicit task_families(const index& of);

  /// That of the task; the largest for `no_task`. Lives as long as this.
  [[nodiscard]] const task_family& of_task(const index& of, task_number selected) const;

 private:
  task_family::whose largest_{0, no_task};
  mutable std::mutex mutex_;
  mutable std::map<task_family::whose, task_family> made_;  // guarded by mutex_
};

}  // namespace fronta::viz
