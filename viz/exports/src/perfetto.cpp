// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/perfetto.hpp>

#include <fronta/viz/index.hpp>
#include <fronta/viz/words.hpp>

#include <protozero/pbf_builder.hpp>

#include "tracks.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace fronta::viz {
namespace {

// Field numbers of Perfetto's messages, as far as they are used.
enum class trace_field : protozero::pbf_tag_type { packet = 1 };
enum class packet_field : protozero::pbf_tag_type {
  timestamp = 8,
  sequence = 10,
  track_event = 11,
  track_descriptor = 60
};
enum class descriptor_field : protozero::pbf_tag_type {
  uuid = 1,
  name = 2,
  parent = 5,
  counter = 8,
  child_ordering = 11,
  rank = 12,
  description = 14,
  sibling_merge = 15
};
enum class counter_field : protozero::pbf_tag_type { unit = 3 };
enum class event_field : protozero::pbf_tag_type {
  annotation = 4,
  type = 9,
  track = 11,
  category = 22,
  name = 23,
  double_value = 44,
  counter_value = 30,
  flow = 47,
  flow_end = 48,
  correlation = 52
};
enum class annotation_field : protozero::pbf_tag_type { flag = 2, number = 3, text = 6, name = 10 };

enum event_type : std::int32_t { slice_begin = 1, slice_end = 2, instant = 3, counter = 4 };
constexpr std::int32_t in_order_of_rank = 3;
constexpr std::int32_t never_merge = 2;
constexpr std::int32_t no_unit = 0;
constexpr std::int32_t unit_count = 2;
constexpr std::uint32_t sequence = 1;

using event_builder = protozero::pbf_builder<event_field>;

class writer {
 public:
  writer(const index& of, std::ostream& to) : of_(of), to_(to), what_(tracks_of(of)) {}

  void write() {
    describe();
    flows_of_slices();
    plan();
    tell_of_recording();
    for (const auto& s : steps_) write(s);
  }

 private:
  // Groups, then tracks, then counters, then the recording; 0 is Perfetto's root.
  [[nodiscard]] std::uint64_t group_uuid(std::size_t g) const { return g + 1; }
  [[nodiscard]] std::uint64_t track_uuid(std::size_t t) const {
    return group_uuid(what_.groups.size()) + t;
  }
  [[nodiscard]] std::uint64_t counter_uuid(std::size_t c) const {
    return track_uuid(what_.all.size()) + c;
  }
  [[nodiscard]] std::uint64_t recording_uuid() const { return counter_uuid(what_.counters.size()); }

  template <class Fill>
  void packet(Fill fill) {
    buffer_.clear();
    {
      protozero::pbf_builder<trace_field> trace(buffer_);
      protozero::pbf_builder<packet_field> p(trace, trace_field::packet);
      p.add_uint32(packet_field::sequence, sequence);
      fill(p);
    }
    to_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  }

  enum class holds { tracks, slices, values, tasks };
  void describe(std::uint64_t uuid, std::string_view name, std::uint64_t parent, std::size_t rank,
                holds what, std::string_view more = {}) {
    packet([&](auto& p) {
      protozero::pbf_builder<descriptor_field> d(p, packet_field::track_descriptor);
      d.add_uint64(descriptor_field::uuid, uuid);
      d.add_string(descriptor_field::name, name.data(), name.size());
      if (parent != 0) d.add_uint64(descriptor_field::parent, parent);
      if (what == holds::tracks) d.add_enum(descriptor_field::child_ordering, in_order_of_rank);
      d.add_int32(descriptor_field::rank, static_cast<std::int32_t>(rank));
      if (!more.empty()) d.add_string(descriptor_field::description, more.data(), more.size());
      d.add_enum(descriptor_field::sibling_merge, never_merge);
      if (what == holds::values || what == holds::tasks) {
        protozero::pbf_builder<counter_field> c(d, descriptor_field::counter);
        // Never empty, or it would not be written.
        c.add_enum(counter_field::unit, what == holds::tasks ? unit_count : no_unit);
      }
    });
  }
  void describe() {
    describe(recording_uuid(), "recording", 0, 0, holds::slices, provenance());
    for (std::size_t g = 0; g < what_.groups.size(); ++g)
      describe(group_uuid(g), what_.groups[g], 0, g + 1, holds::tracks);
    for (std::size_t t = 0; t < what_.all.size(); ++t)
      describe(track_uuid(t), what_.all[t].name, group_uuid(what_.all[t].group), t, holds::slices);
    for (std::size_t c = 0; c < what_.counters.size(); ++c) {
      const auto& one = what_.counters[c];
      describe(counter_uuid(c), one.name, group_uuid(one.group), c,
               one.counts ? holds::tasks : holds::values);
    }
  }

  [[nodiscard]] std::string provenance() const {
    auto all = warnings_of(of_);
    all.insert(all.begin(), badge(of_));
    return joined(all);
  }
  // Where the trace comes from, where one looks first, as other viewers know no badge.
  void tell_of_recording() {
    packet([&](auto& p) {
      p.add_uint64(packet_field::timestamp, 0);
      event_builder e(p, packet_field::track_event);
      e.add_enum(event_field::type, instant);
      e.add_uint64(event_field::track, recording_uuid());
      e.add_string(event_field::category, "recording");
      e.add_string(event_field::name, provenance());
      quote(e, "host", of_.host());
      note(e, "began_unix_ns", static_cast<std::uint64_t>(of_.origin_unix()));
      say(e, "simulated", of_.simulated());
      say(e, "given_clock", of_.given_clock());
      note(e, "dropped_events", of_.dropped());
      note(e, "dropped_records", of_.dropped_records());
      say(e, "ended", of_.ended());
    });
  }

