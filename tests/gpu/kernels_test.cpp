// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/kernels.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <support/gate.hpp>
#include <support/gpu_kind.hpp>
#include <support/test_kernels.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace fronta::gpu;
using fronta::test::gate;
using testing::Each;
using testing::HasSubstr;
using i32 = std::int32_t;
using u8 = std::uint8_t;

// Around the sizes of warps, blocks and CUB's tiles.
constexpr std::array<std::size_t, 10> sizes = {0, 1, 2, 31, 255, 256, 257, 1'000, 4'097, 70'001};

template <class T>
std::vector<T> random_numbers(std::size_t n, T least, T greatest, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::vector<T> numbers(n);
  const auto pick = [&] {
    if constexpr (std::is_floating_point_v<T>) {
      return std::uniform_real_distribution<T>(least, greatest);
    } else {
      return std::uniform_int_distribution<int>(least, greatest);
    }
  };
  auto distribution = pick();
  for (T& x : numbers) x = static_cast<T>(distribution(engine));
  return numbers;
}

template <class T>
double tolerance() {
  return std::is_same_v<T, float> ? 1e-5 : 1e-13;
}

template <class T>
void expect_near(const std::vector<T>& found, const std::vector<double>& wanted, double relative) {
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], wanted[i], relative * (1 + std::abs(wanted[i]))) << "at " << i;
  }
}

class Kernels : public fronta::test::OnEachGpuKind {
 protected:
  /// What `f(s, views of the inputs..., out)` makes of them.
  template <class Out, class F, class... Ins>
  std::vector<Out> compute(std::size_t size, F f, const std::vector<Ins>&... ins) {
    std::vector<Out> result(size);
    run([&](stream& s) {
      auto out = s.allocate<Out>(size);
      const auto with = [&](const auto&... buffers) { f(s, s.read(buffers)..., s.write(out)); };
      with(s.to_device(std::span(ins))...);
      s.to_host(std::span(result), out);
    });
    return result;
  }
  /// The same where the output is the first input.
  template <class T, class F>
  std::vector<T> compute_in_place(std::vector<T> numbers, F f) {
    run([&](stream& s) {
      auto in_out = s.to_device(std::span(std::as_const(numbers)));
      f(s, s.write(in_out));
      s.to_host(std::span(numbers), in_out);
    });
    return numbers;
  }
  /// What is wrong with a call in a host part.
  template <class F>
  std::string refusal(F f) {
    return run([&](stream& s) -> std::string {
      try {
        f(s);
      } catch (const std::invalid_argument& e) {
        return e.what();
      }
      return "it was accepted";
    });
  }
};
FRONTA_ON_EACH_GPU_KIND(Kernels);

// ---- Vectors.

TEST_P(Kernels, FillEveryElement) {
  const auto check = [&]<class T>(T value) {
    for (const auto n : sizes) {
      EXPECT_THAT(compute<T>(n, [&](stream& s, view<T> out) { fill(s, out, value); }), Each(value));
    }
  };
  check(1.5F);
  check(-2.25);
  check(i32{-7});
  check(u8{200});
}

TEST_P(Kernels, AxpyRoundsOnce) {
  const auto check = [&]<class T>(T a) {
    for (const auto n : sizes) {
      const auto x = random_numbers<T>(n, -10, 10, 1);
      const auto y = random_numbers<T>(n, -10, 10, 2);
      auto found = y;
      run([&](stream& s) {
        const auto in = s.to_device(std::span(x));
        auto in_out = s.to_device(std::span(y));
        axpy(s, a, s.read(in), s.write(in_out));
        s.to_host(std::span(found), in_out);
      });
      for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(found[i], std::fma(a, x[i], y[i]));
    }
  };
  check(3.25F);
  check(-0.7);
}

