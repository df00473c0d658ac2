// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

#include <support/gate.hpp>

namespace fronta::test {

/// A task that runs until it is released, on a pool of one worker: whatever is submitted to that
/// pool meanwhile stays pending.
class running_task {
 public:
  running_task() { started_.wait(); }
  ~running_task() { release(); }
  running_task(const running_task&) = delete;
  running_task& operator=(const running_task&) = delete;

  void release() noexcept { released_.open(); }
  [[nodiscard]] const future<int>& handle() const noexcept { return task_; }
  [[nodiscard]] fronta::executor& executor() noexcept { return executor_; }

 private:
  gate started_;
  gate released_;
  fronta::executor executor_{cpu::threads{.workers = 1}};
  future<int> task_ = executor_.submit([this] {
    started_.open();
    released_.wait();
    return 1;
  });
};

}  // namespace fronta::test
