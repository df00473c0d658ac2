// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>

namespace fronta::demos {

/// Counts what happens to the tasks of a run and shows it on stderr while it lives: as a bar on a
/// terminal, as a plain line now and then elsewhere. The counting functions are thread-safe.
/// ```
/// progress shown({.label = "batch", .tasks = 200});
/// ex.submit([&] { progress::running now(shown); work(); shown.finished(); });
/// ```
class progress {
 public:
  enum class style { automatic, hidden_unless_terminal };
  struct options {
    std::string label = {};      ///< of the lines
    std::string bar_label = {};  ///< of the bar, where there are several
    std::size_t tasks = 0;
    /// Expected cost of all tasks, in any unit: what the remaining time is computed from.
    double work = 1;
    progress::style style = style::automatic;
  };
  struct numbers {
    std::size_t tasks, done, running, failures, retries;
  };

  explicit progress(options given);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// A task is done for good; `work` is its share of `options::work`.
  void finished(double work = 0) noexcept;
  void failed() noexcept { failures_.fetch_add(1, std::memory_order_relaxed); }
  void retried() noexcept { retries_.fetch_add(1, std::memory_order_relaxed); }

  /// While it lives, one more task counts as running.
  class running {
   public:
    explicit running(progress& p) noexcept : progress_(p) { ++progress_.running_; }
    ~running() { --progress_.running_; }
    running(const running&) = delete;
    running& operator=(const running&) = delete;

   private:
    progress& progress_;
  };

  /// Draws a last time and falls silent.
  void close();

  [[nodiscard]] numbers now() const noexcept;
  [[nodiscard]] double seconds() const noexcept;

 private:
  void show(const std::stop_token& stop);
  void draw_bar(bool last);
  void print_line();
  [[nodiscard]] std::string counts() const;
  [[nodiscard]] std::string time_left() const;

  const options options_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::atomic<std::size_t> done_{0};
  std::atomic<std::size_t> running_{0};
  std::atomic<std::size_t> failures_{0};
  std::atomic<std::size_t> retries_{0};
  std::atomic<double> work_done_{0};
  std::jthread shower_;
};

}  // namespace fronta::demos
