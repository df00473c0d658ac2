// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/player.hpp>

#include "lane_arrangement.hpp"

#include <fronta/viz/search.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using namespace player_limits;

// Two moments at least, so that there is an axis to draw.
std::int64_t end_of_axis(const index& of) { return std::max(of.end(), of.begin() + 1); }

// Of 1, 2 and 5 times a power of ten the one nearest by ratio: people can reckon with it.
double round_pace(double nanoseconds) {
  const auto decade = std::pow(10.0, std::floor(std::log10(nanoseconds)));
  const auto ratio = nanoseconds / decade;
  constexpr std::array steps{1.0, 2.0, 5.0, 10.0};
  const auto nearest = *std::ranges::min_element(
      steps, {}, [&](double step) { return std::abs(std::log(step / ratio)); });
  return nearest * decade;
}

double usual_dilation(const index& of) {
  constexpr double seconds = 10;
  const auto length = static_cast<double>(end_of_axis(of) - of.begin());
  return std::clamp(round_pace(length / seconds), least_dilation, most_dilation);
}

// Finite, or else nothing.
double finite(double value, double otherwise) { return std::isfinite(value) ? value : otherwise; }

std::int64_t nanoseconds(double value) {
  constexpr double most = 9e18;
  return static_cast<std::int64_t>(std::llround(std::clamp(value, -most, most)));
}

class reducer {
 public:
  reducer(const index& of, player_state s) : of_(of), s_(std::move(s)) { keep_within(); }

  [[nodiscard]] player_state state() && { return std::move(s_); }

  void operator()(const commands::tick& c) {
    if (s_.stepped) {
      s_.stepped->seconds += std::max(0.0, finite(c.seconds, 0));
      if (s_.stepped->over()) s_.stepped.reset();
    }
    if (!s_.playing) return;
    const auto seconds = std::max(0.0, finite(c.seconds, 0));
    if (const auto* other = other_clock()) {
      play_on(*other, seconds);
      return;
    }
    const auto played = s_.ahead + seconds * s_.dilation;
    const auto left = static_cast<double>(of_.end() - s_.at);
    if (played >= left) {
      stop_at_end();
      return;
    }
    const auto whole = std::floor(played);
    s_.at += static_cast<std::int64_t>(whole);
    s_.ahead = played - whole;
    follow();
  }

  void operator()(const commands::step& c) {
    s_.playing = s_.follows = false;
    const auto from = s_.at;
    const auto steps = std::abs(std::int64_t{c.events});
    for (std::int64_t i = 0; i < steps; ++i) {
      const auto before = s_.at;
      go_to(c.events > 0 ? next_told() : previous_told());
      if (s_.at == before) break;
    }
    if (steps == 1 && s_.at != from && !s_.reduced_motion) s_.stepped = glide{.from = from};
  }

  void operator()(const commands::to_begin&) {
    s_.playing = s_.follows = false;
    go_to(of_.begin());
  }
  void operator()(const commands::to_end&) {
    s_.playing = false;
    s_.follows = s_.live;
    go_to(of_.end());
  }
  void operator()(const commands::scrub& c) {
    s_.follows = false;
    go_to(c.to);
  }
  void operator()(const commands::replay&) {
    s_.follows = false;
    go_to(of_.begin());
    s_.playing = true;
  }
  void operator()(const commands::play&) {
    if (s_.follows) {
      s_.follows = false;  // it stays where it is, and the recording goes on
    } else if (s_.live && !s_.playing && s_.at >= of_.end()) {
      s_.follows = true;
    } else {
      if (!s_.playing && s_.at >= of_.end()) go_to(of_.begin());
      s_.playing = !s_.playing;
    }
  }

  void operator()(const commands::follow&) {
    if (!s_.live) return;
    if (s_.follows) {
      s_.follows = false;
    } else {
      (*this)(commands::to_end{});
    }
  }
  void operator()(const commands::grown&) {
    if (!s_.follows) return;
    s_.at = of_.end();
    s_.ahead = 0;
    follow();
  }
  void operator()(const commands::ended&) {
    if (!s_.live) return;
    const bool followed = s_.follows;
    s_.live = s_.follows = false;
    if (followed) {
      // All of it, where it has got to.
      s_.at = of_.end();
      s_.from = of_.begin();
      s_.to = end_of_axis(of_);
      s_.dilation = usual_dilation(of_);
    }
    keep_within();
  }