TEST_P(Kernels, TransformOneNumber) {
  const std::vector<std::pair<unary, std::function<double(double)>>> functions = {
      {unary::negate, [](double x) { return -x; }},
      {unary::absolute, [](double x) { return std::abs(x); }},
      {unary::square, [](double x) { return x * x; }},
      {unary::square_root, [](double x) { return std::sqrt(x); }},
      {unary::exponential, [](double x) { return std::exp(x); }},
      {unary::logarithm, [](double x) { return std::log(x); }},
      {unary::sine, [](double x) { return std::sin(x); }},
      {unary::cosine, [](double x) { return std::cos(x); }},
      {unary::hyperbolic_tangent, [](double x) { return std::tanh(x); }},
  };
  const auto check = [&]<class T>(T) {
    for (const auto& [f, reference] : functions) {
      const bool of_positive = f == unary::square_root || f == unary::logarithm;
      for (const std::size_t n : {0U, 1U, 1'000U}) {
        const auto in = random_numbers<T>(n, of_positive ? T(0.1) : T(-5), 5);
        std::vector<double> wanted(n);
        std::ranges::transform(in, wanted.begin(), reference);
        expect_near(compute<T>(
                        n, [&](stream& s, auto x, view<T> y) { transform(s, f, x, y); }, in),
                    wanted, tolerance<T>());
        expect_near(compute_in_place(in, [&](stream& s, view<T> x) { transform(s, f, x, x); }),
                    wanted, tolerance<T>());
      }
    }
  };
  check(0.0F);
  check(0.0);
}

TEST_P(Kernels, TransformTwoNumbers) {
  const std::vector<std::pair<binary, std::function<double(double, double)>>> functions = {
      {binary::add, std::plus<>()},
      {binary::subtract, std::minus<>()},
      {binary::multiply, std::multiplies<>()},
      {binary::divide, std::divides<>()},
      {binary::minimum, [](double a, double b) { return std::min(a, b); }},
      {binary::maximum, [](double a, double b) { return std::max(a, b); }},
  };
  const auto check = [&]<class T>(T) {
    for (const auto& [f, reference] : functions) {
      const auto a = random_numbers<T>(1'001, -5, 5, 1);
      const auto b = random_numbers<T>(1'001, T(0.5), 5, 2);
      std::vector<double> wanted(a.size());
      std::ranges::transform(a, b, wanted.begin(), reference);
      expect_near(
          compute<T>(
              a.size(), [&](stream& s, auto x, auto y, view<T> out) { transform(s, f, x, y, out); },
              a, b),
          wanted, tolerance<T>());
    }
  };
  check(0.0F);
  check(0.0);
}

TEST_P(Kernels, MarkWhatADivisorDivides) {
  auto numbers = random_numbers<i32>(10'001, -1'000'000, 1'000'000);
  numbers.insert(numbers.end(),
                 {0, std::numeric_limits<i32>::min(), std::numeric_limits<i32>::max()});
  for (const i32 divisor : {1, -1, 2, 3, -7, 13, std::numeric_limits<i32>::min()}) {
    const auto mask = compute<u8>(
        numbers.size(),
        [&](stream& s, auto in, view<u8> out) { is_divisible(s, in, divisor, out); }, numbers);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_EQ(mask[i], std::int64_t{numbers[i]} % divisor == 0 ? 1 : 0) << numbers[i];
    }
  }
}

// ---- Reductions, scans, sorting.

TEST_P(Kernels, ReduceToASum) {
  const auto check = [&]<class T>(T least, T greatest) {
    using sum = sum_t<T>;
    for (const auto n : sizes) {
      const auto in = random_numbers<T>(n, least, greatest);
      const auto found = compute<sum>(
          1, [](stream& s, view<const T> x, view<sum> out) { reduce_sum(s, x, out); }, in);
      if constexpr (std::is_integral_v<T>) {
        EXPECT_EQ(found[0], std::accumulate(in.begin(), in.end(), sum{}));
      } else {
        EXPECT_NEAR(found[0], std::accumulate(in.begin(), in.end(), 0.0),
                    tolerance<T>() * static_cast<double>(n));
      }
    }
  };
  check(-1.0F, 1.0F);
  check(-1.0, 1.0);
  check(std::numeric_limits<i32>::min(), std::numeric_limits<i32>::max());
  check(u8{0}, u8{255});
}

TEST_P(Kernels, ReduceToTheLeastAndTheGreatest) {
  const auto check = [&]<class T>(T least, T greatest) {
    using limits = std::numeric_limits<T>;
    for (const auto n : sizes) {
      const auto in = random_numbers<T>(n, least, greatest);
      const auto low =
          compute<T>(1, [](stream& s, auto x, view<T> out) { reduce_min(s, x, out); }, in);
      const auto high =
          compute<T>(1, [](stream& s, auto x, view<T> out) { reduce_max(s, x, out); }, in);
      if (n != 0) {
        EXPECT_EQ(low[0], *std::ranges::min_element(in));
        EXPECT_EQ(high[0], *std::ranges::max_element(in));
      } else if constexpr (limits::has_infinity) {
        EXPECT_EQ(low[0], limits::infinity());
        EXPECT_EQ(high[0], -limits::infinity());
      } else {
        EXPECT_EQ(low[0], limits::max());
        EXPECT_EQ(high[0], limits::lowest());
      }
    }
  };
  check(-3.0F, 5.0F);
  check(-3.0, 5.0);
  check(i32{-3'000}, i32{5'000});
  check(u8{3}, u8{250});
}

TEST_P(Kernels, ScanForward) {
  const auto check = [&]<class T>(T least, T greatest, T initial) {
    for (const auto n : sizes) {
      const auto in = random_numbers<T>(n, least, greatest);
      std::vector<double> inclusive(n);
      std::vector<double> exclusive(n);
      std::inclusive_scan(in.begin(), in.end(), inclusive.begin(), std::plus<double>());
      std::exclusive_scan(in.begin(), in.end(), exclusive.begin(), static_cast<double>(initial));
      const double near = std::is_integral_v<T> ? 0 : tolerance<T>() * 100;
      expect_near(compute<T>(
                      n, [](stream& s, auto x, view<T> out) { inclusive_scan(s, x, out); }, in),
                  inclusive, near);
      expect_near(compute_in_place(in, [](stream& s, view<T> x) { inclusive_scan(s, x, x); }),
                  inclusive, near);
      expect_near(
          compute<T>(
              n, [&](stream& s, auto x, view<T> out) { exclusive_scan(s, x, out, initial); }, in),
          exclusive, near);
      expect_near(
          compute_in_place(in, [&](stream& s, view<T> x) { exclusive_scan(s, x, x, initial); }),
          exclusive, near);
    }
  };
  check(0.0F, 1.0F, 2.5F);
  check(-1.0, 1.0, -3.0);
  check(i32{-100}, i32{100}, i32{7});
}

TEST_P(Kernels, ScansOfIntegersWrapAround) {
  const std::vector<i32> in = {std::numeric_limits<i32>::max(), 2, -5};
  EXPECT_EQ(compute<i32>(
                3, [](stream& s, auto x, view<i32> out) { inclusive_scan(s, x, out); }, in),
            (std::vector<i32>{in[0], std::numeric_limits<i32>::min() + 1,
                              std::numeric_limits<i32>::max() - 3}));
}

TEST_P(Kernels, SortKeys) {
  const auto check = [&]<class T>(T least, T greatest) {
    for (const auto n : sizes) {
      auto wanted = random_numbers<T>(n, least, greatest);
      const auto found = compute_in_place(wanted, [](stream& s, view<T> x) { sort(s, x); });
      std::ranges::sort(wanted);
      ASSERT_EQ(found, wanted) << n;
    }
  };
  check(-1e30F, 1e30F);
  check(-1e300, 1e300);
  check(std::numeric_limits<i32>::min(), std::numeric_limits<i32>::max());
  check(i32{-3}, i32{3});
  check(u8{0}, u8{255});
}

TEST_P(Kernels, SortZerosStablyAndNanToTheEnds) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float inf = std::numeric_limits<float>::infinity();
  const auto found = compute_in_place(
      std::vector<float>{0.0F, 1.0F, -0.0F, nan, -inf, 0.0F, -nan, inf, -0.0F, -1.0F},
      [](stream& s, view<float> x) { sort(s, x); });
  const std::vector<float> wanted{-nan, -inf, -1.0F, 0.0F, -0.0F, 0.0F, -0.0F, 1.0F, inf, nan};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(found[i]), std::bit_cast<std::uint32_t>(wanted[i])) << i;
  }
}

