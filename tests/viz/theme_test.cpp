// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/theme.hpp>

#include <gtest/gtest.h>

#include <src/task_kinds.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// Colours as people see them: contrast after WCAG 2; differences by CIEDE2000 (Sharma, Wu and
// Dalal, 2005) of what is left for each kind of colour vision (Machado, Oliveira and Fernandes,
// 2009, severity 1).
namespace {

using fronta::viz::all_themes;
using fronta::viz::color;
using fronta::viz::contrast;

using vector = std::array<double, 3>;
using matrix = std::array<vector, 3>;

constexpr matrix normal{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
constexpr matrix protan{{{0.152286, 1.052583, -0.204868},
                         {0.114503, 0.786281, 0.099216},
                         {-0.003882, -0.048116, 1.051998}}};
constexpr matrix deutan{{{0.367322, 0.860646, -0.227968},
                         {0.280085, 0.672501, 0.047413},
                         {-0.011820, 0.042940, 0.968881}}};
constexpr matrix tritan{{{1.255528, -0.076749, -0.178779},
                         {-0.078411, 0.930809, 0.147602},
                         {0.004733, 0.691367, 0.303900}}};

vector times(const matrix& m, const vector& v) {
  vector out{};
  for (std::size_t i = 0; i < 3; ++i) out[i] = m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2];
  return out;
}

double linear(double c) { return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); }

