// SPDX-License-Identifier: Apache-2.0
#include "device_spans.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

namespace fronta::viz {
namespace {

constexpr std::int64_t second = 1'000'000'000;

std::int64_t sum(std::int64_t a, std::int64_t b) noexcept {
  return a > std::numeric_limits<std::int64_t>::max() - b ? a : a + b;
}

// Where a span lies among those of its task. The host saw the whole of what it observed; a device's
// clock may be off at both ends.
std::int64_t begin_of(const timed_span& s) noexcept {
  return s.what.grade == trace::time_grade::observed
             ? s.what.begin_earliest
             : std::midpoint(s.what.begin_earliest, s.what.begin_latest);
}
std::int64_t end_of(const timed_span& s) noexcept {
  return s.what.grade == trace::time_grade::observed
             ? s.what.end_latest
             : std::midpoint(s.what.end_earliest, s.what.end_latest);
}

constexpr int piece = 3;
int rank(const timed_span& s) noexcept {
  return s.what.what != trace::device_work::task ? piece : static_cast<int>(s.what.grade);
}

}  // namespace

bool to_trace_times(trace::device_span& of, std::int64_t origin, std::int64_t last) {
  using limits = std::numeric_limits<std::int64_t>;
  const auto until = sum(last, second);
  for (auto* at : {&of.begin_earliest, &of.begin_latest, &of.end_earliest, &of.end_latest}) {
    if (origin > 0 ? *at < limits::min() + origin : *at > limits::max() + origin) return false;
    *at -= origin;
    if (*at < -second || *at > until) return false;
  }
  // It ends when it has begun; what was told may say less than that.
  of.end_latest = std::max({of.begin_earliest, of.end_earliest, of.end_latest});
  of.begin_latest = std::clamp(of.begin_latest, of.begin_earliest, of.end_latest);
  of.end_earliest = std::max(of.end_earliest, of.begin_earliest);
  return true;
}

// What tells of the same attempt meets in time. Pieces stand for the whole where one of them is
// work; of copies alone that is not known, since records may be missing.
std::vector<timed_span> best_known(std::vector<timed_span> all) {
  std::ranges::sort(all, {},
                    [](const timed_span& s) { return std::tuple(s.task, begin_of(s), s.told); });
  std::vector<timed_span> kept;
  kept.reserve(all.size());
  for (std::size_t first = 0; first < all.size();) {
    auto last = first;
    auto until = end_of(all[first]);
    auto best = all.size();  // that tells of the whole
    bool works = false;
    while (last < all.size() && all[last].task == all[first].task && begin_of(all[last]) <= until) {
      until = std::max(until, end_of(all[last]));
      const auto what = all[last].what.what;
      if (rank(all[last]) != piece) {
        if (best == all.size() || rank(all[last]) > rank(all[best])) best = last;
      } else if (what == trace::device_work::kernel || what == trace::device_work::fill) {
        works = true;
      }
      ++last;
    }
    for (auto i = first; i < last; ++i) {
      if ((i == best && !works) || rank(all[i]) == piece || all[i].task == no_task)
        kept.push_back(all[i]);
    }
    first = last;
  }
  return kept;
}

std::size_t sure_rows::place(const trace::device_span& bar) {
  auto free =
      std::ranges::find_if(until_, [&](std::int64_t until) { return until <= bar.begin_latest; });
  if (free == until_.end()) {
    if (until_.size() == most_) return most_;
    free = until_.insert(until_.end(), bar.end_earliest);
  }
  *free = std::max(*free, bar.end_earliest);
  return static_cast<std::size_t>(free - until_.begin());
}

}  // namespace fronta::viz
