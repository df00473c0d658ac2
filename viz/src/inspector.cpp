// SPDX-License-Identifier: Apache-2.0
#include "biography.hpp"
#include "panels.hpp"
#include "summaries.hpp"
#include "time_axis.hpp"

#include <fronta/viz/source_files.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

constexpr float phases_share = 0.54F;  // of the width
constexpr float smallest = 2.3F;       // text, in hundredths of the height

std::string amount(std::uint32_t units) {
  constexpr double one = 10'000;  // parts of a tag, as traces have them
  if (units == 0xFFFF'FFFF) return "very many";
  return short_number(static_cast<double>(units) / one);
}

// A number and its unit, on one line.
std::string together(std::string_view words) {
  std::string text;
  for (const char c : words) {
    if (c == ' ') {
      text += "\u00A0";
    } else {
      text += c;
    }
  }
  return text;
}

std::string bytes(std::uint64_t n) {
  std::string words = short_number(static_cast<double>(n));
  words += n < 1000 ? " B" : "B";
  return together(words);
}

std::string_view grade_name(trace::time_grade g) noexcept {
  constexpr std::array<std::string_view, 3> names{"observed", "stamped", "profiled"};
  return names[std::min<std::size_t>(static_cast<std::size_t>(g), 2)];
}

std::string_view work_name(trace::device_work w) noexcept {
  constexpr std::array<std::string_view, 7> names{"its work",
                                                  "a kernel",
                                                  "a fill",
                                                  "a copy in",
                                                  "a copy out",
                                                  "a copy there",
                                                  "a copy from another device"};
  return names[std::min<std::size_t>(static_cast<std::size_t>(w), 6)];
}

class inspector {
 public:
  inspector(painter& p, const moment_in_view& m, const rect& at)
      : p_(p),
        m_(m),
        at_(at),
        task_(m.what.selected),
        told_(biography_of(m.of, m.of.whole().relations_of(m.of), task_, m.at)) {
    // As large as all of it has room for.
    for (const auto units : {3.0F, 2.6F, smallest}) {
      text_ = p.units(units);
      line_ = p.line_height(text_);
      if (all_fits()) break;
    }
  }

  void draw() {
    p_.begin_pane("inspector", at_);
    if (told_.phases.empty()) {
      std::string words = "At this moment ";
      words += called(task_);
      words += " has not been submitted yet.";
      p_.write({kind::task, part::reason, task_, 0}, at_, words, text_, p_.colors().text,
               align::center);
      return;
    }
    auto room = at_;
    draw_head(take(room, p_.units(6.2F)));
    draw_strip(take(room, p_.units(5) + line_ * 1.3F));
    take(room, p_.units(1.2F));
    const auto gap = p_.units(2.5F);
    const auto left = std::floor(room.width * phases_share);
    draw_phases({room.x, room.y, left - gap / 2, room.height});
    draw_facts({room.x + left + gap / 2, room.y, room.width - left - gap / 2, room.height});
  }

 private:
  static rect take(rect& from, float height) {
    const rect taken{from.x, from.y, from.width, height};
    from.y += height;
    from.height -= height;
    return taken;
  }

  [[nodiscard]] bool all_fits() const {
    const auto facts = 9 + told_.tags.size() + told_.arrays.size() + 2 * told_.pieces.size();
    const auto lines = 3 + std::max(told_.phases.size(), facts);
    if (static_cast<float>(lines) * line_ * 1.2F > at_.height - p_.units(14)) return false;
    const auto used = line_ + state_column() + time_column() + p_.units(4);
    return std::ranges::all_of(told_.phases, [&](const biography::phase& phase) {
      return used + p_.width_of(phase.why, text_) <= at_.width * phases_share;
    });
  }

  [[nodiscard]] look look_at(const biography::phase& phase) const {
    return look_of(m_.of, m_.of.changes()[phase.change]);
  }

  void draw_head(const rect& at) {
    const auto size = p_.units(3.7F);
    const auto height = p_.line_height(size) * 1.15F;
    const auto& now = told_.phases.back();
    const auto l = look_at(now);
    const auto number = std::to_string(std::uint64_t{task_} + 1);
    const auto width = p_.width_of(number, size, typeface::bold) + p_.units(1.8F);
    draw_token(p_, m_, {at.x, at.y, width, height}, task_, l, size);
    std::string state(p_.colors().of(l).sign);
    state += ' ';
    state += p_.colors().of(l).word;
    state += is_final(m_.of.changes()[now.change].state) ? " after " : " for ";
    state += duration(is_final(m_.of.changes()[now.change].state)
                          ? now.begin - told_.phases.front().begin
                          : now.end - now.begin);
    if (now.goes_on) state += " so far";
    const auto state_size = p_.units(3);
    const auto state_width =
        std::min(p_.width_of(state, state_size, typeface::bold) + 1, at.width * 0.6F);
    p_.write({kind::task, part::state, task_, 0},
             {at.right() - state_width, at.y, state_width, height}, state, state_size,
             p_.colors().text, align::right, typeface::bold);
    const auto pad = p_.units(1.2F);
    p_.write({kind::task, part::name, task_, 0},
             {at.x + width + pad, at.y, at.width - width - state_width - 2 * pad, height},
             m_.of.name_of(task_), size, p_.colors().text, align::left, typeface::bold);
  }

  // Its life to scale.
  void draw_strip(const rect& at) {
    const auto begin = told_.phases.front().begin;
    const auto end = std::max(begin + 1, told_.phases.back().end);
    const time_axis a{begin, end, at.x, at.width};
    const rect bar{at.x, at.y, at.width, p_.units(5)};
    p_.fill({kind::task, part::frame, task_, 0}, bar, p_.colors().panel);
    std::uint32_t nth = 0;
    float filled = bar.x;
    for (const auto& phase : told_.phases) {
      const auto l = look_at(phase);
      const item_id id{kind::task, part::bar, task_, nth++};
      auto x = a.x(phase.begin);
      auto right = a.x(phase.end);
      if (is_final(m_.of.changes()[phase.change].state)) {
        // How it ended has no length: a mark at its end.
        const auto cap = p_.units(0.7F);
        x = bar.right() - cap;
        right = bar.right();
      } else if (right - x < 1 && right <= filled) {
        continue;  // too short to be seen, and another has its pixel
      }
      right = std::max(right, x + 1);
      const rect piece{x, bar.y, std::min(right, bar.right()) - x, bar.height};
      filled = piece.right();
      if (piece.width < 3 * p_.stroke()) {
        p_.fill(id, piece, p_.colors().of(l).fill);
      } else {
        p_.state_box(id, piece, l, 0);
      }
      if (phase.failed) {
        const auto cap = std::min(piece.width / 3, p_.units(0.7F));
        p_.fill({kind::task, part::mark, task_, nth},
                {piece.right() - cap, piece.y, cap, piece.height},
                p_.colors().of(look::failed).fill);
      }
      write_in_strip(phase, l, piece, nth);
      std::string tip(p_.colors().of(l).word);
      tip += ' ';
      tip += phase.why;
      tip += ": ";
      tip += duration(phase.end - phase.begin);
      p_.meet(id, piece, std::move(tip));
    }
    const auto step = std::max<std::int64_t>(1, (end - begin) / 1000);
    const rect below{at.x, bar.bottom(), at.width, line_ * 1.2F};
    std::string from = "submitted at ";
    from += moment(begin - m_.of.begin(), step, end - m_.of.begin());
    const auto& last = told_.phases.back();
    std::string to = is_final(m_.of.changes()[last.change].state) ? "ended at " : "now: ";
    to += moment(last.end - m_.of.begin(), step, end - m_.of.begin());
    std::string middle = "run ";
    middle += duration(told_.run);
    middle += " · wait ";
    middle += duration(told_.wait);
    if (told_.on_core) {
      middle += " · on a core ";
      middle += duration(*told_.on_core);
    }
    const auto to_width = p_.width_of(to, text_) + 1;
    const auto from_width = p_.width_of(from, text_) + 1;
    p_.write({kind::axis, part::value, 0, 0}, {below.x, below.y, from_width, below.height}, from,
             text_, p_.colors().text);
    p_.write({kind::axis, part::value, 0, 1},
             {below.right() - to_width, below.y, to_width, below.height}, to, text_,
             p_.colors().text, align::right);
    const auto gap = p_.units(1.5F);
    p_.write({kind::axis, part::name, 0, 0},
             {below.x + from_width + gap, below.y, below.width - from_width - to_width - 2 * gap,
              below.height},
             middle, text_, p_.colors().text, align::center);
  }

  void write_in_strip(const biography::phase& phase, look l, const rect& piece, std::uint32_t nth) {
    const auto& s = p_.colors().of(l);
    std::string words(s.sign);
    const auto sign = p_.width_of(words, text_) + p_.units(0.8F);
    if (piece.width < sign || phase.end == phase.begin) return;
    std::string longer = words;
    longer += ' ';
    longer += duration(phase.end - phase.begin);
    if (p_.width_of(longer, text_) + p_.units(0.8F) <= piece.width) words = longer;
    const auto width = p_.width_of(words, text_) + p_.units(0.6F);
    const rect plate{piece.x + (piece.width - width) / 2, piece.y + (piece.height - line_) / 2,
                     width, line_};
    if (s.hatched) p_.fill({kind::task, part::stripe, task_, nth}, plate, s.fill);
    p_.write({kind::task, part::tether, task_, nth}, plate, words, text_, s.ink, align::center);
  }

  void headline(rect& room, std::string_view words, std::uint32_t nth) {
    const auto at = take(room, line_ * 1.25F);
    p_.write({kind::task, part::name, task_, 10 + nth}, at, words, text_, p_.colors().text,
             align::left, typeface::bold);
  }

  // How many lines each phase has: up to three where its words need them and there is room for all.
  [[nodiscard]] std::vector<float> phase_lines(float words, float room) const {
    std::vector<float> lines;
    float all = 0;
    for (const auto& phase : told_.phases) {
      lines.push_back(std::clamp(p_.lines_of(phase.why, text_, words), 1.0F, 3.0F));
      all += lines.back() * line_ + 0.15F * line_;
    }
    if (all > room) std::ranges::fill(lines, 1.0F);
    return lines;
  }

  void draw_phases(rect room) {
    headline(room, "What it did, and why it waited", 0);
    const auto row = line_ * 1.15F;
    const auto& all = told_.phases;
    const auto fitting = std::max<std::size_t>(1, static_cast<std::size_t>(room.height / row));
    // The begin and the end, where there are too many.
    const bool cut = fitting < all.size();
    const auto first = cut ? (fitting - 1) / 2 : all.size();
    const auto last = cut ? fitting - 1 - first : 0;
    const auto before = line_ + p_.units(0.6F) + state_column() + time_column() + p_.units(1);
    const auto lines = phase_lines(room.width - before, room.height);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (cut && i == first) {
        std::string more = "… ";
        more += grouped(all.size() - first - last);
        more += " more …";
        p_.write({kind::task, part::more, task_, 0}, take(room, row), more, text_,
                 p_.colors().text);
        i = all.size() - last;
        if (last == 0) break;
      }
      draw_phase(i, take(room, lines[i] * line_ + 0.15F * line_));
    }
  }

  void draw_phase(std::size_t number, const rect& at) {
    const auto& phase = told_.phases[number];
    const auto nth = static_cast<std::uint32_t>(number);
    const auto l = look_at(phase);
    const auto& s = p_.colors().of(l);
    const rect first{at.x, at.y, at.width, line_ * 1.15F};
    const auto side = line_;
    const rect box{at.x, at.y + (first.height - side) / 2, side, side};
    p_.state_box({kind::task, part::token, task_, 1 + nth}, box, l, side * 0.12F);
    if (s.hatched) {
      p_.fill({kind::task, part::stripe, task_, 1000 + nth},
              {box.x + side * 0.2F, box.y + side * 0.12F, side * 0.6F, side * 0.76F}, s.fill);
    }
    p_.write({kind::task, part::state, task_, 1 + nth}, box, s.sign, text_, s.ink, align::center);
    auto x = box.right() + p_.units(0.6F);
    p_.write({kind::task, part::state, task_, 1000 + nth}, {x, at.y, state_column(), first.height},
             s.word, text_, p_.colors().text);
    x += state_column();
    if (!is_final(m_.of.changes()[phase.change].state)) {
      std::string lasted = phase.goes_on ? ">" : "";
      lasted += duration(phase.end - phase.begin);
      p_.write({kind::task, part::value, task_, nth}, {x, at.y, time_column(), first.height},
               lasted, text_, p_.colors().text, align::right, typeface::bold);
    }
    x += time_column() + p_.units(1);
    p_.write_lines({kind::task, part::reason, task_, 1 + 10 * nth},
                   {x, at.y + line_ * 0.075F, at.right() - x, at.height - line_ * 0.15F + 0.5F},
                   phase.why, text_, p_.colors().text);
  }

  [[nodiscard]] float time_column() const {
    return p_.width_of(">99.9 ms", text_, typeface::bold) + p_.units(0.8F);
  }
  [[nodiscard]] float state_column() const {
    float width = 0;
    for (const auto& phase : told_.phases)
      width = std::max(width, p_.width_of(p_.colors().of(look_at(phase)).word, text_));
    return width + p_.units(0.6F);
  }

  // ---- What else is known, as captions with words or tokens.

  void draw_facts(rect room) {
    headline(room, "Where from, where, and for whom", 1);
    caption_ = p_.width_of("submitted by", text_, typeface::bold) + p_.units(1);
    who(room);
    place(room);
    tokens(room, "inputs", told_.inputs, "none that the trace tells of", true);
    if (told_.value) fact(room, "value", bytes(*told_.value));
    tokens(room, "used by", told_.dependents, "no task so far");
    if (!told_.submitted.empty()) tokens(room, "it submitted", told_.submitted, "");
    consumed(room);
    callbacks(room);
    for (const auto& t : told_.tags) {
      std::string words = amount(t.units);
      words += " of ";
      words += t.name;
      words += t.place.empty() ? std::string() : " from ";
      words += t.place;
      words += t.end == forever ? ", has it" : ", for ";
      if (t.end != forever) words += together(duration(t.end - t.begin));
      fact(room, &t == told_.tags.data() ? "tags" : "", words);
    }
    for (const auto& d : told_.arrays) {
      std::string words = bytes(d.bytes);
      words += d.arrays == 1 ? " in one array" : " in several arrays";
      if (d.what == trace::event_kind::placed) words += " came to ";
      if (d.what == trace::event_kind::moved) words += " moved from or ahead to ";
      if (d.what == trace::event_kind::freed) words += " freed at ";
      words += d.place;
      fact(room, &d == told_.arrays.data() ? "arrays" : "", words);
    }
    for (const auto& piece : told_.pieces) {
      const auto& s = m_.of.spans()[piece.span];
      std::string words(work_name(s.what));
      words += " on ";
      words += piece.lane;
      if (s.bytes != 0 && s.what != trace::device_work::task &&
          s.what != trace::device_work::kernel) {
        words += ", ";
        words += bytes(s.bytes);
      }
      words += ": ";
      words += piece.end == forever ? "not ended" : together(duration(piece.end - piece.begin));
      words += ", ";
      words += grade_name(s.grade);
      if (const auto error = std::max(piece.begin_error, piece.end_error); error > 0) {
        words += " ±";
        words += together(duration(error));
      }
      if (s.simulated) words += ", simulated";
      fact(room, &piece == told_.pieces.data() ? "on devices" : "", words);
    }
    if (left_out_ != 0 && room.height >= line_) {
      std::string more = "+";
      more += grouped(left_out_);
      more += " more";
      p_.write({kind::task, part::more, task_, 1},
               {room.x, room.bottom() - line_, room.width, line_}, more, text_, p_.colors().text);
    }
  }

  // Room for "+N more" is kept.
  [[nodiscard]] bool fits(const rect& room, float height) {
    if (left_out_ == 0 && height + line_ <= room.height) return true;
    ++left_out_;
    return false;
  }

  void caption(const rect& at, std::string_view words) {
    p_.write({kind::task, part::name, task_, 100 + facts_++}, {at.x, at.y, caption_, line_ * 1.1F},
             words, text_, p_.colors().text, align::left, typeface::bold);
  }

  void fact(rect& room, std::string_view what, std::string_view words) {
    const auto width = room.width - caption_;
    const auto lines = std::min(3.0F, p_.lines_of(words, text_, width));
    const auto height = lines * line_ + line_ * 0.15F;
    if (!fits(room, height)) return;
    const auto at = take(room, height);
    if (!what.empty()) caption(at, what);
    p_.write_lines({kind::task, part::value, task_, 1000 + 10 * facts_++},
                   {at.x + caption_, at.y + line_ * 0.05F, width, lines * line_}, words, text_,
                   p_.colors().text);
  }

  void who(rect& room) {
    const auto parent = m_.of.tasks()[task_].parent;
    if (parent != no_task) {
      tokens(room, "submitted by", {parent}, "");
    } else {
      fact(room, "submitted by", "the program, outside tasks");
    }
    if (!told_.location.empty()) fact(room, "at", location(room.width - caption_));
  }

  // As it is known below the root of the sources; of a long one its last components.
  [[nodiscard]] std::string location(float most) const {
    auto path = inner_path(told_.location);
    if (told_.location.starts_with('/')) path.insert(0, 1, '/');
    constexpr std::string_view cut = "…/";
    for (auto slash = path.find('/', 1); p_.width_of(path, text_) > most;) {
      if (slash == std::string::npos) return p_.fit_end(path, text_, most);
      path.replace(0, slash + 1, cut);
      slash = path.find('/', cut.size());
    }
    return path;
  }

  void place(rect& room) {
    if (!told_.chosen) return;
    std::string words = told_.chosen->place;
    if (!told_.chosen->why.empty()) {
      words += ": ";
      words += told_.chosen->why;
    }
    fact(room, "place", words);
  }

  void consumed(rect& room) {
    if (told_.consumers.empty()) return;
    std::vector<task_number> by;
    std::size_t outside = 0;
    for (const auto& c : told_.consumers) {
      if (c.by == no_task) {
        ++outside;
      } else if (std::ranges::find(by, c.by) == by.end()) {
        by.push_back(c.by);
      }
    }
    if (!by.empty()) tokens(room, "taken by", by, "");
    if (outside == 0) return;
    std::string words = "the program, ";
    words += outside == 1 ? std::string("at ") : std::string("first at ");
    const auto first = std::ranges::find(told_.consumers, no_task, &biography::consumer::by);
    words +=
        moment(first->time - m_.of.begin(), std::max<std::int64_t>(1, (m_.to - m_.from) / 1000));
    fact(room, "taken by", words);
  }

  void callbacks(rect& room) {
    if (told_.callbacks == 0) return;
    auto words = grouped(told_.callbacks);
    words += ", for ";
    words += duration(told_.callbacks_lasted);
    fact(room, "callbacks", words);
  }

  // `with_bytes`: what the value of each stands for, where the trace tells it.
  void tokens(rect& room, std::string_view what, const std::vector<task_number>& tasks,
              std::string_view none_words, bool with_bytes = false) {
    if (tasks.empty()) {
      fact(room, what, none_words);
      return;
    }
    const auto height = line_ * 1.2F;
    const auto gap = p_.units(0.5F);
    if (!fits(room, height + gap)) return;
    const auto at = take(room, height + gap);
    caption(at, what);
    auto x = at.x + caption_;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const auto t = tasks[i];
      const auto number = std::to_string(std::uint64_t{t} + 1);
      const auto width = p_.width_of(number, text_, typeface::bold) + p_.units(1.2F);
      std::string value;
      if (const auto n =
              with_bytes ? value_bytes_of(m_.of, m_.of.whole().relations_of(m_.of), t, m_.at) : 0;
          n != 0)
        value = bytes(n);
      const auto value_width = value.empty() ? 0 : p_.width_of(value, text_) + 2 * gap;
      std::string more = "+";
      more += grouped(tasks.size() - i);
      const auto rest = i + 1 == tasks.size() ? 0 : p_.width_of(more, text_) + gap;
      if (x + width + value_width + rest > at.right()) {
        p_.write({kind::task, part::more, task_, 2 + facts_}, {x, at.y, at.right() - x, height},
                 more, text_, p_.colors().text);
        return;
      }
      const auto c = m_.of.state_of(t, m_.at);
      draw_token(p_, m_, {x, at.y, width, height}, t, c ? look_of(m_.of, *c) : look::unknown,
                 text_);
      x += width + gap;
      if (value.empty()) continue;
      p_.write({kind::task, part::value, t, 600 + facts_}, {x, at.y, value_width - gap, height},
               value, text_, p_.colors().text);
      x += value_width;
    }
    // One alone: who it is, too.
    if (tasks.size() == 1 && m_.of.tasks()[tasks[0]].text != 0) {
      p_.write({kind::task, part::name, tasks[0], 500 + facts_}, {x, at.y, at.right() - x, height},
               m_.of.name_of(tasks[0]), text_, p_.colors().text);
    }
  }

  painter& p_;
  const moment_in_view& m_;
  rect at_;
  task_number task_;
  biography told_;
  float text_ = 0;
  float line_ = 0;
  float caption_ = 0;
  std::uint32_t facts_ = 0;
  std::size_t left_out_ = 0;
};

