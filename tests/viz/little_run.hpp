// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "story.hpp"

#include <cstdint>
#include <string>

namespace fronta::test {

// Two workers, three masks that want a gpu, a queue, a failure, a retry and a cancelled one.
inline trace::file_contents little_run() {
  story s;
  const auto place = [&s](std::uint64_t task, std::uint64_t line) {
    s.main().tell(trace::event_kind::location, task, line,
                  "a/long/way/to/the/program/main.cpp:" + std::to_string(line));
  };
  s.main()
      .at(0)
      .submit(1, "load")
      .enqueue(1, trace::queue::inbox)
      .submit(2, "split")
      .dependency(2, 1);
  place(1, 1);
  place(2, 150);
  s.worker(0).at(10).start(1).at(1'000).finish(1).ready(2).start(2);
  for (std::uint64_t t = 3; t < 23; ++t)
    s.worker(0)
        .at(1'000 + static_cast<std::int64_t>(t))
        .submit(t, "mask " + std::to_string(t), 2)
        .enqueue(t, trace::queue::deque);
  for (std::uint64_t t = 3; t < 7; ++t) place(t, 27 * t);
  s.worker(1).at(1'100).steal(3, 0).start(3);
  s.worker(0).at(1'200).finish(2).start(22).at(1'500).retry(22, 1).enqueue(22,
                                                                           trace::queue::backoff);
  s.worker(0).at(1'510).route(4, 0).acquire(4, "gpu", 1, 1).start(4);
  s.worker(1).at(1'600).fail(3).start(5).at(1'700).block(5);
  s.main().at(1'750).cancel(6);
  s.worker(1).at(1'800).start(7).at(2'400).finish(7).unblock(5);
  s.worker(0).at(2'500).release(4, "gpu", 1, 1).finish(4);
  return s.told();
}

}  // namespace fronta::test
