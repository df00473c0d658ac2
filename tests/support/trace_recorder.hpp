// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/trace.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace fronta::test {

/// Records everything while it lives. Declare it before the executor.
class trace_recorder final : public trace::sink {
 public:
  trace_recorder() : before_(trace::set_sink(this)) {}
  ~trace_recorder() override { trace::set_sink(before_); }
  trace_recorder(const trace_recorder&) = delete;
  trace_recorder& operator=(const trace_recorder&) = delete;

  void record(const trace::event& e) noexcept override { record_text(e, {}); }
  void record_text(const trace::event& e, std::string_view text) noexcept override {
    const std::lock_guard lock(mutex_);
    events_.push_back(e);
    texts_.emplace_back(text);
  }
  void record(const trace::device_span& s) noexcept override {
    const std::lock_guard lock(mutex_);
    spans_.push_back(s);
  }
  [[nodiscard]] std::vector<trace::event> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  [[nodiscard]] std::vector<trace::event> of(std::uint64_t task) const {
    auto all = events();
    std::erase_if(all, [=](const trace::event& e) { return e.task != task; });
    return all;
  }
  [[nodiscard]] std::vector<trace::event> of(trace::event_kind kind) const {
    auto all = events();
    std::erase_if(all, [=](const trace::event& e) { return e.kind != kind; });
    return all;
  }
  /// The argument and the text of each event of the kind that is of the task.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, std::string>> told(
      std::uint64_t task, trace::event_kind kind) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::uint64_t, std::string>> found;
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (events_[i].task == task && events_[i].kind == kind) {
        found.emplace_back(events_[i].argument, texts_[i]);
      }
    }
    return found;
  }
  [[nodiscard]] std::vector<trace::device_span> spans() const {
    const std::lock_guard lock(mutex_);
    return spans_;
  }
  [[nodiscard]] std::vector<trace::device_span> spans(trace::time_grade grade) const {
    auto all = spans();
    std::erase_if(all, [=](const trace::device_span& s) { return s.grade != grade; });
    return all;
  }
  void wait_for(trace::event_kind kind, std::size_t times) const {
    while (of(kind).size() < times) std::this_thread::yield();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<trace::event> events_;       // guarded by mutex_
  std::vector<std::string> texts_;         // guarded by mutex_; of each event
  std::vector<trace::device_span> spans_;  // guarded by mutex_
  trace::sink* before_;                    // last: from then on events arrive
};

}  // namespace fronta::test
