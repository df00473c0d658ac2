// SPDX-License-Identifier: Apache-2.0
// A program that ends with work in flight, in the way that its argument names. at_exit.cmake looks
// at what it prints and returns.
#include <fronta/fronta.hpp>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace {

constexpr int tasks = 20;

fronta::executor pool() { return fronta::executor{fronta::cpu::threads{.workers = 2}}; }

void say(const std::string& what) { std::puts(what.c_str()); }

void fill(fronta::executor& ex) {
  for (int i = 0; i < tasks; ++i) {
    ex.post([] {
      std::this_thread::yield();
      say("ran");
    });
  }
}

// Each of these objects is gone, in reverse order, when main has returned.
struct late_submitter {
  std::unique_ptr<fronta::executor_ref> to;
  ~late_submitter() {
    if (to == nullptr) return;
    try {
      to->submit([] { say("ran too late"); });
    } catch (const fronta::shutdown_error& e) {
      say(e.what());
    }
  }
};
late_submitter before;
std::optional<fronta::executor> global;
late_submitter after;

}  // namespace

int main(int, char** arguments) {
  const std::string how = arguments[1];
  if (how == "scope") {
    auto ex = pool();
    fill(ex);
  } else if (how == "without_wait") {
    auto ex = pool();
    fill(ex);
    ex.shutdown({.wait = false});
  } else if (how == "cancelling") {
    auto ex = pool();
    fill(ex);
    ex.shutdown({.wait = false, .cancel_futures = true});
  } else if (how == "static") {
    global.emplace(pool());
    fill(*global);
  } else if (how == "late_submit") {
    global.emplace(pool());
    fill(*global);
    global->shutdown({.wait = false});
    after.to = std::make_unique<fronta::executor_ref>(global->ref());   // it is closed
    before.to = std::make_unique<fronta::executor_ref>(global->ref());  // it is gone
  } else {
    return 2;
  }
  return 0;
}
