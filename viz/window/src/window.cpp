// SPDX-License-Identifier: Apache-2.0
#include "window.hpp"

#include "list_painter.hpp"

// Only a few functions of OpenGL are called beside Dear ImGui's, so none is linked: without libGL
// the program starts, and says what is missing.
#define GLFW_INCLUDE_NONE  // NOLINT(readability-identifier-naming): GLFW's
#include <GLFW/glfw3.h>
#include <imgui.h>
#include <imgui_impl_glfw.h>
#include <imgui_impl_opengl3.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

namespace fronta::viz {
namespace {

[[noreturn]] void fail(const std::string& what) {
  const char* told = nullptr;
  glfwGetError(&told);
  throw window_error(what + (told != nullptr ? std::string(" (") + told + ")" : std::string()));
}

class glfw {
 public:
  glfw() {
    const auto given = [](const char* name) {
      const char* value = std::getenv(name);
      return value != nullptr && *value != '\0';
    };
    // Asked for nothing in particular, GLFW tries Wayland first, whose library speaks on stderr.
    if (!given("WAYLAND_DISPLAY")) {
      if (!given("DISPLAY")) {
        throw window_error("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)");
      }
      glfwInitHint(GLFW_PLATFORM, GLFW_PLATFORM_X11);
    }
    if (glfwInit() == GLFW_FALSE) fail("the display cannot be used");
  }
  ~glfw() { glfwTerminate(); }
  glfw(const glfw&) = delete;
  glfw& operator=(const glfw&) = delete;
};

struct destroy_window {
  void operator()(GLFWwindow* w) const noexcept { glfwDestroyWindow(w); }
};
using glfw_window = std::unique_ptr<GLFWwindow, destroy_window>;

class imgui {
 public:
  explicit imgui(GLFWwindow* in) {
    IMGUI_CHECKVERSION();
    ImGui::CreateContext();
    auto& io = ImGui::GetIO();
    io.IniFilename = nullptr;  // nothing of the program's is left in the user's folders
    io.LogFilename = nullptr;
    io.ConfigFlags |= ImGuiConfigFlags_DockingEnable | ImGuiConfigFlags_NoMouseCursorChange;
    ImGui_ImplGlfw_InitForOpenGL(in, true);
    ImGui_ImplOpenGL3_Init("#version 330 core");
  }
  ~imgui() {
    ImGui_ImplOpenGL3_Shutdown();
    ImGui_ImplGlfw_Shutdown();
    ImGui::DestroyContext();
  }
  imgui(const imgui&) = delete;
  imgui& operator=(const imgui&) = delete;
};

// OpenGL's, by the numbers of its registry.
struct gl {
  static constexpr unsigned color_buffer = 0x4000;
  static constexpr unsigned rgba = 0x1908;
  static constexpr unsigned unsigned_byte = 0x1401;
  void (*viewport)(int x, int y, int width, int height) = load<decltype(viewport)>("glViewport");
  void (*clear_color)(float, float, float, float) = load<decltype(clear_color)>("glClearColor");
  void (*clear)(unsigned what) = load<decltype(clear)>("glClear");
  void (*read_pixels)(int x, int y, int width, int height, unsigned format, unsigned type,
                      void* to) = load<decltype(read_pixels)>("glReadPixels");

