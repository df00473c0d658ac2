// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace fronta::test {

/// The tasks that were launched on a `manual` backend and not run yet. Thread-safe. Run all of them
/// before the executor ends: its end waits for them.
class launched_tasks {
 public:
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return tasks_.size();
  }
  /// The oldest one, to be run or dropped by the test.
  std::optional<launched_task> take() {
    const std::lock_guard lock(mutex_);
    if (tasks_.empty()) return std::nullopt;
    std::optional<launched_task> first(std::move(tasks_.front()));
    tasks_.pop_front();
    return first;
  }
  /// Runs the oldest one in the calling thread; false when it was cancelled or there is none.
  bool run_one() {
    auto first = take();
    return first && std::move(*first).run();
  }
  /// Those too that are launched meanwhile.
  void run_all() {
    while (auto first = take()) std::move(*first).run();
  }

 private:
  friend class manual_pool;
  void add(launched_task task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  mutable std::mutex mutex_;
  std::deque<launched_task> tasks_;  // guarded by mutex_
};

/// A backend that runs nothing by itself.
/// ```
/// const auto launched = std::make_shared<launched_tasks>();
/// fronta::executor ex{manual{launched}};
/// ```
struct manual {
  std::shared_ptr<launched_tasks> launched;
  resources offers = {{"cpu", 1000}};
};

class manual_pool final : public backend {
 public:
  explicit manual_pool(manual config) : config_(std::move(config)) {}
  std::vector<place_info> start(backend_host&) override { return {{"manual", config_.offers}}; }
  void stop() noexcept override {}
  [[nodiscard]] bool hosts_plain_tasks() const noexcept override { return true; }
  void launch(launched_task task, std::size_t, launch_as) noexcept override {
    config_.launched->add(std::move(task));
  }

 private:
  manual config_;
};

inline std::unique_ptr<backend> make_backend(manual config) {
  return std::make_unique<manual_pool>(std::move(config));
}

}  // namespace fronta::test
