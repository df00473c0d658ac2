// SPDX-License-Identifier: Apache-2.0
#include "panels.hpp"
#include "task_kinds.hpp"

#include <fronta/viz/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace fronta::viz {
namespace {

using kind = painter::kind;
using part = painter::part;

constexpr float reads_well = 3.7F;  // hundredths of the height, from the last row

float token_height(const painter& p) { return p.line_height(p.units(reads_well)) * 1.15F; }

// Wide enough for the greatest number.
float token_width(const painter& p, const index& of) {
  const auto digits = std::to_string(of.tasks().size());
  return p.width_of(digits, p.units(reads_well), typeface::bold) + p.units(1.6F);
}

std::string plus(std::uint64_t number, std::string_view what) {
  std::string text = "+";
  text += grouped(number);
  text += what;
  return text;
}

void more(painter& p, std::uint32_t number, const rect& at, std::uint64_t hidden) {
  p.write({kind::queue, part::more, number, 0}, at, plus(hidden, " more"), p.units(reads_well),
          p.colors().text);
}

std::string count_of(std::uint64_t number, std::string_view one, std::string_view many) {
  auto text = grouped(number);
  text += ' ';
  text += number == 1 ? one : many;
  return text;
}

}  // namespace

std::string so_far(const moment_in_view& m, std::string_view what) {
  std::string text(what);
  const bool over = m.at >= m.of.end() && m.what.shown != source::live;
  return text += over ? "." : " yet.";
}

rect below_headline(painter& p, const rect& at, std::string_view text, std::uint32_t number) {
  const auto size = p.units(2.6F);
  const auto height = p.line_height(size) * 1.2F;
  const auto pad = p.units(1);
  p.write({kind::page, part::name, number, 0}, {at.x, at.y, at.width - pad, height}, text, size,
          p.colors().text, align::left, typeface::bold);
  return {at.x, at.y + height, at.width - pad, at.height - height - pad};
}

namespace {

// The kind's stripe, in thirds of a token's foot: its fill means the state, and no other colour may
// beside it.
void draw_kind(painter& p, const moment_in_view& m, const rect& at, task_number t, color ink) {
  constexpr int thirds = 3;
  constexpr std::array<std::array<bool, thirds>, most_kinds> filled{{{true, true, true},
                                                                     {true, false, false},
                                                                     {false, false, true},
                                                                     {true, false, true},
                                                                     {true, true, false},
                                                                     {false, true, true}}};
  const auto& kinds = kinds_of(m.of);
  // One alone is told from no other.
  if (kinds.all().size() < 2 || kinds.all()[1].from > m.at) return;
  const auto which = kinds.of(t);
  if (which >= most_kinds) return;
  const auto high = std::max(1.5F * p.stroke(), at.height * 0.09F);
  const auto inset = at.height * 0.16F;
  const auto third = (at.width - 2 * inset) / thirds;
  const auto y = at.bottom() - p.stroke() - at.height * 0.05F - high;
  item_id id{kind::task, part::stripe, t, 2};  // behind those of a ring
  for (int i = 0; i < thirds; ++i) {
    const auto begin = i;
    while (i < thirds && filled[which][static_cast<std::size_t>(i)]) ++i;
    if (i == begin) continue;
    p.fill(id,
           {at.x + inset + static_cast<float>(begin) * third, y,
            static_cast<float>(i - begin) * third, high},
           ink);
    ++id.nth;
  }
}

}  // namespace

void draw_token(painter& p, const moment_in_view& m, const rect& at, task_number t, look l,
                float size) {
  const auto& s = p.colors().of(l);
  const auto radius = at.height * 0.2F;
  p.state_box({kind::task, part::token, t, 0}, at, l, radius);
  const auto number = std::to_string(std::uint64_t{t} + 1);
  if (s.hatched) {
    const auto w = p.width_of(number, size, typeface::bold) + p.units(0.6F);
    p.fill({kind::task, part::mark, t, 0},
           {at.x + (at.width - w) / 2, at.y + at.height * 0.12F, w, at.height * 0.76F}, s.fill);
  }
  draw_kind(p, m, at, t, s.ink);
  p.write({kind::task, part::number, t, 0}, at, number, size, s.ink, align::center, typeface::bold);
  if (t == m.what.selected) p.ring({kind::task, part::stripe, t, 0}, at, radius);
  p.meet({kind::task, part::token, t, 0}, at,
         called(t) + " " + std::string(m.of.name_of(t)) + ": " + std::string(s.word));
}