TEST_P(Kernels, CountIntoEquallyWideParts) {
  const auto check = [&]<class T>(T least, T greatest, T lower, T upper) {
    for (const std::size_t parts : {1U, 2U, 10U, 20'000U}) {
      for (const std::size_t n : {0U, 1U, 10'007U}) {
        const auto in = random_numbers<T>(n, least, greatest);
        const auto found = compute<std::uint32_t>(
            parts,
            [&](stream& s, view<const T> x, auto out) { histogram(s, x, lower, upper, out); }, in);
        std::uint32_t inside = 0;
        for (const T x : in) inside += x >= lower && x < upper ? 1 : 0;
        EXPECT_EQ(std::accumulate(found.begin(), found.end(), 0U), inside);
        if (parts != 2 || n == 0) continue;
        const double middle = (static_cast<double>(lower) + static_cast<double>(upper)) / 2;
        EXPECT_EQ(found[0], std::ranges::count_if(in, [&](T x) {
                    return x >= lower && static_cast<double>(x) < middle;
                  }));
      }
    }
  };
  check(-2.0F, 2.0F, -1.0F, 1.0F);
  check(-2.0, 2.0, -1.0, 1.0);
  check(i32{-200}, i32{200}, i32{-100}, i32{100});
  check(u8{0}, u8{255}, u8{10}, u8{250});
}

TEST_P(Kernels, CountWholeNumbersAndLeaveNanOut) {
  const std::vector<i32> in = {0, 1, 1, 2, 9, 10, -1};
  EXPECT_EQ(compute<std::uint32_t>(
                5, [](stream& s, view<const i32> x, auto out) { histogram(s, x, 0, 10, out); }, in),
            (std::vector<std::uint32_t>{3, 1, 0, 0, 1}));
  const std::vector<float> with_nan = {0.5F, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(compute<std::uint32_t>(
                1, [](stream& s, view<const float> x, auto out) { histogram(s, x, 0, 1, out); },
                with_nan),
            (std::vector<std::uint32_t>{1}));
  std::vector<u8> bytes(1'000);
  std::iota(bytes.begin(), bytes.end(), u8{0});
  const auto counts = compute<std::uint32_t>(
      256, [](stream& s, view<const u8> x, auto out) { histogram(s, x, out); }, bytes);
  for (std::size_t k = 0; k < 256; ++k) EXPECT_EQ(counts[k], k < 1'000 - 3 * 256 ? 4U : 3U);
}

// ---- Matrices and images.

TEST_P(Kernels, MultiplyMatrices) {
  const auto check = [&]<class T>(T) {
    for (const auto& [m, k, n] : std::vector<std::array<std::size_t, 3>>{{0, 3, 4},
                                                                         {3, 0, 4},
                                                                         {1, 1, 1},
                                                                         {3, 5, 7},
                                                                         {64, 16, 64},
                                                                         {65, 33, 130},
                                                                         {7, 200, 1}}) {
      const auto a = random_numbers<T>(m * k, -1, 1, 1);
      const auto b = random_numbers<T>(k * n, -1, 1, 2);
      std::vector<double> wanted(m * n);
      for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          for (std::size_t l = 0; l < k; ++l) {
            wanted[i * n + j] +=
                static_cast<double>(a[i * k + l]) * static_cast<double>(b[l * n + j]);
          }
        }
      }
      const matmul_shape shape{.rows = m, .inner = k, .columns = n};
      expect_near(
          compute<T>(
              m * n, [&](stream& s, auto x, auto y, view<T> z) { matmul(s, shape, x, y, z); }, a,
              b),
          wanted, tolerance<T>() * 10);
    }
  };
  check(0.0F);
  check(0.0);
}

template <class T>
double pixel_at(const std::vector<T>& image, const image_size& size, std::ptrdiff_t x,
                std::ptrdiff_t y) {
  const auto column = std::clamp<std::ptrdiff_t>(x, 0, static_cast<std::ptrdiff_t>(size.width) - 1);
  const auto row = std::clamp<std::ptrdiff_t>(y, 0, static_cast<std::ptrdiff_t>(size.height) - 1);
  return static_cast<double>(
      image[static_cast<std::size_t>(row) * size.width + static_cast<std::size_t>(column)]);
}

template <class T>
std::vector<double> blurred(const std::vector<T>& image, const image_size& size, double sigma) {
  const int radius = std::max(1, static_cast<int>(std::ceil(3 * sigma)));
  std::vector<double> weights;
  for (int d = -radius; d <= radius; ++d) weights.push_back(std::exp(-d * d / (2 * sigma * sigma)));
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto index = [](std::ptrdiff_t at) { return static_cast<std::size_t>(at); };
  std::vector<double> result;
  for (std::ptrdiff_t y = 0; y < static_cast<std::ptrdiff_t>(size.height); ++y) {
    for (std::ptrdiff_t x = 0; x < static_cast<std::ptrdiff_t>(size.width); ++x) {
      double sum = 0;
      for (int i = -radius; i <= radius; ++i) {
        for (int j = -radius; j <= radius; ++j) {
          sum += weights[index(i + radius)] * weights[index(j + radius)] *
                 pixel_at(image, size, x + j, y + i);
        }
      }
      result.push_back(sum / (all * all));
    }
  }
  return result;
}

TEST_P(Kernels, BlurImages) {
  const auto check = [&]<class T>(T greatest, double near) {
    for (const auto& size :
         {image_size{1, 1}, image_size{7, 3}, image_size{3, 40}, image_size{70, 45}}) {
      for (const float sigma : {0.3F, 1.0F, 2.5F}) {
        const auto image = random_numbers<T>(size.width * size.height, 0, greatest);
        const auto found = compute<T>(
            image.size(),
            [&](stream& s, auto in, view<T> out) { gaussian_blur(s, size, in, out, sigma); },
            image);
        const auto wanted = blurred(image, size, static_cast<double>(sigma));
        for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], wanted[i], near);
      }
    }
  };
  check(u8{255}, 0.501);
  check(1.0F, 1e-5);
}

TEST_P(Kernels, BlurWidelyAndKeepWhatIsEven) {
  const image_size size{300, 20};  // wider than a block of threads
  const std::vector<u8> even(size.width * size.height, 200);
  EXPECT_THAT(
      compute<u8>(
          even.size(),
          [&](stream& s, auto in, view<u8> out) { gaussian_blur(s, size, in, out, most_sigma); },
          even),
      Each(u8{200}));
}

TEST_P(Kernels, FindEdges) {
  const auto check = [&]<class T>(T greatest, double near) {
    for (const auto& size : {image_size{1, 1}, image_size{7, 3}, image_size{33, 70}}) {
      const auto image = random_numbers<T>(size.width * size.height, 0, greatest);
      const auto found = compute<T>(
          image.size(), [&](stream& s, auto in, view<T> out) { sobel(s, size, in, out); }, image);
      for (std::size_t i = 0; i < found.size(); ++i) {
        const auto x = static_cast<std::ptrdiff_t>(i % size.width);
        const auto y = static_cast<std::ptrdiff_t>(i / size.width);
        const auto at = [&](int dx, int dy) { return pixel_at(image, size, x + dx, y + dy); };
        const double gx =
            at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
        const double gy =
            at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
        double wanted = std::sqrt(gx * gx + gy * gy);
        if constexpr (std::is_same_v<T, u8>) wanted = std::min(255.0, std::floor(wanted + 0.5));
        ASSERT_NEAR(found[i], wanted, near);
      }
    }
  };
  check(u8{255}, 0);
  check(u8{40}, 0);
  check(1.0F, 1e-5);
}

// ---- Simulations and pictures.

TEST_P(Kernels, MoveBodiesByTheirGravity) {
  constexpr nbody_options options{.time_step = 0.05F, .gravity = 2, .softening = 0.1F};
  for (const std::size_t n : {0U, 1U, 2U, 256U, 301U}) {
    const auto numbers = random_numbers<float>(n * 7, -1, 1);
    std::vector<body> bodies(n);
    std::vector<body> velocities(n);
    for (std::size_t i = 0; i < n; ++i) {
      const auto* const f = &numbers[i * 7];
      bodies[i] = {f[0], f[1], f[2], 1 + f[3] / 2};
      velocities[i] = {f[4], f[5], f[6], 0};
    }
    std::vector<body> moved(n);
    std::vector<body> new_velocities(n);
    run([&](stream& s) {
      const auto from = s.to_device(std::span(std::as_const(bodies)));
      auto v = s.to_device(std::span(std::as_const(velocities)));
      auto to = s.allocate<body>(n);
      nbody_step(s, options, s.read(from), s.write(v), s.write(to));
      s.to_host(std::span(moved), to);
      s.to_host(std::span(new_velocities), v);
    });
    for (std::size_t i = 0; i < n; ++i) {
      std::array<double, 3> pull{};
      for (const body& other : bodies) {
        const std::array<double, 3> d{other.x - bodies[i].x, other.y - bodies[i].y,
                                      other.z - bodies[i].z};
        const double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 0.01;
        for (std::size_t k = 0; k < 3; ++k) pull[k] += other.mass * d[k] / (r2 * std::sqrt(r2));
      }
      const double vx = velocities[i].x + 0.1 * pull[0];
      const double vz = velocities[i].z + 0.1 * pull[2];
      ASSERT_NEAR(new_velocities[i].x, vx, 1e-3);
      ASSERT_NEAR(moved[i].x, bodies[i].x + 0.05 * vx, 1e-4);
      ASSERT_NEAR(moved[i].z, bodies[i].z + 0.05 * vz, 1e-4);
      ASSERT_EQ(moved[i].mass, bodies[i].mass);
    }
  }
}

TEST_P(Kernels, DrawTheMandelbrotSet) {
  constexpr image_size size{.width = 70, .height = 50};
  constexpr plane_part part{};
  constexpr i32 limit = 200;
  const auto steps = compute<i32>(size.width * size.height, [&](stream& s, view<i32> out) {
    mandelbrot(s, part, size, limit, out);
  });
  std::size_t inside = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto row =
        static_cast<double>(i / size.width);  // NOLINT(bugprone-integer-division): rows are whole
    const auto column = static_cast<double>(i % size.width);
    const double ci = part.top - (row + 0.5) * (part.height / 50);
    const double cr = part.left + (column + 0.5) * (part.width / 70);
    double zr = 0;
    double zi = 0;
    i32 n = 0;
    for (; n < limit && zr * zr + zi * zi <= 4; ++n) {
      const double next = zr * zr - zi * zi + cr;
      zi = 2 * zr * zi + ci;
      zr = next;
    }
    ASSERT_EQ(steps[i], n) << i;
    inside += n == limit ? 1 : 0;
  }
  // The set's area is about 1.507.
  EXPECT_NEAR(
      static_cast<double>(inside) / static_cast<double>(steps.size()) * part.width * part.height,
      1.51, 0.1);
}

