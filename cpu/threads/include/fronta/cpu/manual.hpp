// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>

#include <cstddef>
#include <memory>

namespace fronta::cpu {

/// The tasks of a `manual` place that are ready and have not run, and the thread that runs them:
/// whoever calls. With one thread, one seed and devices in virtual time (`gpu::virtual_devices`) a
/// run is the same each time, to the last event of its trace.
/// ```
/// const auto tasks = std::make_shared<fronta::cpu::manual_tasks>();
/// fronta::executor ex{{.seed = 7}, fronta::cpu::manual{tasks}};
/// auto f = ex.submit([] { return 6 * 7; });
/// while (tasks->run_one()) {
/// }
/// ```
/// An executor's end waits for its tasks: run them before, or shut down with `.cancel_futures` and
/// run what is left. A task that waits for another runs it inline where that is ready, else the
/// wait throws std::system_error, since there is nobody else to run it.
class manual_tasks {
 public:
  manual_tasks();
  /// No executor may use it any more.
  ~manual_tasks();
  manual_tasks(const manual_tasks&) = delete;
  manual_tasks& operator=(const manual_tasks&) = delete;

  /// Runs the one of the highest priority, of these the one that became ready first, to its end or
  /// next attempt. False when there is none. Throws std::logic_error inside a task that it runs,
  /// and while another thread is in it.
  bool run_one();
  [[nodiscard]] std::size_t size() const;

 private:
  friend std::unique_ptr<backend> make_backend(struct manual config);
  class body;
  std::shared_ptr<body> body_;
};

/// A CPU place without threads, which offers {"cpu", 1}.
struct manual {
  std::shared_ptr<manual_tasks> tasks;
};

/// Throws std::invalid_argument without tasks, or for tasks that another executor uses.
std::unique_ptr<backend> make_backend(manual config);

}  // namespace fronta::cpu
