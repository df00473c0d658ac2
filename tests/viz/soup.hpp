// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace_file.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <random>

namespace fronta::test {

/// Traces whose events come in no order that an executor would know.
class soup {
 public:
  explicit soup(std::uint64_t seed) : random_(seed) {}

  trace::file_contents of(int events) {
    trace::file_contents told;
    told.texts = {"", "cpu", "gpu", "z"};
    for (std::uint16_t i = 0; i < 4; ++i)
      told.threads.push_back({i, "t", static_cast<std::uint16_t>(i / 2), i - 1});
    told.origin_steady = 1'000'000;
    std::int64_t now = up_to(3) == 0 ? -50 : 0;
    // Tasks come and go, so that a long soup has more than a few.
    const auto tasks = 2 + up_to(8);
    for (int i = 0; i < events; ++i) {
      now += up_to(3);
      const auto first = static_cast<std::uint64_t>(i / 12);
      told.events.push_back({now, static_cast<std::uint32_t>(up_to(5)),
                             static_cast<std::uint32_t>(up_to(5)), any(first, tasks)});
      if (up_to(12) == 0) told.spans.push_back({now, 0, any_span(first, tasks, now)});
    }
    told.known_until = now;
    return told;
  }

 private:
  int up_to(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }
  std::uint64_t argument(std::uint64_t first, int tasks) {
    switch (up_to(9)) {
      case 0:
        return random_();
      case 1:
        return std::numeric_limits<std::uint64_t>::max();
      case 2:
        return std::uint64_t{1} << 32U | 1U;
      case 3:
        return first + static_cast<std::uint64_t>(up_to(tasks));
      default:
        return static_cast<std::uint64_t>(up_to(4));
    }
  }
  trace::event any(std::uint64_t first, int tasks) {
    // Those that move tasks are the more likely ones.
    static constexpr std::array often{
        trace::event_kind::submit,  trace::event_kind::ready,       trace::event_kind::enqueue,
        trace::event_kind::enqueue, trace::event_kind::enqueue,     trace::event_kind::steal,
        trace::event_kind::start,   trace::event_kind::start,       trace::event_kind::start,
        trace::event_kind::block,   trace::event_kind::block,       trace::event_kind::unblock,
        trace::event_kind::unblock, trace::event_kind::finish,      trace::event_kind::retry,
        trace::event_kind::acquire, trace::event_kind::worker_park, trace::event_kind::release,
        trace::event_kind::issue,   trace::event_kind::fall_back};
    const auto kind = up_to(4) != 0 ? often[static_cast<std::size_t>(up_to(often.size() - 1))]
                                    : static_cast<trace::event_kind>(up_to(40));
    const auto executor = static_cast<std::uint16_t>(up_to(9) == 0 ? up_to(3) : 1);
    const auto task = up_to(15) == 0 ? 0 : first + static_cast<std::uint64_t>(up_to(tasks));
    return {kind, executor, up_to(30) == 0 ? 1 << 20 : up_to(4) - 1, task, argument(first, tasks)};
  }
  trace::device_span any_span(std::uint64_t first, int tasks, std::int64_t now) {
    const auto time = [&] {
      return up_to(20) == 0 ? static_cast<std::int64_t>(random_()) : 1'000'000 + now + up_to(20);
    };
    return {first + static_cast<std::uint64_t>(up_to(tasks)),
            up_to(2),
            up_to(3) - 1,
            static_cast<trace::device_work>(up_to(6)),
            static_cast<trace::time_grade>(up_to(2)),
            false,
            time(),
            time(),
            time(),
            time(),
            0};
  }

  std::mt19937_64 random_;
};

}  // namespace fronta::test
