// SPDX-License-Identifier: Apache-2.0
#include "screen.hpp"

#include "painter.hpp"

#include <fronta/viz/clock.hpp>
#include <fronta/viz/search.hpp>
#include <fronta/viz/theme.hpp>
#include <fronta/viz/view.hpp>
#include <fronta/viz/words.hpp>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

using kind = item_id::kind;
using part = item_id::part;

// Pictures are drawn from this size on.
constexpr float least_width = 640;
constexpr float least_height = 400;

item_id of_page(part which, std::uint32_t number, std::uint32_t nth = 0) {
  return {kind::page, which, number, nth};
}

// Numbers of what the controls consist of.
enum : std::uint32_t {
  controls = 1,
  help_panel,
  tip_box,
  message_box,
  empty_page,
  black,
  search_box,
};

// Of the bar below the picture; null: linear.
const clock_map* clock_of_bar(const index& of, const player_state& s) {
  return s.live || s.clock == clock_kind::linear ? nullptr : &clock_of(of, s.clock);
}

class page {
 public:
  page(scene& to, const screen& on, const player_state& s, const font_metrics& font)
      : on_(on),
        s_(s),
        colors_(all_themes()[std::min(s.theme, all_themes().size() - 1)]),
        p_(to, font, colors_),
        text_(std::min(p_.units(2.6F) * text_scale(s.text_size), p_.units(5))) {}

  static float controls_height(float height, const player_state& s) {
    return std::round(height / 100 * std::min(2.6F * text_scale(s.text_size), 5.0F) * 1.9F);
  }

  void draw_controls(const index& of) {
    const auto height = controls_height(on_.height, s_);
    const rect at{0, on_.height - height, on_.width, height};
    p_.begin_pane("controls", at);
    p_.fill(of_page(part::frame, controls), at, colors_.panel);
    const auto margin = p_.units(1.5F);
    const rect row{at.x + margin, at.y, at.width - 2 * margin, at.height};

    const bool goes = s_.playing || s_.follows;
    const std::string_view moving = s_.follows ? "following" : "playing";
    const std::string_view word = goes ? moving : "paused";
    const auto sign_width = p_.width_of("⏸", text_) + p_.units(0.8F);
    const auto word_width = std::max(p_.width_of(s_.live ? "following" : "playing", text_),
                                     p_.width_of("paused", text_));
    const rect button{row.x, row.y, sign_width + word_width, row.height};
    p_.write(of_page(part::state, controls), {button.x, button.y, sign_width, button.height},
             goes ? "▶" : "⏸", text_, colors_.text);
    p_.write(of_page(part::name, controls),
             {button.x + sign_width, button.y, word_width, button.height}, word, text_,
             colors_.text);
    p_.meet(play_button, button, goes ? "pause (Space)" : "play (Space)");

    constexpr std::string_view hint = "? help";
    const auto hint_width = p_.width_of(hint, text_);
    const rect help{row.right() - hint_width, row.y, hint_width, row.height};
    p_.write(of_page(part::more, controls), help, hint, text_, colors_.text);
    p_.meet(help_button, help, "all keys (F1)");

    const auto gap = p_.units(2);
    const auto thick = std::round(row.height * 0.4F);
    const rect bar{std::round(button.right() + gap), std::round(row.y + (row.height - thick) / 2),
                   std::round(help.x - gap) - std::round(button.right() + gap), thick};
    draw_bar(of, bar, row);
  }