// ---- What is refused.

TEST_P(Kernels, RefuseSizesThatDoNotFit) {
  const auto with = [&](auto f) {
    return refusal([&](stream& s) {
      auto three = s.allocate<float>(3);
      auto four = s.allocate<float>(4);
      f(s, s.write(three), s.write(four));
    });
  };
  using floats = view<float>;
  EXPECT_EQ(with([](stream& s, floats a, floats b) { axpy(s, 1, a, b); }),
            "gpu::axpy: x has 3 elements instead of 4; give views of fitting sizes");
  EXPECT_THAT(with([](stream& s, floats a, floats b) { transform(s, unary::sine, a, b); }),
              HasSubstr("gpu::transform: the output has 4"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) { transform(s, binary::add, a, b, a); }),
              HasSubstr("the second input has 4"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) { reduce_sum(s, view<const float>(a), b); }),
              HasSubstr("gpu::reduce_sum: the result has 4 elements instead of 1"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) { inclusive_scan(s, a, b); }),
              HasSubstr("gpu::inclusive_scan"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) { exclusive_scan(s, a, b); }),
              HasSubstr("gpu::exclusive_scan"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) { matmul(s, {2, 2, 2}, b, a, b); }),
              HasSubstr("gpu::matmul: b has 3 elements instead of 4"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) { gaussian_blur(s, {2, 2}, a, b, 1); }),
              HasSubstr("gpu::gaussian_blur: the input has 3"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) { sobel(s, {2, 2}, b, a); }),
              HasSubstr("gpu::sobel: the output has 3"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) {
                constexpr auto half = std::size_t{1} << 63;
                sobel(s, {half, 4}, b, a);
              }),
              HasSubstr("more than any device has"));
  EXPECT_THAT(refusal([](stream& s) {
                auto bytes = s.allocate<u8>(8);
                auto counts = s.allocate<std::uint32_t>(255);
                histogram(s, s.read(bytes), s.write(counts));
              }),
              HasSubstr("instead of 256"));
  EXPECT_THAT(refusal([](stream& s) {
                auto bodies = s.allocate<body>(3);
                auto two = s.allocate<body>(2);
                nbody_step(s, {}, s.read(bodies), s.write(two), s.write(bodies));
              }),
              HasSubstr("gpu::nbody_step: velocities"));
  EXPECT_THAT(refusal([](stream& s) {
                auto steps = s.allocate<i32>(5);
                mandelbrot(s, {}, {2, 3}, 10, s.write(steps));
              }),
              HasSubstr("gpu::mandelbrot"));
  EXPECT_THAT(refusal([](stream& s) {
                auto numbers = s.allocate<i32>(5);
                auto mask = s.allocate<u8>(4);
                is_divisible(s, s.read(numbers), 3, s.write(mask));
              }),
              HasSubstr("gpu::is_divisible"));
}

