// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/detail/worker.hpp>
#include <fronta/rng.hpp>

#include <stop_token>
#include <string>
#include <string_view>

/// The task that the calling thread is running. Outside a task these throw `invalid_state_error`,
/// unless said. `this_task::executor()` is declared in `<fronta/executor.hpp>`.
namespace fronta::this_task {

/// Whether the calling thread is inside a task. Never throws.
[[nodiscard]] bool active() noexcept;

/// Triggered by `request_stop`, the option `stop`, a task timeout and a cancelling shutdown.
[[nodiscard]] std::stop_token stop_token();
/// 0 in the first run.
[[nodiscard]] int attempt();
[[nodiscard]] std::string name();
/// The places that the task holds: the hosting one, then that of its device tags.
[[nodiscard]] std::string place();
/// Identifies the task within its executor's run: equal for equal submission trees, whatever ran
/// where and when. What was refused, `scatter`, and questions such as `places` are no submissions.
[[nodiscard]] std::uint64_t path();

/// Whether the task's needs name the tag.
[[nodiscard]] bool holds(std::string_view tag);

/// A stream of random numbers that depends on the executor's seed, the task's path and the attempt
/// alone: the same on every worker and backend. Each call starts the same stream anew.
[[nodiscard]] fronta::rng rng();

/// While it lives, the task's cpu share is lent to another worker: put it around calls that block
/// (files, sockets, locks held long). Outside a worker it does nothing.
class blocking {
 public:
  blocking() = default;

 private:
  detail::blocking_section section_{trace::wait_reason::blocking};
};

/// Ends this run and puts the task back in the queue: neither a failure nor a retry. The next run
/// gets what this one left of callable and arguments. Where that may be nothing, the task fails
/// with `invalid_state_error`: where it takes an argument by value, or by a parameter whose type is
/// not known (`auto`), and that is not trivially copyable. With `.retries` every run gets copies;
/// what is taken by reference is as this run left it.
[[noreturn]] void reschedule();

}  // namespace fronta::this_task
