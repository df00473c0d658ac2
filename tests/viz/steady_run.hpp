// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include <cstdint>

namespace fronta::test {

/// One worker that runs `tasks` tasks of 10 µs, one every 20 µs from 1 ms on.
inline trace::file_contents steady_run(std::uint64_t tasks) {
  using trace::event_kind;
  constexpr std::int64_t microsecond = 1'000;
  constexpr auto first = 1'000 * microsecond;
  trace::file_contents file;
  file.threads.push_back({.system_number = 1, .name = "cpu 0", .executor = 1, .place = 0});
  file.texts.emplace_back("cpu");
  const auto add = [&](std::int64_t time, event_kind kind, std::uint64_t task, std::uint32_t text) {
    file.events.push_back(
        {.time = time,
         .thread = 0,
         .text = text,
         .what = {.kind = kind, .executor = 1, .slot = 0, .task = task, .argument = 0}});
  };
  add(first, event_kind::place, 0, 1);
  for (std::uint64_t t = 1; t <= tasks; ++t) {
    const auto begin = first + static_cast<std::int64_t>(t) * 20 * microsecond;
    add(begin, event_kind::submit, t, 0);
    add(begin + 1 * microsecond, event_kind::start, t, 0);
    add(begin + 11 * microsecond, event_kind::finish, t, 0);
  }
  file.known_until = file.events.back().time;
  file.ended = true;
  return file;
}

}  // namespace fronta::test
