// SPDX-License-Identifier: Apache-2.0
// Ready-made kernels against a copy on the device, copies to and from it, and matmul beside cuBLAS.
#include "rig.hpp"

#include <fronta/gpu/kernels.hpp>

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace bench::gpu {
namespace {

namespace lib = fronta::gpu;

constexpr int repeats = 10;

// Seconds for one of `repeats` calls in one task.
double time_of_each(const fronta::executor& ex, const std::function<void(stream&)>& call) {
  const auto run = [&](int times) {
    return time_of([&] {
             ex.submit([&](stream& s) {
                 for (int i = 0; i < times; ++i) call(s);
               }).get();
           })
        .count();
  };
  run(1);
  std::vector<double> all(5);
  for (auto& one : all) one = run(repeats) / repeats;
  return median(all);
}

// The same for copies that the device is told by itself.
double time_of_each_copy(const settings& s, lib::copy_kind kind, std::size_t bytes) {
  const bare_device d(s);
  auto* const there = static_cast<char*>(d->allocate(d.stream(), bytes));
  void* const other = kind == lib::copy_kind::on_device ? d->allocate(d.stream(), bytes) : nullptr;
  std::vector<char> pageable(kind == lib::copy_kind::on_device ? 0 : bytes, 'x');
  void* const from = other != nullptr ? other : pageable.data();
  const auto run = [&](int times) {
    return time_of([&] {
             for (int i = 0; i < times; ++i) {
               if (kind == lib::copy_kind::to_host) {
                 d->copy(d.stream(), pageable.data(), there, bytes, kind);
               } else {
                 d->copy(d.stream(), there, from, bytes, kind);
               }
             }
             d.finish();
           })
        .count();
  };
  d->fill(d.stream(), there, 1, bytes);
  if (other != nullptr) d->fill(d.stream(), other, 1, bytes);
  run(1);
  std::vector<double> all(5);
  for (auto& one : all) one = run(repeats) / repeats;
  d->deallocate(d.stream(), there);
  if (other != nullptr) d->deallocate(d.stream(), other);
  return median(all);
}

}  // namespace

// 10^9 bytes a second, read and written.
void bandwidth(benchmark::State& state, const settings& s) {
  const auto ex = open(s);
  const std::size_t n = s.n;
  // With the numbers 0 … 250 in turn, and so in bytes too.
  lib::buffer<float> a;
  lib::buffer<float> b;
  lib::buffer<std::int32_t> numbers;
  lib::buffer<std::uint8_t> bytes;
  lib::buffer<std::uint8_t> mask;
  lib::buffer<float> one;
  lib::buffer<std::uint32_t> counts;
  ex.submit([&](stream& on) {
      std::vector<float> values(n);
      std::vector<std::int32_t> whole(n);
      std::vector<std::uint8_t> small(n);
      for (std::size_t i = 0; i < n; ++i) {
        values[i] = static_cast<float>(i % 251);
        whole[i] = static_cast<std::int32_t>(i % 251);
        small[i] = static_cast<std::uint8_t>(i * 7919 % 251);
      }
      a = on.to_device(std::span<const float>(values));
      b = on.to_device(std::span<const float>(values));
      numbers = on.to_device(std::span<const std::int32_t>(whole));
      bytes = on.to_device(std::span<const std::uint8_t>(small));
      mask = on.allocate<std::uint8_t>(n);
      one = on.allocate<float>(1);
      counts = on.allocate<std::uint32_t>(256);
    }).get();
  const auto size = static_cast<double>(n);
  const auto say = [&](const char* name, double bytes_each, auto call) {
    state.counters[name] = size * bytes_each / time_of_each(ex, call) / 1e9;
  };
  for ([[maybe_unused]] auto _ : state) {
    const auto took = time_of([&] {
      state.counters["copy"] =
          size * 8 / time_of_each_copy(s, lib::copy_kind::on_device, n * sizeof(float)) / 1e9;
      say("fill", 4, [&](stream& on) { lib::fill(on, on.write(b), 1); });
      say("axpy", 12, [&](stream& on) { lib::axpy(on, 0.5F, on.read(a), on.write(b)); });
      say("transform", 8,
          [&](stream& on) { lib::transform(on, lib::unary::negate, on.read(a), on.write(b)); });
      say("transform_two", 12, [&](stream& on) {
        lib::transform(on, lib::binary::add, on.read(a), on.read(b), on.write(b));
      });
      say("is_divisible", 5,
          [&](stream& on) { lib::is_divisible(on, on.read(numbers), 7, on.write(mask)); });
      say("reduce_sum", 4, [&](stream& on) { lib::reduce_sum(on, on.read(a), on.write(one)); });
      say("inclusive_scan", 8,
          [&](stream& on) { lib::inclusive_scan(on, on.read(a), on.write(b)); });
      say("histogram", 1,
          [&](stream& on) { lib::histogram(on, on.read(bytes), on.write(counts)); });
      const lib::image_size picture{4096, n / 4096};
      if (picture.height > 0) {
        const auto part = [&](const auto& v) {
          return lib::view(v.data(), picture.width * picture.height);
        };
        say("sobel", 8, [&](stream& on) {
          lib::sobel<float>(on, picture, part(on.read(a)), part(on.write(b)));
        });
      }
    });
    state.SetIterationTime(took.count());
  }
}

// 10^9 bytes a second between host and device, each way.
void copies(benchmark::State& state, const settings& s) {
  const auto ex = open(s);
  const pinned<char> direct(ex, s.n);
  std::vector<char> pageable(s.n, 'x');
  lib::buffer<char> there;
  ex.submit([&](stream& on) { there = on.to_device(std::span<const char>(pageable)); }).get();
  const auto say = [&](const char* name, auto call) {
    state.counters[name] = static_cast<double>(s.n) / time_of_each(ex, call) / 1e9;
  };
  const auto say_by_driver = [&](const char* name, lib::copy_kind kind) {
    state.counters[name] = static_cast<double>(s.n) / time_of_each_copy(s, kind, s.n) / 1e9;
  };
  for ([[maybe_unused]] auto _ : state) {
    const auto took = time_of([&] {
      say("to_device_pinned", [&](stream& on) {
        static_cast<void>(on.to_device(std::span<const char>(direct.all())));
      });
      say("to_device_ring",
          [&](stream& on) { static_cast<void>(on.to_device(std::span<const char>(pageable))); });
      say_by_driver("to_device_by_driver", lib::copy_kind::to_device);
      say("to_host_pinned", [&](stream& on) { on.to_host(direct.all(), there); });
      say("to_host_ring", [&](stream& on) { on.to_host(std::span<char>(pageable), there); });
      say_by_driver("to_host_by_driver", lib::copy_kind::to_host);
    });
    state.SetIterationTime(took.count());
  }
}

namespace {

// cuBLAS where it is found at run time; only for a figure beside ours.
class cublas {
 public:
  cublas() : library_(dlopen("libcublas.so.13", RTLD_NOW)) {
    if (library_ == nullptr) library_ = dlopen("libcublas.so.12", RTLD_NOW);
    if (library_ == nullptr) return;
    const auto create = find<int (*)(void**)>("cublasCreate_v2");
    set_stream_ = find<int (*)(void*, void*)>("cublasSetStream_v2");
    multiply_ = find<gemm>("cublasSgemm_v2");
    if (create == nullptr || set_stream_ == nullptr || multiply_ == nullptr ||
        create(&handle_) != 0) {
      handle_ = nullptr;
    }
  }
  [[nodiscard]] bool there() const { return handle_ != nullptr; }
  /// c = a b, of n rows and columns.
  void multiply(void* native, int n, const float* a, const float* b, float* c) {
    const float one = 1;
    const float zero = 0;
    // It counts by columns, so b comes first.
    if (set_stream_(handle_, native) != 0 ||
        multiply_(handle_, 0, 0, n, n, n, &one, b, n, a, n, &zero, c, n) != 0) {
      fail("cublasSgemm failed");
    }
  }

 private:
  using gemm = int (*)(void*, int, int, int, int, int, const float*, const float*, int,
                       const float*, int, const float*, float*, int);
  template <class Function>
  Function find(const char* name) {
    return reinterpret_cast<Function>(dlsym(library_, name));
  }
  void* library_ = nullptr;
  void* handle_ = nullptr;
  int (*set_stream_)(void*, void*) = nullptr;
  gemm multiply_ = nullptr;
};

}  // namespace

// 10^9 operations a second, of square matrices.
void matmul(benchmark::State& state, const settings& s) {
  const auto ex = open(s);
  const auto n = static_cast<std::size_t>(s.n);
  lib::buffer<float> a;
  lib::buffer<float> b;
  lib::buffer<float> c;
  ex.submit([&](stream& on) {
      std::vector<float> values(n * n);
      for (std::size_t i = 0; i < n * n; ++i) values[i] = static_cast<float>(i * 7919 % 251) / 251;
      a = on.to_device(std::span<const float>(values));
      b = on.to_device(std::span<const float>(values));
      c = on.allocate<float>(n * n);
    }).get();
  const auto operations = 2 * static_cast<double>(n) * static_cast<double>(n * n);
  for ([[maybe_unused]] auto _ : state) {
    const auto took = time_of([&] {
      state.counters["matmul"] =
          operations /
          time_of_each(ex,
                       [&](stream& on) {
                         lib::matmul<float>(on, {n, n, n}, on.read(a), on.read(b), on.write(c));
                       }) /
          1e9;
      if (found(s).simulated) return;
      std::optional<cublas> other;
      ex.submit([&](stream& on) {
          on.on().make_current();
          other.emplace();
        }).get();
      if (!other->there()) return;
      state.counters["cublas"] =
          operations /
          time_of_each(ex,
                       [&](stream& on) {
                         other->multiply(on.native(), static_cast<int>(n), on.read(a).data(),
                                         on.read(b).data(), on.write(c).data());
                       }) /
          1e9;
    });
    state.SetIterationTime(took.count());
  }
}

}  // namespace bench::gpu