TEST_P(Kernels, RefuseFiguresOutOfRange) {
  const auto with = [&](auto f) {
    return refusal([&](stream& s) {
      auto a = s.allocate<float>(4);
      auto b = s.allocate<float>(4);
      auto counts = s.allocate<std::uint32_t>(4);
      f(s, s.write(a), s.write(b), s.write(counts));
    });
  };
  using floats = view<float>;
  using counts = view<std::uint32_t>;
  for (const float sigma : {0.0F, -1.0F, 16.5F, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_THAT(
        with([&](stream& s, floats a, floats b, counts) { gaussian_blur(s, {2, 2}, a, b, sigma); }),
        HasSubstr("gpu::gaussian_blur: sigma is"));
  }
  EXPECT_THAT(with([](stream& s, floats a, floats, counts c) {
                histogram(s, view<const float>(a), 1, 1, c);
              }),
              HasSubstr("is empty"));
  EXPECT_THAT(with([](stream& s, floats a, floats, counts c) {
                histogram(s, view<const float>(a), -3e38F, 3e38F, c);
              }),
              HasSubstr("too wide"));
  EXPECT_THAT(with([](stream& s, floats a, floats, counts) {
                histogram(s, view<const float>(a), 0, 1, counts());
              }),
              HasSubstr("0 counts"));
  EXPECT_THAT(refusal([](stream& s) {
                auto steps = s.allocate<i32>(6);
                mandelbrot(s, {}, {2, 3}, 0, s.write(steps));
              }),
              HasSubstr("the limit is 0"));
  EXPECT_THAT(refusal([](stream& s) { is_divisible(s, {}, 0, {}); }),
              HasSubstr("the divisor is 0"));
  EXPECT_THAT(refusal([](stream& s) { nbody_step(s, {.softening = 1e-10F}, {}, {}, {}); }),
              HasSubstr("the softening is"));
}

TEST_P(Kernels, RefuseInputThatOverlapsTheOutput) {
  const auto with = [&](auto f) {
    return refusal([&](stream& s) {
      auto a = s.allocate<float>(5);
      const auto all = s.write(a);
      f(s, view<float>(all.data(), 4), view<float>(all.data() + 1, 4));
    });
  };
  using floats = view<float>;
  EXPECT_THAT(with([](stream& s, floats a, floats b) { axpy(s, 1, a, b); }),
              HasSubstr("overlap in part"));
  EXPECT_THAT(with([](stream& s, floats a, floats b) { inclusive_scan(s, a, b); }),
              HasSubstr("overlap in part"));
  EXPECT_THAT(with([](stream& s, floats a, floats) { sobel(s, {2, 2}, a, a); }),
              HasSubstr("overlap"));
  EXPECT_THAT(with([](stream& s, floats a, floats) { matmul(s, {2, 2, 2}, a, a, a); }),
              HasSubstr("overlap"));
}

// ---- As part of a stream.

TEST_P(Kernels, HandTheirResultsToEachOther) {
  const auto x = random_numbers<float>(10'000, -1, 1);
  const auto sum = run([&](stream& s) {
    const auto in = s.to_device(std::span(x));
    auto squares = s.allocate<float>(x.size());
    auto total = s.allocate<float>(1);
    transform(s, unary::square, s.read(in), s.write(squares));
    reduce_sum(s, s.read(squares), s.write(total));
    transform(s, unary::square_root, s.read(total), s.write(total));
    return s.readback(s.read(total));
  });
  EXPECT_NEAR(sum.value(), std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0)), 1e-3);
}