  template <class Function>
  static Function load(const char* name) {
    auto* found = glfwGetProcAddress(name);
    if (found == nullptr) throw window_error(std::string("OpenGL has no function ") + name);
    return reinterpret_cast<Function>(found);
  }
};

struct area {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

std::span<GLFWmonitor*> all_monitors() {
  int count = 0;
  auto** monitors = glfwGetMonitors(&count);
  return {monitors, static_cast<std::size_t>(count)};
}

area area_of(GLFWmonitor* m) {
  area a;
  glfwGetMonitorPos(m, &a.x, &a.y);
  if (const auto* mode = glfwGetVideoMode(m)) {
    a.width = mode->width;
    a.height = mode->height;
  }
  return a;
}

GLFWmonitor* monitor_named(const std::string& name) {
  std::string known;
  for (auto* m : all_monitors()) {
    const std::string its = glfwGetMonitorName(m);
    if (its.find(name) != std::string::npos) return m;
    known += (known.empty() ? "" : ", ") + its;
  }
  throw window_error("there is no monitor \"" + name + "\"; there are " +
                     (known.empty() ? std::string("none") : known));
}

key named_key(int k) {
  switch (k) {
    case GLFW_KEY_SPACE:
      return key::space;
    case GLFW_KEY_LEFT:
      return key::left;
    case GLFW_KEY_RIGHT:
      return key::right;
    case GLFW_KEY_UP:
      return key::up;
    case GLFW_KEY_DOWN:
      return key::down;
    case GLFW_KEY_HOME:
      return key::home;
    case GLFW_KEY_END:
      return key::end;
    case GLFW_KEY_PAGE_UP:
      return key::page_up;
    case GLFW_KEY_PAGE_DOWN:
      return key::page_down;
    case GLFW_KEY_TAB:
      return key::tab;
    case GLFW_KEY_ESCAPE:
      return key::escape;
    case GLFW_KEY_ENTER:
    case GLFW_KEY_KP_ENTER:
      return key::enter;
    case GLFW_KEY_BACKSPACE:
      return key::backspace;
    case GLFW_KEY_F1:
      return key::f1;
    case GLFW_KEY_F5:
      return key::f5;
    case GLFW_KEY_F11:
      return key::f11;
    default:
      return key::unnamed;
  }
}

// The row of digits gives other characters on some keyboards, and is known by its keys.
char32_t digit_of(int k) {
  if (k >= GLFW_KEY_0 && k <= GLFW_KEY_9) return U'0' + static_cast<char32_t>(k - GLFW_KEY_0);
  if (k >= GLFW_KEY_KP_0 && k <= GLFW_KEY_KP_9) {
    return U'0' + static_cast<char32_t>(k - GLFW_KEY_KP_0);
  }
  return 0;
}

char32_t small(char32_t c) { return c >= U'A' && c <= U'Z' ? c + (U'a' - U'A') : c; }

// What stands on the key, on this keyboard; for keys that are pressed with Ctrl.
char32_t character_on(int k, int scancode) {
  if (k == GLFW_KEY_KP_ADD) return U'+';
  if (k == GLFW_KEY_KP_SUBTRACT) return U'-';
  const char* name = glfwGetKeyName(k, scancode);
  if (name != nullptr && name[0] != '\0' && name[1] == '\0') {
    return small(static_cast<unsigned char>(name[0]));
  }
  // Without a keyboard's layout GLFW's keys are those of the ASCII characters.
  return k > 0 && k < 128 ? small(static_cast<char32_t>(k)) : 0;
}

}  // namespace

class window::body {
 public:
  body(const options& o, window_listener& tell)
      : tell_(tell), window_(open(o)), gl_(use(window_.get())) {
    auto* w = window_.get();
    glfwSetWindowUserPointer(w, this);
    set_callbacks(w);  // before Dear ImGui's, which call them
    imgui_.emplace(w);
    painter_.emplace(*ImGui::GetIO().Fonts);
    if (o.full_screen) toggle_full_screen();
    if (o.visible) glfwShowWindow(w);
  }

  [[nodiscard]] GLFWwindow* handle() const { return window_.get(); }
  [[nodiscard]] const font_metrics& fonts() const { return painter_->fonts(); }

  [[nodiscard]] rect size() const {
    int width = 0;
    int height = 0;
    glfwGetFramebufferSize(handle(), &width, &height);
    return {0, 0, static_cast<float>(std::max(1, width)), static_cast<float>(std::max(1, height))};
  }

  void draw(const scene& s) {
    ImGui_ImplOpenGL3_NewFrame();
    ImGui_ImplGlfw_NewFrame();
    ImGui::NewFrame();
    painter_->draw(s, *ImGui::GetBackgroundDrawList(), density());
    ImGui::Render();
    const auto pixels = size();
    gl_.viewport(0, 0, static_cast<int>(pixels.width), static_cast<int>(pixels.height));
    gl_.clear_color(static_cast<float>(s.background.red) / 255,
                    static_cast<float>(s.background.green) / 255,
                    static_cast<float>(s.background.blue) / 255, 1);
    gl_.clear(gl::color_buffer);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  }

  [[nodiscard]] image read() const {
    const auto pixels = size();
    image i{.width = static_cast<int>(pixels.width),
            .height = static_cast<int>(pixels.height),
            .pixels = {}};
    const auto width = static_cast<std::size_t>(i.width);
    const auto height = static_cast<std::size_t>(i.height);
    std::vector<std::uint8_t> bytes(width * height * 4);
    gl_.read_pixels(0, 0, i.width, i.height, gl::rgba, gl::unsigned_byte, bytes.data());
    i.pixels.reserve(width * height);
    for (std::size_t y = height; y-- > 0;) {  // OpenGL begins with the lowest row
      for (std::size_t x = 0; x < width; ++x) {
        const auto* p = &bytes[(y * width + x) * 4];
        i.pixels.push_back((std::uint32_t{p[0]} << 16U) | (std::uint32_t{p[1]} << 8U) | p[2]);
      }
    }
    return i;
  }

  void toggle_full_screen() {
    if (glfwGetWindowMonitor(handle()) == nullptr) {
      if (auto* m = monitor_under()) fill(m);
    } else {
      glfwSetWindowMonitor(handle(), nullptr, before_.x, before_.y, before_.width, before_.height,
                           GLFW_DONT_CARE);
    }
  }