  void operator()(const commands::pace& c) {
    const auto by = finite(c.by, 1);
    if (!(by > 0)) return;
    if (const auto* other = other_clock(); other != nullptr && other->kind() == clock_kind::steps) {
      s_.beats = std::clamp(s_.beats * by, least_beats, most_beats);
    } else {
      s_.dilation = std::clamp(s_.dilation * by, least_dilation, most_dilation);
    }
  }

  void operator()(const commands::zoom& c) {
    const auto by = finite(c.by, 1);
    if (by <= 0) return;
    if (const auto* other = other_clock()) {
      const auto from = other->place(s_.from);
      const auto span = other->place(s_.to) - from;
      // A handful of events is the least that makes a picture.
      const auto least = other->kind() == clock_kind::steps ? 2.0 : least_span;
      const auto wanted = std::clamp(span / by, std::min(least, other->end()), other->end());
      const auto at = other->place(s_.at);
      const auto before = span > 0 ? (at - from) / span : 0;
      show_places(*other, at - before * wanted, wanted);
      // At an edge it stays there, whichever way that was rounded.
      constexpr std::int64_t rounding = 16;
      if (s_.at < s_.from && s_.from - s_.at <= rounding) s_.from = s_.at;
      if (s_.at > s_.to && s_.at - s_.to <= rounding) s_.to = s_.at;
      keep_playhead_in_sight();
      return;
    }
    const auto whole = longest();
    const auto span = s_.to - s_.from;
    const auto wanted =
        std::clamp(nanoseconds(static_cast<double>(span) / by), std::min(least_span, whole), whole);
    // The playhead stays where it is on the screen.
    const auto before = static_cast<double>(s_.at - s_.from) / static_cast<double>(span);
    show_from(s_.at - nanoseconds(before * static_cast<double>(wanted)), wanted);
    keep_playhead_in_sight();
  }

  void operator()(const commands::pan& c) {
    const auto span = s_.to - s_.from;
    const auto by = std::clamp(finite(c.by, 0), -1e6, 1e6);
    if (const auto* other = other_clock()) {
      const auto from = other->place(s_.from);
      const auto shown = other->place(s_.to) - from;
      show_places(*other, from + by * shown, shown);
      if (s_.at < s_.from || s_.at > s_.to) {
        s_.at = std::clamp(s_.at, s_.from, s_.to);
        s_.ahead = 0;
      }
      return;
    }
    // Held within what there is before it is added: no sum leaves the numbers.
    const auto by_time = std::clamp(nanoseconds(by * static_cast<double>(span)),
                                    of_.begin() - s_.from, last_begin(span) - s_.from);
    show_from(s_.from + by_time, span);
    if (s_.at < s_.from || s_.at > s_.to) {
      s_.follows = false;
      s_.at = std::clamp(s_.at, s_.from, s_.to);
      s_.ahead = 0;
    }
  }

  void operator()(const commands::show& c) { s_.what = c.what; }
  void operator()(const commands::select& c) {
    s_.selected = c.task < of_.tasks().size() ? c.task : no_task;
  }
  void operator()(const commands::select_by& c) {
    const auto tasks = static_cast<std::int64_t>(of_.tasks().size());
    if (tasks == 0) return;
    auto before = static_cast<std::int64_t>(s_.selected);
    if (s_.selected == no_task) before = c.tasks > 0 ? -1 : tasks;
    s_.selected =
        static_cast<task_number>(std::clamp(before + c.tasks, std::int64_t{0}, tasks - 1));
  }
  void operator()(const commands::resize_text& c) {
    const auto steps =
        std::clamp(c.steps, smallest_text - largest_text, largest_text - smallest_text);
    s_.text_size = std::clamp(s_.text_size + steps, smallest_text, largest_text);
  }
  void operator()(const commands::next_theme&) { s_.theme = (s_.theme + 1) % all_themes().size(); }
  void operator()(const commands::next_layout&) {
    // Who asks for code from elsewhere sees some.
    const bool elsewhere = std::exchange(s_.what, preset::stage) != preset::stage;
    if (elsewhere && s_.layout != stage_layout::plain) return;
    s_.layout = static_cast<stage_layout>((static_cast<int>(s_.layout) + 1) % 3);
  }
  void operator()(const commands::reduce_motion&) { s_.reduced_motion = !s_.reduced_motion; }
  void operator()(const commands::blank&) { s_.blank = !s_.blank; }
  void operator()(const commands::help&) { s_.help = !s_.help; }
  void operator()(const commands::next_clock&) {
    s_.clock = static_cast<clock_kind>((static_cast<std::size_t>(s_.clock) + 1) % clock_kinds);
    s_.ahead = 0;
  }
  void operator()(const commands::next_order&) {
    s_.lanes.order =
        static_cast<lane_order>((static_cast<std::size_t>(s_.lanes.order) + 1) % lane_orders);
  }
  void operator()(const commands::next_color&) {
    s_.color = s_.color == bar_color::state ? bar_color::kind : bar_color::state;
  }

