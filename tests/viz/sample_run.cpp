// SPDX-License-Identifier: Apache-2.0
#include "sample_run.hpp"

#include <fronta/rng.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace fronta::test {
namespace {

using trace::event_kind;

constexpr std::array<std::string_view, 6> bad_names{"</script><script>alert(1)</script>",
                                                    "a & b < c > \"d\" 'e' {{data}}",
                                                    "bytes \xff\xc3 and \x01",
                                                    "Příliš žluťoučký kůň",
                                                    "<!-- \\u003c -->",
                                                    "日本 🙂"};
constexpr int workers = 3;

class writer {
 public:
  explicit writer(std::uint64_t seed) : random_(seed) {
    made_.host = "<host> & sons";
    made_.ended = true;
    made_.threads.push_back({.system_number = 1, .name = "main"});
    add(event_kind::executor_open, 0, -1);
    add(event_kind::place, 0, -1, 0, "cpu");
    for (int w = 0; w < workers; ++w) {
      made_.threads.push_back({.system_number = 2U + static_cast<unsigned>(w),
                               .name = "worker",
                               .executor = 1,
                               .place = 0});
      add(event_kind::worker_start, 0, w, static_cast<std::uint64_t>(w));
    }
  }

  void tell_of(std::uint64_t task) {
    const auto slot = static_cast<int>(below(workers));
    add(event_kind::submit, task, -1, 0, std::string(bad_names[task % bad_names.size()]));
    add(event_kind::ready, task, -1);
    add(event_kind::enqueue, task, -1, below(3));
    if (below(12) == 0) {
      add(event_kind::cancel, task, -1);
      return;
    }
    if (below(4) == 0) add(event_kind::steal, task, slot, below(workers));
    for (std::uint64_t attempt = 0; attempt < 2; ++attempt) {
      add(event_kind::start, task, slot, attempt);
      if (below(3) == 0) {
        add(event_kind::block, task, slot);
        add(event_kind::unblock, task, slot, static_cast<std::uint64_t>(slot));
      }
      if (attempt > 0 || below(4) != 0) break;
      add(event_kind::retry, task, slot, 1);
      add(event_kind::enqueue, task, slot, 4);
    }
    add(event_kind::finish, task, slot, below(10) == 0 ? 1 : 0);
  }

  trace::file_contents done() {
    made_.known_until = time_;
    return std::move(made_);
  }

 private:
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>(random_.uniform() * static_cast<double>(n));
  }

  void add(event_kind kind, std::uint64_t task, int slot, std::uint64_t argument = 0,
           std::string text = {}) {
    std::uint32_t number = 0;
    if (!text.empty()) {
      number = static_cast<std::uint32_t>(made_.texts.size());
      made_.texts.push_back(std::move(text));
    }
    // Some happen at once.
    time_ += static_cast<std::int64_t>(below(4)) * 1'000;
    made_.events.push_back(
        {.time = time_,
         .thread = static_cast<std::uint32_t>(slot + 1),
         .text = number,
         .what = {.kind = kind, .executor = 1, .slot = slot, .task = task, .argument = argument}});
  }

  trace::file_contents made_;
  rng random_;
  std::int64_t time_ = 0;
};

}  // namespace

trace::file_contents sample_run(std::uint64_t seed, std::uint64_t tasks) {
  writer run(seed);
  for (std::uint64_t task = 1; task <= tasks; ++task) run.tell_of(task);
  return run.done();
}

}  // namespace fronta::test
