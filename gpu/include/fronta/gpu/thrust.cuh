// SPDX-License-Identifier: Apache-2.0
#pragma once

// A function in a header would be compiled to two things under one name, by nvcc and by the C++
// compiler, and the linker takes either.
#if !defined(__CUDACC__)
#error "<fronta/gpu/thrust.cuh> needs nvcc; in a .cpp include <fronta/gpu/host_thrust.hpp>"
#endif

#include <fronta/gpu/detail/scratch.hpp>
#include <fronta/gpu/stream.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include <thrust/system/cpp/execution_policy.h>
#include <thrust/system/cuda/execution_policy.h>
#include <thrust/system_error.h>

/// `stream::thrust`, for files that nvcc compiles.
namespace fronta::gpu {

namespace detail {

// Thrust's temporary memory, in stream order; its own would come from cudaMalloc, which blocks.
class thrust_allocator {
 public:
  using value_type = char;
  explicit thrust_allocator(stream& s) noexcept : stream_(&s) {}
  char* allocate(std::ptrdiff_t bytes) {
    return static_cast<char*>(scratch::take(*stream_, static_cast<std::size_t>(bytes)));
  }
  void deallocate(char* p, std::size_t /*bytes*/) noexcept { scratch::give(*stream_, p); }

 private:
  stream* stream_;
};

template <class Body>
class thrust_work final : public work {
 public:
  thrust_work(stream& s, Body body, const work_cost& cost)
      : stream_(s), body_(std::move(body)), cost_(cost) {}
  // In the host part, so the stream is there.
  int enqueue(void* native_stream) override {
    thrust_allocator memory(stream_);
    try {
      body_(::thrust::cuda::par_nosync(memory).on(static_cast<cudaStream_t>(native_stream)));
    } catch (const ::thrust::system_error& e) {
      return e.code().value();
    }
    return 0;
  }
  void run_on_host() override { body_(::thrust::cpp::par); }
  [[nodiscard]] work_cost cost() const noexcept override { return cost_; }
  [[nodiscard]] const char* name() const noexcept override { return "thrust"; }

 private:
  stream& stream_;
  Body body_;
  work_cost cost_;
};

}  // namespace detail

/// Enqueues `body(policy)`, which runs Thrust's algorithms with the policy it is given:
/// ```
/// s.thrust([v = s.write(keys)](auto policy) { thrust::sort(policy, v.begin(), v.end()); });
/// ```
/// On a real device the body runs at once, its algorithms are enqueued, and what they need for a
/// time is memory of the device, taken and given back in stream order. On a simulated one it runs
/// on the host in stream order, so after the host part has returned: capture local views by value.
/// - Algorithms that return a number, such as `thrust::reduce`, wait for the device in the host
///   part, which must not wait: use `gpu::reduce_sum` or CUB into a buffer.
/// - Operators are functors with a name, or extended lambdas defined outside the body.
/// - What Thrust reports is a `launch_error`; memory that is not there `device_bad_alloc`.
template <class Body>
void stream::thrust(Body body, const work_cost& cost) {
  static_assert(std::is_void_v<decltype(body(::thrust::cpp::par))>,
                "thrust: the body returns nothing; write results to device memory");
  enqueue(std::make_unique<detail::thrust_work<Body>>(*this, std::move(body), cost));
}

}  // namespace fronta::gpu