  void operator()(const commands::mark_lane& c) {
    const auto blocks = arranged(of_, s_.lanes);
    if (blocks.empty()) return;
    const auto marked = std::ranges::find_if(blocks, [&](const lane_block& b) {
      return std::ranges::find(b.lanes, s_.lanes.marked) != b.lanes.end();
    });
    const auto last = static_cast<std::int64_t>(blocks.size()) - 1;
    auto before = std::int64_t{marked - blocks.begin()};
    if (marked == blocks.end()) before = c.by > 0 ? -1 : last + 1;
    const auto nth = std::clamp(before + c.by, std::int64_t{0}, last);
    s_.lanes.marked = blocks[static_cast<std::size_t>(nth)].lanes.front();
  }
  void operator()(const commands::fold_lane& c) {
    const auto l = meant(c.lane);
    if (l == none) return;
    const bool pinned = std::ranges::find(s_.lanes.pinned, l) != s_.lanes.pinned.end();
    if (!pinned && std::erase(s_.lanes.folded_places, place_of(l)) != 0) return;
    toggle(s_.lanes.folded, l);
  }
  void operator()(const commands::fold_place& c) {
    if (const auto l = meant(c.lane); l != none) toggle(s_.lanes.folded_places, place_of(l));
  }
  void operator()(const commands::pin_lane& c) {
    if (const auto l = meant(c.lane); l != none) toggle(s_.lanes.pinned, l);
  }

  void operator()(const commands::search&) {
    s_.searching = !s_.searching;
    if (s_.searching) s_.wanted.clear();
  }
  void operator()(const commands::type& c) {
    if (!s_.searching || s_.wanted.size() + c.text.size() > longest_search) return;
    s_.wanted += c.text;
    const task_search all(of_, s_.wanted);
    if (all.matches(s_.selected)) {
      bring_to_sight(s_.selected);
    } else {
      select_found(all.next(s_.selected, 1));
    }
  }
  void operator()(const commands::erase&) {
    if (!s_.searching) return;
    // All bytes of a character.
    while (!s_.wanted.empty() && (static_cast<unsigned char>(s_.wanted.back()) & 0xC0U) == 0x80U)
      s_.wanted.pop_back();
    if (!s_.wanted.empty()) s_.wanted.pop_back();
  }
  void operator()(const commands::find& c) {
    select_found(task_search(of_, s_.wanted).next(s_.selected, c.matches));
  }

  void operator()(const commands::dismiss&) {
    if (std::exchange(s_.searching, false)) return;
    s_.lanes.marked = none;
    s_.help = false;
    s_.blank = false;
    s_.selected = no_task;
  }

 private:
  // Whatever the state was made for.
  void keep_within() {
    const auto whole = longest();
    s_.at = std::clamp(s_.at, of_.begin(), of_.end());
    s_.follows = s_.follows && s_.live && !s_.playing;
    if (!(s_.ahead >= 0 && s_.ahead < 1)) s_.ahead = 0;
    s_.from = std::clamp(s_.from, of_.begin(), end_of_axis(of_));
    s_.to = std::clamp(s_.to, s_.from, s_.live ? s_.from + whole : end_of_axis(of_));
    if (s_.to - s_.from < std::min(least_span, whole)) {
      s_.from = of_.begin();
      s_.to = s_.from + whole;
    }
    s_.dilation =
        std::clamp(finite(s_.dilation, usual_dilation(of_)), least_dilation, most_dilation);
    if (s_.selected >= of_.tasks().size()) s_.selected = no_task;
    s_.beats = std::clamp(finite(s_.beats, 2), least_beats, most_beats);
    // Lanes of another trace.
    const auto is_there = [&](std::uint32_t l) { return l < of_.lanes().size(); };
    std::erase_if(s_.lanes.pinned, std::not_fn(is_there));
    std::erase_if(s_.lanes.folded, std::not_fn(is_there));
    if (!is_there(s_.lanes.marked)) s_.lanes.marked = none;
    s_.theme = std::min(s_.theme, all_themes().size() - 1);
    s_.text_size = std::clamp(s_.text_size, smallest_text, largest_text);
    keep_playhead_in_sight();
  }

