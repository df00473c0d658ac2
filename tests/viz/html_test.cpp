// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/html.hpp>

#include <fronta/trace_file.hpp>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <baker.hpp>
#include <unicode.hpp>

#include <support/temporary_folder.hpp>

#include "sample_run.hpp"
#include "sample_scene.hpp"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace fronta;
using nlohmann::json;
using testing::HasSubstr;

std::string tenths(std::int64_t length) {
  const auto size = std::abs(length);
  return (length < 0 ? "-" : "") + std::to_string(size / 10) + '.' + std::to_string(size % 10);
}

/// What a page shows, read as the player reads it.
class baked {
 public:
  explicit baked(std::string_view text) : data_(json::parse(text)) {}

  [[nodiscard]] std::size_t beats() const { return data_["beats"].size(); }
  [[nodiscard]] std::string words(std::size_t beat, std::size_t which) const {
    return data_["texts"][data_["beats"][beat][which].get<std::size_t>()];
  }
  [[nodiscard]] const json& table(const char* name) const { return data_[name]; }

  /// Goes on to the next beat; the scene in the words of `to_text`, without panes.
  std::vector<std::string> next() {
    const auto& changes = data_["beats"][beat_++];
    std::vector<std::size_t> list;
    auto at = list_.begin();
    for (std::size_t i = 3; i < changes.size();) {
      const auto keep = changes[i].get<std::ptrdiff_t>();
      const auto out = changes[i + 1].get<std::ptrdiff_t>();
      const auto end = i + 3 + changes[i + 2].get<std::size_t>();
      list.insert(list.end(), at, at + keep);
      at += keep + out;
      for (i += 3; i < end; ++i) {
        const auto number = changes[i].get<std::size_t>();
        list.push_back(number == 0 ? fresh_++ : number - 1);
      }
    }
    list.insert(list.end(), at, list_.end());
    list_ = std::move(list);
    std::vector<std::string> lines;
    std::set<std::int64_t> keys;
    for (const auto number : list_) {
      const auto& p = data_["primitives"][number];
      EXPECT_TRUE(keys.insert(p[0].get<std::int64_t>()).second) << "two of one key";
      lines.push_back(line_of(p));
    }
    return lines;
  }

 private:
  [[nodiscard]] std::string color(const json& number) const {
    return data_["colors"][number.get<std::size_t>()];
  }
  [[nodiscard]] std::string line_of(const json& p) const {
    static const std::vector<std::string> dashes{"", " dotted", " dashed"};
    static const std::vector<std::string> faces{"sans", "bold", "mono"};
    const std::string key = data_["keys"][p[0].get<std::size_t>()];
    const auto& s = data_["styles"][p[1].get<std::size_t>()];
    const auto& pane = data_["panes"][s[0].get<std::size_t>()];
    const auto length = [](const json& n) { return tenths(n.get<std::int64_t>()); };
    auto text = key.substr(0, key.find(':')) + " in " +
                data_["texts"][pane[0].get<std::size_t>()].get<std::string>();
    const auto points = [&](std::size_t until) {
      for (std::size_t i = 2; i < until; i += 2) {
        text += ' ' + length(p[i]) + ',' + length(p[i + 1]);
      }
    };
    switch (s[1].get<int>()) {
      case 0:
        text += " box";
        points(4);
        text += ' ' + length(p[4]) + 'x' + length(p[5]);
        if (s[2] != -1) text += " fill " + color(s[2]);
        if (s[3] != -1) text += " stroke " + color(s[3]) + ' ' + length(s[4]);
        if (s[5] > 0) text += " radius " + length(s[5]);
        return text + dashes[s[6].get<std::size_t>()];
      case 1:
        text += " line";
        points(p.size());
        return text + ' ' + color(s[2]) + ' ' + length(s[3]) + dashes[s[4].get<std::size_t>()];
      case 2:
        text += " curve";
        points(p.size());
        return text + ' ' + color(s[2]) + ' ' + length(s[3]);
      case 3:
        text += " polygon";
        points(p.size());
        return text + ' ' + color(s[2]);
      default:
        text += " label";
        points(4);
        return text + " size " + length(s[3]) + " width " + length(p[4]) + ' ' +
               faces[s[4].get<std::size_t>()] + ' ' + color(s[2]) + ' ' +
               data_["texts"][p[5].get<std::size_t>()].get<std::string>();
    }
  }

