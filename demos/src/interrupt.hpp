// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/executor.hpp>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <thread>

namespace fronta::demos {

/// Ctrl-C as a stop token. The first SIGINT requests the stop; the second ends the program at once
/// with exit code 130. Make one in `main` before there are other threads: they inherit the blocked
/// signal. A SIGINT that was ignored by the parent (a background job of a shell script) counts too:
/// whoever sends it to this process means it.
class interrupt {
 public:
  /// `all`: SIGTERM and SIGHUP are taken as Ctrl-C is, for what has something to put away, unless
  /// they are ignored (nohup).
  enum class signals : std::uint8_t { keyboard, all };
  explicit interrupt(signals which);
  ~interrupt();
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;

  [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  void watch();

  std::stop_source source_;
  sigset_t signals_{};
  std::atomic<bool> ending_{false};
  std::thread watcher_;
};

/// While it lives, a requested stop cancels all work of an executor. Destroy it before any other
/// call of `shutdown`, which must not run twice at a time.
class cancel_on_interrupt {
 public:
  cancel_on_interrupt(const std::stop_token& interrupted, executor& ex)
      : callback_(interrupted, [&ex] { ex.shutdown({.wait = false, .cancel_futures = true}); }) {}

 private:
  std::stop_callback<std::function<void()>> callback_;
};

}  // namespace fronta::demos