  // What the axis may show at once.
  [[nodiscard]] std::int64_t longest() const {
    const auto whole = end_of_axis(of_) - of_.begin();
    return s_.live ? std::max(whole, live_span) : whole;
  }
  // A live trace has its newest moment in sight, and time to come.
  [[nodiscard]] std::int64_t last_begin(std::int64_t span) const {
    return s_.live ? of_.end() : end_of_axis(of_) - span;
  }

  void show_from(std::int64_t from, std::int64_t span) {
    s_.from = std::clamp(from, of_.begin(), last_begin(span));
    s_.to = s_.from + span;
  }

  void go_to(std::int64_t t) {
    s_.at = std::clamp(t, of_.begin(), of_.end());
    s_.ahead = 0;
    keep_playhead_in_sight();
  }

  // A jump out of what is shown puts the playhead in its middle.
  void keep_playhead_in_sight() {
    if (s_.at >= s_.from && s_.at <= s_.to) return;
    if (const auto* other = other_clock()) {
      const auto shown = other->place(s_.to) - other->place(s_.from);
      show_places(*other, other->place(s_.at) - shown / 2, shown);
      if (s_.at >= s_.from && s_.at <= s_.to) return;
    }
    const auto span = s_.to - s_.from;
    show_from(s_.at - span / 2, span);
  }

  // The clock, where it is not the linear one.
  [[nodiscard]] const clock_map* other_clock() const {
    return s_.clock == clock_kind::linear || s_.live ? nullptr : &clock_of(of_, s_.clock);
  }

  void stop_at_end() {
    s_.playing = false;
    s_.follows = s_.live;
    go_to(of_.end());
  }

  void play_on(const clock_map& clock, double seconds) {
    if (clock.kind() == clock_kind::steps) {
      const auto moments = clock.moments();
      const auto played = s_.ahead + seconds * s_.beats;
      const auto beats = std::floor(played);
      const auto now = std::ranges::upper_bound(moments, s_.at) - moments.begin() - 1;
      const auto last = static_cast<double>(moments.size()) - 1;
      if (static_cast<double>(now) + beats >= last) {
        stop_at_end();
        return;
      }
      // Between two moments it stays where it is.
      if (beats > 0) s_.at = moments[static_cast<std::size_t>(static_cast<double>(now) + beats)];
      s_.ahead = played - beats;
    } else {
      const auto to = clock.place(s_.at) + s_.ahead + seconds * s_.dilation;
      if (to >= clock.end()) {
        stop_at_end();
        return;
      }
      auto at = clock.time(to);
      if (clock.place(at) > to) --at;
      s_.at = std::clamp(at, s_.at, of_.end());
      const auto ahead = to - clock.place(s_.at);
      s_.ahead = ahead >= 0 && ahead < 1 ? ahead : 0;
    }
    follow();
  }

  void show_places(const clock_map& clock, double from, double span) {
    from = std::clamp(from, 0.0, std::max(0.0, clock.end() - span));
    s_.from = std::clamp(clock.time(from), of_.begin(), of_.end());
    s_.to = std::clamp(clock.time(from + span), s_.from, end_of_axis(of_));
    // Some events may lie closer together than an axis can show.
    const auto least = std::min(least_span, longest());
    if (s_.to - s_.from >= least) return;
    s_.to = std::min(s_.from + least, end_of_axis(of_));
    s_.from = s_.to - least;
  }

  [[nodiscard]] std::uint32_t meant(std::uint32_t lane) const {
    if (lane == none) lane = s_.lanes.marked;
    return lane < of_.lanes().size() ? lane : none;
  }
  [[nodiscard]] lane_place place_of(std::uint32_t lane) const {
    return {of_.lanes()[lane].executor, of_.lanes()[lane].place};
  }
  template <class T>
  static void toggle(std::vector<T>& some, const T& one) {
    if (std::erase(some, one) == 0) some.push_back(one);
  }

