// SPDX-License-Identifier: Apache-2.0
#include "summaries.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

// When each look is first to be seen: with the changes of tasks, and on bars that no change tells
// of.
namespace fronta::viz {
namespace {

using trace::event_kind;

look_times times_of(const index& of) {
  look_times first;
  first.fill(forever);
  const auto see = [&](look l, std::int64_t t) {
    auto& at = first[static_cast<std::size_t>(l)];
    at = std::min(at, t);
  };
  std::size_t to_come = of.has_device_work() ? 1 : 0;
  for (std::size_t s = 0; s < task_states; ++s)
    to_come += of.has(static_cast<task_state>(s)) ? 1U : 0U;
  // By time: the first of each counts.
  for (const auto& c : of.changes()) {
    const auto l = look_of(of, c);
    if (first[static_cast<std::size_t>(l)] != forever) continue;
    see(l, of.time_of(c));
    if (--to_come == 0) break;
  }
  for (const auto& e : of.events()) {
    if (e.kind == device_began) {
      const auto what = of.spans()[e.argument].what;
      const bool works = what == trace::device_work::task || what == trace::device_work::kernel ||
                         what == trace::device_work::fill;
      see(works ? look::on_device : look::copying, e.time);
    } else if (e.what() == event_kind::retry || e.what() == event_kind::fall_back) {
      see(look::failed, e.time);  // that run has
    } else if (e.what() == event_kind::lost && of.has(task_state::unknown)) {
      see(look::unknown, e.time);
    }
  }
  // Whatever else a bar may show.
  for (std::size_t s = 0; s < task_states; ++s) {
    if (of.has(static_cast<task_state>(s))) see(static_cast<look>(s), of.end());
  }
  if (of.has_device_work()) see(look::on_device, of.end());
  return first;
}

}  // namespace

const look_times& summaries::looks_of(const index& of) {
  return make(looks_, [&] { return std::make_shared<const look_times>(times_of(of)); });
}

}  // namespace fronta::viz