  json data_;
  std::vector<std::size_t> list_;
  std::size_t beat_ = 0;
  std::size_t fresh_ = 0;
};

/// The lines of `to_text` that are of primitives, as a page has their words.
std::vector<std::string> lines_of(viz::scene s) {
  const auto besides = s.panes.size() + 1;
  for (auto& p : s.primitives) {
    if (auto* const l = std::get_if<viz::label>(&p.what)) l->text = viz::detail::printable(l->text);
  }
  const auto text = to_text(s);
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = text.find('\n', from);
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(besides));
  return lines;
}

std::string content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::string data_of(std::string_view page) {
  constexpr std::string_view begin = "id=\"data\">";
  const auto at = page.find(begin) + begin.size();
  return std::string(page.substr(at, page.find("</script>", at) - at));
}

std::string page_of(const viz::index& of, const viz::view& what) {
  const test::temporary_folder folder;
  const auto file = folder.file("run.html");
  write_html(of, what, 1280, 720, viz::font(), viz::light_theme(), file);
  return content(file);
}

class Html : public testing::Test {
 protected:
  const viz::index run_{test::sample_run(1, 60)};
  const viz::view stage_{.what = viz::preset::stage, .title = "<run> & \"co\""};
};

TEST_F(Html, EachBeatIsTheSceneOfItsMoment) {
  const viz::font fonts;
  // Whose scenes take longer: of a shorter run.
  const viz::index short_run(test::sample_run(1, 10));
  for (const auto& [preset, run] : {std::pair(viz::preset::stage, &run_),
                                    {viz::preset::timeline, &run_},
                                    {viz::preset::statistics, &short_run},
                                    {viz::preset::inspector, &short_run},
                                    {viz::preset::plots, &short_run},
                                    {viz::preset::progress, &short_run}}) {
    auto what = stage_;
    what.what = preset;
    if (preset == viz::preset::inspector) what.selected = 7;
    const auto beats = beats_of(*run, what);
    ASSERT_GT(beats.size(), run == &run_ ? 100U : 20U);
    baked page(data_of(page_of(*run, what)));
    ASSERT_EQ(page.beats(), beats.size());
    for (std::size_t b = 0; b < beats.size(); ++b) {
      const auto s = draw(*run, view_at(beats[b], what), 1280, 720, fonts, viz::light_theme());
      ASSERT_EQ(page.next(), lines_of(s)) << "beat " << b;
      EXPECT_EQ(page.words(b, 1), viz::detail::printable(beats[b].narration));
      EXPECT_EQ(page.words(b, 2), viz::detail::printable(s.description));
    }
  }
}

// A beat lasts as long as any other, and yet its lanes have an axis that is to scale.
TEST_F(Html, SaysThatItGoesStepByStepAndNothingOfScale) {
  const auto page = data_of(page_of(run_, stage_));
  EXPECT_THAT(page, HasSubstr("step by step"));
  EXPECT_THAT(page, testing::Not(HasSubstr("not to scale")));
}

TEST_F(Html, EveryShapeAndOrderSurvives) {
  // Shapes that presets may not have, in any order, with ids that repeat.
  const auto all = test::sample_scene(viz::font());
  auto backwards = all;
  std::ranges::reverse(backwards.primitives);
  auto fewer = all;
  std::erase_if(fewer.primitives, [n = 0](const auto&) mutable { return n++ % 3 == 0; });
  auto rotated = all;
  std::ranges::rotate(rotated.primitives, rotated.primitives.begin() + 7);
  auto none = all;
  none.primitives.clear();
  auto repeated = all;
  repeated.primitives.insert(repeated.primitives.end(), all.primitives.begin(),
                             all.primitives.end());
  viz::detail::baker bake;
  const std::vector scenes{none, all, backwards, fewer, rotated, all, none, repeated, all};
  for (const auto& s : scenes) bake.add(s, "now", "something");
  baked page(bake.json());
  for (const auto& s : scenes) EXPECT_EQ(page.next(), lines_of(s));
}

