// SPDX-License-Identifier: Apache-2.0
#include "likeness.hpp"
#include "sample_scene.hpp"
#include "stage.hpp"
#include "steady_run.hpp"
#include "story.hpp"

#include <fronta/trace.hpp>
#include <fronta/trace_follower.hpp>
#include <fronta/trace_recording.hpp>
#include <fronta/viz/font.hpp>
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/theme.hpp>

#define GLFW_INCLUDE_NONE  // NOLINT(readability-identifier-naming): GLFW's
#include <GLFW/glfw3.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <support/temporary_folder.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

namespace fronta::viz {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string joined(const std::vector<std::string>& sentences) {
  std::string all;
  for (const auto& s : sentences) all += s + '\n';
  return all;
}

// One window for all tests, as for a user who looks at many things.
class Window : public testing::Test {
 protected:
  static void SetUpTestSuite() {  // NOLINT(readability-identifier-naming): GoogleTest's
    window::options o;
    o.title = "test";
    shown_stage = std::make_unique<stage>(o, stage::appearance{});
  }
  static void TearDownTestSuite() { shown_stage.reset(); }  // NOLINT(readability-identifier-naming)

  Window() {
    s().show(of_, "run.trace");
    s().apply(commands::dismiss{});
    s().apply(commands::dismiss{});  // of a search first
    s().apply(commands::show{preset::stage});
    while (s().state().theme != 0) s().apply(commands::next_theme{});
    glfwSetWindowSize(handle(), 1280, 720);
    settle();
    s().pointed(std::nullopt);
    while (s().draw()) {
    }
  }

  static stage& s() { return *shown_stage; }
  static GLFWwindow* handle() { return shown_stage->on().handle(); }
  // Sizes are asked for, and come with events.
  static void settle() {
    for (int i = 0; i < 5; ++i) shown_stage->on().wait(0.01);
  }

  // As GLFW calls: through Dear ImGui's callback to ours.
  static void press(int key, int modifiers = 0, int action = GLFW_PRESS) {
    const auto call = glfwSetKeyCallback(handle(), nullptr);
    glfwSetKeyCallback(handle(), call);
    call(handle(), key, glfwGetKeyScancode(key), action, modifiers);
    if (action == GLFW_PRESS) call(handle(), key, 0, GLFW_RELEASE, modifiers);
  }
  static void type(unsigned character) {
    const auto call = glfwSetCharCallback(handle(), nullptr);
    glfwSetCharCallback(handle(), call);
    call(handle(), character);
  }
  static void point_at(point p) {
    const auto call = glfwSetCursorPosCallback(handle(), nullptr);
    glfwSetCursorPosCallback(handle(), call);
    call(handle(), static_cast<double>(p.x), static_cast<double>(p.y));
  }
  static void button(int action) {
    const auto call = glfwSetMouseButtonCallback(handle(), nullptr);
    glfwSetMouseButtonCallback(handle(), call);
    call(handle(), GLFW_MOUSE_BUTTON_LEFT, action, 0);
  }
  static void click(point p) {
    point_at(p);
    button(GLFW_PRESS);
    button(GLFW_RELEASE);
  }
  static void drop(const std::string& file) {
    const auto call = glfwSetDropCallback(handle(), nullptr);
    glfwSetDropCallback(handle(), call);
    const auto* name = file.c_str();
    call(handle(), 1, &name);
  }

  static const hit* find(const scene& in, const item_id& id) {
    const auto found = std::ranges::find(in.hits, id, &hit::id);
    return found == in.hits.end() ? nullptr : &*found;
  }
  static point middle(const rect& r) { return {r.x + r.width / 2, r.y + r.height / 2}; }

  [[nodiscard]] static std::vector<std::string> differences(const scene& drawn,
                                                            const scene& expected) {
    return test::differences(expected, font(), render_rgb(expected), s().on().pixels_of(drawn));
  }

  std::shared_ptr<const index> of_ = std::make_shared<const index>(test::steady_run(30));

