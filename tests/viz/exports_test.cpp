// SPDX-License-Identifier: Apache-2.0
#include <fronta/viz/chrome_json.hpp>
#include <fronta/viz/perfetto.hpp>

#include <fronta/trace_file.hpp>
#include <fronta/viz/index.hpp>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>

#include "soup.hpp"
#include "story.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// Both formats are read again, with nothing of what wrote them.
namespace {

using fronta::test::soup;
using fronta::test::story;
using fronta::trace::device_work;
using fronta::trace::time_grade;
using fronta::viz::index;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Pair;
using testing::UnorderedElementsAre;
using in = fronta::trace::queue;

// Where, what, from, to; times in ns since the first event.
using drawn = std::tuple<std::string, std::string, std::int64_t, std::int64_t>;
struct exported {
  std::vector<drawn> slices;
  std::map<std::string, std::vector<std::pair<std::int64_t, double>>> counters;
  std::vector<std::pair<std::string, std::string>> flows;  // names of slices
  std::vector<std::pair<std::string, std::string>> moments;
  std::set<std::pair<std::string, std::string>> groups;  // with their tracks, named first
  // Where the trace comes from: words, and facts as text.
  std::string badge;
  std::map<std::string, std::string> facts;
};

struct open_slice {
  std::string name;
  std::int64_t begin;
  std::int64_t end;
};

exported read_chrome(const index& of) {
  std::stringstream file;
  write_chrome_json(of, file);
  const auto all = nlohmann::json::parse(file);
  exported result;
  std::map<std::pair<int, int>, std::string> tracks;
  std::map<int, std::string> processes;
  std::map<std::pair<int, int>, std::vector<open_slice>> slices;
  std::map<int, std::vector<nlohmann::json>> flows;
  const auto ns = [](const nlohmann::json& us) { return std::llround(us.get<double>() * 1000); };
  for (const auto& e : all.at("traceEvents")) {
    const auto phase = e.at("ph").get<std::string>();
    const int pid = e.at("pid");
    if (phase == "M" && e.at("name") == "process_name") processes[pid] = e.at("args").at("name");
    if (phase == "C") {
      result.counters[e.at("name")].emplace_back(ns(e.at("ts")),
                                                 e.at("args").begin().value().get<double>());
    }
    if (!e.contains("tid")) continue;
    const std::pair at(pid, e.at("tid").get<int>());
    if (phase == "M" && e.at("name") == "thread_name") tracks[at] = e.at("args").at("name");
    if (phase == "X") {
      const auto begin = ns(e.at("ts"));
      slices[at].push_back({e.at("name"), begin, begin + ns(e.at("dur"))});
      result.slices.emplace_back(tracks.at(at), e.at("name"), begin, begin + ns(e.at("dur")));
    }
    if (phase == "i") result.moments.emplace_back(tracks.at(at), e.at("name"));
    if (phase == "s" || phase == "f") flows[e.at("id")].push_back(e);
  }
  for (const auto& [at, name] : tracks) result.groups.emplace(name, processes.at(at.first));
  for (const auto& [at, its] : slices) {
    std::vector<open_slice> open;
    for (const auto& s : its) {
      while (!open.empty() && open.back().end <= s.begin) open.pop_back();
      EXPECT_TRUE(open.empty() || s.end <= open.back().end) << s.name << " nests";
      open.push_back(s);
    }
  }
  // As the viewers bind them: to the innermost slice of the thread at the time.
  const auto bound = [&](const nlohmann::json& e) -> std::string {
    std::string found;
    for (const auto& s : slices[{e.at("pid"), e.at("tid")}]) {
      if (s.begin <= ns(e.at("ts")) && ns(e.at("ts")) < s.end) found = s.name;
    }
    EXPECT_NE(found, "") << e.dump();
    return found;
  };
  for (const auto& [id, ends] : flows) {
    EXPECT_EQ(ends.size(), 2U);
    EXPECT_EQ(ends.at(0).at("ph"), "s");
    EXPECT_EQ(ends.at(1).at("ph"), "f");
    result.flows.emplace_back(bound(ends[0]), bound(ends[1]));
  }
  return result;
}

std::pair<std::string, std::string> read_note(protozero::pbf_reader note) {
  std::pair<std::string, std::string> read;
  while (note.next()) {
    switch (note.tag()) {
      case 2:
        read.second = note.get_bool() ? "yes" : "no";
        break;
      case 3:
        read.second = std::to_string(note.get_uint64());
        break;
      case 6:
        read.second = note.get_string();
        break;
      case 10:
        read.first = note.get_string();
        break;
      default:
        note.skip();
    }
  }
  return read;
}

exported read_perfetto(const index& of) {
  std::stringstream file;
  write_perfetto(of, file);
  const auto bytes = file.str();
  exported result;
  std::map<std::uint64_t, std::string> names;
  std::map<std::uint64_t, std::uint64_t> parents;
  std::set<std::uint64_t> counters;
  std::map<std::uint64_t, std::vector<open_slice>> open;
  std::map<std::uint64_t, std::string> flow_from;
  std::map<std::uint64_t, std::string> descriptions;
  std::int64_t before = 0;
  protozero::pbf_reader trace(bytes);
  while (trace.next(1)) {
    auto packet = trace.get_message();
    std::int64_t time = -1;
    while (packet.next()) {
      if (packet.tag() == 8) {
        time = static_cast<std::int64_t>(packet.get_uint64());
        EXPECT_GE(time, before) << "by time";
        before = time;
      } else if (packet.tag() == 60) {
        auto d = packet.get_message();
        std::uint64_t uuid = 0;
        std::uint64_t parent = 0;
        std::string name;
        bool is_counter = false;
        while (d.next()) {
          if (d.tag() == 1) {
            uuid = d.get_uint64();
          } else if (d.tag() == 2) {
            name = d.get_string();
          } else if (d.tag() == 5) {
            parent = d.get_uint64();
          } else if (d.tag() == 14) {
            descriptions[uuid] = d.get_string();
          } else {
            is_counter = is_counter || d.tag() == 8;
            d.skip();
          }
        }
        EXPECT_TRUE(names.emplace(uuid, name).second) << "each track once";
        parents[uuid] = parent;
        EXPECT_TRUE(parent == 0 || names.contains(parent)) << "parents first";
        if (is_counter) {
          counters.insert(uuid);
        } else if (parent != 0) {
          result.groups.emplace(name, names[parent]);
        }
      } else if (packet.tag() == 11) {
        auto e = packet.get_message();
        int type = 0;
        std::uint64_t track = 0;
        std::string name;
        double value = 0;
        std::vector<std::uint64_t> begin_flows;
        std::vector<std::uint64_t> end_flows;
        std::map<std::string, std::string> notes;
        while (e.next()) {
          switch (e.tag()) {
            case 4:
              notes.insert(read_note(e.get_message()));
              break;
            case 9:
              type = e.get_enum();
              break;
            case 11:
              track = e.get_uint64();
              break;
            case 23:
              name = e.get_string();
              break;
            case 30:
              value = static_cast<double>(e.get_int64());
              break;
            case 44:
              value = e.get_double();
              break;
            case 47:
              begin_flows.push_back(e.get_fixed64());
              break;
            case 48:
              end_flows.push_back(e.get_fixed64());
              break;
            default:
              e.skip();
          }
        }
        EXPECT_TRUE(names.contains(track));
        for (const auto f : begin_flows) EXPECT_TRUE(flow_from.emplace(f, name).second);
        for (const auto f : end_flows) result.flows.emplace_back(flow_from.at(f), name);
        if (type == 1) {
          open[track].push_back({name, time, 0});
        } else if (type == 2) {
          EXPECT_FALSE(open[track].empty()) << "an end has its begin";
          if (open[track].empty()) continue;
          const auto s = open[track].back();
          open[track].pop_back();
          result.slices.emplace_back(names[track], s.name, s.begin, time);
        } else if (type == 3 && names[track] == "recording") {
          EXPECT_EQ(time, 0);
          EXPECT_EQ(descriptions[track], name);
          result.badge = name;
          result.facts = notes;
        } else if (type == 3) {
          result.moments.emplace_back(names[track], name);
        } else if (type == 4) {
          EXPECT_TRUE(counters.contains(track));
          result.counters[names[track]].emplace_back(time, value);
        }
      } else {
        packet.skip();
      }
    }
  }
  for (const auto& [track, still] : open) EXPECT_TRUE(still.empty());
  return result;
}

// Everything that the exports know of.
story busy() {
  story s;
  s.main().at(10).submit(1, "load").enqueue(1, in::inbox).submit(2, "resize").dependency(2, 1);
  s.main().submit(3, "blur").dependency(3, 2).counter("open files", 3).message("all is there");
  s.worker(0).at(20).start(1).zone("read", 1).at(30).submit(4, "part", 1).enqueue(4, in::deque);
  s.worker(0).at(32).start(4).at(40).finish(4).at(45).zone_end(1).at(50).finish(1).ready(2);
  s.worker(0).enqueue(2, in::deque).at(60).start(2).at(70).block(2).at(80).unblock(2);
  s.worker(0).at(90).finish(2).at(95).start(3).at(97).issue(3, 1, 2).counter("open files", 2.5);
  s.span(3, 2, 100, 110, device_work::to_device, time_grade::profiled);
  s.span(3, 2, 112, 130, device_work::kernel, time_grade::profiled);
  s.span(3, 2, 120, 135, device_work::kernel, time_grade::profiled);
  s.main().at(150).finish(3).submit(5, "late").enqueue(5, in::inbox);
  s.worker(1).at(160).start(5).at(170).park();
  return s;
}

void check_busy(const exported& got) {
  EXPECT_THAT(got.slices,
              UnorderedElementsAre(
                  drawn("cpu 0", "load", 20, 50), drawn("cpu 0 zones", "read", 20, 45),
                  drawn("cpu 0", "part", 32, 40), drawn("cpu 0", "resize", 60, 90),
                  drawn("cpu 0", "suspended", 70, 80), drawn("cpu 0", "blur", 95, 97),
                  drawn("gpu:0 copies in", "copy to device", 100, 110),
                  drawn("gpu:0 stream 2", "blur", 112, 130),
                  drawn("gpu:0 stream 2 (2)", "blur", 120, 135), drawn("cpu 1", "late", 160, 170)));
  EXPECT_THAT(got.flows, UnorderedElementsAre(Pair("load", "resize"), Pair("resize", "blur")));
  EXPECT_THAT(got.moments, ElementsAre(Pair("main zones", "all is there")));
  EXPECT_THAT(got.counters.at("open files"), ElementsAre(Pair(10, 3), Pair(97, 2.5)));
  EXPECT_THAT(got.counters.at("cpu inbox"),
              ElementsAre(Pair(10, 1), Pair(20, 0), Pair(150, 1), Pair(160, 0)));
  EXPECT_THAT(
      got.groups,
      IsSupersetOf({Pair("cpu 0", "cpu"), Pair("gpu:0 stream 2", "gpu:0 (SIMULATED)"),
                    Pair("gpu:0 copies in", "gpu:0 (SIMULATED)"), Pair("main zones", "threads")}));
}

TEST(ChromeJson, SaysWhatTheIndexSays) { check_busy(read_chrome(index(busy().told()))); }
TEST(Perfetto, SaysWhatTheIndexSays) { check_busy(read_perfetto(index(busy().told()))); }

// Nobody who opens it elsewhere takes a simulation for a GPU, or a part for the whole.
TEST(Perfetto, SaysWhereTheTraceComesFrom) {
  auto told = busy().told();
  told.origin_unix = 1'795'000'000'000'000'000;
  told.dropped = 3;
  told.ended = false;
  const auto got = read_perfetto(index(told));
  EXPECT_EQ(got.badge,
            "RECORDED 2026-11-18 on there · GPUs SIMULATED · 3 events MISSING · "
            "the recording was CUT OFF");
  EXPECT_THAT(got.facts,
              UnorderedElementsAre(Pair("host", "there"), Pair("simulated", "yes"),
                                   Pair("began_unix_ns", "1795000000000000000"),
                                   Pair("given_clock", "no"), Pair("dropped_events", "3"),
                                   Pair("dropped_records", "0"), Pair("ended", "no")));
}

TEST(Perfetto, CallsNoRealDeviceSimulated) {
  auto told = busy().told();
  for (auto& s : told.spans) s.what.simulated = false;
  const auto got = read_perfetto(index(std::move(told)));
  EXPECT_THAT(got.groups, IsSupersetOf({Pair("gpu:0 stream 2", "gpu:0")}));
  EXPECT_EQ(got.badge.find("SIMULATED"), std::string::npos);
  EXPECT_EQ(got.facts.at("simulated"), "no");
}

TEST(ChromeJson, TellsOfTheTaskAndOfWhatIsNotKnown) {
  std::stringstream file;
  write_chrome_json(index(busy().told()), file);
  const auto all = nlohmann::json::parse(file);
  EXPECT_EQ(all.at("otherData").at("simulated"), true);
  EXPECT_EQ(all.at("otherData").at("host"), "there");
  EXPECT_EQ(all.at("otherData").at("badge"), "RECORDED 1970-01-01 on there · GPUs SIMULATED");
  const auto named = [&](const char* name) {
    const auto& events = all.at("traceEvents");
    return *std::ranges::find_if(
        events, [&](const auto& e) { return e.at("ph") == "X" && e.at("name") == name; });
  };
  EXPECT_EQ(named("part").at("args"), (nlohmann::json{{"task", 4}, {"parent", 1}}));
  EXPECT_EQ(named("late").at("args"), (nlohmann::json{{"task", 5}, {"end_unknown", true}}));
  EXPECT_EQ(named("copy to device").at("args").at("bytes"), 64);
}

TEST(ChromeJson, SaysOfWhatWasOnlyObservedThatItLiesSomewhereWithin) {
  story s;
  s.main().at(10).submit(1, "a").submit(2, "b").submit(3, "c").at(99).finish(1).finish(2).finish(3);
  s.observed(1, 0, 20, 30, 60).observed(2, 0, 30, 50, 70);
  s.span(3, 0, 80, 90, device_work::task, time_grade::stamped, 2);
  const index index(s.told());
  EXPECT_THAT(read_chrome(index).slices,
              UnorderedElementsAre(drawn("gpu:0 stream 0", "a", 20, 60),
                                   drawn("gpu:0 stream 0 (2)", "b", 30, 70),
                                   drawn("gpu:0 stream 0", "c", 80, 90)));
  std::stringstream file;
  write_chrome_json(index, file);
  std::vector<std::string> within;
  const auto all = nlohmann::json::parse(file);
  for (const auto& e : all.at("traceEvents")) {
    if (e.at("ph") == "X" && e.at("args").contains("somewhere_within"))
      within.push_back(e.at("name"));
    if (e.at("ph") == "X" && e.at("name") == "c") {
      EXPECT_EQ(e.at("args").at("uncertain_by_ns"), 2);
    }
  }
  EXPECT_THAT(within, UnorderedElementsAre("a", "b"));
}

TEST(ChromeJson, TextsMayBeAnyBytesAndValuesAnyNumber) {
  story s;
  s.main().at(10).submit(1, "a\xFF\"b").counter("c", NAN).counter("c", 1);
  s.worker(0).at(20).start(1).at(30).finish(1);
  const auto got = read_chrome(index(s.told()));
  EXPECT_THAT(got.slices, ElementsAre(drawn("cpu 0", "a\uFFFD\"b", 20, 30)));
  EXPECT_THAT(got.counters.at("c"), ElementsAre(Pair(10, 1)));
}

TEST(Exports, TimesBeginWithTheTraceToTheNanosecond) {
  constexpr std::int64_t late = 100'000'000'000'000;  // a day
  story s;
  s.main().at(late).submit(1, "a");
  s.worker(0).at(late + 1'234'567'891).start(1).at(late + 1'234'567'892).finish(1);
  auto told = s.told();
  std::erase_if(told.events, [](const auto& e) { return e.time == 0; });
  const index index(std::move(told));
  const auto name = fronta::test::bars_on(index, "place 0 0");
  ASSERT_EQ(name.size(), 1U);
  const drawn expected("place 0 0", "a", 1'234'567'891, 1'234'567'892);
  EXPECT_THAT(read_chrome(index).slices, ElementsAre(expected));
  EXPECT_THAT(read_perfetto(index).slices, ElementsAre(expected));
}

TEST(Exports, ZonesOfTwoThreadsInASlotDoNotCross) {
  story s;
  s.main().at(10).submit(1, "a").submit(2, "b");
  s.worker(0).at(20).start(1).zone("of a", 1).at(25).block(1);
  s.worker(1).in_slot(0).at(30).start(2).zone("of b", 2);
  s.worker(0).in_slot(1).at(40).unblock(1).zone_end(1).finish(1);
  s.worker(1).in_slot(0).at(50).zone_end(2).finish(2);
  const index index(s.told());
  const drawn first("cpu 0 zones", "of a", 20, 40);
  const drawn second("cpu 0 zones (2)", "of b", 30, 50);
  EXPECT_THAT(read_chrome(index).slices, IsSupersetOf({first, second}));
  EXPECT_THAT(read_perfetto(index).slices, IsSupersetOf({first, second}));
}

TEST(Exports, QueuesOfTwoExecutorsAreApart) {
  using kind = fronta::trace::event_kind;
  fronta::trace::file_contents told;
  told.threads.push_back({1, "a", 0, -1});
  told.events.push_back({1, 0, 0, {kind::submit, 1, -1, 7, 0}});
  told.events.push_back({2, 0, 0, {kind::ready, 1, -1, 7, 0}});
  told.events.push_back({3, 0, 0, {kind::submit, 2, -1, 7, 0}});
  told.events.push_back({4, 0, 0, {kind::ready, 2, -1, 7, 0}});
  std::stringstream file;
  write_chrome_json(index(std::move(told)), file);
  const auto all = nlohmann::json::parse(file);
  std::map<int, int> values;  // by process
  for (const auto& e : all.at("traceEvents")) {
    if (e.at("ph") == "C") ++values[e.at("pid")];
  }
  EXPECT_THAT(values, ElementsAre(Pair(1, 1), Pair(2, 1)));
}

TEST(Exports, AgreeOnAnyTrace) {
  std::size_t flows = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const index index(soup(seed).of(200));
    auto chrome = read_chrome(index);
    auto perfetto = read_perfetto(index);
    std::ranges::sort(chrome.slices);
    std::ranges::sort(perfetto.slices);
    // Of one name there may be several, in different groups.
    for (auto* all : {&chrome.counters, &perfetto.counters}) {
      for (auto& [name, values] : *all) std::ranges::sort(values);
    }
    EXPECT_EQ(chrome.slices, perfetto.slices);
    EXPECT_EQ(chrome.counters, perfetto.counters);
    EXPECT_EQ(chrome.groups, perfetto.groups);
    EXPECT_EQ(chrome.flows.size(), perfetto.flows.size());
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    flows += chrome.flows.size();
    std::size_t bars = 0;
    for (std::uint32_t l = 0; l < index.lanes().size(); ++l) bars += index.bars_of(l);
    EXPECT_GE(chrome.slices.size(), bars) << "and zones";
  }
  EXPECT_GT(flows, 20U) << "soups have few dependencies in order";
}

TEST(Exports, AnEmptyTraceIsAFileToo) {
  const index index(fronta::trace::file_contents{});
  EXPECT_TRUE(read_chrome(index).slices.empty());
  EXPECT_TRUE(read_perfetto(index).slices.empty());
}

}  // namespace
