// SPDX-License-Identifier: Apache-2.0
#include "task_locations.hpp"

#include "summaries.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <limits>

namespace fronta::viz {
namespace {

// The text is file:line.
std::string_view file_of(std::string_view text) noexcept {
  const auto colon = text.rfind(':');
  return colon == std::string_view::npos ? std::string_view() : text.substr(0, colon);
}

}  // namespace

task_locations::task_locations(const index& of) {
  const auto events = of.events();
  std::vector<std::uint32_t> texts;
  for (std::uint32_t e = 0; e < events.size(); ++e) {
    const auto& one = events[e];
    if (one.what() != trace::event_kind::location || one.task == no_task ||
        file_of(of.text(one.text)).empty() || one.argument == 0 ||
        one.argument > std::numeric_limits<std::uint32_t>::max()) {
      continue;
    }
    if (events_.empty()) events_.resize(of.tasks().size(), none);
    events_[one.task] = e;
    texts.push_back(one.text);
  }
  std::ranges::sort(texts);
  const auto [same, end] = std::ranges::unique(texts);
  texts.erase(same, end);
  for (const auto t : texts) files_.emplace_back(file_of(of.text(t)));
  std::ranges::sort(files_);
  const auto [again, last] = std::ranges::unique(files_);
  files_.erase(again, last);
  if (events_.empty()) return;
  auto told = none;
  for (std::size_t first = 0; first < events.size(); first += block) {
    told_.push_back(told);
    const auto until = std::min<std::size_t>(first + block, events.size()) - 1;
    const auto found =
        last_told_in(of, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(until));
    if (found != none) told = found;
  }
}

std::optional<task_locations::place> task_locations::of(const index& in,
                                                        task_number t) const noexcept {
  if (t >= events_.size() || events_[t] == none) return std::nullopt;
  const auto& e = in.events()[events_[t]];
  return place{file_of(in.text(e.text)), static_cast<std::uint32_t>(e.argument)};
}

std::uint32_t task_locations::last_told_in(const index& in, std::uint32_t first,
                                           std::uint32_t last) const {
  for (auto e = last + 1; e-- > first;) {
    const auto t = in.events()[e].task;
    if (t < events_.size() && events_[t] != none && !narrate(in, e).empty()) return e;
  }
  return none;
}

std::uint32_t task_locations::last_told(const index& in, std::uint32_t event) const {
  if (event == none || events_.empty()) return none;
  const auto found = last_told_in(in, event / block * block, event);
  return found != none ? found : told_[event / block];
}

const task_locations& summaries::locations_of(const index& of) {
  return make(locations_, [&] { return std::make_shared<const task_locations>(of); });
}

}  // namespace fronta::viz