 private:
  static std::unique_ptr<stage> shown_stage;
};
std::unique_ptr<stage> Window::shown_stage;

TEST_F(Window, DrawsEveryPresetAsCairoDrawsIt) {
  s().apply(commands::select{7});
  for (const auto what :
       {preset::stage, preset::timeline, preset::completion, preset::graph, preset::compare,
        preset::statistics, preset::inspector, preset::plots, preset::progress}) {
    for (std::size_t theme = 0; theme < all_themes().size(); ++theme) {
      for (const auto& [width, height] : {std::pair{1280, 720}, std::pair{1024, 768}}) {
        glfwSetWindowSize(handle(), width, height);
        settle();
        s().apply(commands::show{what});
        s().apply(commands::scrub{(of_->begin() + of_->end()) / 2});
        const auto picture = s().picture();
        ASSERT_EQ(picture.width, static_cast<float>(width));
        EXPECT_EQ(joined(differences(picture, picture)), "")
            << name_of(what) << " theme " << theme << ' ' << width;
        s().apply(commands::next_theme{});
      }
      s().apply(commands::next_theme{});
    }
  }
  s().apply(commands::dismiss{});
}

TEST_F(Window, DrawsEveryPrimitiveAsCairoDrawsIt) {
  const auto sample = test::sample_scene(font());
  EXPECT_EQ(joined(differences(sample, sample)), "");
}

TEST_F(Window, DrawsHelpTipAndMessageAsCairoDrawsThem) {
  s().apply(commands::help{});
  const auto help = s().picture();
  EXPECT_EQ(joined(differences(help, help)), "");
  s().apply(commands::help{});
  s().draw();
  const auto picture = s().picture();
  point_at(middle(find(picture, play_button)->at));
  const auto tip = s().picture();
  EXPECT_GT(tip.primitives.size(), picture.primitives.size());
  EXPECT_EQ(joined(differences(tip, tip)), "");
}

// The tests above would see these.
TEST_F(Window, AMissingGlyphIsSeen) {
  const auto whole = s().picture();
  int planted = 0;
  for (std::size_t i = 0; i < whole.primitives.size(); ++i) {
    auto* const l = std::get_if<label>(&whole.primitives[i].what);
    if (l == nullptr || l->text.size() < 4 || l->text[2] == ' ' ||
        static_cast<unsigned char>(l->text[2]) >= 0x80 || ++planted % 7 != 1) {
      continue;
    }
    auto faulty = whole;
    std::get<label>(faulty.primitives[i].what).text.resize(2);
    auto rest = *l;
    rest.baseline.x += font().width(l->face, l->text.substr(0, 3), l->size);
    rest.text = l->text.substr(3);
    faulty.primitives.push_back({whole.primitives[i].id, whole.primitives[i].pane, rest});
    EXPECT_FALSE(differences(faulty, whole).empty()) << l->text << " without " << l->text[2];
  }
  EXPECT_GT(planted, 7);
}

TEST_F(Window, AShiftedLaneIsSeen) {
  s().apply(commands::show{preset::timeline});
  s().apply(commands::to_end{});
  const auto whole = s().picture();
  EXPECT_EQ(joined(differences(whole, whole)), "");
  for (const float by : {-2.0F, 1.0F}) {
    auto faulty = whole;
    int moved = 0;
    for (auto& p : faulty.primitives) {
      auto* const b = std::get_if<box>(&p.what);
      if (b == nullptr || p.id.which != item_id::part::bar || p.id.what == item_id::kind::page) {
        continue;
      }
      b->at.y += by;
      ++moved;
    }
    ASSERT_GT(moved, 0);
    EXPECT_FALSE(differences(faulty, whole).empty()) << by;
  }
}

TEST_F(Window, ASwappedColourIsSeen) {
  s().apply(commands::scrub{(of_->begin() + of_->end()) / 2});
  const auto whole = s().picture();
  const auto& colors = all_themes()[0];
  int swapped = 0;
  for (std::size_t i = 0; i < whole.primitives.size(); ++i) {
    const auto* b = std::get_if<box>(&whole.primitives[i].what);
    if (b == nullptr || b->fill != colors.of(look::done).fill || ++swapped > 5) continue;
    auto faulty = whole;
    std::get<box>(faulty.primitives[i].what).fill = colors.of(look::running).fill;
    EXPECT_FALSE(differences(faulty, whole).empty()) << to_string(whole.primitives[i].id);
  }
  EXPECT_GT(swapped, 0);
}

TEST_F(Window, InkWhereNothingIsIsSeen) {
  const auto whole = s().picture();
  auto faulty = whole;
  faulty.panes.push_back({.name = "fault", .at = {0, 0, 1280, 720}});
  const auto pane_number = static_cast<std::uint16_t>(faulty.panes.size() - 1);
  // Where the scene has no primitive at all: the page's left edge.
  faulty.primitives.push_back({.id = {},
                               .pane = pane_number,
                               .what = box{.at = {1, 300, 2, 2}, .fill = color{}, .stroke = {}}});
  EXPECT_FALSE(differences(faulty, whole).empty());
}

TEST_F(Window, NothingIsDrawnAgainWhileNothingChanges) {
  EXPECT_FALSE(s().draw());
  s().pass(10);
  EXPECT_FALSE(s().draw());
  press(GLFW_KEY_RIGHT);
  EXPECT_TRUE(s().draw());
  EXPECT_FALSE(s().draw());
  press(GLFW_KEY_LEFT_SHIFT);
  EXPECT_FALSE(s().draw());
}

TEST_F(Window, ThePointerDrawsOnlyWhenItMeetsSomethingElse) {
  const auto picture = s().picture();
  const auto at = middle(find(picture, play_button)->at);
  point_at(at);
  EXPECT_TRUE(s().draw());
  point_at({at.x + 1, at.y});
  EXPECT_FALSE(s().draw());
}

TEST_F(Window, SpacePlaysAndTimeIsGiven) {
  press(GLFW_KEY_SPACE);
  EXPECT_TRUE(s().state().playing);
  const auto before = s().state().at;
  s().pass(0.1);
  EXPECT_EQ(s().state().at - before, static_cast<std::int64_t>(s().state().dilation / 10));
  press(GLFW_KEY_SPACE);
  EXPECT_FALSE(s().state().playing);
}

TEST_F(Window, AStepGlidesAndThenNothingIsDrawnAgain) {
  press(GLFW_KEY_1);
  press(GLFW_KEY_RIGHT);
  EXPECT_TRUE(s().draw());
  const auto at = s().state().at;
  s().pass(0.1);
  EXPECT_TRUE(s().draw());
  EXPECT_EQ(s().state().at, at);
  s().pass(1);
  EXPECT_TRUE(s().draw());
  s().pass(1);
  EXPECT_FALSE(s().draw());
}

TEST_F(Window, LShowsCodeBesideTheStage) {
  press(GLFW_KEY_2);
  type('2');
  type('l');
  EXPECT_EQ(s().state().what, preset::stage);
  EXPECT_EQ(s().state().layout, stage_layout::read);
  const auto panes = s().picture().panes;
  EXPECT_NE(std::ranges::find(panes, "code", &pane::name), panes.end());
  type('l');
  EXPECT_EQ(s().state().layout, stage_layout::run);
  type('l');
  EXPECT_EQ(s().state().layout, stage_layout::plain);
}

TEST_F(Window, ReadsTheProgramAnewWithEachTrace) {
  const test::temporary_folder folder;
  const auto file = folder.file("main.cpp");
  test::story told;
  told.main().at(0).submit(1).tell(trace::event_kind::location, 1, 1, file + ":1");
  auto contents = told.told();
  std::ofstream(file) << "int before_it;\n";
  type('l');
  const auto text = [&] {
    s().show(std::make_shared<const index>(contents), "run.trace");
    press(GLFW_KEY_END);
    return to_text(s().picture());
  };
  EXPECT_THAT(text(), HasSubstr("before_it"));
  std::ofstream(file) << "int since_then;\n";
  contents.origin_unix = 1;
  const auto again = text();
  EXPECT_THAT(again, HasSubstr("since_then"));
  EXPECT_THAT(again, HasSubstr("has changed since the recording"));
  type('l');
  type('l');
}

TEST_F(Window, AHeldKeyRepeatsWhereThatIsOfUse) {
  press(GLFW_KEY_SPACE, 0, GLFW_REPEAT);
  EXPECT_FALSE(s().state().playing);
  const auto before = s().state().at;
  press(GLFW_KEY_RIGHT, 0, GLFW_REPEAT);
  EXPECT_GT(s().state().at, before);
}

TEST_F(Window, KeysDoWhatTheirTableSays) {
  press(GLFW_KEY_END);
  EXPECT_EQ(s().state().at, of_->end());
  press(GLFW_KEY_HOME);
  EXPECT_EQ(s().state().at, of_->begin());
  press(GLFW_KEY_PAGE_DOWN);
  const auto one = s().state().at;
  press(GLFW_KEY_RIGHT, GLFW_MOD_SHIFT);
  EXPECT_GT(s().state().at, one);
  press(GLFW_KEY_LEFT, GLFW_MOD_SHIFT);
  EXPECT_EQ(s().state().at, one);
  const auto pace = s().state().dilation;
  press(GLFW_KEY_UP);
  EXPECT_EQ(s().state().dilation, pace * 2);
  press(GLFW_KEY_2);
  EXPECT_EQ(s().state().what, preset::timeline);
  press(GLFW_KEY_3);
  EXPECT_EQ(s().state().what, preset::completion);
  press(GLFW_KEY_KP_1);
  EXPECT_EQ(s().state().what, preset::stage);
  press(GLFW_KEY_EQUAL, GLFW_MOD_CONTROL);
  EXPECT_EQ(s().state().text_size, 1);
  press(GLFW_KEY_MINUS, GLFW_MOD_CONTROL);
  EXPECT_EQ(s().state().text_size, 0);
  press(GLFW_KEY_TAB);
  EXPECT_EQ(s().state().selected, 0U);
}

TEST_F(Window, XGoesFromClockToClockAndTheWindowDrawsThem) {
  s().apply(commands::show{preset::timeline});
  s().apply(commands::to_end{});
  for (const auto c : {clock_kind::steps, clock_kind::warped, clock_kind::linear}) {
    type('x');
    EXPECT_EQ(s().state().clock, c);
    const auto picture = s().picture();
    EXPECT_EQ(joined(differences(picture, picture)), "") << name_of(c);
  }
}

TEST_F(Window, KeysAndClicksFoldPinSortAndColour) {
  s().apply(commands::show{preset::timeline});
  s().apply(commands::to_end{});
  type('j');
  EXPECT_EQ(s().state().lanes.marked, 0U);
  type('p');
  EXPECT_EQ(s().state().lanes.pinned.size(), 1U);
  type('p');
  type('z');
  EXPECT_EQ(s().state().lanes.folded.size(), 1U);
  s().draw();
  const auto picture = s().picture();
  EXPECT_EQ(joined(differences(picture, picture)), "");
  const auto* name = find(picture, {item_id::kind::lane, item_id::part::name, 0, 0});
  ASSERT_NE(name, nullptr);
  click(middle(name->at));
  EXPECT_TRUE(s().state().lanes.folded.empty());
  type('g');
  EXPECT_EQ(s().state().lanes.folded_places.size(), 1U);
  s().draw();
  name = find(s().picture(), {item_id::kind::place, item_id::part::name, 0, 0});
  ASSERT_NE(name, nullptr);
  const auto at = middle(name->at);
  click(at);
  EXPECT_TRUE(s().state().lanes.folded_places.empty());
  type('o');
  EXPECT_EQ(s().state().lanes.order, lane_order::name);
  type('y');
  EXPECT_EQ(s().state().color, bar_color::kind);
  const auto kinds = s().picture();
  EXPECT_EQ(joined(differences(kinds, kinds)), "");
  type('y');
  type('k');
}

TEST_F(Window, WhatIsTypedBehindASlashIsLookedForAndIsNoKey) {
  type('/');
  EXPECT_TRUE(s().state().searching);
  press(GLFW_KEY_2);
  type('2');  // the character of that key
  EXPECT_EQ(s().state().wanted, "2");
  EXPECT_EQ(s().state().selected, 1U);
  EXPECT_EQ(s().state().what, preset::stage) << "2 is the timeline's key, at other times";
  type('b');
  press(GLFW_KEY_SPACE);
  type(0x17E);  // ž
  EXPECT_EQ(s().state().wanted, "2b \xC5\xBE");
  EXPECT_FALSE(s().state().blank || s().state().playing);
  press(GLFW_KEY_BACKSPACE);
  press(GLFW_KEY_BACKSPACE);
  press(GLFW_KEY_BACKSPACE);
  EXPECT_EQ(s().state().wanted, "2");
  const auto picture = s().picture();
  EXPECT_EQ(joined(differences(picture, picture)), "");
  press(GLFW_KEY_ENTER);
  EXPECT_EQ(s().state().selected, 1U) << "there is one only";
  press(GLFW_KEY_ESCAPE);
  EXPECT_FALSE(s().state().searching);
  EXPECT_EQ(s().state().selected, 1U);
  type('n');
  EXPECT_EQ(s().state().selected, 1U);
}

// On many keyboards the slash is a digit's other character.
TEST_F(Window, ADigitsKeyWithShiftIsItsCharacter) {
  press(GLFW_KEY_7, GLFW_MOD_SHIFT);
  type('/');
  EXPECT_EQ(s().state().what, preset::stage);
  EXPECT_TRUE(s().state().searching);
  press(GLFW_KEY_ESCAPE);
}

TEST_F(Window, LettersAreThoseOfTheUsersKeyboard) {
  type('t');
  EXPECT_EQ(s().state().theme, 1U);
  type('T');
  EXPECT_EQ(s().state().theme, 0U);
  type('?');
  EXPECT_TRUE(s().state().help);
  press(GLFW_KEY_F1);
  EXPECT_FALSE(s().state().help);
  type('.');
  EXPECT_TRUE(s().state().blank);
  type('b');
  EXPECT_FALSE(s().state().blank);
  type(0x158);  // Ř
  type(0);
}

TEST_F(Window, EscapeNeverQuits) {
  type('?');
  press(GLFW_KEY_ESCAPE);
  press(GLFW_KEY_ESCAPE);
  EXPECT_FALSE(s().state().help);
  EXPECT_FALSE(s().on().is_to_close());
}

TEST_F(Window, ControlQQuits) {
  press(GLFW_KEY_Q, GLFW_MOD_CONTROL);
  EXPECT_TRUE(s().on().is_to_close());
  s().run({});  // returns at once
  glfwSetWindowShouldClose(handle(), GLFW_FALSE);
}

TEST_F(Window, ControlRTwiceRunsAgainWhatCanBe) {
  const auto again = [] { press(GLFW_KEY_R, GLFW_MOD_CONTROL); };
  again();
  again();
  EXPECT_FALSE(s().on().is_to_close()) << "nobody waits for that";
  s().offer_run_again();
  again();
  EXPECT_FALSE(s().on().is_to_close()) << "it asks first";
  press(GLFW_KEY_END);
  again();
  EXPECT_FALSE(s().run_again()) << "another key was between";
  press(GLFW_KEY_2);
  again();
  again();
  EXPECT_TRUE(s().on().is_to_close());
  const auto words = s().run_again();
  ASSERT_TRUE(words);
  EXPECT_EQ(words->at(0), "--preset");
  EXPECT_EQ(words->at(1), "timeline");
  glfwSetWindowShouldClose(handle(), GLFW_FALSE);
}

TEST_F(Window, AClickSelectsATask) {
  s().apply(commands::to_end{});
  s().draw();
  const auto picture = s().picture();
  int clicked = 0;
  for (const auto& h : picture.hits) {
    if (h.id.what != item_id::kind::task || picture.at(middle(h.at)) != &h || ++clicked > 5) {
      continue;
    }
    click(middle(h.at));
    EXPECT_EQ(s().state().selected, h.id.number);
  }
  EXPECT_GT(clicked, 2);
}

TEST_F(Window, TheBarScrubsWhileTheButtonIsHeld) {
  const auto picture = s().picture();
  const auto bar = find(picture, scrub_bar)->at;
  point_at({bar.x + bar.width / 2, bar.y + 2});
  button(GLFW_PRESS);
  const auto half = s().state().at;
  EXPECT_NEAR(static_cast<double>(half), static_cast<double>(of_->begin() + of_->end()) / 2, 2'000);
  point_at({bar.right() + 50, 10});  // far off: still held
  EXPECT_EQ(s().state().at, of_->end());
  button(GLFW_RELEASE);
  point_at({bar.x, bar.y + 2});
  EXPECT_EQ(s().state().at, of_->end());
}

TEST_F(Window, TheControlsAreButtons) {
  const auto picture = s().picture();
  click(middle(find(picture, play_button)->at));
  EXPECT_TRUE(s().state().playing);
  click(middle(find(picture, play_button)->at));
  EXPECT_FALSE(s().state().playing);
  click(middle(find(picture, help_button)->at));
  EXPECT_TRUE(s().state().help);
  click({5, 300});
  EXPECT_FALSE(s().state().help);
}

TEST_F(Window, HoveringTellsWhatIsThere) {
  s().apply(commands::to_end{});
  s().draw();
  const auto picture = s().picture();
  const auto task = std::ranges::find_if(
      picture.hits, [](const hit& h) { return h.id.what == item_id::kind::task; });
  ASSERT_NE(task, picture.hits.end());
  point_at(middle(task->at));
  EXPECT_THAT(to_text(s().picture()), HasSubstr("pane tip"));
  point_at({1, 1});
  EXPECT_THAT(to_text(s().picture()), testing::Not(HasSubstr("pane tip")));
}

TEST_F(Window, ControlSSavesThreePicturesBesideTheTraceAndOverwritesNone) {
  const test::temporary_folder folder;
  const auto trace = folder.file("run.trace");
  s().show(of_, trace);
  press(GLFW_KEY_S, GLFW_MOD_CONTROL);
  EXPECT_THAT(s().message(), HasSubstr("run.trace-1.png"));
  press(GLFW_KEY_S, GLFW_MOD_CONTROL);
  for (const std::string n : {"1", "2"}) {
    for (const auto* ending : {".png", ".svg", ".pdf"}) {
      auto file = trace;
      file += "-" + n;
      file += ending;
      EXPECT_TRUE(std::filesystem::exists(file)) << file;
      EXPECT_GT(std::filesystem::file_size(file), 1'000U);
    }
  }
  press(GLFW_KEY_HOME);
  EXPECT_THAT(s().message(), IsEmpty());
}

TEST_F(Window, APictureThatCannotBeSavedIsToldOf) {
  s().show(of_, "/proc/absent/run.trace");
  press(GLFW_KEY_S, GLFW_MOD_CONTROL);
  EXPECT_THAT(s().message(), HasSubstr("not saved"));
}

TEST_F(Window, WhatIsDroppedIsOpenedOrToldOf) {
  const test::temporary_folder folder;
  const auto file = folder.file("no.trace");
  std::ofstream(file) << "nothing of the kind";
  drop(file);
  s().finish_opening();
  EXPECT_THAT(s().message(), HasSubstr("no trace"));
  EXPECT_FALSE(s().failure().empty());
  s().draw();  // what was open is still shown
  EXPECT_THAT(to_text(s().picture()), HasSubstr("pane controls"));
}

TEST_F(Window, TwoProcessesOfOneTimeAreShownTogether) {
  const test::temporary_folder folder;
  const auto record = [&](const std::string& name) {
    trace::recording trace(folder.file(name), {.flush_every = std::chrono::milliseconds(0)});
    trace::detail::emit(trace::event_kind::submit, 1, 0);
    trace.stop();
    return folder.file(name);
  };
  const auto a = record("a");
  const auto later = record("later");
  const auto b = folder.file("b");
  std::filesystem::copy_file(a, b);
  {
    std::fstream header(b, std::ios::binary | std::ios::in | std::ios::out);
    header.seekp(12);  // the process
    header.write("\x11\x22\0\0", 4);
  }
  const auto before = s().picture();
  EXPECT_FALSE(s().show_together(a, later)) << "they are of two times";
  EXPECT_FALSE(s().show_together(a, folder.file("absent")));
  EXPECT_EQ(to_text(s().picture()), to_text(before));
  ASSERT_TRUE(s().show_together(a, b));
  press(GLFW_KEY_END);
  const auto picture = to_text(s().picture());
  for (const auto* const words : {"a + b", "2 processes on one clock", " 2 tasks, "}) {
    EXPECT_THAT(picture, HasSubstr(words));
  }
  s().show(of_, "run.trace");
  EXPECT_THAT(to_text(s().picture()), testing::Not(HasSubstr("processes")));
  EXPECT_FALSE(s().show_together(a, later));
  s().open(a);
  s().finish_opening();
  EXPECT_EQ(
      s().message(),
      "a and later cannot be one picture: they were not recorded at the same time; 5 compares "
      "them.");
}

// ---- Live. What happens is told by the test, and so is the time.

class LiveWindow : public Window {
 protected:
  LiveWindow() { tell(3); }
  ~LiveWindow() override {
    trace_.stop();
    s().show(of_, "run.trace");  // nobody follows it any more
  }
  void tell(int tasks) {
    for (int i = 0; i < tasks; ++i) trace::detail::emit(trace::event_kind::submit, next_++, 0);
    trace_.flush();
  }
  void open() {
    s().open(folder_.file("run"));
    s().finish_opening();
    s().draw();
  }
  [[nodiscard]] static std::size_t tasks_seen() {
    const auto text = to_text(s().picture());
    for (std::size_t n = 0; n < 100; ++n) {
      if (text.find(" " + std::to_string(n) + (n == 1 ? " task, " : " tasks, ")) !=
          std::string::npos) {
        return n;
      }
    }
    return 0;
  }
  // The thread beside reads when it does.
  static void wait_for_tasks(std::size_t count) {
    while (tasks_seen() != count) {
      s().on().wait(0.01);
      s().draw();
    }
  }

  test::temporary_folder folder_;
  trace::recording trace_{folder_.file("run"), {.flush_every = std::chrono::milliseconds(0)}};
  std::uint64_t next_ = 1;
};

TEST_F(LiveWindow, ShowsWhatIsToldMeanwhileAndTheEndAsARecording) {
  open();
  EXPECT_TRUE(s().state().live);
  EXPECT_EQ(tasks_seen(), 3U);
  EXPECT_THAT(to_text(s().picture()), HasSubstr("LIVE on "));
  EXPECT_THAT(to_text(s().picture()), HasSubstr("following"));
  tell(4);
  wait_for_tasks(7);
  tell(1);
  trace_.stop();
  wait_for_tasks(8);
  while (s().state().live) {
    s().on().wait(0.01);
    s().draw();
  }
  const auto ended = to_text(s().picture());
  EXPECT_THAT(ended, HasSubstr("RECORDED "));
  EXPECT_THAT(ended, testing::Not(HasSubstr("LIVE")));
  EXPECT_THAT(ended, testing::Not(HasSubstr("cut off")));
  press(GLFW_KEY_HOME);
  press(GLFW_KEY_SPACE);
  EXPECT_TRUE(s().state().playing);
}

TEST_F(LiveWindow, APauseFreezesThePictureAndTheRecordingGoesOn) {
  open();
  press(GLFW_KEY_SPACE);
  s().draw();
  const auto frozen = to_text(s().picture());
  EXPECT_THAT(frozen, HasSubstr("paused"));
  const auto told = trace_.file();
  tell(4);
  // A window of its own follows: once that has seen it, this one's thread may have.
  trace::follower other(told);
  other.poll();
  ASSERT_EQ(other.events(), 8U);  // with the thread's own
  for (int i = 0; i < 20; ++i) {
    s().on().wait(0.01);
    EXPECT_FALSE(s().draw());
  }
  EXPECT_EQ(to_text(s().picture()), frozen);
  type('f');
  wait_for_tasks(7);
  EXPECT_TRUE(s().state().follows);
}

TEST_F(LiveWindow, SaysThatTheRecordingIsNotHeardOf) {
  open();
  s().miss(std::chrono::milliseconds(340));
  EXPECT_FALSE(s().draw());
  s().miss(std::chrono::milliseconds(840));
  EXPECT_TRUE(s().draw());
  EXPECT_THAT(to_text(s().picture()), HasSubstr("no news for 800 ms"));
  s().miss(std::chrono::milliseconds(880));
  EXPECT_FALSE(s().draw());
  s().miss(std::chrono::milliseconds(20));
  EXPECT_TRUE(s().draw());
  EXPECT_THAT(to_text(s().picture()), testing::Not(HasSubstr("no news")));
}

TEST_F(LiveWindow, SaysThatAThreadHoldsTheNewsBack) {
  open();
  s().miss(std::chrono::milliseconds(40), std::chrono::milliseconds(120));
  EXPECT_FALSE(s().draw());
  s().miss(std::chrono::milliseconds(40), std::chrono::milliseconds(1'230));
  EXPECT_TRUE(s().draw());
  EXPECT_THAT(to_text(s().picture()),
              HasSubstr("no news for 1.20 s: a thread is in the middle of telling something"));
  s().miss(std::chrono::milliseconds(1'300), std::chrono::milliseconds(1'400));
  EXPECT_TRUE(s().draw());
  EXPECT_THAT(to_text(s().picture()), testing::Not(HasSubstr("a thread")));
  s().miss(std::chrono::milliseconds(20), std::chrono::milliseconds(40));
  EXPECT_TRUE(s().draw());
  EXPECT_THAT(to_text(s().picture()), testing::Not(HasSubstr("no news")));
}

TEST_F(LiveWindow, DrawsALivePictureAsCairoDrawsIt) {
  open();
  for (const auto what : {preset::stage, preset::timeline, preset::completion}) {
    s().apply(commands::show{what});
    const auto picture = s().picture();
    EXPECT_EQ(joined(differences(picture, picture)), "") << name_of(what);
  }
}

TEST_F(LiveWindow, AttachesToAFileThatIsRecordedAndToNoOther) {
  s().attach(folder_.file("run"));
  s().finish_opening();
  EXPECT_TRUE(s().state().live);
  trace_.stop();
  s().attach(folder_.file("run"));
  s().finish_opening();
  EXPECT_THAT(s().message(), HasSubstr("it is not being recorded; show it without --attach"));
  s().attach("1999999999");
  s().finish_opening();
  EXPECT_THAT(s().message(), HasSubstr("there is no process 1999999999"));
}

TEST_F(LiveWindow, AFileThatIsRecordedAnewIsNotMixedUp) {
  open();
  trace_.stop();
  const trace::recording again(folder_.file("run"), {.flush_every = std::chrono::milliseconds(0)});
  while (s().message().find("anew") == std::string::npos) {
    s().on().wait(0.01);
    s().draw();
  }
  EXPECT_FALSE(s().state().live);
  EXPECT_EQ(tasks_seen(), 3U);
}

TEST_F(LiveWindow, ClosesWhenTheRunHasEndedIfAskedTo) {
  trace_.stop();
  s().open(folder_.file("run"));
  bool shown = false;
  s().run({.recording_ends = true, .shown = [&] { shown = true; }});
  EXPECT_TRUE(shown);
  EXPECT_FALSE(s().on().is_to_close());
}

TEST_F(Window, F11FillsTheMonitorAndGoesBack) {
  press(GLFW_KEY_F11);
  settle();
  EXPECT_TRUE(s().on().is_full_screen());
  EXPECT_THAT(to_text(s().picture()), testing::Not(HasSubstr("pane controls")));
  EXPECT_EQ(s().on().size().width, 1920);
  EXPECT_EQ(s().on().size().height, 1200);
  const auto picture = s().picture();
  EXPECT_EQ(joined(differences(picture, picture)), "");
  type('m');  // there is no other
  EXPECT_TRUE(s().on().is_full_screen());
  press(GLFW_KEY_F11);
  settle();
  EXPECT_FALSE(s().on().is_full_screen());
  EXPECT_EQ(s().on().size().width, 1280);
  EXPECT_THAT(to_text(s().picture()), HasSubstr("pane controls"));
  type('h');
  EXPECT_THAT(to_text(s().picture()), testing::Not(HasSubstr("pane controls")));
  type('h');
}

TEST_F(Window, ABlankScreenIsBlackEverywhere) {
  type('b');
  const auto i = s().on().pixels_of(s().picture());
  EXPECT_TRUE(std::ranges::all_of(i.pixels, [](std::uint32_t p) { return p == 0; }));
}

}  // namespace
}  // namespace fronta::viz