namespace {

struct shown_queue {
  std::uint32_t number = 0;
  std::uint32_t length = 0;
  std::size_t rows = 1;
};

// Those that are not empty and not drawn with the workers, in their order.
std::vector<shown_queue> queues_at(const index& of, std::int64_t at) {
  std::vector<shown_queue> queues;
  for (std::uint32_t q = 0; q < of.queues().size(); ++q) {
    if (of.queues()[q].what == queue::kind::deque) continue;
    if (const auto length = of.length_at(q, at); length != 0) queues.push_back({q, length});
  }
  return queues;
}

// The longest so many, still in their order; of equals the first.
std::vector<shown_queue> longest(const std::vector<shown_queue>& all, std::size_t count) {
  auto chosen = all;
  std::ranges::sort(chosen, [](const shown_queue& a, const shown_queue& b) {
    return a.length != b.length ? a.length > b.length : a.number < b.number;
  });
  chosen.resize(std::min(count, chosen.size()));
  std::ranges::sort(chosen, {}, &shown_queue::number);
  return chosen;
}

bool has_tasks(const moment_in_view& m) {
  return !m.of.changes().empty() && m.of.time_of(m.of.changes().front()) <= m.at;
}

// Tokens in rows of equal cells.
class queue_painter {
 public:
  queue_painter(painter& p, const moment_in_view& m, const rect& room)
      : p_(p),
        m_(m),
        room_(room),
        size_(p.units(reads_well)),
        name_size_(p.units(2.4F)),
        width_(token_width(p, m.of)),
        gap_(p.units(0.6F)),
        columns_(static_cast<std::size_t>(
            std::max(1.0F, std::floor((room.width + gap_) / (width_ + gap_))))) {}

  // As many queues as fit, each with a row of tokens at least; the long ones get what is left.
  void draw(const std::vector<shown_queue>& all) {
    auto room = room_.height;
    auto fitting = static_cast<std::size_t>(std::max(0.0F, room / (besides() + row())));
    if (fitting < all.size()) {
      room -= line();
      fitting = static_cast<std::size_t>(std::max(0.0F, room / (besides() + row())));
    }
    auto shown = longest(all, fitting);
    auto free = static_cast<std::size_t>(
        std::max(0.0F, (room - static_cast<float>(shown.size()) * (besides() + row())) / row()));
    for (bool given = true; given && free > 0;) {
      given = false;
      for (auto& q : shown) {
        if (free == 0 || q.rows * columns_ >= q.length) continue;
        ++q.rows;
        --free;
        given = true;
      }
    }
    y_ = room_.y;
    for (const auto& q : shown) draw(q);
    if (shown.size() == all.size()) return;
    std::uint64_t hidden = 0;
    for (const auto& q : all) hidden += q.length;
    for (const auto& q : shown) hidden -= q.length;
    std::string words = shown.empty() ? "" : "+";
    words += count_of(all.size() - shown.size(), shown.empty() ? "queue" : "more queue",
                      shown.empty() ? "queues" : "more queues");
    words += ", ";
    words += count_of(hidden, "task", "tasks");
    y_ += p_.write_lines({kind::queue, part::more, none, 0},
                         {room_.x, y_, room_.width, room_.bottom() - y_}, words, name_size_,
                         p_.colors().text);
    if (shown.empty()) draw_oldest(all);
  }

 private:
  // Where not even one queue has room for its name.
  void draw_oldest(const std::vector<shown_queue>& all) {
    y_ += gap_ / 2;
    if (y_ + token_height(p_) > room_.bottom()) return;
    std::size_t nth = 0;
    for (const auto& q : longest(all, all.size())) {
      for (const auto t : m_.of.queued_at(q.number, m_.at, columns_ - nth, index::first::oldest)) {
        const auto c = m_.of.state_of(t, m_.at);
        draw_token(p_, m_, cell(nth++, 0), t, c ? look_of(m_.of, *c) : look::unknown, size_);
      }
      if (nth == columns_) return;
    }
  }