  void draw_help() {
    struct entry {
      std::string_view keys;
      std::string_view says;
    };
    std::vector<entry> entries;
    for (const auto& b : key_bindings(on_.keys)) {
      if (!b.shown.empty()) entries.push_back({b.shown, b.says});
    }
    const auto per_column = std::max<std::size_t>(1, (entries.size() + 1) / 2);
    // Below the header: what the picture is of stays in sight.
    const auto area =
        rect{p_.units(3), p_.units(10), on_.width - p_.units(6), on_.height - p_.units(13)};
    // As large as fits: the panel never scrolls.
    auto size = text_;
    float keys = 0;
    float says = 0;
    rect panel;
    for (;;) {
      keys = says = 0;
      for (const auto& e : entries) {
        keys = std::max(keys, p_.width_of(e.keys, size, typeface::bold));
        says = std::max(says, p_.width_of(e.says, size));
      }
      keys += size;
      const auto width = 2 * (keys + says) + 5 * size;
      const auto height = row_of(size) * (static_cast<float>(per_column) + 1.6F) + size;
      panel = {std::round((on_.width - width) / 2), std::round(area.y + (area.height - height) / 2),
               width, height};
      if (area.encloses(panel) || size < 4) break;
      size *= 0.95F;
    }
    p_.begin_pane("help", panel);
    p_.fill(of_page(part::frame, help_panel), panel, colors_.page, size / 2);
    p_.outline(of_page(part::frame, help_panel, 1), panel, colors_.text, 2 * p_.stroke(),
               dash::solid, size / 2);
    const auto row = row_of(size);
    p_.write(of_page(part::name, help_panel),
             {panel.x + size * 1.5F, panel.y + size * 0.5F, panel.width - 3 * size, row * 1.4F},
             "Keys", size * 1.2F, colors_.text, align::left, typeface::bold);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto column = i < per_column ? 0.0F : 1.0F;
      const auto nth = static_cast<std::uint32_t>(i);
      const rect at{panel.x + size * 1.5F + column * (keys + says + 2 * size),
                    panel.y + size * 0.5F + row * (1.6F + static_cast<float>(i % per_column)),
                    keys + says, row};
      p_.write(of_page(part::value, help_panel, nth), {at.x, at.y, keys, at.height},
               entries[i].keys, size, colors_.text, align::left, typeface::bold);
      p_.write(of_page(part::reason, help_panel, nth),
               {at.x + keys, at.y, says + size * 0.1F, at.height}, entries[i].says, size,
               colors_.text);
    }
    p_.meet(of_page(part::frame, help_panel), panel, "");
  }

  // Beside what it tells of, and within the window.
  void draw_tip(const hit& h) {
    if (h.tip.empty()) return;
    const auto pad = text_ * 0.5F;
    const auto width = std::min(p_.width_of(h.tip, text_) + 2 * pad + 1, on_.width * 0.6F);
    const auto inner = width - 2 * pad;
    const auto height = lines_of(h.tip, inner) * p_.line_height(text_) + pad;
    const auto x = std::clamp(h.at.x, 0.0F, std::max(0.0F, on_.width - width));
    const auto below = h.at.bottom() + pad;
    const auto y = below + height <= on_.height ? below : std::max(0.0F, h.at.y - pad - height);
    note("tip", tip_box, {std::round(x), std::round(y), std::ceil(width), std::ceil(height)},
         h.tip);
  }

  void draw_message() {
    const auto pad = text_ * 0.5F;
    const auto width =
        std::min(p_.width_of(on_.message, text_) + 2 * pad + 1, on_.width - p_.units(6));
    const auto height = lines_of(on_.message, width - 2 * pad) * p_.line_height(text_) + pad;
    const auto bottom =
        on_.height - (on_.controls ? controls_height(on_.height, s_) : 0) - p_.units(1);
    note("message", message_box,
         {std::round((on_.width - width) / 2), std::round(bottom - height), std::ceil(width),
          std::ceil(height)},
         on_.message);
  }

  // What is looked for, and which of how many is selected.
  void draw_search(const index& of) {
    std::string words = "/ " + s_.wanted + "▏ ";
    if (s_.wanted.empty()) {
      words += " a number, or a part of a name";
    } else {
      const task_search own(of, on_.found == nullptr ? std::string_view(s_.wanted) : "");
      const auto& all = on_.found == nullptr ? own : *on_.found;
      if (all.count() == 0) {
        words += " no such task";
      } else {
        words += ' ';
        if (all.matches(s_.selected)) words += grouped(all.place_of(s_.selected)) + " of ";
        words += grouped(all.count());
        words += all.count() == 1 ? " task" : " tasks";
        words += " (Enter: the next, Esc: enough)";
      }
    }
    const auto pad = text_ * 0.5F;
    const auto width = std::min(std::max(p_.width_of(words, text_) + 2 * pad + 1, p_.units(40)),
                                on_.width - p_.units(6));
    const auto height = lines_of(words, width - 2 * pad) * p_.line_height(text_) + pad;
    const auto bottom =
        on_.height - (on_.controls ? controls_height(on_.height, s_) : 0) - p_.units(1);
    note("search", search_box,
         {std::round((on_.width - width) / 2), std::round(bottom - height), std::ceil(width),
          std::ceil(height)},
         words);
  }

  void draw_empty() {
    const rect at{0, 0, on_.width, on_.height};
    p_.begin_pane("empty", at);
    const auto size = p_.units(4);
    p_.write(of_page(part::name, empty_page), at,
             on_.message.empty() ? "Drop a trace here." : on_.message, size, colors_.text,
             align::center);
  }

  void draw_black() {
    p_.begin_pane("blank", {0, 0, on_.width, on_.height});
    p_.fill(of_page(part::frame, black), {0, 0, on_.width, on_.height}, {});
  }

 private:
  void draw_bar(const index& of, const rect& bar, const rect& row) {
    const auto whole = static_cast<double>(std::max(of.end(), of.begin() + 1) - of.begin());
    const auto* clock = clock_of_bar(of, s_);
    const auto x_of = [&](std::int64_t t) {
      const auto part_of = clock == nullptr || !(clock->end() > 0)
                               ? static_cast<double>(t - of.begin()) / whole
                               : clock->place(t) / clock->end();
      return bar.x + std::round(bar.width * static_cast<float>(std::clamp(part_of, 0.0, 1.0)));
    };
    p_.fill(of_page(part::bar, controls), bar, colors_.page);
    const auto from = x_of(s_.from);
    // What the time axis shows; never too thin to be seen.
    p_.fill(of_page(part::bar, controls, 1),
            {from, bar.y, std::max(2.0F, x_of(s_.to) - from), bar.height}, colors_.grid);
    p_.outline(of_page(part::bar, controls, 2), bar, colors_.outline, p_.stroke());
    const auto head = std::max(2.0F, std::round(p_.units(0.5F)));
    const auto x = std::clamp(x_of(s_.at) - std::round(head / 2), bar.x, bar.right() - head);
    const auto over = std::round(bar.height * 0.4F);
    p_.fill(of_page(part::mark, controls), {x, bar.y - over, head, bar.height + 2 * over},
            colors_.playhead);
    p_.meet(scrub_bar, {bar.x, row.y, bar.width, row.height}, "");
  }

  void note(std::string name, std::uint32_t number, const rect& at, std::string_view text) {
    const auto pad = text_ * 0.5F;
    p_.begin_pane(std::move(name), at);
    p_.fill(of_page(part::frame, number), at, colors_.page);
    p_.outline(of_page(part::frame, number, 1), at, colors_.text, p_.stroke());
    p_.write_lines(of_page(part::name, number),
                   {at.x + pad, at.y + pad / 2, at.width - 2 * pad + 0.5F, at.height - pad / 2},
                   text, text_, colors_.text);
  }

  // As write_lines breaks them, and one to be sure where words are long.
  [[nodiscard]] float lines_of(std::string_view text, float width) const {
    const auto whole = p_.width_of(text, text_);
    return whole <= width ? 1 : std::ceil(whole / width * 1.15F);
  }

  [[nodiscard]] float row_of(float size) const { return p_.line_height(size) * 1.15F; }

  const screen& on_;
  const player_state& s_;
  const theme& colors_;
  painter p_;
  float text_;
};

}  // namespace

