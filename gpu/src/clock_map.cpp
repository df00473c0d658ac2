// SPDX-License-Identifier: Apache-2.0
#include <fronta/gpu/clock_map.hpp>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iterator>

namespace fronta::gpu {
namespace {

// How many of a batch count at most: those with the shortest round trips, none above twice the
// best.
constexpr std::size_t kept = 8;
// Batches that are remembered; older ones say nothing of what is mapped now.
constexpr std::size_t most_points = 64;

std::int64_t round_trip(const clock_sample& s) noexcept { return s.host_after - s.host_before; }

}  // namespace

// The device read its clock somewhere between the two readings of the host's. So each sample bounds
// the difference of the clocks from both sides, and within a batch, which is short against the
// drift, all bounds hold together: what is left between the narrowest two is the error, and what
// the clocks may drift apart over the batch.
void clock_map::add(std::span<const clock_sample> samples) {
  std::vector<clock_sample> best;
  std::ranges::copy_if(samples, std::back_inserter(best),
                       [](const clock_sample& s) { return round_trip(s) >= 0; });
  if (best.empty()) return;
  const auto count = std::min(kept, best.size());
  std::ranges::partial_sort(best, best.begin() + static_cast<std::ptrdiff_t>(count), {},
                            round_trip);
  best.resize(count);
  const auto shortest = round_trip(best.front());
  std::erase_if(best, [&](const auto& s) { return round_trip(s) > 2 * shortest; });
  const auto origin = best.front().device;
  auto least = best.front().host_before - origin;
  auto most = best.front().host_after - origin;
  for (const auto& s : best) {
    least = std::max(least, s.host_before - s.device);
    most = std::min(most, s.host_after - s.device);
  }
  if (least > most) std::swap(least, most);
  const auto [first, last] = std::ranges::minmax(best, {}, &clock_sample::device);
  const auto length = last.device - first.device;
  const auto at = first.device + length / 2;
  const auto apart = std::llround(std::ceil(static_cast<double>(length) * most_drift));
  // In virtual time the clocks may stand between two batches: the later says nothing new.
  if (!points_.empty() && at <= points_.back().device) return;
  if (points_.size() == most_points) points_.erase(points_.begin());
  points_.push_back({at, at + least + (most - least) / 2, (most - least + 1) / 2 + apart});
}

double clock_map::drift() const noexcept {
  if (points_.size() < 2) return 0;
  const auto& a = points_.front();
  const auto& b = points_.back();
  return static_cast<double>(b.device - a.device) / static_cast<double>(b.host - a.host) - 1;
}

clock_map::instant clock_map::to_host(std::int64_t device) const noexcept {
  assert(!points_.empty());
  if (points_.size() == 1) {
    const auto& only = points_.front();
    const auto since = device - only.device;
    return {only.host + since,
            only.error + std::llround(std::abs(static_cast<double>(since)) * most_drift)};
  }
  // The two on either side, or the first or last two.
  auto right = std::ranges::upper_bound(points_, device, {}, &point::device);
  right = std::clamp(right, points_.begin() + 1, points_.end() - 1);
  const auto& a = *std::prev(right);
  const auto& b = *right;
  const auto length = static_cast<double>(b.device - a.device);
  const auto share = length > 0 ? static_cast<double>(device - a.device) / length : 0.5;
  const auto host = a.host + std::llround(share * static_cast<double>(b.host - a.host));
  // Beyond the two their errors turn the line.
  const auto outside = std::max({0.0, -share, share - 1});
  const auto widest = static_cast<double>(std::max(a.error, b.error));
  const auto turn = static_cast<double>(a.error + b.error);
  return {host, std::llround(std::ceil(widest + outside * turn))};
}

std::vector<clock_sample> sample_batch(device& d, std::size_t samples) {
  std::vector<clock_sample> taken;
  taken.reserve(samples);
  for (std::size_t i = 0; i < samples; ++i) taken.push_back(d.sample_clocks());
  return taken;
}

}  // namespace fronta::gpu
