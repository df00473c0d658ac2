// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "progress.hpp"
#include "run_series.hpp"
#include "statistics.hpp"
#include "task_groups.hpp"
#include "task_relations.hpp"

#include <fronta/viz/clock.hpp>
#include <fronta/viz/theme.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

namespace fronta::viz {

struct critical_path;
class graph_layouts;
class name_totals;
class short_words;
class task_families;
class task_kinds;
class task_locations;
/// When each look is first to be seen; `forever` for those that never are.
using look_times = std::array<std::int64_t, looks>;

/// What some pictures need of a whole trace: each is built when the first of them asks, by one
/// thread, and kept. An index and its copies share theirs, for what they say is the same.
class summaries {
 public:
  [[nodiscard]] const task_groups& groups_of(const index& of) {
    return make(groups_, [&] { return std::make_shared<const task_groups>(of); });
  }
  [[nodiscard]] const statistics& statistics_of(const index& of) {
    const auto& groups = groups_of(of);
    return make(statistics_, [&] { return std::make_shared<const statistics>(of, groups); });
  }
  [[nodiscard]] const progress& progress_of(const index& of) {
    const auto& groups = groups_of(of);
    return make(progress_, [&] { return std::make_shared<const progress>(of, groups); });
  }
  [[nodiscard]] const run_series& series_of(const index& of) {
    return make(series_, [&] { return std::make_shared<const run_series>(of); });
  }
  [[nodiscard]] const task_relations& relations_of(const index& of) {
    return make(relations_, [&] { return std::make_shared<const task_relations>(of); });
  }
  // Where they are built.
  [[nodiscard]] const critical_path& path_of(const index& of);
  [[nodiscard]] const graph_layouts& layouts_of(const index& of);
  [[nodiscard]] const name_totals& totals_of(const index& of);
  [[nodiscard]] const task_kinds& kinds_of(const index& of);
  [[nodiscard]] const short_words& words_of(const index& of);
  [[nodiscard]] const task_families& families_of(const index& of);
  [[nodiscard]] const clock_map& clock_of(const index& of, clock_kind what);
  [[nodiscard]] const task_locations& locations_of(const index& of);
  [[nodiscard]] const look_times& looks_of(const index& of);

  /// How many there are by now.
  [[nodiscard]] int built() const noexcept { return built_.load(std::memory_order_relaxed); }

 private:
  template <class T>
  struct once {
    std::once_flag flag;
    std::shared_ptr<const T> made;  // also of what is only declared here
  };
  template <class T, class Make>
  const T& make(once<T>& of, Make build) {
    std::call_once(of.flag, [&] {
      of.made = build();
      built_.fetch_add(1, std::memory_order_relaxed);
    });
    return *of.made;
  }

  std::atomic<int> built_{0};
  once<task_groups> groups_;
  once<statistics> statistics_;
  once<progress> progress_;
  once<run_series> series_;
  once<task_relations> relations_;
  once<critical_path> path_;
  once<graph_layouts> layouts_;
  once<name_totals> totals_;
  once<task_locations> locations_;
  once<look_times> looks_;
  once<task_kinds> kinds_;
  once<short_words> words_;
  once<task_families> families_;
  std::array<once<clock_map>, clock_kinds> clocks_;
};

}  // namespace fronta::viz
