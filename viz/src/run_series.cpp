// SPDX-License-Identifier: Apache-2.0
#include "run_series.hpp"

#include "waits.hpp"

#include <fronta/trace.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

namespace fronta::viz {
namespace {

using trace::event_kind;
using kind = run_value::kind;

bool in_queue(const change& c) noexcept {
  return c.where != nowhere &&
         (c.state == task_state::queued || c.state == task_state::waiting_tags ||
          c.state == task_state::retry_wait);
}

// Reads the events once, and counts.
class series_builder {
 public:
  explicit series_builder(const index& of) : of_(of), kinds_(first_of_its_kind(of)) {
    of_queue_.resize(of.queues().size());
    on_lane_.resize(of.lanes().size());
  }

  std::vector<run_value> build() {
    std::size_t c = 0;
    const auto changes = of_.changes();
    const auto event_of = [&] { return c < changes.size() ? changes[c].event : none; };
    auto next = event_of();
    for (std::uint32_t e = 0; e < of_.events().size(); ++e) {
      for (; next == e; ++c, next = event_of()) read(changes[c]);
      read(of_.events()[e]);
    }
    for (const auto& one : of_.counters()) {
      auto& to = made_.emplace_back();
      to.what = kind::counter;
      to.name = one.name;
      for (const auto& [time, value] : one.values) {
        if (std::isfinite(value)) to.values.add(time, value);
      }
    }
    name_all();
    // As they came, within a kind and place.
    for (std::uint32_t i = 0; i < made_.size(); ++i) made_[i].number = i;
    std::ranges::sort(made_, {}, [](const run_value& v) {
      return std::tuple(v.what, v.executor, v.place, v.number);
    });
    for (auto& v : made_) v.values.finish();
    return std::move(made_);
  }

 private:
  using key = std::tuple<kind, std::uint16_t, std::int32_t, std::uint32_t>;

  std::size_t series(kind what, std::uint16_t executor, std::int32_t place,
                     std::uint32_t number = 0) {
    const auto [at, made] = numbers_.try_emplace({what, executor, place, number}, made_.size());
    if (made) {
      made_.push_back({what, executor, place, 0, 0, {}, {}});
      made_.back().values.add(of_.begin(), 0);
      now_.push_back(0);
      detail_.push_back(number);
    }
    return at->second;
  }
  void add(std::size_t to, std::int64_t time, double by) {
    now_[to] += by;
    made_[to].values.add(time, now_[to]);
  }

  void read(const change& c) {
    const auto now = of_.time_of(c);
    const auto changes = of_.changes();
    if (c.previous != none) leave(changes[c.previous], now);
    if (in_queue(c)) {
      auto& in = of_queue_[c.where];
      if (in == 0) {
        const auto& q = of_.queues()[kinds_[c.where]];
        in = 1 + series(kind::queue, q.executor, q.place, kinds_[c.where]);
      }
      add(in - 1, now, 1);
    }
    if (runs_in_slot(c) && on_lane_[c.where]++ == 0) {
      const auto& l = of_.lanes()[c.where];
      add(series(kind::workers, l.executor, l.place), now, 1);
    }
    if (c.state == task_state::failed) add(series(kind::failures, 0, -1), now, 1);
    if (c.state == task_state::retry_wait && of_.events()[c.event].what() == event_kind::retry)
      add(series(kind::retries, 0, -1), now, 1);
  }
  void leave(const change& c, std::int64_t now) {
    if (in_queue(c)) add(of_queue_[c.where] - 1, now, -1);
    if (runs_in_slot(c) && --on_lane_[c.where] == 0) {
      const auto& l = of_.lanes()[c.where];
      add(series(kind::workers, l.executor, l.place), now, -1);
    }
  }
  [[nodiscard]] bool runs_in_slot(const change& c) const noexcept {
    return c.state == task_state::running && c.where < of_.lanes().size() &&
           of_.lanes()[c.where].what == lane::kind::slot;
  }

  void read(const event& e) {
    if (e.kind == device_began || e.kind == device_ended) {
      read_span(e);
      return;
    }
    if (e.what() != event_kind::placed && e.what() != event_kind::freed) return;
    const auto held = trace::place_bytes::from(e.argument);
    const auto to = series(kind::bytes, e.executor, held.place);
    // What was there before the recording began may leave, too.
    const auto by = static_cast<double>(held.bytes);
    add(to, e.time, e.what() == event_kind::placed ? by : -std::min(by, now_[to]));
  }