void compare(view& v, const index& of, const index* other, std::string title) {
  v.other = other;
  v.other_title = std::move(title);
  if (v.what != preset::compare) return;
  if (v.at >= of.end()) v.at = forever;
  if (v.from <= of.begin() && v.to >= of.end()) v.from = v.to = 0;  // all of both
}

scene draw(const screen& on, const index* of, const player_state& s, const font_metrics& font) {
  const auto& colors = all_themes()[std::min(s.theme, all_themes().size() - 1)];
  scene made;
  if (of != nullptr && !s.blank) {
    auto v = view_of(s);
    v.title = on.title;
    compare(v, *of, on.other, on.other_title);
    v.sources = on.sources;
    if (!on.note.empty()) v.note = on.note;
    const auto height = on.controls ? on.height - page::controls_height(on.height, s) : on.height;
    made =
        draw_gliding(*of, v, glide_of(s).value_or(glide{.seconds = glide_seconds}),
                     std::max(on.width, least_width), std::max(height, least_height), font, colors);
  }
  made.width = on.width;
  made.height = on.height;
  made.background = colors.page;
  page p(made, on, s, font);
  if (s.blank) {
    p.draw_black();
    return made;
  }
  if (of == nullptr) {
    p.draw_empty();
  } else if (on.controls) {
    p.draw_controls(*of);
  }
  if (s.help) p.draw_help();
  if (on.met && !s.help) p.draw_tip(*on.met);
  if (of != nullptr && s.searching) {
    p.draw_search(*of);
  } else if (of != nullptr && !on.message.empty()) {
    p.draw_message();
  }
  return made;
}

std::int64_t moment_at(const index& of, const player_state& s, const rect& bar, float x) {
  const auto part_of =
      std::clamp(bar.width <= 0 ? 0.0 : static_cast<double>((x - bar.x) / bar.width), 0.0, 1.0);
  if (const auto* clock = clock_of_bar(of, s); clock != nullptr && clock->end() > 0)
    return clock->time(part_of * clock->end());
  const auto whole = static_cast<double>(of.end() - of.begin());
  return of.begin() + static_cast<std::int64_t>(std::llround(part_of * whole));
}

}  // namespace fronta::viz
