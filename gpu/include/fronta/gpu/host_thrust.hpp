// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/gpu/stream.hpp>

#include <memory>
#include <type_traits>
#include <utility>

#include <thrust/system/cpp/execution_policy.h>

/// `stream::host_thrust`, for files that nvcc does not see. Thrust's headers come with a CUDA
/// toolkit, or alone (CCCL); link `fronta::cccl` for them.
namespace fronta::gpu {

namespace detail {

template <class Body>
class host_thrust_work final : public work {
 public:
  host_thrust_work(Body body, const work_cost& cost) : body_(std::move(body)), cost_(cost) {}
  int enqueue(void* /*native_stream*/) override { return 98; }  // CUDA's invalid device function
  void run_on_host() override { body_(::thrust::cpp::par); }
  [[nodiscard]] work_cost cost() const noexcept override { return cost_; }
  [[nodiscard]] const char* name() const noexcept override { return "host_thrust"; }

 private:
  Body body_;
  work_cost cost_;
};

}  // namespace detail

/// Enqueues `body(policy)`, which runs Thrust's algorithms with the policy it is given. On a
/// simulated device it runs in stream order, so after the host part has returned: capture local
/// views by value. It has no device version: `launch_error` on a real device; there it is
/// `stream::thrust`, in a .cu file.
/// ```
/// s.host_thrust([v = s.write(keys)](auto policy) { thrust::sort(policy, v.begin(), v.end()); });
/// ```
template <class Body>
void stream::host_thrust(Body body, const work_cost& cost) {
  static_assert(std::is_void_v<decltype(body(::thrust::cpp::par))>,
                "host_thrust: the body returns nothing; write results to device memory");
  enqueue(std::make_unique<detail::host_thrust_work<Body>>(std::move(body), cost));
}

}  // namespace fronta::gpu