  [[nodiscard]] float row() const { return token_height(p_) + gap_; }
  // The name, and what lies between two queues.
  [[nodiscard]] float besides() const { return p_.line_height(name_size_) + 1.5F * gap_; }
  // Room for what is said of the queues that are not drawn.
  [[nodiscard]] float line() const {
    const auto words = p_.lines_of("+88 more queues, 8 888 tasks", name_size_, room_.width);
    return words * p_.line_height(name_size_);
  }

  void draw(const shown_queue& q) {
    const auto name = p_.line_height(name_size_);
    name_of_queue(q, {room_.x, y_, room_.width, name});
    y_ += name + gap_ / 2;
    // Where they are too many, the last row says how many more; if there is but one, its end.
    auto cells = q.rows * columns_;
    const bool cut = cells < q.length;
    auto words = plus(q.length, "");
    std::size_t for_words = 0;
    if (cut && q.rows > 1) {
      cells -= columns_;
    } else if (cut) {
      for_words =
          static_cast<std::size_t>(std::ceil((p_.width_of(words, size_) + gap_) / (width_ + gap_)));
      cells = for_words < columns_ ? columns_ - for_words : 1;
    }
    const auto tasks = m_.of.queued_at(q.number, m_.at, std::min<std::size_t>(cells, q.length),
                                       index::first::oldest);
    for (std::size_t nth = 0; nth < tasks.size(); ++nth) {
      const auto c = m_.of.state_of(tasks[nth], m_.at);
      draw_token(p_, m_, cell(nth % columns_, nth / columns_), tasks[nth],
                 c ? look_of(m_.of, *c) : look::unknown, size_);
    }
    const auto hidden = q.length - std::min<std::size_t>(tasks.size(), q.length);
    if (hidden != 0 && q.rows > 1) {
      const auto at = cell(0, q.rows - 1);
      more(p_, q.number, {at.x, at.y, room_.width, at.height}, hidden);
    } else if (hidden != 0 && for_words < columns_) {
      const auto at = cell(columns_ - for_words, 0);
      p_.write({kind::queue, part::more, q.number, 0},
               {at.x, at.y, room_.right() - at.x, at.height}, plus(hidden, ""), size_,
               p_.colors().text);
    }
    y_ += static_cast<float>(q.rows) * row() + gap_;
  }

  // How many there are is never cut.
  void name_of_queue(const shown_queue& q, const rect& at) {
    auto count = std::string(" · ");
    count += grouped(q.length);
    std::string_view name = m_.of.queues()[q.number].name;
    // A little smaller before it is cut.
    auto size = name_size_;
    const auto wide = [&] { return p_.width_of(std::string(name) + count, size) > at.width; };
    if (wide()) size *= 2.2F / 2.4F;
    constexpr std::string_view waiting = "waiting ";  // what else would they do in a queue
    if (wide() && name.starts_with(waiting)) name.remove_prefix(waiting.size());
    const auto most = at.width - p_.width_of(count, size) - 1;
    auto words = p_.brief(name, size, most);
    if (words.empty()) words = p_.fit(name, size, most);
    words += count;
    p_.write({kind::queue, part::name, q.number, 0}, at, words, size, p_.colors().text);
  }

  [[nodiscard]] rect cell(std::size_t column, std::size_t row_number) const {
    return {room_.x + static_cast<float>(column) * (width_ + gap_),
            y_ + static_cast<float>(row_number) * row(), std::min(width_, room_.width),
            token_height(p_)};
  }

  painter& p_;
  const moment_in_view& m_;
  rect room_;
  float size_;
  float name_size_;
  float width_;
  float gap_;
  std::size_t columns_;
  float y_ = 0;
};

}  // namespace

