// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <support/gate.hpp>

#include <memory>

namespace fronta::test {

/// Keeps one worker of an executor busy, as a lock held by somebody else would, until released.
class occupied_worker {
 public:
  template <class Executor>
  explicit occupied_worker(Executor& ex) {
    ex.post([s = state_] {
      s->started.open();
      s->release.wait();
    });
    state_->started.wait();
  }
  ~occupied_worker() { release(); }
  occupied_worker(const occupied_worker&) = delete;
  occupied_worker& operator=(const occupied_worker&) = delete;

  void release() noexcept { state_->release.open(); }

 private:
  struct gates {
    gate started;
    gate release;
  };
  std::shared_ptr<gates> state_ = std::make_shared<gates>();
};

}  // namespace fronta::test
