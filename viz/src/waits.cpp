// SPDX-License-Identifier: Apache-2.0
#include "waits.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace fronta::viz {

std::vector<std::uint32_t> first_of_its_kind(const index& of) {
  std::map<std::tuple<queue::kind, std::uint16_t, std::int32_t>, std::uint32_t> first;
  std::vector<std::uint32_t> found;
  found.reserve(of.queues().size());
  for (std::uint32_t q = 0; q < of.queues().size(); ++q) {
    const auto& one = of.queues()[q];
    found.push_back(first.try_emplace({one.what, one.executor, one.place}, q).first->second);
  }
  return found;
}

std::string name_of_all(const index& of, std::uint32_t queue) {
  const auto& q = of.queues()[queue];
  if (q.what == queue::kind::router) return q.name;
  if (q.what != queue::kind::deque && q.what != queue::kind::stream) return q.name;
  std::string name(of.place_name(q.executor, q.place));
  if (name.empty()) {
    name = "place ";
    name += std::to_string(q.place);
  }
  name += q.what == queue::kind::deque ? " deques" : " streams";
  return name;
}

std::optional<wait_cause> cause_of(const index& of, const change& c, std::uint32_t told) noexcept {
  using kind = wait_cause::kind;
  const auto& e = of.events()[c.event];
  switch (c.state) {
    case task_state::waiting_inputs:
      return wait_cause{kind::inputs, 0};
    case task_state::waiting_tags:
      if (e.what() == trace::event_kind::enqueue &&
          e.argument == static_cast<std::uint64_t>(trace::queue::tags)) {
        if (e.text == 0) return wait_cause{kind::no_place, 0};
        return wait_cause{kind::tag, e.text};
      }
      return wait_cause{kind::queue, c.where};
    case task_state::queued:
      return wait_cause{kind::queue, c.where};
    case task_state::retry_wait:
      return wait_cause{kind::retry, 0};
    case task_state::suspended:
      return wait_cause{kind::within, told};
    default:
      return std::nullopt;
  }
}

std::string in_words(const index& of, const wait_cause& why) {
  using kind = wait_cause::kind;
  std::string words;
  switch (why.what) {
    case kind::inputs:
      return "for inputs";
    case kind::tag:
      words = "for the tag ";
      words += of.text(why.detail);
      return words;
    case kind::no_place:
      return "no place can run it";
    case kind::queue:
      if (why.detail >= of.queues().size()) return "in a queue";
      if (of.queues()[why.detail].what == queue::kind::streams) return "for a stream of its device";
      if (of.queues()[why.detail].what == queue::kind::router) return "for a place";
      words = of.queues()[why.detail].what == queue::kind::stream ? "enqueued on " : "in ";
      words += name_of_all(of, why.detail);
      return words;
    case kind::retry:
      return "to be tried again";
    case kind::within:
      words = "within: ";
      words += wait_in_words(why.detail);
      return words;
  }
  return words;
}

std::string_view wait_in_words(std::uint32_t reason) noexcept {
  constexpr std::array<std::string_view, 9> words{
      "for the end of another task", "for the ends of several tasks",
      "for one of several tasks",    "for the next that is done",
      "it says that it blocks",      "for the numbers of an array",
      "for memory of a device",      "for the code of a task that timed out",
      "for the end of an executor"};
  return reason < words.size() ? words[reason] : std::string_view("why is not told");
}

std::string_view in_words(trace::route_reason why) noexcept {
  constexpr std::array<std::string_view, 12> words{"",
                                                   "no other place can run it",
                                                   "place_on names it",
                                                   "an input is of use there alone",
                                                   "elsewhere its tags were taken",
                                                   "prefer names it",
                                                   "its inputs are there",
                                                   "least is in its way there",
                                                   "its body for there was chosen",
                                                   "a device could not",
                                                   "a task that waits for it runs it",
                                                   "the first of equal places"};
  const auto number = static_cast<std::size_t>(why);
  return number < words.size() ? words[number] : std::string_view();
}

}  // namespace fronta::viz
