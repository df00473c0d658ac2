// SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fronta::viz {

progress::progress(const index& of, const task_groups& groups) {
  const auto changes = of.changes();
  firsts_.assign(groups.size() + 1, 0);
  for (std::uint32_t c = 0; c < changes.size(); ++c) {
    const auto group = groups.of(of.task_of(c));
    if (firsts_[group + std::size_t{1}]++ == 0) by_begin_.push_back(group);
  }
  std::partial_sum(firsts_.begin(), firsts_.end(), firsts_.begin());
  changes_.resize(changes.size());
  auto next = firsts_;
  for (std::uint32_t c = 0; c < changes.size(); ++c) changes_[next[groups.of(of.task_of(c))]++] = c;
  for (std::size_t g = 0; g + 1 < firsts_.size(); ++g) {
    first_counts_.push_back(static_cast<std::uint32_t>(counts_.size()));
    std::array<std::uint32_t, task_states> now{};
    for (std::size_t i = firsts_[g]; i < firsts_[g + 1]; ++i) {
      if ((i - firsts_[g]) % apart == 0) counts_.push_back(now);
      const auto& c = changes[changes_[i]];
      ++now[static_cast<std::size_t>(c.state)];
      if (c.previous != none) --now[static_cast<std::size_t>(changes[c.previous].state)];
    }
  }
}

std::uint64_t progress::counts::submitted() const noexcept {
  return std::accumulate(in.begin(), in.end(), std::uint64_t{0});
}

std::uint64_t progress::counts::ended() const noexcept {
  return std::uint64_t{(*this)[task_state::done]} + (*this)[task_state::failed] +
         (*this)[task_state::cancelled];
}

std::int64_t progress::counts::lasts(std::int64_t at) const noexcept {
  return std::max<std::int64_t>(0, (ended() == submitted() ? end : at) - begin);
}

double progress::counts::rate(std::int64_t at) const noexcept {
  const auto time = lasts(at);
  return time > 0 ? static_cast<double>(ended()) / static_cast<double>(time) * 1e9 : 0;
}

std::int64_t progress::counts::rest(std::int64_t at) const noexcept {
  const auto now = rate(at);
  if (now <= 0) return 0;
  return static_cast<std::int64_t>(
      std::min(9e18, static_cast<double>(submitted() - ended()) / now * 1e9));
}

std::size_t progress::changes_until(const index& of, std::uint32_t group,
                                    std::int64_t t) const noexcept {
  const auto begin = changes_.begin() + firsts_[group];
  const auto end = changes_.begin() + firsts_[group + std::size_t{1}];
  return static_cast<std::size_t>(
      std::ranges::partition_point(
          begin, end, [&](std::uint32_t c) { return of.time_of(of.changes()[c]) <= t; }) -
      begin);
}

progress::counts progress::at(const index& of, std::uint32_t group, std::int64_t t) const {
  counts found;
  const auto until = changes_until(of, group, t);
  if (until == 0) return found;
  const auto* const all = changes_.data() + firsts_[group];
  const auto change_at = [&](std::size_t i) { return of.changes()[all[i]]; };
  found.begin = of.time_of(change_at(0));
  found.end = of.time_of(change_at(until - 1));
  const auto from = (until - 1) / apart;
  found.in = counts_[first_counts_[group] + from];
  for (auto i = from * apart; i < until; ++i) {
    const auto& c = change_at(i);
    ++found.in[static_cast<std::size_t>(c.state)];
    if (c.previous != none) --found.in[static_cast<std::size_t>(of.changes()[c.previous].state)];
  }
  return found;
}

std::size_t progress::names_until(const index& of, std::int64_t t) const noexcept {
  return static_cast<std::size_t>(
      std::ranges::partition_point(
          by_begin_,
          [&](std::uint32_t g) { return of.time_of(of.changes()[changes_[firsts_[g]]]) <= t; }) -
      by_begin_.begin());
}

std::vector<std::uint32_t> progress::names_at(const index& of, std::int64_t t,
                                              std::size_t most) const {
  const auto all = std::span(by_begin_).first(names_until(of, t));
  std::vector<std::uint32_t> found(all.begin(), all.end());
  if (found.size() <= most) return found;
  // How many tasks of it there are: each has one change that is its first.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> largest;
  largest.reserve(found.size());
  for (std::uint32_t i = 0; i < found.size(); ++i)
    largest.emplace_back(at(of, found[i], t).submitted(), i);
  std::ranges::partial_sort(largest, largest.begin() + static_cast<std::ptrdiff_t>(most),
                            [](const auto& a, const auto& b) {
                              return a.first != b.first ? a.first > b.first : a.second < b.second;
                            });
  std::vector<std::uint32_t> shown;
  shown.reserve(most);
  for (std::size_t i = 0; i < most; ++i) shown.push_back(found[largest[i].second]);
  return shown;
}

}  // namespace fronta::viz