TEST_F(Html, WhatIsSeenAgainIsKeptOnce) {
  const auto s = test::sample_scene(viz::font());
  viz::detail::baker once;
  once.add(s, "", "");
  auto none = s;
  none.primitives.clear();
  viz::detail::baker often;
  for (const auto& next : {s, none, s, s, none, s}) often.add(next, "", "");
  EXPECT_EQ(baked(often.json()).table("primitives"), baked(once.json()).table("primitives"));
}

TEST_F(Html, NoNameEndsItsElement) {
  const auto page = page_of(run_, stage_);
  EXPECT_EQ(count(page, "<script"), 2U);
  EXPECT_EQ(count(page, "</script"), 2U);
  EXPECT_EQ(count(page, "<!--"), 1U);
  EXPECT_THAT(page, HasSubstr("<title>&lt;run> &amp; &quot;co&quot;</title>"));
  EXPECT_EQ(data_of(page).find('<'), std::string::npos);
  EXPECT_EQ(viz::detail::printable(page), page) << "not UTF-8";
}

TEST_F(Html, NeedsNothingFromElsewhere) {
  const auto page = page_of(run_, stage_);
  // The one address in it names what SVG is.
  EXPECT_EQ(count(page, "://"), count(page, "http://www.w3.org/2000/svg"));
  EXPECT_EQ(count(page, "url("), count(page, "url(data:font/ttf;base64,") + count(page, "url(#"));
}

// So that it can be read as a whole: the model stays in the program that writes the page.
TEST_F(Html, TheScriptHasAtMost400Lines) {
  const auto page = page_of(run_, stage_);
  const auto from = page.rfind("<script");
  const auto script = std::string_view(page).substr(from, page.find("</script>", from) - from);
  EXPECT_THAT(script, HasSubstr("requestAnimationFrame"));
  EXPECT_LE(count(script, "\n"), 400U);
}

TEST_F(Html, TheSameRunGivesTheSameBytes) {
  EXPECT_EQ(page_of(run_, stage_), page_of(viz::index(test::sample_run(1, 60)), stage_));
}

TEST_F(Html, BeatsAreTheMomentsOfWhichThereIsSomethingToSay) {
  const auto beats = beats_of(run_, stage_);
  EXPECT_EQ(beats.front().time, run_.begin());
  for (std::size_t b = 1; b < beats.size(); ++b) {
    EXPECT_GT(beats[b].time, beats[b - 1].time);
    EXPECT_FALSE(beats[b].narration.empty());
  }
}

TEST_F(Html, BeatsLieInTheRangeThatIsAskedFor) {
  auto part = stage_;
  part.from = run_.begin() + (run_.end() - run_.begin()) / 3;
  part.to = run_.begin() + (run_.end() - run_.begin()) / 2;
  const auto beats = beats_of(run_, part);
  EXPECT_LT(beats.size(), beats_of(run_, stage_).size());
  EXPECT_EQ(beats.front().time, part.from);
  EXPECT_LE(beats.back().time, part.to);
}

TEST_F(Html, ARunWithoutEventsHasOneBeat) {
  const viz::index nothing{trace::file_contents{}};
  EXPECT_EQ(beats_of(nothing, stage_).size(), 1U);
  EXPECT_EQ(baked(data_of(page_of(nothing, stage_))).beats(), 1U);
}

TEST_F(Html, TooManyBeatsAreRefused) {
  const viz::index large{test::sample_run(2, 6'000)};
  ASSERT_GT(beats_of(large, stage_).size(), viz::most_beats);
  try {
    page_of(large, stage_);
    FAIL() << "nothing was thrown";
  } catch (const std::length_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--from and --to"));
    EXPECT_THAT(error.what(), HasSubstr("20 000"));
  }
}

TEST_F(Html, SaysWhereItCannotWrite) {
  try {
    write_html(run_, stage_, 1280, 720, viz::font(), viz::light_theme(), "/nowhere/run.html");
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/run.html"));
  }
}

}  // namespace