  void flows_of_slices() {
    for (std::size_t i = 0; i < what_.flows.size(); ++i) {
      ends_.push_back({what_.flows[i].from, i + 1, false});
      ends_.push_back({what_.flows[i].to, i + 1, true});
    }
    std::ranges::sort(ends_, {}, [](const flow_end& f) { return std::tuple(f.slice, f.id); });
  }

  // What is written when: a track's steps in their order, all by time.
  struct step {
    std::int64_t time;
    std::uint64_t uuid;
    std::size_t nth;  // slice, moment or value
    event_type what;
  };
  void plan() {
    std::vector<std::size_t> open;
    const auto close_until = [&](std::int64_t t) {
      for (; !open.empty() && what_.slices[open.back()].end <= t; open.pop_back()) {
        const auto& s = what_.slices[open.back()];
        steps_.push_back({s.end, track_uuid(s.track), open.back(), slice_end});
      }
    };
    for (std::size_t i = 0; i < what_.slices.size(); ++i) {
      const auto& s = what_.slices[i];
      const bool next_track = i != 0 && what_.slices[i - 1].track != s.track;
      close_until(next_track ? forever : s.begin);
      steps_.push_back({s.begin, track_uuid(s.track), i, slice_begin});
      open.push_back(i);
    }
    close_until(forever);
    for (std::size_t i = 0; i < what_.moments.size(); ++i)
      steps_.push_back({what_.moments[i].time, track_uuid(what_.moments[i].track), i, instant});
    for (std::size_t c = 0; c < what_.counters.size(); ++c) {
      const auto& values = what_.counters[c].values;
      for (std::size_t i = 0; i < values.size(); ++i)
        steps_.push_back({values[i].first, counter_uuid(c), i, counter});
    }
    std::vector<std::size_t> order(steps_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(steps_[i].time, i); });
    std::vector<step> sorted;
    sorted.reserve(order.size());
    for (const auto i : order) sorted.push_back(steps_[i]);
    steps_ = std::move(sorted);
  }

  void write(const step& s) {
    packet([&](auto& p) {
      p.add_uint64(packet_field::timestamp, static_cast<std::uint64_t>(s.time - of_.begin()));
      event_builder e(p, packet_field::track_event);
      e.add_enum(event_field::type, s.what);
      e.add_uint64(event_field::track, s.uuid);
      switch (s.what) {
        case slice_begin:
          fill(e, s.nth);
          return;
        case slice_end:
          return;
        case instant: {
          const auto text = what_.moments[s.nth].text;
          e.add_string(event_field::category, "message");
          e.add_string(event_field::name, text.data(), text.size());
          return;
        }
        case counter: {
          const auto& of = what_.counters[s.uuid - counter_uuid(0)];
          const auto value = of.values[s.nth].second;
          if (of.counts) {
            e.add_int64(event_field::counter_value, static_cast<std::int64_t>(value));
          } else {
            e.add_double(event_field::double_value, value);
          }
          return;
        }
      }
    });
  }

  void fill(event_builder& e, std::size_t nth) {
    const auto& s = what_.slices[nth];
    e.add_string(event_field::category, s.category.data(), s.category.size());
    e.add_string(event_field::name, s.name.data(), s.name.size());
    auto f = std::ranges::lower_bound(ends_, nth, {}, &flow_end::slice);
    for (; f != ends_.end() && f->slice == nth; ++f)
      e.add_fixed64(f->last ? event_field::flow_end : event_field::flow, f->id);
    if (s.task != no_task) {
      e.add_uint64(event_field::correlation, s.task + std::uint64_t{1});
      note(e, "task", s.task + std::uint64_t{1});
      if (const auto parent = of_.tasks()[s.task].parent; parent != no_task)
        note(e, "parent", parent + std::uint64_t{1});
    }
    if (s.attempt != 0) note(e, "attempt", s.attempt);
    if (s.failed) say(e, "failed");
    if (s.came_over) say(e, "came_over");
    if (s.goes_on) say(e, "goes_on_elsewhere");
    if (s.lost || s.open) say(e, "end_unknown");
    if (s.bytes != 0) note(e, "bytes", s.bytes);
    if (s.error != 0) note(e, "uncertain_by_ns", static_cast<std::uint64_t>(s.error));
    if (s.observed) say(e, "somewhere_within");
  }
  static void note(event_builder& e, const char* name, std::uint64_t value) {
    protozero::pbf_builder<annotation_field> a(e, event_field::annotation);
    a.add_uint64(annotation_field::number, value);
    a.add_string(annotation_field::name, name);
  }
  static void say(event_builder& e, const char* name, bool so = true) {
    protozero::pbf_builder<annotation_field> a(e, event_field::annotation);
    a.add_bool(annotation_field::flag, so);
    a.add_string(annotation_field::name, name);
  }
  static void quote(event_builder& e, const char* name, const std::string& text) {
    protozero::pbf_builder<annotation_field> a(e, event_field::annotation);
    a.add_string(annotation_field::text, text);
    a.add_string(annotation_field::name, name);
  }

  struct flow_end {
    std::size_t slice;
    std::uint64_t id;
    bool last;
  };

  const index& of_;
  std::ostream& to_;
  tracks what_;
  std::vector<flow_end> ends_;
  std::vector<step> steps_;
  std::string buffer_;
};

}  // namespace

void write_perfetto(const index& of, std::ostream& to) { writer(of, to).write(); }

}  // namespace fronta::viz
