// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/search.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <system_error>

namespace fronta::viz {
namespace {

char small(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

task_search::task_search(const index& of, std::string_view wanted) {
  if (wanted.empty()) return;
  std::uint32_t number = 0;
  const auto* const begin = std::to_address(wanted.begin());
  const auto* const end = begin + wanted.size();
  const auto [at, error] = std::from_chars(begin, end, number);
  const auto numbered =
      error == std::errc() && at == end && number != 0 ? task_number{number - 1} : no_task;
  enum class answer : char { not_asked, no, yes };
  std::vector<answer> texts;
  for (task_number t = 0; t < of.tasks().size(); ++t) {
    const auto task = of.tasks()[t];
    // The trace may speak of tasks of which it does not know that they were submitted.
    if (task.last_change == none) continue;
    if (texts.size() <= task.text) texts.resize(task.text + std::size_t{1});
    auto& named = texts[task.text];
    if (named == answer::not_asked) {
      const auto name = of.name_of(t);
      const bool is = !std::ranges::search(name, wanted, {}, small, small).empty();
      named = is ? answer::yes : answer::no;
    }
    if (t == numbered || named == answer::yes) found_.push_back(t);
  }
}

bool task_search::matches(task_number t) const noexcept {
  return std::ranges::binary_search(found_, t);
}

std::size_t task_search::place_of(task_number t) const noexcept {
  return static_cast<std::size_t>(std::ranges::upper_bound(found_, t) - found_.begin());
}

task_number task_search::next(task_number from, int by) const noexcept {
  if (found_.empty() || by == 0) return no_task;
  const auto all = static_cast<std::int64_t>(found_.size());
  // One step forward leads to that, and one back to the one before.
  const auto first =
      by > 0 ? std::ranges::upper_bound(found_, from) : std::ranges::lower_bound(found_, from);
  const auto at = std::int64_t{first - found_.begin()} + by - (by > 0 ? 1 : 0);
  return found_[static_cast<std::size_t>((at % all + all) % all)];
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
