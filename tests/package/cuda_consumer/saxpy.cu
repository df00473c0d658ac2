// SPDX-License-Identifier: Apache-2.0
// A kernel in two versions: on CUDA devices where there are some, and on a simulated one.
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>
#include <fronta/gpu/backend.hpp>
#include <fronta/gpu/cuda.hpp>
#include <fronta/gpu/thrust.cuh>

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdio>
#include <span>
#include <vector>

#include <thrust/transform.h>

namespace {

using fronta::gpu::buffer;
using fronta::gpu::extent;
using fronta::gpu::stream;
using fronta::gpu::view;

__global__ void saxpy_kernel(float a, view<const float> x, view<float> y) {
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < x.size()) y[i] = a * x[i] + y[i];
}

int saxpy_on_device(void* native, extent grid, extent block, float a, view<const float> x,
                    view<float> y) {
  saxpy_kernel<<<dim3(grid.x, grid.y, grid.z), dim3(block.x, block.y, block.z), 0,
                 static_cast<cudaStream_t>(native)>>>(a, x, y);
  return static_cast<int>(cudaGetLastError());
}

void saxpy_on_host(float a, view<const float> x, view<float> y) {
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = a * x[i] + y[i];
}

constexpr fronta::gpu::kernel saxpy{&saxpy_on_device, &saxpy_on_host, "saxpy"};

// By Thrust: the same once more.
struct saxpy_of {
  float a;
  __host__ __device__ float operator()(float x, float y) const { return a * x + y; }
};
void saxpy_by_thrust(stream& s, float a, view<const float> x, view<float> y) {
  s.thrust([=](auto policy) {
    thrust::transform(policy, x.begin(), x.end(), y.begin(), y.begin(), saxpy_of{a});
  });
}

bool right(fronta::executor ex) {
  const std::vector<float> x(1'000, 2.0F);
  const std::vector<float> y(x.size(), 1.0F);
  auto sum = ex.submit(
      [](stream& s, const std::vector<float>& a, const std::vector<float>& b) {
        const auto in = s.to_device(std::span(a));
        auto out = s.to_device(std::span(b));
        const unsigned blocks = static_cast<unsigned>((in.size() + 255) / 256);
        s.launch(saxpy, {blocks}, {256}, 3.0F, s.read(in), s.write(out));
        saxpy_by_thrust(s, 3.0F, s.read(in), s.write(out));
        return out;
      },
      x, y);
  std::vector<float> result(x.size());
  ex.submit([&](stream& s, const buffer<float>& from) { s.to_host(std::span(result), from); }, sum)
      .get();
  for (const float r : result) {
    if (r != 13.0F) return false;
  }
  return true;
}

}  // namespace

int main() {
  if (!right(fronta::executor{fronta::cpu::threads{.workers = 1}, fronta::gpu::simulated{}})) {
    return 1;
  }
  const auto& found = fronta::gpu::cuda_probe();
  if (found.devices.empty()) {
    std::puts("no CUDA device: the kernel was compiled, and its host version is right");
    return 0;
  }
  return right(fronta::executor{fronta::cpu::threads{.workers = 1}, fronta::gpu::cuda{}}) ? 0 : 1;
}
