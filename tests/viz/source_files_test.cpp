// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/source_files.hpp>

#include <gmock/gmock.h>

#include "story.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

// The program's files, as far as they are there.
namespace {

using namespace fronta::test;
using fronta::viz::index;
using fronta::viz::source_files;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

class SourceFiles : public ::testing::Test {
 protected:
  SourceFiles()
      : folder_(fs::path(::testing::TempDir()) /
                ("sources-" +
                 std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()))) {
    fs::create_directories(folder_ / "project" / "src");
  }
  ~SourceFiles() override { fs::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  // What is read of the one file that a trace names, below the folder "project".
  source_files::file read(const std::string& name, std::int64_t recorded = 0) {
    story s;
    s.main().at(0).submit(1).tell(fronta::trace::event_kind::location, 1, 2, name + ":2");
    auto told = s.told();
    told.origin_unix = recorded;
    source_files all({.folder = folder_ / "project", .host = "there"});
    all.read(index(told));
    const auto* found = all.find(name);
    return found == nullptr ? source_files::file{} : *found;
  }

  fs::path folder_;
};

TEST_F(SourceFiles, AreReadOnceUntilTheyAreForgotten) {
  write("project/main.cpp", "before");
  story s;
  s.main().at(0).submit(1).tell(fronta::trace::event_kind::location, 1, 2, "main.cpp:2");
  auto told = s.told();
  source_files all({.folder = folder_ / "project", .host = "there"});
  all.read(index(told));
  write("project/main.cpp", "since");
  told.origin_unix = 1;
  const index later(told);
  all.read(later);
  EXPECT_THAT(all.find("main.cpp")->lines, ElementsAre("before"));
  EXPECT_THAT(all.find("main.cpp")->doubt, IsEmpty());
  all.forget();
  EXPECT_EQ(all.find("main.cpp"), nullptr);
  all.read(later);
  EXPECT_THAT(all.find("main.cpp")->lines, ElementsAre("since"));
  EXPECT_THAT(all.find("main.cpp")->doubt, HasSubstr("changed since"));
}

TEST_F(SourceFiles, AreFoundByTheLongestEndOfTheirName) {
  write("project/main.cpp", "outer");
  write("project/src/main.cpp", "inner");
  EXPECT_THAT(read("../../src/main.cpp").lines, ElementsAre("inner"));
  EXPECT_THAT(read("/home/me/other/src/main.cpp").lines, ElementsAre("inner"));
  EXPECT_THAT(read("/home/me/lib/main.cpp").lines, ElementsAre("outer"));
  EXPECT_THAT(read("src/../src/main.cpp").path, HasSubstr("project/src/main.cpp"));
}

TEST_F(SourceFiles, HaveLinesWithoutTheirEndsAndTabs) {
  write("project/main.cpp", "one\r\n\ttwo\n\n  x\tthree");
  EXPECT_THAT(read("main.cpp").lines, ElementsAre("one", "    two", "", "  x three"));
}

TEST_F(SourceFiles, LieBelowTheFolderOrAreNotRead) {
  write("secret.cpp", "not yours");
  const auto f = read("../secret.cpp");
  EXPECT_THAT(f.lines, IsEmpty());
  EXPECT_THAT(f.missing, HasSubstr("secret.cpp was not found below"));
  EXPECT_THAT(f.missing, HasSubstr("--source"));
}

TEST_F(SourceFiles, AreNothingButProgramText) {
  write("project/password", "not yours");
  write("project/data.cpp", std::string_view("a\0b", 3));
  fs::create_directories(folder_ / "project" / "folder.cpp");
  EXPECT_THAT(read("password").missing, HasSubstr("not that of a C++ source file"));
  EXPECT_THAT(read("data.cpp").missing, HasSubstr("no text"));
  EXPECT_THAT(read("folder.cpp").missing, HasSubstr("not found"));
}

TEST_F(SourceFiles, SayWhatMakesThemDoubtful) {
  write("project/main.cpp", "one\ntwo\n");
  constexpr std::int64_t long_ago = 1'000'000'000;
  EXPECT_THAT(read("main.cpp", long_ago).doubt, HasSubstr("changed since the recording"));
  constexpr auto later = fronta::viz::forever;
  EXPECT_THAT(read("main.cpp", later).doubt, IsEmpty());
  EXPECT_THAT(read("main.cpp", later).lines, ElementsAre("one", "two"));
}

TEST_F(SourceFiles, OfAnotherMachineAreDoubtful) {
  write("project/main.cpp", "one\n");
  story s;
  s.main().at(0).submit(1).tell(fronta::trace::event_kind::location, 1, 1, "main.cpp:1");
  source_files all({.folder = folder_ / "project", .host = "elsewhere"});
  all.read(index(s.told()));
  ASSERT_NE(all.find("main.cpp"), nullptr);
  EXPECT_EQ(all.find("main.cpp")->doubt, "The file is of elsewhere, the run of there.");
}

TEST_F(SourceFiles, AreReadAsFarAsAnybodyWould) {
  write("project/main.cpp", std::string(1'000'000, 'a') + "\nshort\n");
  const auto lines = read("main.cpp").lines;
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], std::string(1'000, 'a') + "…");
  EXPECT_EQ(lines[1], "short");
}

TEST_F(SourceFiles, AreNotReadUnderEachOfVeryManyNames) {
  write("project/main.cpp", "short\n");
  story s;
  std::vector<std::string> names{"main.cpp"};
  for (std::uint64_t t = 1; t <= 600; ++t) {
    names.push_back("./" + names.back());
    s.main().at(0).submit(t).tell(fronta::trace::event_kind::location, t, 1, names.back() + ":1");
  }
  source_files all({.folder = folder_ / "project", .host = "there"});
  all.read(index(s.told()));
  EXPECT_EQ(std::ranges::count_if(names, [&](const auto& n) { return all.find(n) != nullptr; }),
            500);
}

TEST_F(SourceFiles, ThatWereGivenAreNotRead) {
  write("project/main.cpp", "on disk");
  source_files all({.folder = folder_ / "project", .host = "there"});
  all.add("main.cpp", "given\n");
  story s;
  s.main().at(0).submit(1).tell(fronta::trace::event_kind::location, 1, 1, "main.cpp:1");
  all.read(index(s.told()));
  EXPECT_THAT(all.find("main.cpp")->lines, ElementsAre("given"));
  EXPECT_EQ(all.find("other.cpp"), nullptr);
}

TEST(InnerPath, LeadsOutOfNoFolder) {
  EXPECT_EQ(fronta::viz::inner_path("../../demos/src/a.cpp"), "demos/src/a.cpp");
  EXPECT_EQ(fronta::viz::inner_path("/a/b/../c.cpp"), "a/c.cpp");
  EXPECT_EQ(fronta::viz::inner_path("./c.cpp"), "c.cpp");
  EXPECT_EQ(fronta::viz::inner_path(".."), "");
}

}  // namespace
