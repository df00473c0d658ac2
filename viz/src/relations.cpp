// SPDX-License-Identifier: Apache-2.0
#include "relations.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>

namespace fronta::viz {
namespace {

void sort_once(std::vector<task_number>& of) {
  std::ranges::sort(of);
  const auto twice = std::ranges::unique(of);
  of.erase(twice.begin(), twice.end());
}

std::string count_of(std::size_t number, const char* one, const char* many) {
  auto text = grouped(number);
  text += ' ';
  text += number == 1 ? one : many;
  return text;
}

}  // namespace

relations::relations(const index& of, task_number selected, std::int64_t at) {
  if (selected >= of.tasks().size() || of.state_of(selected, at) == nullptr) return;
  selected_ = selected;
  for (const auto& e : of.edges()) {
    if (e.to == selected) inputs_.push_back(e.from);
    if (e.from == selected && of.state_of(e.to, at) != nullptr) dependents_.push_back(e.to);
  }
  sort_once(inputs_);
  sort_once(dependents_);
}

relations::kind relations::of(task_number t) const noexcept {
  if (selected_ == no_task || t == no_task) return kind::unrelated;
  if (t == selected_) return kind::selected;
  if (std::ranges::binary_search(inputs_, t)) return kind::input;
  if (std::ranges::binary_search(dependents_, t)) return kind::dependent;
  return kind::unrelated;
}

std::string relations::in_words(task_number t) const {
  switch (of(t)) {
    case kind::selected:
      return "selected, of " + count_of(inputs_.size(), "input", "inputs") + " and " +
             count_of(dependents_.size(), "dependent", "dependents");
    case kind::input:
      return "an input of " + called(selected_);
    case kind::dependent:
      return "depends on " + called(selected_);
    case kind::unrelated:
      break;
  }
  return {};
}

}  // namespace fronta::viz
