// SPDX-License-Identifier: Apache-2.0
#include "tracks.hpp"

#include <fronta/trace.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

namespace fronta::viz {
namespace {

std::string_view name_of(trace::device_work what) {
  switch (what) {
    case trace::device_work::task:
    case trace::device_work::kernel:
      return {};  // the task's own
    case trace::device_work::fill:
      return "fill";
    case trace::device_work::to_device:
      return "copy to device";
    case trace::device_work::to_host:
      return "copy to host";
    case trace::device_work::on_device:
      return "copy on device";
    case trace::device_work::between:
      return "copy between devices";
  }
  return {};
}

std::string_view category_of(bar::kind what) {
  switch (what) {
    case bar::kind::run:
      return "task";
    case bar::kind::suspended:
      return "wait";
    case bar::kind::device:
      return "device";
    case bar::kind::copy:
      return "copy";
    case bar::kind::reserved:
      return "reserved";
  }
  return {};
}

class maker {
 public:
  explicit maker(const index& of) : of_(of) {}

  tracks make() {
    std::set<std::uint16_t> executors;
    for (const auto& l : of_.lanes()) {
      if (l.what != lane::kind::thread) executors.insert(l.executor);
    }
    for (const auto& q : of_.queues()) executors.insert(q.executor);
    several_ = executors.size() > 1;
    for (std::uint32_t l = 0; l < of_.lanes().size(); ++l) find_simulated(l);
    for (std::uint32_t l = 0; l < of_.lanes().size(); ++l) add_lane(l);
    add_notes();
    // Outer ones first: the longer, and of what takes equally long the one that was there before.
    std::ranges::sort(order_, {}, [&](std::size_t s) {
      const auto& x = made_.slices[s];
      return std::tuple(x.track, x.begin, ~x.end, s);
    });
    std::vector<slice> sorted;
    sorted.reserve(order_.size());
    for (const auto s : order_) sorted.push_back(made_.slices[s]);
    made_.slices = std::move(sorted);
    add_flows();
    add_counters();
    add_queues();
    return std::move(made_);
  }

 private:
  std::size_t group(std::string name) {
    const auto [at, made] = groups_.try_emplace(std::move(name), made_.groups.size());
    if (made) made_.groups.push_back(at->first);
    return at->second;
  }
  [[nodiscard]] std::string whose(std::uint16_t executor) const {
    return several_ ? " of executor " + std::to_string(executor) : "";
  }
  std::size_t group_of(const lane& l) {
    if (l.what == lane::kind::thread) return group("threads");
    auto name = std::string(of_.place_name(l.executor, l.place));
    if (name.empty()) name = "place " + std::to_string(l.place);
    name += whose(l.executor);
    // Other viewers know no badge.
    if (simulated_.contains({l.executor, l.place})) name += " (SIMULATED)";
    return group(std::move(name));
  }
  std::uint32_t track_of(std::uint32_t lane, std::size_t row, bool notes) {
    const auto [at, made] =
        tracks_.try_emplace({lane, notes, row}, static_cast<std::uint32_t>(made_.all.size()));
    if (made) {
      const auto& l = of_.lanes()[lane];
      auto name = l.name + (notes ? " zones" : "");
      if (row != 0) name += " (" + std::to_string(row + 1) + ')';
      made_.all.push_back({std::move(name), group_of(l)});
    }
    return at->second;
  }

  void add(slice s) {
    s.open = s.end == forever;
    s.end = std::max(s.begin, std::min(s.end, of_.end()));
    order_.push_back(made_.slices.size());
    made_.slices.push_back(s);
  }

  // One of a lane's device times says it of all.
  void find_simulated(std::uint32_t lane) {
    for (std::size_t i = 0; i < of_.bars_of(lane); ++i) {
      const auto span = of_.bar_at(lane, i).span;
      if (span == none) continue;
      const auto& l = of_.lanes()[lane];
      if (of_.spans()[span].simulated) simulated_.emplace(l.executor, l.place);
      return;
    }
  }

  void add_lane(std::uint32_t lane) {
    const auto kind = of_.lanes()[lane].what;
    const bool rows = kind != lane::kind::slot && kind != lane::kind::thread;
    if (!rows) track_of(lane, 0, false);  // even if nothing ran there
    std::vector<std::int64_t> ends;       // of the last slice of each row
    for (std::size_t i = 0; i < of_.bars_of(lane); ++i) {
      const auto b = of_.bar_at(lane, i);
      slice s{.begin = b.begin, .end = b.end, .task = b.task, .category = category_of(b.what)};
      if (b.span != none) {
        s.observed = of_.spans()[b.span].grade == trace::time_grade::observed;
        if (!s.observed) {
          s.begin = std::midpoint(b.begin, b.sure_begin);
          s.end = std::max(s.begin, std::midpoint(b.sure_end, b.end));
        }
      }
      std::size_t row = 0;
      if (rows) {
        const auto free = std::ranges::find_if(ends, [&](std::int64_t e) { return e <= s.begin; });
        row = static_cast<std::size_t>(free - ends.begin());
        if (free == ends.end()) {
          ends.push_back(s.end);
        } else {
          *free = s.end;
        }
      }
      s.track = track_of(lane, row, false);
      if (b.span != none) {
        s.name = name_of(of_.spans()[b.span].what);
        s.bytes = of_.spans()[b.span].bytes;
        const auto [begin, end] = of_.uncertainty(b);
        if (!s.observed) s.error = std::max(begin, end);
      }
      if (b.what == bar::kind::suspended) s.name = "suspended";
      if (s.name.empty()) s.name = b.task == no_task ? "task" : of_.name_of(b.task);
      s.attempt = b.attempt;
      s.failed = b.failed;
      s.lost = b.lost;
      s.came_over = b.came_over;
      s.goes_on = b.goes_on;
      add(s);
    }
  }

