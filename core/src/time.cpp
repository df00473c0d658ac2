// SPDX-License-Identifier: Apache-2.0
#include <fronta/time.hpp>

namespace fronta {
namespace {

class steady final : public clock {
 public:
  [[nodiscard]] time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }
  void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                  time_point at) override {
    if (at == time_point::max()) {
      changed.wait(lock);
    } else {
      changed.wait_until(lock, at);
    }
  }
};

}  // namespace

std::shared_ptr<clock> system_clock() {
  static const auto shared = std::make_shared<steady>();
  return shared;
}

}  // namespace fronta
