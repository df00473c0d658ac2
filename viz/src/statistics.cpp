// SPDX-License-Identifier: Apache-2.0
#include "statistics.hpp"

#include "work_time.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace fronta::viz {
namespace {

struct one_wait {
  task_number task;
  std::uint32_t cause;
  std::int64_t lasted;
};

}  // namespace

statistics::statistics(const index& of, const task_groups& groups) {
  std::vector<one_wait> each_wait;
  std::map<wait_cause, std::uint32_t> known;
  const auto cause_number = [&](wait_cause why) {
    const auto [at, made] = known.try_emplace(why, static_cast<std::uint32_t>(causes_.size()));
    if (made) causes_.push_back({why, {}, {}});
    return at->second;
  };
  const auto kinds = first_of_its_kind(of);
  const auto changes = of.changes();
  const auto leave = [&](task_number t, const work_time& spent) {
    if (spent.waited() == 0) return;
    auto why = cause_of(of, spent.last_change(), spent.told());
    if (!why) return;
    if (why->what == wait_cause::kind::queue && why->detail < kinds.size())
      why->detail = kinds[why->detail];
    each_wait.push_back({t, cause_number(*why), spent.waited()});
  };
  const auto lives = work_of_all(of, leave);
  // In the order of their ends, then by group.
  const auto ended = of.completions();
  ends_.reserve(ended.size());
  std::vector<std::uint32_t> place_of(of.tasks().size(), none);
  std::vector<task_number> by_end;
  by_end.reserve(ended.size());
  firsts_.assign(groups.size() + 1, 0);
  for (std::uint32_t i = 0; i < ended.size(); ++i) {
    const auto& end = of.events()[changes[ended[i]].event];
    ends_.push_back(end.time);
    by_end.push_back(end.task);
    place_of[end.task] = i;
    ++firsts_[groups.of(end.task) + std::size_t{1}];
  }
  std::partial_sum(firsts_.begin(), firsts_.end(), firsts_.begin());
  auto next = firsts_;
  std::vector<task_number> in_table(ended.size());
  for (const auto t : by_end) in_table[next[groups.of(t)]++] = t;
  table_.reserve(ended.size() + 1);
  std::array<std::vector<std::int64_t>, 2> times;
  for (auto& t : totals_) t.push_back(0);
  ended_task before{none, 0, 0, 0, 0, 0};
  for (const auto t : in_table) {
    const auto& l = lives[t];
    before.place = place_of[t];
    table_.push_back(before);
    const auto state = l.last_change().state;
    if (state == task_state::failed) ++before.failed;
    if (state == task_state::cancelled) ++before.cancelled;
    before.retries += l.retries();
    if (!l.ran()) continue;
    ++before.ran;
    if (l.observed()) ++before.observed;
    times[0].push_back(l.run());
    times[1].push_back(l.wait());
    totals_[0].push_back(totals_[0].back() + static_cast<std::uint64_t>(l.run()));
    totals_[1].push_back(totals_[1].back() + static_cast<std::uint64_t>(l.wait()));
  }
  before.place = none;
  table_.push_back(before);
  orders_ = {range_order(times[0]), range_order(times[1])};
  // Each cause's waits by the end of their task.
  std::vector<std::vector<std::pair<std::uint32_t, std::int64_t>>> rows(causes_.size());
  for (const auto& w : each_wait) {
    if (place_of[w.task] != none) rows[w.cause].emplace_back(place_of[w.task], w.lasted);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::ranges::sort(rows[i]);
    std::uint64_t total = 0;
    for (const auto& [place, lasted] : rows[i]) {
      causes_[i].places.push_back(place);
      causes_[i].totals.push_back(total += static_cast<std::uint64_t>(lasted));
    }
  }
}

std::pair<std::uint32_t, std::uint32_t> statistics::in_range(std::int64_t from,
                                                             std::int64_t until) const noexcept {
  const auto first = std::ranges::lower_bound(ends_, from) - ends_.begin();
  const auto last = std::ranges::upper_bound(ends_, until) - ends_.begin();
  return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(std::max(first, last))};
}