// How to select one, and those that are likely to be asked for.
void draw_none_selected(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("inspector", at);
  const auto text = p.units(2.6F);
  const auto line = p.line_height(text);
  if (m.of.tasks().empty()) {
    p.write({kind::task, part::reason, no_task, 0}, at, so_far(m, "No task has been submitted"),
            text, p.colors().text, align::center);
    return;
  }
  const auto middle = at.y + at.height * 0.3F;
  p.write({kind::task, part::reason, no_task, 0}, {at.x, middle, at.width, line},
          "No task is selected.", p.units(3.7F), p.colors().text, align::center, typeface::bold);
  p.write({kind::task, part::reason, no_task, 1}, {at.x, middle + 2 * line, at.width, line},
          "Click one in another picture or press Tab; fronta render takes --task N.", text,
          p.colors().text, align::center);
  std::vector<task_number> now;
  for (std::uint32_t l = 0; l < m.of.lanes().size() && now.size() < 12; ++l) {
    const auto open = m.of.open_at(l, m.at);
    if (open.empty() || open.back().task == no_task) continue;
    if (std::ranges::find(now, open.back().task) == now.end()) now.push_back(open.back().task);
  }
  std::string_view says = "at work now:";
  if (now.empty()) {
    says = "ended last:";
    const auto done = m.of.completed_at(m.at);
    for (std::size_t i = 0; i < std::min<std::size_t>(done, 12); ++i) {
      const auto& c = m.of.changes()[m.of.completions()[done - 1 - i]];
      now.push_back(m.of.events()[c.event].task);
    }
  }
  if (now.empty()) return;
  const auto gap = p.units(0.6F);
  const auto label = p.width_of(says, text) + gap;
  float all = label;
  std::vector<float> widths;
  for (const auto t : now) {
    widths.push_back(p.width_of(std::to_string(std::uint64_t{t} + 1), text, typeface::bold) +
                     p.units(1.4F));
    all += widths.back() + gap;
  }
  auto x = at.x + std::max(0.0F, (at.width - all) / 2);
  const auto y = middle + 4.5F * line;
  p.write({kind::task, part::reason, no_task, 2}, {x, y, label, line * 1.2F}, says, text,
          p.colors().text);
  x += label;
  for (std::size_t i = 0; i < now.size() && x + widths[i] <= at.right(); ++i) {
    const auto c = m.of.state_of(now[i], m.at);
    draw_token(p, m, {x, y, widths[i], line * 1.2F}, now[i], c ? look_of(m.of, *c) : look::unknown,
               text);
    x += widths[i] + gap;
  }
}

}  // namespace

void draw_inspector(painter& p, const moment_in_view& m, const rect& at) {
  if (m.what.selected >= m.of.tasks().size()) {
    draw_none_selected(p, m, at);
    return;
  }
  inspector(p, m, at).draw();
}

}  // namespace fronta::viz
