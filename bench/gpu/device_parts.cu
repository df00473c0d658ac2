// SPDX-License-Identifier: Apache-2.0
#include "device_parts.hpp"

#include <cuda/atomic>

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace bench::gpu::on_device {
namespace {

using word = std::uint32_t;

__device__ std::uint64_t device_now() {
  std::uint64_t t = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t)::"memory");
  return t;
}

__global__ void count_kernel(std::uint64_t* at) {
  atomicAdd(reinterpret_cast<unsigned long long*>(at), 1ULL);
}

__global__ void hold_kernel(const word* go) {
  const cuda::atomic_ref<const word, cuda::thread_scope_system> told(*go);
  while (told.load(cuda::std::memory_order_acquire) == 0) {
  }
}

__global__ void stamp_kernel(std::uint64_t* at, std::uint64_t after) {
  const std::uint64_t begin = device_now();
  while (device_now() - begin < after) {
  }
  *at = device_now();
}

struct question {
  alignas(64) word asked = 0;
  alignas(64) std::uint64_t time = 0;
  word answered = 0;
};
__global__ void answer_kernel(question* q, word rounds) {
  const cuda::atomic_ref<word, cuda::thread_scope_system> asked(q->asked);
  const cuda::atomic_ref<word, cuda::thread_scope_system> answered(q->answered);
  for (word i = 1; i <= rounds; ++i) {
    while (asked.load(cuda::std::memory_order_acquire) < i) {
    }
    q->time = device_now();
    answered.store(i, cuda::std::memory_order_release);
  }
}

void check(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  std::fprintf(stderr, "bench: %s failed with %s\n", call, cudaGetErrorString(code));
  std::_Exit(1);
}
#define CHECK(call) check(call, #call)

template <class... Parameters>
int launch(void (*kernel)(Parameters...), void* native, std::type_identity_t<Parameters>... args) {
  void* pointers[] = {&args...};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(1), dim3(1), pointers, 0,
                          static_cast<cudaStream_t>(native));
}

template <class T>
T* pinned() {
  void* p = nullptr;
  CHECK(cudaHostAlloc(&p, sizeof(T), cudaHostAllocDefault));
  return new (p) T{};
}

cudaStream_t new_stream() {
  cudaStream_t s = nullptr;
  CHECK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  return s;
}

std::int64_t host_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

int count(void* native, extent, extent, std::uint64_t* at) {
  return launch(&count_kernel, native, at);
}
int hold(void* native, extent, extent, const std::uint32_t* go) {
  return launch(&hold_kernel, native, go);
}
int stamp(void* native, extent, extent, std::uint64_t* at, std::uint64_t after) {
  return launch(&stamp_kernel, native, at, after);
}

double bare_launches(std::size_t n) {
  const cudaStream_t s = new_stream();
  void* at = nullptr;
  CHECK(cudaMalloc(&at, sizeof(std::uint64_t)));
  auto* const counted = static_cast<std::uint64_t*>(at);
  CHECK(cudaMemset(at, 0, sizeof(std::uint64_t)));
  count_kernel<<<1, 1, 0, s>>>(counted);
  CHECK(cudaStreamSynchronize(s));
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < n; ++i) count_kernel<<<1, 1, 0, s>>>(counted);
  CHECK(cudaStreamSynchronize(s));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::uint64_t seen = 0;
  CHECK(cudaMemcpy(&seen, at, sizeof(seen), cudaMemcpyDeviceToHost));
  if (seen != n + 1) check(cudaErrorUnknown, "bare_launches");
  CHECK(cudaFree(at));
  CHECK(cudaStreamDestroy(s));
  return took.count();
}

double bare_steps(std::size_t steps) {
  struct shared {
    alignas(64) word go = 0;
    alignas(64) std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  auto* const all = pinned<shared>();
  void* at = nullptr;
  CHECK(cudaMalloc(&at, 2 * sizeof(std::uint64_t)));
  CHECK(cudaMemset(at, 0, 2 * sizeof(std::uint64_t)));
  auto* const counted = static_cast<std::uint64_t*>(at);
  std::array<cudaStream_t, 2> s{new_stream(), new_stream()};
  std::array<cudaEvent_t, 2> e{};
  for (auto& one : e) CHECK(cudaEventCreateWithFlags(&one, cudaEventDisableTiming));
  hold_kernel<<<1, 1, 0, s[0]>>>(&all->go);
  stamp_kernel<<<1, 1, 0, s[0]>>>(&all->first, 0);
  for (std::size_t i = 0; i < steps; ++i) {
    // The first time only the first stream has done anything.
    for (std::size_t k = 0; k < (i == 0 ? 1 : 2); ++k) CHECK(cudaEventRecord(e[k], s[k]));
    CHECK(cudaStreamWaitEvent(s[1], e[0], 0));
    if (i != 0) CHECK(cudaStreamWaitEvent(s[0], e[1], 0));
    for (std::size_t k = 0; k < 2; ++k) count_kernel<<<1, 1, 0, s[k]>>>(counted + k);
  }
  CHECK(cudaEventRecord(e[1], s[1]));
  CHECK(cudaStreamWaitEvent(s[0], e[1], 0));
  stamp_kernel<<<1, 1, 0, s[0]>>>(&all->last, 0);
  std::atomic_ref(all->go).store(1, std::memory_order_release);
  CHECK(cudaStreamSynchronize(s[0]));
  const auto took = static_cast<double>(all->last - all->first);
  for (const auto one : e) CHECK(cudaEventDestroy(one));
  for (const auto one : s) CHECK(cudaStreamDestroy(one));
  CHECK(cudaFree(at));
  CHECK(cudaFreeHost(all));
  return took;
}

clock_pair compare_clocks(int rounds) {
  auto* const q = pinned<question>();
  const cudaStream_t s = new_stream();
  answer_kernel<<<1, 1, 0, s>>>(q, static_cast<word>(rounds));
  CHECK(cudaGetLastError());
  const std::atomic_ref asked(q->asked);
  const std::atomic_ref answered(q->answered);
  clock_pair best{.error = INT64_MAX};
  for (int i = 1; i <= rounds; ++i) {
    const auto number = static_cast<word>(i);
    const std::int64_t before = host_now();
    asked.store(number, std::memory_order_release);
    while (answered.load(std::memory_order_acquire) < number) {
    }
    const std::int64_t after = host_now();
    const std::int64_t error = (after - before + 1) / 2;
    if (error < best.error) {
      best = {before + error, static_cast<std::int64_t>(q->time), error};
    }
  }
  CHECK(cudaStreamSynchronize(s));
  CHECK(cudaStreamDestroy(s));
  CHECK(cudaFreeHost(q));
  return best;
}

}  // namespace bench::gpu::on_device