void draw_queues(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("queues", at);
  const auto room = below_headline(p, at, "QUEUES", 1);
  const auto queues = queues_at(m.of, m.at);
  if (queues.empty()) {
    p.write_lines({kind::queue, part::reason, 0, 0}, room,
                  has_tasks(m) ? std::string("Empty: nothing waits here.")
                               : so_far(m, "No task has been submitted"),
                  p.units(2.4F), p.colors().text);
    return;
  }
  queue_painter(p, m, room).draw(queues);
}

namespace {

// Of executors that are open; once none is any more, of all that were.
std::vector<std::uint32_t> lanes_of_workers(const moment_in_view& m) {
  std::vector<std::uint32_t> open;
  std::vector<std::uint32_t> closed;
  for (const auto l : lanes_in_order(m.of)) {
    const auto what = m.of.lanes()[l].what;
    if (what != lane::kind::slot && what != lane::kind::stream && what != lane::kind::reserved)
      continue;
    if (m.of.is_open(l, m.at)) {
      open.push_back(l);
    } else if (m.of.was_opened(l, m.at)) {
      closed.push_back(l);
    }
  }
  return open.empty() ? closed : open;
}

// What a lane is at: the innermost of its bars that belongs to a task and does not wait, or the
// task that has a device while another place hosts it. And how deep the lane's bars are.
struct shown_bar {
  std::optional<bar> what;
  task_number outermost = no_task;
  std::size_t depth = 0;
};
shown_bar bar_shown(const index& of, std::uint32_t l, std::int64_t at) {
  shown_bar found;
  const auto open = of.open_at(l, at);
  for (const auto& b : open) {
    if (b.what != bar::kind::suspended && b.task != no_task) found.what = b;
  }
  found.depth = open.size();
  if (!open.empty()) found.outermost = open.front().task;
  const auto& which = of.lanes()[l];
  if (found.what || which.what != lane::kind::stream || which.number != 0) return found;
  for (std::uint32_t r = 0; r < of.lanes().size(); ++r) {
    const auto& other = of.lanes()[r];
    if (other.what != lane::kind::reserved || other.executor != which.executor ||
        other.place != which.place)
      continue;
    const auto reserved = of.open_at(r, at);
    if (reserved.empty()) continue;
    found.what = reserved.front();
    return found;
  }
  return found;
}

// Where not all have room, those at work come first; in the order that they had.
std::vector<std::uint32_t> most_at_work(const std::vector<std::uint32_t>& lanes, std::size_t most,
                                        const moment_in_view& m) {
  std::vector<std::uint32_t> chosen;
  for (const bool at_work : {true, false}) {
    for (const auto l : lanes) {
      if (chosen.size() == most) break;
      if (bar_shown(m.of, l, m.at).what.has_value() == at_work) chosen.push_back(l);
    }
  }
  std::vector<std::uint32_t> ordered;
  std::ranges::copy_if(lanes, std::back_inserter(ordered), [&](std::uint32_t l) {
    return std::ranges::find(chosen, l) != chosen.end();
  });
  return ordered;
}

// The width of a name on one line, or broken at a space so that both are short.
float width_in_lines(const painter& p, std::string_view name, float size, bool two) {
  auto best = p.width_of(name, size);
  if (!two) return best;
  for (auto at = name.find(' '); at != std::string_view::npos; at = name.find(' ', at + 1)) {
    best = std::min(best, std::max(p.width_of(name.substr(0, at), size),
                                   p.width_of(name.substr(at + 1), size)));
  }
  return best;
}

// Names of lanes, in boxes of one height: on two lines where that leaves more room.
class lane_names {
 public:
  lane_names(const painter& p, const index& of, const std::vector<std::uint32_t>& lanes, float size)
      : size_(size) {
    for (const auto l : lanes) {
      all_.push_back(of.lanes()[l].name);
      one_ = std::max(one_, width_in_lines(p, of.lanes()[l].name, size, false) + 1);
      two_ = std::max(two_, width_in_lines(p, of.lanes()[l].name, size, true) + 1);
    }
  }

  // All boxes are alike.
  void settle(const painter& p, const rect& box) {
    const auto most = width(p, box);
    std::vector<painter::name_in_room> together;
    for (const auto name : all_) {
      if (on_one_line(p, name, most, box.height)) together.push_back({name, most});
    }
    cut_ = p.cut_for(together, size_);
  }