std::vector<statistics::counts> statistics::by_name(std::int64_t from, std::int64_t until) const {
  const auto [first, last] = in_range(from, until);
  std::vector<counts> rows;
  for (std::uint32_t g = 0; g + 1 < firsts_.size(); ++g) {
    const std::span all(table_.data() + firsts_[g], firsts_[g + 1] - firsts_[g]);
    const auto begin = std::ranges::lower_bound(all, first, {}, &ended_task::place);
    const auto end = std::ranges::lower_bound(begin, all.end(), last, {}, &ended_task::place);
    if (begin == end) continue;
    const auto& a = *begin;
    const auto& b = table_[firsts_[g] + static_cast<std::size_t>(end - all.begin())];
    counts row;
    row.group = g;
    row.ended = static_cast<std::uint32_t>(end - begin);
    row.failed = b.failed - a.failed;
    row.cancelled = b.cancelled - a.cancelled;
    row.ran = b.ran - a.ran;
    row.observed = b.observed - a.observed;
    row.retries = b.retries - a.retries;
    row.run = totals_[0][b.ran] - totals_[0][a.ran];
    row.wait = totals_[1][b.ran] - totals_[1][a.ran];
    row.begin = a.ran;
    row.end = b.ran;
    rows.push_back(row);
  }
  // Names of equal totals as they came.
  std::ranges::sort(rows, [](const counts& a, const counts& b) {
    return a.run != b.run ? a.run > b.run : a.group < b.group;
  });
  return rows;
}

std::int64_t statistics::percentile(const counts& of, time what,
                                    std::uint64_t per_mille) const noexcept {
  const auto n = of.end - of.begin;
  if (n == 0) return 0;
  const auto rank = std::max<std::size_t>(1, (n * per_mille + 999) / 1000);
  return order(what).smallest(of.begin, of.end, rank - 1);
}

std::vector<std::size_t> statistics::histogram(const counts& of, time what,
                                               std::span<const std::int64_t> edges) const {
  std::vector<std::size_t> found(edges.size());
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const auto end = i + 1 < edges.size() ? order(what).below(of.begin, of.end, edges[i + 1])
                                          : of.end - of.begin;
    const auto begin = order(what).below(of.begin, of.end, edges[i]);
    found[i] = end - begin;
  }
  return found;
}

std::vector<statistics::waited> statistics::waits(std::int64_t from, std::int64_t until) const {
  const auto [first, last] = in_range(from, until);
  std::vector<waited> rows;
  for (const auto& row : causes_) {
    const auto begin = std::ranges::lower_bound(row.places, first) - row.places.begin();
    const auto end = std::ranges::lower_bound(row.places, last) - row.places.begin();
    if (begin >= end) continue;
    const auto total = [&](auto n) {
      return n == 0 ? std::uint64_t{0} : row.totals[static_cast<std::size_t>(n - 1)];
    };
    rows.push_back({row.why, total(end) - total(begin), static_cast<std::uint32_t>(end - begin)});
  }
  std::ranges::sort(rows, [](const waited& a, const waited& b) {
    return a.total != b.total ? a.total > b.total : a.why < b.why;
  });
  return rows;
}

log_bins log_edges(std::int64_t least, std::int64_t most, std::size_t bins) {
  constexpr auto highest = std::numeric_limits<std::int64_t>::max();
  // 1, 2 and 5 times powers of ten; with too many of them powers of ten, then every second one.
  for (const std::size_t thin : {1U, 3U, 6U, 9U, 18U, 54U}) {
    log_bins made;
    std::int64_t edge = 1;
    for (std::size_t nth = 0; made.end == 0; ++nth) {
      if (nth % thin == 0) {
        if (edge <= least) made.edges.clear();
        if ((edge > most && !made.edges.empty()) || edge == highest) {
          made.end = edge;
        } else {
          made.edges.push_back(edge);
        }
      }
      if (edge > highest / 5 * 2) {
        edge = highest;
      } else {
        edge = nth % 3 == 1 ? edge / 2 * 5 : edge * 2;  // from 2 to 5
      }
    }
    if (made.edges.size() <= bins && !made.edges.empty()) {
      made.edges.front() = std::min(made.edges.front(), least);
      return made;
    }
  }
  return {{least}, most < highest ? most + 1 : most};
}

}  // namespace fronta::viz