  void read_span(const event& e) {
    const auto& s = of_.spans()[e.argument];
    const bool began = e.kind == device_began;
    const bool in = s.what == trace::device_work::to_device ||
                    s.what == trace::device_work::on_device ||
                    s.what == trace::device_work::between;
    if (in || s.what == trace::device_work::to_host) {
      const auto length = s.end_latest - s.begin_earliest;  // over which it is drawn
      if (length <= 0 || s.bytes == 0) return;
      const auto rate = static_cast<double>(s.bytes) / static_cast<double>(length) * 1e9;
      const auto to = series(kind::copies, e.executor, s.place, in ? 0 : 1);
      auto& open = copies_[to];
      open += began ? 1 : -1;
      // Nothing is left over of rates that were added and taken away.
      now_[to] = open == 0 ? 0 : std::max(0.0, now_[to] + (began ? rate : -rate));
      made_[to].values.add(e.time, now_[to]);
      return;
    }
    if (s.stream < 0) return;
    auto& open = streams_[{e.executor, s.place, static_cast<std::uint32_t>(s.stream)}];
    const auto to = series(kind::streams, e.executor, s.place);
    if (!began && open == 0) return;
    if (began && s.grade == trace::time_grade::observed)
      made_[to].observed_since = std::min(made_[to].observed_since, e.time);
    const bool worked = open != 0;
    open += began ? 1U : ~0U;  // one more or less
    if (const bool works = open != 0; works != worked) add(to, e.time, works ? 1 : -1);
  }

  [[nodiscard]] std::string place_name(const run_value& v) const {
    std::string name(of_.place_name(v.executor, v.place));
    if (name.empty()) {
      name = "place ";
      name += std::to_string(v.place);
    }
    return name;
  }
  void name_all() {
    for (std::size_t i = 0; i < made_.size(); ++i) {
      auto& v = made_[i];
      switch (v.what) {
        case kind::queue:
          v.name = name_of_all(of_, detail_[i]);
          break;
        case kind::workers:
          v.name = place_name(v);
          v.name += " workers";
          v.out_of = lanes(lane::kind::slot, v);
          break;
        case kind::streams:
          v.name = place_name(v);
          v.name += " at work";
          v.out_of = lanes(lane::kind::stream, v);
          break;
        case kind::bytes:
          v.name = "arrays at ";
          v.name += place_name(v);
          break;
        case kind::copies:
          v.name = detail_[i] == 0 ? "copies to " : "copies from ";
          v.name += place_name(v);
          break;
        case kind::retries:
          v.name = "retries";
          break;
        case kind::failures:
          v.name = "failed";
          break;
        case kind::counter:
          break;
      }
    }
  }
  [[nodiscard]] std::uint32_t lanes(lane::kind what, const run_value& v) const {
    return static_cast<std::uint32_t>(std::ranges::count_if(of_.lanes(), [&](const lane& l) {
      return l.what == what && l.executor == v.executor && l.place == v.place;
    }));
  }

  const index& of_;
  std::vector<std::uint32_t> kinds_;
  std::vector<run_value> made_;
  std::vector<double> now_;
  std::vector<std::uint32_t> detail_;
  std::map<key, std::size_t> numbers_;
  std::vector<std::size_t> of_queue_;  // one more than its series
  std::vector<std::uint32_t> on_lane_;
  using lane_key = std::tuple<std::uint16_t, std::int32_t, std::uint32_t>;
  std::map<std::size_t, std::int64_t> copies_;  // under way, of a series
  std::map<lane_key, std::uint32_t> streams_;
};

}  // namespace

run_series::run_series(const index& of) : all_(series_builder(of).build()) {
  for (const auto& e : of.events()) {
    if (e.what() == event_kind::executor_open) lives_.push_back({e.executor, e.time, of.end()});
    if (e.what() == event_kind::executor_close) {
      const auto at = std::ranges::find(lives_, e.executor, &life::executor);
      if (at != lives_.end()) {
        at->end = e.time;
      } else {
        lives_.push_back({e.executor, of.begin(), e.time});
      }
    }
  }
}

std::int64_t run_series::open(std::uint16_t executor, std::int64_t from,
                              std::int64_t until) const noexcept {
  const auto at = std::ranges::find(lives_, executor, &life::executor);
  if (at != lives_.end()) {
    from = std::max(from, at->begin);
    until = std::min(until, at->end);
  }
  return std::max<std::int64_t>(0, until - from);
}

}  // namespace fronta::viz
