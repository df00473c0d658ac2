// SPDX-License-Identifier: Apache-2.0
#include "lane_sums.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace fronta::viz {
namespace {

// Beyond any time of an index, and far enough from the end of the scale for differences.
constexpr std::int64_t latest = std::int64_t{1} << 55U;

}  // namespace

void lane_sums::sum_up(std::uint32_t lane) {
  auto& row = to_.lane_rows_[lane];
  const bool in_rows = is_in_rows(to_.lanes_[lane].what);
  if (!in_rows) find_own_times(row);
  for (std::size_t i = 0; i < row.bars.size(); ++i) {
    const auto& b = row.bars[i];
    const auto part = to_.part_of(row, i, forever);
    row.rows = std::max<std::size_t>(row.rows, b.depth + std::size_t{1});
    row.levels.add(part, part.end == forever ? forever : part.end - part.begin, in_rows);
    note_look(b);
  }
  row.levels.finish();
  row.bars.shrink_to_fit();
}

void lane_sums::note_look(const index::stored_bar& b) {
  auto& there = to_.present_;
  const auto set = [&](task_state s) { there[static_cast<std::size_t>(s)] = true; };
  if (b.what == bar::kind::copy) set(task_state::copying);
  if (b.what == bar::kind::run) set(task_state::running);
  if (b.what == bar::kind::suspended) set(task_state::suspended);
  if (b.what == bar::kind::device) to_.device_work_ = true;
  if ((b.flags & index::stored_bar::lost) != 0) set(task_state::unknown);
}

// Of bars with others in them: how long nothing lay within and the task did not wait.
void lane_sums::find_own_times(index::lane_row& row) const {
  struct open_bar {
    std::uint32_t nth;
    std::int64_t end;
    std::int64_t own;
    std::uint8_t depth;
    bool waits;
  };
  std::vector<open_bar> open;
  const auto close = [&] {
    const auto& b = open.back();
    if ((row.bars[b.nth].flags & index::stored_bar::hosts) != 0)
      row.own.emplace_back(b.nth, std::max<std::int64_t>(0, b.own));
    open.pop_back();
  };
  for (std::uint32_t nth = 0; nth < row.bars.size(); ++nth) {
    const auto& b = row.bars[nth];
    const bool waits = b.what == bar::kind::suspended;
    const auto begin = to_.events_[b.begin].time;
    const auto end = b.end == none ? latest : to_.events_[b.end].time;
    const auto lasts = std::min(end, to_.end_) - begin;  // as far as is known
    const auto over = [&](const open_bar& o) {
      return o.end <= begin || o.depth > b.depth || (o.depth == b.depth && (!waits || o.waits));
    };
    while (!open.empty() && over(open.back())) close();
    if (!open.empty() && !open.back().waits) {
      row.bars[open.back().nth].flags |= index::stored_bar::hosts;
      open.back().own -= lasts;
    }
    open.push_back({nth, end, lasts, b.depth, waits});
  }
  while (!open.empty()) close();
  std::ranges::sort(row.own);
}

}  // namespace fronta::viz