  void restore() const {
    if (before_.width > 0) glfwSetWindowSize(handle(), before_.width, before_.height);
  }

  void to_next_monitor() {
    const auto monitors = all_monitors();
    auto* const now = monitor_under();
    const auto found = std::ranges::find(monitors, now);
    if (found == monitors.end() || monitors.size() < 2) return;
    auto* const next = found + 1 == monitors.end() ? monitors.front() : *(found + 1);
    if (glfwGetWindowMonitor(handle()) != nullptr) {
      place_on(next);
      fill(next);
    } else {
      place_on(next);
    }
  }

 private:
  static glfw_window open(const options& o) {
    auto* const monitor = o.monitor.empty() ? nullptr : monitor_named(o.monitor);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
    glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
    glfwWindowHint(GLFW_OPENGL_FORWARD_COMPAT, GLFW_TRUE);
    glfwWindowHint(GLFW_VISIBLE, GLFW_FALSE);  // until there is something in it
    glfwWindowHint(GLFW_AUTO_ICONIFY, GLFW_FALSE);
    glfwWindowHint(GLFW_SCALE_TO_MONITOR, GLFW_FALSE);
    glfwWindowHintString(GLFW_X11_CLASS_NAME, "fronta");
    glfwWindowHintString(GLFW_WAYLAND_APP_ID, "fronta");
    glfw_window w(glfwCreateWindow(o.width, o.height, o.title.c_str(), nullptr, nullptr));
    if (!w) fail("no OpenGL 3.3 context could be made");
    glfwSetWindowSizeLimits(w.get(), 640, 400, GLFW_DONT_CARE, GLFW_DONT_CARE);
    if (monitor != nullptr) {
      const auto on = area_of(monitor);
      glfwSetWindowPos(w.get(), on.x + (on.width - o.width) / 2, on.y + (on.height - o.height) / 2);
    }
    return w;
  }

  static gl use(GLFWwindow* w) {
    glfwMakeContextCurrent(w);
    glfwSwapInterval(1);
    return {};
  }

  // How many pixels a unit of GLFW's has.
  [[nodiscard]] float density() const {
    int units = 0;
    glfwGetWindowSize(handle(), &units, nullptr);
    return units > 0 ? size().width / static_cast<float>(units) : 1;
  }

  // The one that has the middle of the window.
  [[nodiscard]] GLFWmonitor* monitor_under() const {
    if (auto* m = glfwGetWindowMonitor(handle())) return m;
    area w;
    glfwGetWindowPos(handle(), &w.x, &w.y);
    glfwGetWindowSize(handle(), &w.width, &w.height);
    const auto x = w.x + w.width / 2;
    const auto y = w.y + w.height / 2;
    for (auto* m : all_monitors()) {
      const auto a = area_of(m);
      if (x >= a.x && x < a.x + a.width && y >= a.y && y < a.y + a.height) return m;
    }
    return glfwGetPrimaryMonitor();
  }

  void fill(GLFWmonitor* m) {
    if (glfwGetWindowMonitor(handle()) == nullptr) {
      glfwGetWindowPos(handle(), &before_.x, &before_.y);
      glfwGetWindowSize(handle(), &before_.width, &before_.height);
    }
    const auto* mode = glfwGetVideoMode(m);
    if (mode == nullptr) return;
    glfwSetWindowMonitor(handle(), m, 0, 0, mode->width, mode->height, mode->refreshRate);
    glfwSwapInterval(1);
  }

  // In its middle; while it fills the screen, where it will be after that.
  void place_on(GLFWmonitor* m) {
    const auto on = area_of(m);
    const bool filled = glfwGetWindowMonitor(handle()) != nullptr;
    auto w = before_;
    if (!filled) glfwGetWindowSize(handle(), &w.width, &w.height);
    w.x = on.x + (on.width - w.width) / 2;
    w.y = on.y + (on.height - w.height) / 2;
    if (filled) {
      before_ = w;
    } else {
      glfwSetWindowPos(handle(), w.x, w.y);
    }
  }

  static body& of(GLFWwindow* w) { return *static_cast<body*>(glfwGetWindowUserPointer(w)); }

  [[nodiscard]] point pixels(double x, double y) const {
    return {static_cast<float>(x) * density(), static_cast<float>(y) * density()};
  }

  static bool wants_text() {
    return ImGui::GetCurrentContext() != nullptr && ImGui::GetIO().WantTextInput;
  }