  void select_found(task_number t) {
    if (t == no_task) return;
    s_.selected = t;
    bring_to_sight(t);
  }
  // Where its begin is not to be seen the playhead goes there.
  void bring_to_sight(task_number t) {
    auto begin = of_.begin();
    for (auto c = of_.tasks()[t].last_change; c != none; c = of_.changes()[c].previous) {
      const auto& one = of_.changes()[c];
      begin = of_.time_of(one);
      // The earliest that lies in a lane.
      if (one.state == task_state::running && one.attempt == 0) break;
    }
    if (begin >= s_.from && begin <= std::min(s_.at, s_.to)) return;
    s_.playing = s_.follows = false;
    go_to(begin);
  }

  // While it plays the axis turns pages: one that slides along cannot be read.
  void follow() {
    if (s_.at <= s_.to) return;
    if (const auto* other = other_clock()) {
      const auto shown = other->place(s_.to) - other->place(s_.from);
      show_places(*other, other->place(s_.at) - shown / 20, shown);
      keep_playhead_in_sight();
      return;
    }
    const auto span = s_.to - s_.from;
    show_from(s_.at - span / 20, span);
    keep_playhead_in_sight();
  }

  [[nodiscard]] bool told(std::size_t event) const {
    return !narrate(of_, static_cast<std::uint32_t>(event)).empty();
  }

  [[nodiscard]] std::int64_t next_told() const {
    const auto events = of_.events();
    const auto last = of_.last_event(s_.at);
    for (std::size_t e = last == none ? 0 : last + 1; e < events.size(); ++e) {
      if (events[e].time > s_.at && told(e)) return events[e].time;
    }
    return of_.end();
  }

  [[nodiscard]] std::int64_t previous_told() const {
    const auto events = of_.events();
    const auto last = of_.last_event(s_.at);
    for (std::size_t e = last == none ? 0 : last + 1; e-- > 0;) {
      if (events[e].time < s_.at && told(e)) return events[e].time;
    }
    return of_.begin();
  }

  const index& of_;
  player_state s_;
};

}  // namespace

player_state opened(const index& of) {
  player_state s;
  s.at = of.begin();
  s.from = of.begin();
  s.to = end_of_axis(of);
  s.dilation = usual_dilation(of);
  return s;
}

player_state opened_live(const index& of) {
  auto s = opened(of);
  s.live = s.follows = true;
  s.at = of.end();
  s.dilation = 1e9;
  s.from = std::max(of.begin(), of.end() - live_span / 10 * 9);
  s.to = s.from + live_span;
  return s;
}

player_state carried_over(const index& from, const index& to, player_state s) {
  const auto now = [&](std::uint32_t l) {
    if (l >= from.lanes().size()) return none;
    const auto& was = from.lanes()[l];
    const auto is = std::ranges::find_if(to.lanes(), [&](const lane& one) {
      return one.what == was.what && one.executor == was.executor && one.place == was.place &&
             one.number == was.number;
    });
    return is == to.lanes().end() ? none : static_cast<std::uint32_t>(is - to.lanes().begin());
  };
  for (auto* const some : {&s.lanes.pinned, &s.lanes.folded}) {
    for (auto& l : *some) l = now(l);
    std::erase(*some, none);
  }
  s.lanes.marked = now(s.lanes.marked);
  return s;
}

player_state reduce(const index& of, player_state s, const command& c) {
  // Whatever else the user does ends it.
  if (!std::holds_alternative<commands::tick>(c)) s.stepped.reset();
  reducer r(of, std::move(s));
  std::visit(r, c);
  return std::move(r).state();
}

float text_scale(int steps) noexcept { return std::pow(1.1F, static_cast<float>(steps)); }

std::optional<glide> glide_of(const player_state& s) noexcept {
  if (s.reduced_motion) return std::nullopt;
  // A token's way takes a time of the trace: a clock that changes its pace has no such.
  if (s.playing && (s.live || s.clock == clock_kind::linear)) return glide{.plays = true};
  return s.stepped;
}

view view_of(const player_state& s) {
  view v;
  v.what = s.what;
  v.at = s.at;
  v.from = s.from;
  v.to = s.to;
  v.selected = s.selected;
  v.layout = s.layout;
  v.clock = s.clock;
  v.lanes = s.lanes;
  v.color = s.color;
  v.steps = s.clock == clock_kind::steps && !s.live;
  v.beats = s.beats;
  v.dilation = s.follows ? 1e9 : s.dilation;  // what follows goes with the clock on the wall
  v.shown = s.live ? source::live : source::recorded;
  if (s.live && !s.follows) v.note = s.playing ? "behind" : "paused";
  v.text_size = text_scale(s.text_size);
  return v;
}

}  // namespace fronta::viz
