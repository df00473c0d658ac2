// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/gpu/simulated.hpp>

#include <cstdint>
#include <memory>

namespace fronta::gpu {

struct virtual_places;

/// Simulated devices in virtual time as places of one executor: nothing happens on them but in
/// `step`, and no clock but theirs is read. With `cpu::manual` and a seed, a run and its trace are
/// the same each time. Options that go by the host's clock (`hang_timeout`, `blocking_sync`) are
/// refused; retries without `backoff` need none. What `select_by::cost` chooses is measured, and so
/// may differ. Where a host part finds no memory on a device it fails at once, with
/// device_bad_alloc: what it would wait for on threads cannot end while it runs. Not thread-safe.
/// ```
/// fronta::gpu::virtual_devices gpus{{.devices = 2, .seed = 7}};
/// fronta::executor ex{{.seed = 7}, fronta::cpu::manual{tasks}, gpus.places()};
/// …
/// while (tasks->run_one() || gpus.step()) {
/// }
/// ```
class virtual_devices {
 public:
  /// The configuration's time is taken to be `simulated_time::virtual_()`. Throws
  /// std::invalid_argument for figures out of range and for the options above.
  explicit virtual_devices(simulated of);
  ~virtual_devices();
  virtual_devices(const virtual_devices&) = delete;
  virtual_devices& operator=(const virtual_devices&) = delete;

  /// What the executor's constructor takes; once.
  [[nodiscard]] virtual_places places() const;
  /// Tells the executor of what has ended, else does what comes next on a device and moves the time
  /// there. False when nothing can happen any more.
  bool step();
  /// Such as for `give_up`, where a kernel hangs. Throws std::out_of_range.
  [[nodiscard]] device& at(int index);
  /// Simulated nanoseconds since the beginning; of this time are the spans of a trace.
  [[nodiscard]] std::int64_t now() const;

 private:
  friend std::unique_ptr<backend> make_backend(virtual_places config);
  struct state;
  std::shared_ptr<state> state_;
};

/// Made by `virtual_devices::places`.
struct virtual_places {
  std::shared_ptr<void> of;
};

/// Throws std::logic_error the second time.
std::unique_ptr<backend> make_backend(virtual_places config);

}  // namespace fronta::gpu
