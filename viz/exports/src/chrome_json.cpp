// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/chrome_json.hpp>

#include <fronta/viz/index.hpp>
#include <fronta/viz/words.hpp>

#include <nlohmann/json.hpp>

#include "tracks.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

namespace fronta::viz {
namespace {

using nlohmann::ordered_json;

class writer {
 public:
  writer(const index& of, std::ostream& to) : of_(of), to_(to), what_(tracks_of(of)) {}

  void write() {
    to_ << R"({"displayTimeUnit":"ns","otherData":)";
    dump({{"tool", "fronta"},
          {"badge", badge(of_)},
          {"host", of_.host()},
          {"began_unix_ns", of_.origin_unix()},
          {"simulated", of_.simulated()},
          {"given_clock", of_.given_clock()},
          {"dropped_events", of_.dropped()},
          {"dropped_records", of_.dropped_records()},
          {"ended", of_.ended()}});
    to_ << R"(,"traceEvents":[)";
    name_tracks();
    for (const auto& s : what_.slices) write(s);
    for (const auto& m : what_.moments) {
      event({{"ph", "i"},
             {"s", "t"},
             {"pid", pid(what_.all[m.track].group)},
             {"tid", m.track + 1},
             {"ts", micros(m.time)},
             {"cat", "message"},
             {"name", m.text}});
    }
    for (std::size_t i = 0; i < what_.flows.size(); ++i) write(what_.flows[i], i + 1);
    for (const auto& c : what_.counters) {
      const char* const unit = c.counts ? "tasks" : "value";
      for (const auto& [time, value] : c.values) {
        event({{"ph", "C"},
               {"pid", pid(c.group)},
               {"ts", micros(time)},
               {"name", c.name},
               {"args", {{unit, value}}}});
      }
    }
    to_ << "]}\n";
  }

 private:
  static std::size_t pid(std::size_t group) { return group + 1; }
  // From the beginning, so that a double tells nanoseconds apart.
  [[nodiscard]] double micros(std::int64_t time) const {
    return static_cast<double>(time - of_.begin()) / 1000;
  }

  void dump(const ordered_json& what) {
    to_ << what.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  }
  void event(const ordered_json& what) {
    if (!first_) to_ << ",\n";
    first_ = false;
    dump(what);
  }

  void name_tracks() {
    for (std::size_t g = 0; g < what_.groups.size(); ++g) {
      event({{"ph", "M"},
             {"pid", pid(g)},
             {"name", "process_name"},
             {"args", {{"name", what_.groups[g]}}}});
      event({{"ph", "M"},
             {"pid", pid(g)},
             {"name", "process_sort_index"},
             {"args", {{"sort_index", g}}}});
    }
    for (std::size_t t = 0; t < what_.all.size(); ++t) {
      const auto of = pid(what_.all[t].group);
      event({{"ph", "M"},
             {"pid", of},
             {"tid", t + 1},
             {"name", "thread_name"},
             {"args", {{"name", what_.all[t].name}}}});
      event({{"ph", "M"},
             {"pid", of},
             {"tid", t + 1},
             {"name", "thread_sort_index"},
             {"args", {{"sort_index", t}}}});
    }
  }

  void write(const slice& s) {
    ordered_json args;
    if (s.task != no_task) {
      args["task"] = s.task + 1;
      if (const auto parent = of_.tasks()[s.task].parent; parent != no_task)
        args["parent"] = parent + 1;
    }
    if (s.attempt != 0) args["attempt"] = s.attempt;
    if (s.failed) args["failed"] = true;
    if (s.came_over) args["came_over"] = true;
    if (s.goes_on) args["goes_on_elsewhere"] = true;
    if (s.lost || s.open) args["end_unknown"] = true;
    if (s.bytes != 0) args["bytes"] = s.bytes;
    if (s.error != 0) args["uncertain_by_ns"] = s.error;
    if (s.observed) args["somewhere_within"] = true;
    ordered_json e{{"ph", "X"},
                   {"pid", pid(what_.all[s.track].group)},
                   {"tid", s.track + 1},
                   {"ts", micros(s.begin)},
                   {"dur", static_cast<double>(s.end - s.begin) / 1000},
                   {"cat", s.category},
                   {"name", s.name}};
    if (!args.empty()) e["args"] = std::move(args);
    event(e);
  }

  // Binds to the slice around its time. Between threads the order of close events is not certain,
  // and a flow must not go back.
  void write(const flow& f, std::size_t id) {
    const auto& from = what_.slices[f.from];
    const auto& to = what_.slices[f.to];
    end_of_flow("s", from, std::min(from.end - 1, to.begin), id);
    end_of_flow("f", to, to.begin, id);
  }
  void end_of_flow(std::string_view phase, const slice& at, std::int64_t time, std::size_t id) {
    ordered_json e{{"ph", phase},
                   {"pid", pid(what_.all[at.track].group)},
                   {"tid", at.track + 1},
                   {"ts", micros(time)},
                   {"cat", "dependency"},
                   {"name", "dependency"},
                   {"id", id}};
    if (phase == "f") e["bp"] = "e";
    event(e);
  }

  const index& of_;
  std::ostream& to_;
  tracks what_;
  bool first_ = true;
};

}  // namespace

void write_chrome_json(const index& of, std::ostream& to) { writer(of, to).write(); }

}  // namespace fronta::viz
