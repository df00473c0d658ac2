// SPDX-License-Identifier: Apache-2.0
#include "relations.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cstddef>

namespace fronta::viz {
namespace {

std::string count_of(std::size_t number, const char* one, const char* many) {
  auto text = grouped(number);
  text += ' ';
  text += number == 1 ? one : many;
  return text;
}

}  // namespace

relations::relations(const index& of, task_number selected, std::int64_t at) : of_(&of), at_(at) {
  if (selected >= of.tasks().size() || !of.state_of(selected, at)) return;
  selected_ = selected;
  all_ = &task_relations_of(of);
  inputs_ = told_until(of, all_->inputs_of(selected), at);
  dependents_ = told_until(of, all_->uses_of(selected), at);
}

relations::kind relations::of(task_number t) const noexcept {
  if (selected_ == no_task || t == no_task) return kind::unrelated;
  if (t == selected_) return kind::selected;
  // Of each pair the one that has less to look through is asked.
  const auto leads = [&](task_number from, task_number to) {
    const auto inputs = all_->inputs_of(to);
    const auto uses = all_->uses_of(from);
    if (inputs.size() < uses.size()) {
      return std::ranges::any_of(told_until(*of_, inputs, at_),
                                 [&](std::uint32_t e) { return of_->events()[e].other() == from; });
    }
    return std::ranges::any_of(told_until(*of_, uses, at_),
                               [&](std::uint32_t e) { return of_->events()[e].task == to; });
  };
  if (t < selected_) return leads(t, selected_) ? kind::input : kind::unrelated;
  return leads(selected_, t) ? kind::dependent : kind::unrelated;
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
