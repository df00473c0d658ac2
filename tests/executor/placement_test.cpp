// SPDX-License-Identifier: Apache-2.0
#include <fronta/placement.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using fronta::placement;
using reason = placement::reason;

placement::option gpu() {
  return {.place = "gpu:0",
          .missing = 12'000'000,
          .copy = 400us,
          .run = 1'500us,
          .spread = 0.061,
          .samples = 31};
}
placement::option cpu() { return {.place = "cpu", .run = 7'100us, .spread = 0.02, .samples = 12}; }

TEST(Placement, ShowsTheTermsOfTheDecision) {
  const placement p{.why = reason::cost, .options = {gpu(), cpu()}};
  EXPECT_EQ(p.text(),
            "gpu:0 by cost: est. 1.9 ms incl. 400 us for 12 MB (31 runs, +-6 %); "
            "cpu: est. 7.1 ms (12 runs, +-2 %)");
}

TEST(Placement, SaysWhichTimesAreSimulated) {
  auto device = gpu();
  device.simulated = true;
  device.ahead = 2ms;
  const placement p{.why = reason::stays, .options = {cpu(), device}};
  EXPECT_EQ(p.text(),
            "cpu stays with its data: est. 7.1 ms (12 runs, +-2 %); gpu:0 (simulated): est. 3.9 ms "
            "incl. 400 us for 12 MB and 2 ms behind others (31 runs, +-6 %)");
}

TEST(Placement, SaysWhatIsNotKnown) {
  placement::option unknown{.place = "gpu:0", .missing = 2'048, .copy_known = false};
  const placement p{.why = reason::exploring, .options = {unknown, cpu()}};
  EXPECT_EQ(p.text(),
            "gpu:0 exploring, since few runs are known: no run known, an unmeasured copy for 2 kB; "
            "cpu: est. 7.1 ms (12 runs, +-2 %)");
}

TEST(Placement, ByDataNamesTheBytes) {
  placement::option there{.place = "gpu:0"};
  placement::option here{.place = "cpu", .missing = 4'000};
  EXPECT_EQ((placement{.why = reason::data, .options = {there, here}}.text()),
            "gpu:0 by data: nothing to copy; cpu: 4 kB to copy");
}

TEST(Placement, NamesWhatTheDeviceSaid) {
  placement::option here{.place = "cpu"};
  EXPECT_EQ(
      (placement{.why = reason::fell_back, .options = {here}, .failure = "gpu:0: full"}.text()),
      "cpu fell back to the CPU body: gpu:0: full");
  EXPECT_EQ(placement().text(), "not placed yet");
}

TEST(Placement, TotalsAddUpWhereARunIsKnown) {
  auto o = gpu();
  o.ahead = 1ms;
  EXPECT_EQ(o.total(), 2'900us);
  o.run.reset();
  EXPECT_EQ(o.total(), std::nullopt);
}

}  // namespace
