// SPDX-License-Identifier: Apache-2.0
#include <awake.hpp>

#include <support/temporary_folder.hpp>

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

using fronta::test::temporary_folder;
using fronta::viz::awake;
using testing::HasSubstr;

// The programs that are found, for as long as it lives.
class path {
 public:
  explicit path(const std::string& now) : before_(std::getenv("PATH")) {
    ::setenv("PATH", now.c_str(), 1);
  }
  ~path() { ::setenv("PATH", before_.c_str(), 1); }
  path(const path&) = delete;
  path& operator=(const path&) = delete;
  [[nodiscard]] const std::string& before() const noexcept { return before_; }

 private:
  std::string before_;
};

TEST(Awake, AsksWhileItLives) {
  const temporary_folder folder;
  const auto program = folder.file("systemd-inhibit");
  const auto said = folder.file("said");
  ASSERT_EQ(::mkfifo(said.c_str(), 0600), 0);
  std::ofstream(program) << "#!/bin/sh\necho $$ \"$*\" > '" << said << "'\nexec cat\n";
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const path found(std::filesystem::path(program).parent_path().string() + ':' +
                   std::getenv("PATH"));
  pid_t child = 0;
  {
    const awake now;
    ASSERT_TRUE(now.asks());
    std::ifstream in(said);
    std::string words;
    in >> child;
    std::getline(in, words);
    EXPECT_THAT(words, HasSubstr("--what=idle"));
    EXPECT_EQ(::kill(child, 0), 0);
  }
  EXPECT_EQ(::kill(child, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Awake, AsksNobodyWhereThereIsNobodyToAsk) {
  const temporary_folder folder;
  const path found(folder.file("nothing"));
  const awake now;
  EXPECT_FALSE(now.asks());
}

}  // namespace