  // Zones nest per thread, but two threads may have some in one slot: each goes where it nests.
  void add_notes() {
    std::map<std::uint32_t, std::vector<std::vector<std::int64_t>>> open;  // ends, by lane and row
    for (std::size_t i = 0; i < of_.notes(); ++i) {
      const auto n = of_.note_at(i);
      if (n.end == n.begin) {
        made_.moments.push_back({n.begin, track_of(n.lane, 0, true), of_.text(n.text)});
        continue;
      }
      auto& rows = open[n.lane];
      std::size_t row = 0;
      for (; row < rows.size(); ++row) {
        auto& ends = rows[row];
        while (!ends.empty() && ends.back() <= n.begin) ends.pop_back();
        if (ends.empty() || ends.back() >= n.end) break;
      }
      if (row == rows.size()) rows.emplace_back();
      rows[row].push_back(n.end);
      add({.begin = n.begin,
           .end = n.end,
           .track = track_of(n.lane, row, true),
           .task = n.task,
           .name = of_.text(n.text),
           .category = "zone"});
    }
  }

  void add_flows() {
    constexpr auto nothing = static_cast<std::size_t>(-1);
    std::vector<std::size_t> first(of_.tasks().size(), nothing);
    std::vector<std::size_t> last(of_.tasks().size(), nothing);
    for (std::size_t i = 0; i < made_.slices.size(); ++i) {
      const auto& s = made_.slices[i];
      if (s.task == no_task || s.begin == s.end) continue;  // nothing could be bound to it
      if (s.category != "task" && s.category != "device" && s.category != "copy") continue;
      auto& f = first[s.task];
      if (f == nothing || s.begin < made_.slices[f].begin) f = i;
      auto& l = last[s.task];
      if (l == nothing || s.end > made_.slices[l].end) l = i;
    }
    for (const auto& e : of_.events()) {
      if (e.what() != trace::event_kind::dependency || e.other() == no_task) continue;
      const auto from = last[e.other()];
      const auto to = first[e.task];
      if (from == nothing || to == nothing) continue;
      // Viewers drop what flows backwards.
      if (made_.slices[from].begin < made_.slices[to].begin) made_.flows.push_back({from, to});
    }
  }

  void add_counters() {
    for (const auto& c : of_.counters()) {
      series s{c.name, group("counters"), false, {}};
      for (const auto& v : c.values) {
        if (std::isfinite(v.second)) s.values.push_back(v);
      }
      made_.counters.push_back(std::move(s));
    }
  }

  static bool in_queue(const change& c) {
    return c.where != nowhere &&
           (c.state == task_state::queued || c.state == task_state::waiting_tags ||
            c.state == task_state::retry_wait);
  }
  // One value for each time.
  void add_queues() {
    const auto before = made_.counters.size();
    // Viewers take what has the same name in a group for the same.
    std::map<std::pair<std::size_t, std::string>, int> names;
    for (const auto& q : of_.queues()) {
      const auto g = group("queues" + whose(q.executor));
      const auto nth = ++names[{g, q.name}];
      made_.counters.push_back(
          {nth == 1 ? q.name : q.name + " (" + std::to_string(nth) + ')', g, true, {}});
    }
    const auto set = [&](std::uint16_t queue, std::int64_t t, double by) {
      auto& values = made_.counters[before + queue].values;
      const auto length = (values.empty() ? 0 : values.back().second) + by;
      if (values.empty() || values.back().first != t) values.emplace_back(t, 0);
      values.back().second = length;
    };
    for (const auto& c : of_.changes()) {
      if (c.previous != none && in_queue(of_.changes()[c.previous]))
        set(of_.changes()[c.previous].where, of_.time_of(c), -1);
      if (in_queue(c)) set(c.where, of_.time_of(c), 1);
    }
  }

  const index& of_;
  bool several_ = false;                                        // executors
  std::set<std::pair<std::uint16_t, std::int32_t>> simulated_;  // places
  tracks made_;
  std::vector<std::size_t> order_;
  std::map<std::string, std::size_t> groups_;
  std::map<std::tuple<std::uint32_t, bool, std::size_t>, std::uint32_t> tracks_;
};

}  // namespace

tracks tracks_of(const index& of) { return maker(of).make(); }

}  // namespace fronta::viz
