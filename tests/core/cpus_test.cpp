// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpus.hpp>

#include <gmock/gmock.h>

#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace {

namespace fs = std::filesystem;
using fronta::cgroup_cpu_quota;
using fronta::detail::cpus_within;
using testing::Optional;

// A tree like /sys/fs/cgroup with the process's membership beside it.
class CgroupQuota : public testing::Test {
 protected:
  CgroupQuota() {
    fs::create_directories(root_);
    write(membership_, "0::/\n");
  }
  ~CgroupQuota() override { fs::remove_all(folder_); }

  static void write(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void v2(const std::string& group, const std::string& text) {
    write(root_ / group / "cpu.max", text);
  }
  void v1(const std::string& group, const std::string& quota, const std::string& period) {
    write(root_ / group / "cpu.cfs_quota_us", quota);
    write(root_ / group / "cpu.cfs_period_us", period);
  }
  void member_of(const std::string& text) { write(membership_, text); }
  [[nodiscard]] std::optional<double> quota() const { return cgroup_cpu_quota(root_, membership_); }

 private:
  const fs::path folder_ =
      fs::temp_directory_path() / ("fronta_cpus_test_" + std::to_string(::getpid()) + "_" +
                                   testing::UnitTest::GetInstance()->current_test_info()->name());
  const fs::path root_ = folder_ / "cgroup";
  const fs::path membership_ = folder_ / "self";
};

// T-01
TEST_F(CgroupQuota, IsQuotaByPeriod) {
  v2("", "150000 100000\n");
  EXPECT_THAT(quota(), Optional(1.5));
}

// T-01
TEST_F(CgroupQuota, OfHalfACpu) {
  v2("", "50000 100000\n");
  EXPECT_THAT(quota(), Optional(0.5));
}

// T-01
TEST_F(CgroupQuota, OfMaxIsNone) {
  v2("", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

// T-01
TEST_F(CgroupQuota, ThatIsMalformedIsNone) {
  for (const char* text : {"", "\n", "abc", "100000", "100000 abc", "100000 0", "0 100000",
                           "-1 100000", "100000 -1", "nan 1", "1e999 100000", "max", "\xff\xfe"}) {
    v2("", text);
    EXPECT_EQ(quota(), std::nullopt) << '"' << text << '"';
  }
}

// T-01
TEST_F(CgroupQuota, OfMissingFilesIsNone) {
  EXPECT_EQ(quota(), std::nullopt);
  EXPECT_EQ(cgroup_cpu_quota("/nonexistent", "/nonexistent"), std::nullopt);
}

// T-01
TEST_F(CgroupQuota, IsTheLeastOfTheGroupAndItsAncestors) {
  member_of("0::/a/b\n");
  v2("", "max 100000");
  v2("a", "200000 100000");
  v2("a/b", "300000 100000");
  EXPECT_THAT(quota(), Optional(2.0));
  v2("a/b", "100000 100000");
  EXPECT_THAT(quota(), Optional(1.0));
  v2("a/b", "max 100000");
  EXPECT_THAT(quota(), Optional(2.0));
}

// T-01
TEST_F(CgroupQuota, OfAnotherGroupDoesNotCount) {
  member_of("0::/a\n");
  v2("b", "50000 100000");
  EXPECT_EQ(quota(), std::nullopt);
}

// T-01
TEST_F(CgroupQuota, OfVersion1IsReadToo) {
  member_of("3:memory:/x\n4:cpu,cpuacct:/a\n");
  v1("cpu,cpuacct/a", "250000\n", "100000\n");
  v1("memory/x", "100000", "100000");
  EXPECT_THAT(quota(), Optional(2.5));
  v1("cpu,cpuacct/a", "-1\n", "100000\n");
  EXPECT_EQ(quota(), std::nullopt) << "-1 is unlimited";
}

// T-01
TEST_F(CgroupQuota, ReadsAMalformedMembershipAsTheRoot) {
  member_of("nonsense\n0::\n::\n");
  v2("", "100000 100000");
  EXPECT_THAT(quota(), Optional(1.0));
}

// T-01
TEST(UsableCpus, RoundAQuotaUpToAtLeastOneAndAtMostTheAffinity) {
  EXPECT_EQ(cpus_within(8, std::nullopt), 8U);
  EXPECT_EQ(cpus_within(8, 0.5), 1U);
  EXPECT_EQ(cpus_within(8, 0.001), 1U);
  EXPECT_EQ(cpus_within(8, 1.0), 1U);
  EXPECT_EQ(cpus_within(8, 1.5), 2U);
  EXPECT_EQ(cpus_within(8, 100.0), 8U);
  EXPECT_EQ(cpus_within(8, 1e300), 8U);
}

// T-01
TEST(UsableCpus, HonourTheAffinity) {
  EXPECT_GE(fronta::usable_cpus(), 1U);
  unsigned seen = 0;
  std::jthread([&] {
    cpu_set_t own;
    CPU_ZERO(&own);
    ASSERT_EQ(::sched_getaffinity(0, sizeof own, &own), 0);
    std::size_t first = 0;
    while (!CPU_ISSET(first, &own)) ++first;
    CPU_ZERO(&own);
    CPU_SET(first, &own);
    ASSERT_EQ(::sched_setaffinity(0, sizeof own, &own), 0);
    seen = fronta::usable_cpus();
  }).join();
  EXPECT_EQ(seen, 1U);
}

}  // namespace
