// SPDX-License-Identifier: Apache-2.0
#include "lane_register.hpp"

#include <fronta/trace_file.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace fronta::viz {

lane_register::lane_register(index& made, const trace::file_contents& from)
    : to_(made), from_(from) {
  for (const auto& t : from.threads) {
    if (t.executor == 0 || t.place < 0) continue;
    const auto [at, first] = default_place_.try_emplace(t.executor, t.place);
    if (!first) at->second = std::min(at->second, t.place);
  }
}

std::uint32_t lane_register::lane_of(lane::kind what, std::uint16_t executor, std::int32_t place,
                                     std::int32_t number) {
  const auto [at, made] =
      lanes_.try_emplace(key{static_cast<std::uint8_t>(what), executor, place, number},
                         static_cast<std::uint32_t>(to_.lanes_.size()));
  if (made) {
    to_.lanes_.push_back({what, executor, place, number, {}});
    to_.lane_rows_.emplace_back();
  }
  return at->second;
}

std::uint16_t lane_register::queue_of(queue::kind what, std::uint16_t executor, std::int32_t place,
                                      std::int32_t number) {
  const auto [at, made] =
      queues_.try_emplace(key{static_cast<std::uint8_t>(what), executor, place, number},
                          static_cast<std::uint32_t>(to_.queues_.size()));
  if (made) {
    to_.queues_.push_back({what, executor, place, number, {}});
    to_.queue_rows_.emplace_back();
  }
  return at->second < nowhere ? static_cast<std::uint16_t>(at->second) : nowhere;
}

void lane_register::name_place(std::uint16_t executor, std::int32_t place, std::uint32_t text) {
  places_.insert_or_assign({executor, place}, text);
}

std::int32_t lane_register::default_place(std::uint16_t executor) const {
  const auto found = default_place_.find(executor);
  return found != default_place_.end() ? found->second : 0;
}

std::int32_t lane_register::place_of_thread(const event& e) const {
  if (e.thread < from_.threads.size()) {
    const auto& t = from_.threads[e.thread];
    if (t.executor == e.executor && t.place >= 0) return t.place;
  }
  return default_place(e.executor);
}

// Where two executors have a place of one name each, it does not tell whose it is.
void lane_register::find_namesakes() {
  std::map<std::string, std::set<std::uint16_t>> owners;
  const auto add = [&](std::uint16_t executor, std::int32_t place) {
    if (executor != 0) owners[own_name_of_place(executor, place)].insert(executor);
  };
  for (const auto& [at, text] : places_) add(at.first, at.second);
  for (const auto& l : to_.lanes_) {
    if (l.what != lane::kind::thread) add(l.executor, l.place);
  }
  for (const auto& [name, executors] : owners) {
    if (executors.size() > 1) namesakes_.insert(executors.begin(), executors.end());
  }
}

std::string lane_register::of_executor(std::uint16_t executor, std::string name) const {
  if (!namesakes_.contains(executor)) return name;
  return "executor " + std::to_string(executor) + ": " + std::move(name);
}

void lane_register::name_all() {
  find_namesakes();
  for (const auto& [at, text] : places_)
    to_.places_.push_back({at.first, at.second, of_executor(at.first, to_.texts_[text])});
  for (auto& l : to_.lanes_) l.name = name_of(l);
  for (auto& q : to_.queues_) q.name = name_of(q);
}

std::string lane_register::name_of_place(std::uint16_t executor, std::int32_t place) const {
  return of_executor(executor, own_name_of_place(executor, place));
}

std::string lane_register::own_name_of_place(std::uint16_t executor, std::int32_t place) const {
  const auto found = places_.find({executor, place});
  if (found == places_.end() || to_.texts_[found->second].empty())
    return "place " + std::to_string(place);
  return to_.texts_[found->second];
}

std::string lane_register::name_of(const lane& l) const {
  switch (l.what) {
    case lane::kind::slot:
      return name_of_place(l.executor, l.place) + ' ' + std::to_string(l.number);
    case lane::kind::stream:
      return name_of_place(l.executor, l.place) + " stream " + std::to_string(l.number);
    case lane::kind::copies:
      return name_of_place(l.executor, l.place) + (l.number == 0 ? " copies in" : " copies out");
    case lane::kind::reserved:
      return name_of_place(l.executor, l.place);
    case lane::kind::thread:
      break;
  }
  const auto number = static_cast<std::size_t>(l.number);
  if (number < from_.threads.size() && !from_.threads[number].name.empty())
    return from_.threads[number].name;
  return "thread " + std::to_string(number);
}

std::string lane_register::name_of(const queue& q) const {
  switch (q.what) {
    case queue::kind::router:
      return of_executor(q.executor, "waiting for a place");
    case queue::kind::deque:
      return name_of_place(q.executor, q.place) + ' ' + std::to_string(q.number);
    case queue::kind::inbox:
      return name_of_place(q.executor, q.place) + " inbox";
    case queue::kind::priority:
      return name_of_place(q.executor, q.place) + " by priority";
    case queue::kind::tags:
      return of_executor(q.executor, "waiting for tags");
    case queue::kind::streams:
      return of_executor(q.executor, "waiting for a stream");
    case queue::kind::backoff:
      return of_executor(q.executor, "waiting to retry");
    case queue::kind::stream:
      break;
  }
  return name_of_place(q.executor, q.place) + " stream " + std::to_string(q.number);
}

}  // namespace fronta::viz