  // A key comes twice: as a key, and as the character that it gives.
  void on_key(int k, int scancode, int action, int modifiers) {
    again_ = action == GLFW_REPEAT;
    if (action == GLFW_RELEASE || wants_text()) return;
    digit_told_ = false;
    const bool control = (modifiers & GLFW_MOD_CONTROL) != 0;
    if ((modifiers & (GLFW_MOD_ALT | GLFW_MOD_SUPER)) != 0) return;  // the desktop's
    if (const auto named = named_key(k); named != key::unnamed) {
      tell_.pressed(
          {.named = named, .control = control, .shift = (modifiers & GLFW_MOD_SHIFT) != 0}, again_);
    } else if (control) {
      if (const auto c = character_on(k, scancode); c != 0) {
        tell_.pressed({.character = c, .control = true}, again_);
      }
    } else if (const auto digit = digit_of(k); digit != 0 && (modifiers & GLFW_MOD_SHIFT) == 0) {
      digit_told_ = true;  // with Shift the key is its other character
      tell_.pressed({.character = digit}, again_);
    }
  }

  void on_character(unsigned c) {
    const bool told_as_key = c == U' ' || std::exchange(digit_told_, false);
    if (!told_as_key && !wants_text()) tell_.pressed({.character = small(c)}, again_);
  }

  static void set_callbacks(GLFWwindow* w) {
    glfwSetKeyCallback(w, [](GLFWwindow* in, int k, int scancode, int action, int modifiers) {
      of(in).on_key(k, scancode, action, modifiers);
    });
    glfwSetCharCallback(w, [](GLFWwindow* in, unsigned c) { of(in).on_character(c); });
    glfwSetCursorPosCallback(w, [](GLFWwindow* in, double x, double y) {
      auto& b = of(in);
      b.pointer_ = b.pixels(x, y);
      b.tell_.pointed(b.pointer_);
    });
    glfwSetCursorEnterCallback(w, [](GLFWwindow* in, int entered) {
      if (entered == 0) of(in).tell_.pointed(std::nullopt);
    });
    glfwSetMouseButtonCallback(w, [](GLFWwindow* in, int button, int action, int) {
      if (button == GLFW_MOUSE_BUTTON_LEFT) {
        of(in).tell_.button(of(in).pointer_, action == GLFW_PRESS);
      }
    });
    glfwSetScrollCallback(
        w, [](GLFWwindow* in, double right, double up) { of(in).tell_.wheel(right, up); });
    glfwSetDropCallback(w, [](GLFWwindow* in, int count, const char** files) {
      if (count > 0) of(in).tell_.dropped(files[0]);
    });
    glfwSetFramebufferSizeCallback(w, [](GLFWwindow* in, int, int) { of(in).tell_.must_redraw(); });
    glfwSetWindowRefreshCallback(w, [](GLFWwindow* in) { of(in).tell_.must_redraw(); });
    glfwSetWindowIconifyCallback(w, [](GLFWwindow* in, int) { of(in).tell_.must_redraw(); });
  }

  window_listener& tell_;
  glfw glfw_;
  glfw_window window_;
  gl gl_;
  std::optional<imgui> imgui_;
  std::optional<list_painter> painter_;
  area before_;  // it filled the screen
  point pointer_;
  bool again_ = false;
  bool digit_told_ = false;  // as a key: its character is to come
};

window::window(const options& o, window_listener& tell) : body_(std::make_unique<body>(o, tell)) {}
window::~window() = default;

const font_metrics& window::fonts() const { return body_->fonts(); }
rect window::size() const { return body_->size(); }
bool window::is_hidden() const {
  return glfwGetWindowAttrib(body_->handle(), GLFW_ICONIFIED) == GLFW_TRUE;
}
bool window::is_to_close() const { return glfwWindowShouldClose(body_->handle()) != 0; }
void window::close() { glfwSetWindowShouldClose(body_->handle(), GLFW_TRUE); }
void window::set_title(const std::string& title) {
  glfwSetWindowTitle(body_->handle(), title.c_str());
}

void window::show(const scene& s) {
  body_->draw(s);
  glfwSwapBuffers(body_->handle());
}

image window::pixels_of(const scene& s) {
  show(s);  // OpenGL learns a new size when a frame ends
  body_->draw(s);
  return body_->read();
}

void window::wait(double seconds) {
  if (seconds < 0) {
    glfwWaitEvents();
  } else if (seconds == 0) {
    glfwPollEvents();
  } else {
    glfwWaitEventsTimeout(seconds);
  }
}

void window::wake() { glfwPostEmptyEvent(); }
void window::toggle_full_screen() { body_->toggle_full_screen(); }
bool window::is_full_screen() const { return glfwGetWindowMonitor(body_->handle()) != nullptr; }
void window::to_next_monitor() { body_->to_next_monitor(); }
void window::restore() { body_->restore(); }
GLFWwindow* window::handle() const { return body_->handle(); }

}  // namespace fronta::viz