  [[nodiscard]] float width(const painter& p, const rect& box) const {
    const auto most = box.width * 0.42F;
    const bool room_for_two = box.height >= 2 * p.line_height(size_);
    return std::min(one_ > box.width * 0.28F && room_for_two ? two_ : one_, most);
  }
  void write(painter& p, const item_id& id, const rect& in, std::string_view name) const {
    if (on_one_line(p, name, in.width, in.height)) {
      const auto words = p.brief(name, size_, in.width, cut_);
      p.write(id, in, words.empty() ? name : std::string_view(words), size_, p.colors().text);
      return;
    }
    const auto high = 2 * p.line_height(size_);
    p.write_lines(id, {in.x, in.y + (in.height - high) / 2, in.width, high}, name, size_,
                  p.colors().text);
  }
  [[nodiscard]] float least(const painter& p, float height) const {
    return height >= 2 * p.line_height(size_) ? two_ : one_;
  }

 private:
  [[nodiscard]] bool on_one_line(const painter& p, std::string_view name, float wide,
                                 float high) const {
    return p.width_of(name, size_) <= wide || high < 2 * p.line_height(size_);
  }

  float size_;
  std::vector<std::string_view> all_;
  painter::name_cut cut_;
  float one_ = 0;
  float two_ = 0;
};

}  // namespace