vector lab_as_seen(color c, const matrix& vision) {
  auto rgb =
      times(vision, {linear(c.red / 255.0), linear(c.green / 255.0), linear(c.blue / 255.0)});
  for (auto& channel : rgb) channel = std::fmin(1, std::fmax(0, channel));
  const auto xyz = times({{{0.4124564, 0.3575761, 0.1804375},
                           {0.2126729, 0.7151522, 0.0721750},
                           {0.0193339, 0.1191920, 0.9503041}}},
                         rgb);
  const auto f = [](double t) {
    return t > 216.0 / 24389 ? std::cbrt(t) : (24389.0 / 27 * t + 16) / 116;
  };
  const auto x = f(xyz[0] / 0.95047);
  const auto y = f(xyz[1]);
  const auto z = f(xyz[2] / 1.08883);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

double difference(const vector& one, const vector& two) {
  constexpr double degree = std::numbers::pi / 180;
  const auto chroma = [](const vector& v) { return std::hypot(v[1], v[2]); };
  const auto mean = (chroma(one) + chroma(two)) / 2;
  const auto seventh = [](double c) {
    return std::sqrt(std::pow(c, 7) / (std::pow(c, 7) + std::pow(25.0, 7)));
  };
  const auto g = 0.5 * (1 - seventh(mean));
  const auto a1 = one[1] * (1 + g);
  const auto a2 = two[1] * (1 + g);
  const auto c1 = std::hypot(a1, one[2]);
  const auto c2 = std::hypot(a2, two[2]);
  const auto hue = [](double a, double b) {
    const auto h = std::atan2(b, a);
    return h < 0 ? h + 2 * std::numbers::pi : h;
  };
  const auto h1 = hue(a1, one[2]);
  const auto h2 = hue(a2, two[2]);
  auto dh = h2 - h1;
  auto h = (h1 + h2) / 2;
  if (std::abs(dh) > std::numbers::pi) {
    dh += dh > 0 ? -2 * std::numbers::pi : 2 * std::numbers::pi;
    h += h < std::numbers::pi ? std::numbers::pi : -std::numbers::pi;
  }
  if (c1 * c2 == 0) {
    dh = 0;
    h = h1 + h2;
  }
  const auto l = (one[0] + two[0]) / 2;
  const auto c = (c1 + c2) / 2;
  const auto t = 1 - 0.17 * std::cos(h - 30 * degree) + 0.24 * std::cos(2 * h) +
                 0.32 * std::cos(3 * h + 6 * degree) - 0.20 * std::cos(4 * h - 63 * degree);
  const auto sl = 1 + 0.015 * std::pow(l - 50, 2) / std::sqrt(20 + std::pow(l - 50, 2));
  const auto sc = 1 + 0.045 * c;
  const auto sh = 1 + 0.015 * c * t;
  const auto turn = 30 * degree * std::exp(-std::pow((h / degree - 275) / 25, 2));
  const auto rt = -std::sin(2 * turn) * 2 * seventh(c);
  const auto dl = (two[0] - one[0]) / sl;
  const auto dc = (c2 - c1) / sc;
  const auto dhh = 2 * std::sqrt(c1 * c2) * std::sin(dh / 2) / sh;
  return std::sqrt(dl * dl + dc * dc + dhh * dhh + rt * dc * dhh);
}

// Pairs of the paper's table of test data.
TEST(Theme, MeasuresDifferencesAsThePaperDoes) {
  EXPECT_NEAR(difference({50, 2.6772, -79.7751}, {50, 0, -82.7485}), 2.0425, 1e-4);
  EXPECT_NEAR(difference({50, -1, 2}, {50, 0, 0}), 2.3669, 1e-4);
  EXPECT_NEAR(difference({50, 2.49, -0.001}, {50, -2.49, 0.0009}), 7.1792, 1e-4);
  EXPECT_NEAR(difference({22.7233, 20.0904, -46.6940}, {23.0331, 14.9730, -42.5619}), 2.0373, 1e-4);
}

TEST(Theme, HasColoursThatDifferForEveryKindOfColourVision) {
  for (const auto& t : all_themes()) {
    for (const auto* vision : {&normal, &protan, &deutan, &tritan}) {
      for (const auto& one : t.states) {
        for (const auto& two : t.states) {
          if (one.fill == two.fill) continue;
          EXPECT_GE(difference(lab_as_seen(one.fill, *vision), lab_as_seen(two.fill, *vision)), 12)
              << one.word << " and " << two.word << " in " << t.name;
        }
      }
    }
  }
}

// Beside the states that stay in lanes: what waits, is copied, has failed, or is not known.
TEST(Theme, HasColoursForKindsThatDifferFromEachOtherAndFromStates) {
  using fronta::viz::look;
  using fronta::viz::most_kinds;
  for (const auto& t : all_themes()) {
    std::vector<color> beside;
    for (const auto l : {look::suspended, look::copying, look::failed, look::unknown})
      beside.push_back(t.of(l).fill);
    for (std::size_t k = 0; k <= most_kinds; ++k) {
      const auto one = look_of_kind(t, k);
      EXPECT_GE(contrast(one.ink, one.fill), 4.5) << k;
      for (const auto* vision : {&normal, &protan, &deutan, &tritan}) {
        for (const auto& other : beside)
          EXPECT_GE(difference(lab_as_seen(one.fill, *vision), lab_as_seen(other, *vision)), 12)
              << k;
        for (std::size_t j = 0; j < k; ++j) {
          const auto two = look_of_kind(t, j);
          if (one.striped != two.striped && one.fill == two.fill) continue;
          EXPECT_GE(difference(lab_as_seen(one.fill, *vision), lab_as_seen(two.fill, *vision)), 12)
              << k << " and " << j;
        }
      }
    }
  }
}

// Those that share a colour have another sign and another word.
TEST(Theme, GivesEachStateASignAndAWordOfItsOwn) {
  for (const auto& t : all_themes()) {
    std::set<std::string_view> signs;
    std::set<std::string_view> words;
    for (const auto& s : t.states) {
      signs.insert(s.sign);
      words.insert(s.word);
    }
    EXPECT_EQ(signs.size(), fronta::viz::looks);
    EXPECT_EQ(words.size(), fronta::viz::looks);
  }
}

TEST(Theme, HasContrast) {
  EXPECT_NEAR(contrast({0, 0, 0}, {255, 255, 255}), 21, 0.01);
  for (const auto& t : all_themes()) {
    for (const auto& behind : {t.page, t.panel}) {
      EXPECT_GE(contrast(t.text, behind), 7) << t.name;
      EXPECT_GE(contrast(t.outline, behind), 3) << t.name;
      EXPECT_GE(contrast(t.playhead, behind), 3) << t.name;
    }
    for (const auto& s : t.states) EXPECT_GE(contrast(s.ink, s.fill), 4.5) << s.word;
  }
}

TEST(Theme, IsFoundByItsName) {
  EXPECT_EQ(fronta::viz::find_theme("dark"), &fronta::viz::dark_theme());
  EXPECT_EQ(fronta::viz::find_theme("light"), &fronta::viz::light_theme());
  EXPECT_EQ(fronta::viz::find_theme("beige"), nullptr);
}

}  // namespace
