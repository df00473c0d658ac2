// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/pictures.hpp>
#include <fronta/viz/video.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <support/temporary_folder.hpp>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace fronta::viz {
namespace {

using testing::AllOf;
using testing::HasSubstr;

scene plain(float width, float height, color background) {
  return {.width = width,
          .height = height,
          .background = background,
          .panes = {},
          .primitives = {},
          .hits = {},
          .title = {},
          .description = {}};
}

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// PATH holds nothing but a program `ffmpeg` that the test writes, and the shell's own.
class Video : public testing::Test {
 protected:
  Video() {
    if (const char* path = ::getenv("PATH")) old_path_ = path;
    ::setenv("PATH", folder_.file("bin").c_str(), 1);
    std::filesystem::create_directory(folder_.file("bin"));
  }
  ~Video() override { ::setenv("PATH", old_path_.c_str(), 1); }

  // $file is the file that it shall write.
  void ffmpeg_is(const std::string& script) {
    const auto program = folder_.file("bin/ffmpeg");
    std::ofstream(program) << "#!/bin/sh\nPATH='" << old_path_
                           << "'\nfor file in \"$@\"; do :; done\n"
                           << script << '\n';
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }

  [[nodiscard]] std::string film() const { return folder_.file("film.mp4"); }

  test::temporary_folder folder_;

 private:
  std::string old_path_;
};

template <class F>
std::string failure_of(F f) {
  try {
    f();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "nothing failed";
}

TEST_F(Video, SendsThePixelsOfEachScene) {
  ffmpeg_is("cat > \"$file\"");
  const auto one = plain(64, 48, {.red = 200, .green = 100, .blue = 50});
  const auto two = plain(64, 48, {.red = 1, .green = 2, .blue = 3});
  video v(film(), {.width = 64, .height = 48});
  v.add(one);
  v.add(two);
  v.finish();

  std::string expected;
  for (const auto& s : {one, two}) {
    for (const auto pixel : render_rgb(s).pixels) {
      expected.append(reinterpret_cast<const char*>(&pixel), sizeof(pixel));
    }
  }
  EXPECT_TRUE(bytes_of(film()) == expected);
  if constexpr (std::endian::native == std::endian::little) {
    EXPECT_EQ(expected.substr(0, 4), std::string("\x32\x64\xC8\x00", 4));  // bgr0
  }
}

TEST_F(Video, SaysSizeAndPaceOfWhatItSends) {
  ffmpeg_is(R"(printf '[%s]' "$@" > "$file"; cat > /dev/null)");
  video v(film(), {.width = 64, .height = 48, .scale = 2, .frames_per_second = 25});
  v.finish();
  EXPECT_THAT(bytes_of(film()), AllOf(HasSubstr("[-video_size][128x96]"),
                                      HasSubstr("[-framerate][25]"), HasSubstr("yuv420p")));
}

TEST_F(Video, PadsToEvenSizesWithTheBackground) {
  ffmpeg_is("cat > \"$file\"");
  const auto s = plain(33, 17, {.red = 9, .green = 9, .blue = 9});
  video v(film(), {.width = 33, .height = 17});
  v.add(s);
  v.finish();
  const auto bytes = bytes_of(film());
  ASSERT_EQ(bytes.size(), 34U * 18U * 4U);
  EXPECT_EQ(bytes.substr(33 * 4, 3), "\t\t\t");
  EXPECT_EQ(bytes.substr(bytes.size() - 4, 3), "\t\t\t");
}

TEST_F(Video, TellsTheLastWordsOfAProgramThatFails) {
  ffmpeg_is("echo first >&2; echo 'no such encoder' >&2; echo part > \"$file\"; exit 1");
  const auto told = failure_of([&] {
    video v(film(), {.width = 64, .height = 48});
    v.finish();
  });
  EXPECT_THAT(told, AllOf(HasSubstr("no such encoder"), HasSubstr(film())));
  EXPECT_THAT(told, testing::Not(HasSubstr("first")));
  EXPECT_FALSE(std::filesystem::exists(film()));
}

TEST_F(Video, SurvivesAProgramThatStopsReading) {
  ffmpeg_is("echo 'had enough' >&2; exit 3");
  const auto s = plain(640, 480, {});
  const auto told = failure_of([&] {
    video v(film(), {.width = 640, .height = 480});
    for (;;) v.add(s);
  });
  EXPECT_THAT(told, HasSubstr("had enough"));
}

TEST_F(Video, AnEarlyEndIsAFailureThoughTheProgramIsContent) {
  ffmpeg_is("exit 0");
  const auto s = plain(640, 480, {});
  const auto told = failure_of([&] {
    video v(film(), {.width = 640, .height = 480});
    for (;;) v.add(s);
  });
  EXPECT_THAT(told, HasSubstr("stopped reading"));
}

TEST_F(Video, SaysThatFfmpegIsMissing) {
  const auto told = failure_of([&] { const video v(film(), {.width = 64, .height = 48}); });
  EXPECT_THAT(told, AllOf(HasSubstr("ffmpeg could not be started"), HasSubstr("install")));
}

TEST_F(Video, LeavesNoFileWhenItIsGivenUp) {
  ffmpeg_is("echo part > \"$file\"; cat > /dev/null");
  {
    video v(film(), {.width = 1920, .height = 1080});
    v.add(plain(1920, 1080, {}));  // more than a socket holds, so the program is at work
    ASSERT_TRUE(std::filesystem::exists(film()));
  }
  EXPECT_FALSE(std::filesystem::exists(film()));
}

TEST_F(Video, TakesOnlyNamesAndPacesThatItCanKeep) {
  ffmpeg_is("cat > /dev/null");
  const auto told = [&](const std::string& name, int pace) {
    return failure_of([&] {
      const video v(folder_.file(name), {.width = 64, .height = 48, .frames_per_second = pace});
    });
  };
  EXPECT_THAT(told("a.avi", 25), HasSubstr(".mp4 nor .gif"));
  EXPECT_THAT(told("a.gif", 30), HasSubstr("10, 20, 25 or 50"));
  EXPECT_THAT(told("a.mp4", 0), HasSubstr("0 frames a second"));
  EXPECT_EQ(told("a.mp4", 30), "nothing failed");
  EXPECT_EQ(told("a.gif", 50), "nothing failed");
}

TEST_F(Video, TakesScenesOfOneSizeUntilItEnds) {
  ffmpeg_is("cat > \"$file\"");
  video v(film(), {.width = 64, .height = 48});
  EXPECT_THAT(failure_of([&] { v.add(plain(65, 48, {})); }), HasSubstr("another size"));
  v.finish();
  EXPECT_THAT(failure_of([&] { v.add(plain(64, 48, {})); }), HasSubstr("has ended"));
}

}  // namespace
}  // namespace fronta::viz