void draw_workers(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("workers", at);
  const auto room = below_headline(p, at, "WORKERS", 2);
  const auto& of = m.of;
  const auto lanes = lanes_of_workers(m);
  const auto size = p.units(reads_well);
  const auto name_size = p.units(2.4F);
  if (lanes.empty()) {
    p.write_lines({kind::lane, part::reason, 0, 0}, room,
                  so_far(m, "No worker has told of anything"), name_size, p.colors().text);
    return;
  }
  const auto gap = p.units(0.8F);
  // One below the other, in two columns if there are many.
  const auto least = token_height(p) + p.units(0.8F);
  const auto a_column = std::max(1, static_cast<int>((room.height + gap) / (least + gap)));
  lane_names names(p, of, lanes, name_size);
  // A name, and beside it a token or some words.
  const bool two_fit =
      (room.width - gap) / 2 >= std::min(names.least(p, least), p.units(9)) +
                                    std::max(token_width(p, of) + p.units(5), p.units(17));
  const int columns = static_cast<int>(lanes.size()) > a_column && two_fit ? 2 : 1;
  const auto rows = std::min(a_column, (static_cast<int>(lanes.size()) + columns - 1) / columns);
  const auto width =
      (room.width - gap * static_cast<float>(columns - 1)) / static_cast<float>(columns);
  const auto height = std::min(
      (room.height - gap * static_cast<float>(rows - 1)) / static_cast<float>(rows), p.units(9));
  if (height < token_height(p)) return;
  auto fitting = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  const bool cut = fitting < lanes.size();
  if (cut) --fitting;
  const auto cell = [&](std::size_t i) {
    const auto column = static_cast<int>(i) / rows;
    const auto row = static_cast<int>(i) % rows;
    return rect{room.x + static_cast<float>(column) * (width + gap),
                room.y + static_cast<float>(row) * (height + gap), width, height};
  };
  names.settle(p, cell(0));
  const auto token = token_width(p, of);
  // Written when the room of all is known, as what is cut is cut alike.
  struct work {
    task_number task;
    rect at;
    std::string sign;
    std::string inside;
    float for_name;
  };
  std::vector<work> at_work;
  std::size_t nth = 0;
  for (const auto l : cut ? most_at_work(lanes, fitting, m) : lanes) {
    const auto& which = of.lanes()[l];
    const auto box = cell(nth++);
    p.fill({kind::lane, part::frame, l, 0}, box, p.colors().panel, p.units(0.6F));
    p.outline({kind::lane, part::frame, l, 1}, box, p.colors().grid, p.stroke(), dash::solid,
              p.units(0.6F));
    const auto pad = p.units(0.8F);
    const auto name_width = names.width(p, box);
    names.write(p, {kind::lane, part::name, l, 0}, {box.x + pad, box.y, name_width, box.height},
                which.name);
    rect inner{box.x + pad * 2.5F + name_width, box.y + (box.height - token_height(p)) / 2,
               box.width - name_width - 3.5F * pad, token_height(p)};
    // What waits in its own queue, at the right: the owner takes from the near end.
    const auto q = std::ranges::find_if(of.queues(), [&](const queue& x) {
      const auto own = which.what == lane::kind::stream ? queue::kind::stream : queue::kind::deque;
      return x.what == own && x.executor == which.executor && x.place == which.place &&
             x.number == which.number;
    });
    if (q != of.queues().end() && which.what == lane::kind::slot) {
      const auto number = static_cast<std::uint32_t>(q - of.queues().begin());
      if (const auto length = of.length_at(number, m.at); length != 0) {
        auto text = plus(length, " in its deque");
        if (p.width_of(text, name_size) > inner.width - token - p.units(16))
          text = plus(length, "");
        const auto w = std::min(p.width_of(text, name_size) + 1, inner.width / 2);
        const rect count{inner.right() - w, inner.y, w, inner.height};
        p.meet({kind::queue, part::value, number, 0}, count,
               count_of(length, "task", "tasks") + " in the deque of " + which.name);
        // A task's number is never cut for it.
        if (inner.width - w - pad >= token) {
          p.write({kind::queue, part::value, number, 0}, count, text, name_size, p.colors().text,
                  align::right);
          inner.width -= w + pad;
        }
      }
    }
    const auto now = bar_shown(of, l, m.at);
    const auto& shown = now.what;
    if (!shown) {
      const auto line = p.line_height(name_size);
      const auto blank = of.blank_at(l, m.at);
      const bool whole = p.lines_of(blank.why, name_size, inner.width) * line <= box.height;
      const auto& why = whole ? blank.why : blank.brief;
      const auto high = std::min(p.lines_of(why, name_size, inner.width),
                                 std::max(1.0F, std::floor(box.height / line))) *
                        line;
      p.write_lines({kind::lane, part::reason, l, 0},
                    {inner.x, box.y + (box.height - high) / 2, inner.width, high}, why, name_size,
                    p.colors().text);
      continue;
    }
    const auto c = of.state_of(shown->task, m.at);
    auto state = c ? look_of(of, *c) : look::unknown;
    if (shown->what == bar::kind::device) state = look::on_device;
    if (shown->what == bar::kind::reserved) {
      p.hatch({kind::lane, part::hatch, l, 0}, inner, p.colors().grid, p.units(1.2F), p.stroke());
      // The number is what must be read.
      auto text = "reserved by " + called(shown->task);
      if (p.width_of(text, size) > inner.width) text = "for " + called(shown->task);
      if (p.width_of(text, size) > inner.width)
        text = "for " + std::to_string(std::uint64_t{shown->task} + 1);
      const auto w = std::min(inner.width, p.width_of(text, size) + p.units(1));
      p.fill({kind::lane, part::mark, l, 0}, {inner.x, inner.y, w, inner.height}, p.colors().panel);
      p.write({kind::lane, part::value, l, 0}, {inner.x, inner.y, w, inner.height}, text, size,
              p.colors().text);
      continue;
    }
    const auto number = static_cast<std::uint32_t>(shown->task);
    draw_token(p, m, {inner.x, inner.y, std::min(token, inner.width), inner.height}, number, state,
               size);
    auto words = std::string(p.colors().of(state).sign) + " ";
    const bool sure = m.at >= shown->sure_begin && m.at < shown->sure_end;
    if (!sure) words += "perhaps ";
    if (p.width_of(words, size) > inner.width - token - pad)
      words = std::string(p.colors().of(state).sign) + (sure ? "" : " ?");
    std::string inside;
    if (which.what == lane::kind::slot && now.depth > 1 && shown->depth > 0)
      inside = " (inside " + called(now.outermost) + ")";
    const auto for_words = inner.width - token - pad;
    auto for_task = for_words - p.width_of(words, size) - p.width_of(inside, size);
    if (for_task < p.units(12)) {
      for_task += p.width_of(inside, size);
      inside.clear();
    }
    at_work.push_back({number,
                       {inner.x + token + pad, inner.y, for_words, inner.height},
                       std::move(words),
                       std::move(inside),
                       for_task});
  }
  std::vector<painter::name_in_room> together;
  together.reserve(at_work.size());
  for (const auto& one : at_work) together.push_back({of.name_of(one.task), one.for_name});
  const auto how = p.cut_for(together, size);
  for (const auto& one : at_work) {
    p.write({kind::task, part::name, one.task, 0}, one.at,
            one.sign + p.brief(of.name_of(one.task), size, one.for_name, how) + one.inside, size,
            p.colors().text);
  }
  if (cut) {
    more(p, 1'000'000, cell(fitting), lanes.size() - fitting);
  }
}

