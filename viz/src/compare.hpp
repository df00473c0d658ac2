// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/viz/index.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fronta::viz {

/// What the tasks of a trace took, by name. Names that differ in numbers alone are one.
class name_totals {
 public:
  struct entry {
    std::string kind;         ///< see task_groups.hpp
    std::string name;         ///< the kind where there are several names of it
    std::size_t tasks = 0;    ///< that were submitted
    std::int64_t ran = 0;     ///< in all, see work_time.hpp
    std::int64_t median = 0;  ///< of the tasks that ran
  };

  explicit name_totals(const index& of);
  [[nodiscard]] const std::vector<entry>& by_kind() const noexcept { return entries_; }

 private:
  std::vector<entry> entries_;
};

/// Made when it is first asked for; lives as long as `of`. Thread-safe.
[[nodiscard]] const name_totals& name_totals_of(const index& of);

/// How two runs differ in one name.
struct name_difference {
  const name_totals::entry* a = nullptr;  ///< null: there is none in that run
  const name_totals::entry* b = nullptr;
  [[nodiscard]] std::int64_t more_in_b() const noexcept {
    return (b != nullptr ? b->ran : 0) - (a != nullptr ? a->ran : 0);
  }
  [[nodiscard]] const std::string& name() const noexcept {
    if (a == nullptr) return b->name;
    return b == nullptr || a->name == b->name ? a->name : a->kind;
  }
};
/// What differs most first. Points into the totals.
[[nodiscard]] std::vector<name_difference> differences(const name_totals& a, const name_totals& b);

/// From the first event to the end of the last task; to the end of the trace where none has ended.
[[nodiscard]] std::int64_t makespan(const index& of);

/// In a sentence, such as "B takes 0.50 × as long as A: 1.15 s less."
[[nodiscard]] std::string compared(std::int64_t a, std::int64_t b);

}  // namespace fronta::viz
