// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/detail/bar_levels.hpp>

namespace fronta::viz::detail {

void bar_levels::part::take(const part& other) noexcept {
  begin = std::min(begin, other.begin);
  end = std::max(end, other.end);
  busy += other.busy;
  first_failure = std::min(first_failure, other.first_failure);
  bars += other.bars;
  depth = std::min(depth, other.depth);
}

namespace {

// Into the last node's parts, from `first` on.
void merge(std::vector<bar_levels::part>& into, std::size_t first, const bar_levels::part& one,
           bool in_rows) {
  for (auto i = first; i < into.size(); ++i) {
    if (in_rows && into[i].depth != one.depth) continue;
    into[i].take(one);
    return;
  }
  into.push_back(one);
}

}  // namespace

void bar_levels::add(const part& bar, std::int64_t length, bool in_rows) {
  if (levels_.empty()) {
    levels_.emplace_back();
    widths_.push_back(fan);
  }
  auto& nodes = levels_.front();
  const auto end_of_parts = [&] { return static_cast<std::uint32_t>(parts_.size()); };
  if (size_ % fan == 0)
    nodes.push_back({std::numeric_limits<std::int64_t>::min(), 0, end_of_parts(), end_of_parts()});
  auto& last = nodes.back();
  last.latest_end = std::max(last.latest_end, bar.end);
  last.longest = std::max(last.longest, length);
  merge(parts_, last.parts_begin, bar, in_rows);
  last.parts_end = end_of_parts();
  in_rows_ = in_rows;
  ++size_;
}

void bar_levels::finish() {
  while (!levels_.empty() && levels_.back().size() > 1) {
    const auto& below = levels_.back();
    std::vector<node> above;
    for (std::size_t i = 0; i < below.size(); ++i) {
      const auto from = static_cast<std::uint32_t>(parts_.size());
      if (i % fan == 0) above.push_back({below[i].latest_end, below[i].longest, from, from});
      auto& last = above.back();
      last.latest_end = std::max(last.latest_end, below[i].latest_end);
      last.longest = std::max(last.longest, below[i].longest);
      for (auto p = below[i].parts_begin; p != below[i].parts_end; ++p) {
        const auto one = parts_[p];
        merge(parts_, last.parts_begin, one, in_rows_);
      }
      last.parts_end = static_cast<std::uint32_t>(parts_.size());
    }
    widths_.push_back(widths_.back() * fan);
    levels_.push_back(std::move(above));
  }
  for (auto& level : levels_) level.shrink_to_fit();
  parts_.shrink_to_fit();
}

}  // namespace fronta::viz::detail