void draw_completed(painter& p, const moment_in_view& m, const rect& at) {
  p.begin_pane("completed", at);
  const auto done = m.of.completed_at(m.at);
  const auto room = below_headline(p, at, "ENDED · " + grouped(done), 3);
  const auto size = p.units(reads_well);
  if (done == 0) {
    p.write_lines({kind::completion, part::reason, 0, 0}, room, so_far(m, "No task has ended"),
                  p.units(2.4F), p.colors().text);
    return;
  }
  // The newest on top.
  const auto height = token_height(p);
  const auto gap = p.units(0.6F);
  const auto rows = static_cast<std::size_t>(std::max(0.0F, (room.height + gap) / (height + gap)));
  const auto token = token_width(p, m.of);
  struct ended {
    task_number task;
    look l;
    std::string words;
    float for_name;
  };
  std::vector<ended> all;
  std::vector<painter::name_in_room> names;
  const auto beside_token = room.width - token - p.units(0.8F);
  for (std::size_t i = 0; i < std::min(rows, done); ++i) {
    const auto& c = m.of.changes()[m.of.completions()[done - 1 - i]];
    const auto l = look_of(m.of, c);
    auto words = std::string(p.colors().of(l).sign) + " ";
    const auto left = beside_token - p.width_of(words, size);
    all.push_back({m.of.events()[c.event].task, l, std::move(words), left});
    names.push_back({m.of.name_of(all.back().task), left});
  }
  const auto cut = p.cut_for(names, size);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto& [t, l, words, for_name] = all[i];
    const auto y = room.y + static_cast<float>(i) * (height + gap);
    draw_token(p, m, {room.x, y, std::min(token, room.width), height}, t, l, size);
    const rect beside{room.x + token + p.units(0.8F), y, beside_token, height};
    const auto name = p.brief(m.of.name_of(t), size, for_name, cut);
    words += name.empty() ? std::string(p.colors().of(l).word) : name;
    p.write({kind::completion, part::name, t, 0}, beside, words, size, p.colors().text);
  }
}

void draw_narration(painter& p, const moment_in_view& m, const rect& at, headline h) {
  p.begin_pane("narration", at);
  const auto room = h == headline::shown ? below_headline(p, at, "JUST NOW", 0) : at;
  const auto size = p.units(reads_well);
  // The last sentences, the newest on top. Most events have none.
  constexpr std::size_t most_events = 20'000;
  const auto last = m.of.last_event(m.at);
  auto event = last;
  auto left = room;
  std::uint32_t nth = 0;
  std::size_t looked_at = 0;
  while (event != none && left.height >= p.line_height(size) && looked_at++ < most_events) {
    auto sentence = narrate(m.of, event);
    if (!sentence.empty()) {
      sentence += '.';
      // Whole sentences only, but for the first.
      if (nth != 0 && p.lines_of(sentence, size, left.width) * p.line_height(size) > left.height)
        break;
      const auto used = p.write_lines({kind::narration, part::name, nth, nth * 100}, left, sentence,
                                      size, p.colors().text);
      left.y += used + p.units(1);
      left.height -= used + p.units(1);
      ++nth;
    }
    event = event == 0 ? none : event - 1;
  }
  if (nth == 0) {
    p.write_lines({kind::narration, part::reason, 0, 0}, room,
                  last == none ? so_far(m, "Nothing has happened")
                               : "Nothing lately that has words of its own.",
                  size, p.colors().text);
  }
}

}  // namespace fronta::viz
