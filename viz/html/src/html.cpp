// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/html.hpp>

#include <fronta/viz/words.hpp>

#include "baker.hpp"
#include "unicode.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string_view>

// From player.S.
extern "C" {
extern const char fronta_player_js_begin[];
extern const char fronta_player_js_end[];
extern const char fronta_player_css_begin[];
extern const char fronta_player_css_end[];
extern const char fronta_player_html_begin[];
extern const char fronta_player_html_end[];
}

namespace fronta::viz {
namespace {

constexpr std::array all_faces{typeface::sans, typeface::bold, typeface::mono};

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return i + k < bytes.size() ? std::to_integer<unsigned>(bytes[i + k]) : 0U;
    };
    const auto group = byte(0) << 16U | byte(1) << 8U | byte(2);
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k > bytes.size() ? '=' : digits[group >> (18 - 6 * k) & 63U];
    }
  }
  return text;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : detail::printable(text)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

/// Which fonts the labels take their letters from.
class used_faces {
 public:
  explicit used_faces(const font& fonts) : fonts_(fonts) { add(typeface::sans); }

  void add(const scene& s) {
    for (const auto& p : s.primitives) {
      const auto* const l = std::get_if<label>(&p.what);
      if (l == nullptr) continue;
      add(l->face);
      for (std::string_view rest = l->text; !rest.empty();) {
        add(fonts_.find(l->face, detail::take_character(rest)).face);
      }
    }
  }

  [[nodiscard]] std::string css() const {
    std::string text;
    for (const auto face : all_faces) {
      if (!used_[static_cast<std::size_t>(face)]) continue;
      text += "@font-face{font-family:f" + std::to_string(static_cast<int>(face)) +
              ";src:url(data:font/ttf;base64," + base64(font::file(face)) + ")}\n";
    }
    return text;
  }

 private:
  void add(typeface face) noexcept { used_[static_cast<std::size_t>(face)] = true; }

  const font& fonts_;
  std::array<bool, all_faces.size()> used_{};
};

std::string css_of(const theme& colors) {
  const auto variable = [](std::string_view name, color c) {
    return "--" + std::string(name) + ":rgb(" + std::to_string(c.red) + " " +
           std::to_string(c.green) + " " + std::to_string(c.blue) + ");";
  };
  return ":root{" + variable("page", colors.page) + variable("panel", colors.panel) +
         variable("text", colors.text) + variable("outline", colors.outline) +
         variable("grid", colors.grid) + variable("playhead", colors.playhead) + "}\n";
}

std::string filled(std::string_view page,
                   std::span<const std::pair<std::string_view, std::string>> with) {
  std::string text;
  while (!page.empty()) {
    const auto begin = page.find("{{");
    text += page.substr(0, begin);
    if (begin == std::string_view::npos) break;
    const auto end = page.find("}}", begin);
    const auto name = page.substr(begin + 2, end - begin - 2);
    text += std::ranges::find(with, name, &std::pair<std::string_view, std::string>::first)->second;
    page.remove_prefix(end + 2);
  }
  return text;
}

std::int64_t first_moment(const index& of, const view& what) {
  return what.to > what.from ? std::clamp(what.from, of.begin(), of.end()) : of.begin();
}

}  // namespace

std::vector<beat> beats_of(const index& of, const view& what) {
  const auto until = what.to > what.from ? what.to : forever;
  std::vector<beat> beats{{.time = first_moment(of, what), .narration = {}}};
  for (std::uint32_t e = 0; e < of.events().size(); ++e) {
    const auto time = of.events()[e].time;
    if (time > until) break;
    if (time < beats.front().time) continue;
    const auto sentence = narrate(of, e);
    if (sentence.empty()) continue;
    if (beats.back().time != time) beats.push_back({.time = time, .narration = {}});
    auto& said = beats.back().narration;
    if (!said.empty()) said += "; ";
    said += sentence;
  }
  return beats;
}

view view_at(const beat& b, view what) {
  what.at = b.time;
  what.steps = true;
  what.dilation = 0;
  return what;
}

void write_html(const index& of, const view& what, float width, float height, const font& fonts,
                const theme& colors, const std::filesystem::path& file) {
  const auto beats = beats_of(of, what);
  if (beats.size() > most_beats) {
    throw std::length_error("write_html: there are " + grouped(beats.size()) +
                            " beats and a player takes at most " + grouped(most_beats) +
                            "; choose a part of the run with --from and --to");
  }
  detail::baker bake;
  used_faces faces(fonts);
  std::string title;
  std::string description;
  for (const auto& b : beats) {
    const auto s = draw(of, view_at(b, what), width, height, fonts, colors);
    bake.add(s, moment(b.time - of.begin(), 1'000), b.narration);
    faces.add(s);
    title = s.title;
    description = s.description;
  }
  const std::array<std::pair<std::string_view, std::string>, 6> parts{{
      {"title", escaped(title.empty() ? "Fronta" : title)},
      {"description", escaped(description)},
      {"fonts", faces.css()},
      {"style", css_of(colors) + std::string(fronta_player_css_begin, fronta_player_css_end)},
      {"data", bake.json()},
      {"script", std::string(fronta_player_js_begin, fronta_player_js_end)},
  }};
  std::ofstream to(file, std::ios::binary | std::ios::trunc);
  to << filled({fronta_player_html_begin, fronta_player_html_end}, parts);
  to.close();
  if (!to) {
    throw std::runtime_error("write_html: cannot write " + file.string() +
                             "; name a file in a folder that is there and has room");
  }
}

}  // namespace fronta::viz