TEST_P(Kernels, GiveTheirTemporaryMemoryBack) {
  constexpr std::size_t n = 1 << 20;
  const auto free_bytes = [&] { return run([](stream& s) { return s.on().memory().free_bytes; }); };
  const auto before = free_bytes();
  run([](stream& s) {
    auto keys = s.allocate<i32>(n);
    fill(s, s.write(keys), 5);
    for (int i = 0; i < 3; ++i) sort(s, s.write(keys));
  });
  EXPECT_GE(free_bytes() + n / 2, before);
}

TEST(KernelsOnASimulatedDevice, AreEnqueuedWithoutWaiting) {
  fronta::executor ex{fronta::cpu::threads{.workers = 1},
                      simulated{.model = time_model::instant()}};
  gate enqueued;
  gate go;
  const auto done = ex.submit([&](stream& s) {
    fronta::test::run_on(s, [&] { go.wait(); });
    auto keys = s.allocate<float>(1'000);
    auto other = s.allocate<float>(1'000);
    auto one = s.allocate<float>(1);
    fill(s, s.write(keys), 2);
    sort(s, s.write(keys));
    inclusive_scan(s, s.read(keys), s.write(other));
    gaussian_blur(s, {100, 10}, s.read(keys), s.write(other), 2);
    reduce_sum(s, s.read(other), s.write(one));
    enqueued.open();
    return s.readback(s.read(one));
  });
  enqueued.wait();
  EXPECT_FALSE(done.done());
  go.open();
  EXPECT_NEAR(done.get().value(), 2'000, 0.1);
}

TEST(KernelsOnASimulatedDevice, TakeTheTimeOfTheirBytesAndOperations) {
  using namespace std::chrono_literals;
  // A byte takes 100 ns and an operation 1 ns.
  fronta::executor ex{
      fronta::cpu::threads{.workers = 1},
      simulated{.model = {.launch = 0ns, .copy = 0ns, .memory_bandwidth = 1e7, .throughput = 1e9}}};
  const auto time_of = [&](auto f) {
    const auto begin = std::chrono::steady_clock::now();
    ex.submit(f).get();
    return std::chrono::steady_clock::now() - begin;
  };
  EXPECT_GE(time_of([](stream& s) {
              auto y = s.allocate<float>(50'000);
              fill(s, s.write(y), 1);
            }),
            20ms);
  EXPECT_GE(time_of([](stream& s) {
              auto a = s.allocate<body>(1'000);
              auto b = s.allocate<body>(1'000);
              auto v = s.allocate<body>(1'000);
              nbody_step(s, {}, s.read(a), s.write(v), s.write(b));
            }),
            20ms);
}

}  // namespace
