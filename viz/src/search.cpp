// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/search.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <system_error>

namespace fronta::viz {
namespace {

char small(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

task_search::task_search(const index& of, std::string_view wanted) : of_(of) {
  if (wanted.empty()) return;
  std::uint32_t number = 0;
  const auto* const begin = std::to_address(wanted.begin());
  const auto* const end = begin + wanted.size();
  const auto [at, error] = std::from_chars(begin, end, number);
  if (error == std::errc() && at == end && number != 0) number_ = number - 1;
  std::vector<bool> seen;
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    const auto text = of.tasks()[t].text;
    if (seen.size() <= text) {
      seen.resize(text + std::size_t{1});
      texts_.resize(text + std::size_t{1});
    }
    if (!seen[text]) {
      seen[text] = true;
      const auto name = of.name_of(t);
      texts_[text] = !std::ranges::search(name, wanted, {}, small, small).empty();
    }
    if (matches(t)) ++count_;
  }
}

// The trace may speak of tasks of which it does not know that they were submitted.
bool task_search::is_known(task_number t) const noexcept {
  return of_.tasks()[t].last_change != none;
}

bool task_search::matches(task_number t) const noexcept {
  if (t >= of_.tasks().size() || !is_known(t)) return false;
  const auto text = of_.tasks()[t].text;
  return t == number_ || (text < texts_.size() && texts_[text]);
}

std::size_t task_search::place_of(task_number t) const noexcept {
  std::size_t place = 0;
  for (task_number i = 0; i < of_.tasks().size() && i <= t; ++i) {
    if (matches(i)) ++place;
  }
  return place;
}

task_number task_search::next(task_number from, int by) const noexcept {
  if (count_ == 0 || by == 0) return no_task;
  const auto tasks = static_cast<std::int64_t>(of_.tasks().size());
  const std::int64_t way = by > 0 ? 1 : -1;
  auto t = std::int64_t{from};
  if (from >= tasks) t = by > 0 ? -1 : tasks;
  // More than once round is as much as what is left then.
  auto left = std::abs(std::int64_t{by}) % static_cast<std::int64_t>(count_);
  if (left == 0) left = static_cast<std::int64_t>(count_);
  while (left != 0) {
    t += way;
    if (t < 0) t = tasks - 1;
    if (t >= tasks) t = 0;
    if (matches(static_cast<task_number>(t))) --left;
  }
  return static_cast<task_number>(t);
}

const task_search& kept_search::find(const std::shared_ptr<const index>& of,
                                     std::string_view wanted) {
  if (found_ == nullptr || of_ != of || wanted_ != wanted) {
    found_ = std::make_unique<const task_search>(*of, wanted);
    of_ = of;
    wanted_ = wanted;
  }
  return *found_;
}

void kept_search::forget() noexcept {
  found_.reset();
  of_.reset();
}

}  // namespace fronta::viz
