#include "learner/plot/font.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "tests/plot/picture.h"

using namespace kindling::plot;
using kindling::plot::testing::ink;

namespace {

constexpr Color kBlack{0, 0, 0};

// The smallest rectangle of device pixels around everything that is not white.
Rect ink_box(const Canvas& canvas) {
  int x0 = canvas.pixel_width(), y0 = canvas.pixel_height(), x1 = 0, y1 = 0;
  for (int y = 0; y < canvas.pixel_height(); ++y) {
    for (int x = 0; x < canvas.pixel_width(); ++x) {
      if (canvas.pixel(x, y) == kWhite) continue;
      x0 = std::min(x0, x), x1 = std::max(x1, x + 1);
      y0 = std::min(y0, y), y1 = std::max(y1, y + 1);
    }
  }
  return {x0 + 0.0, y0 + 0.0, x1 - x0 + 0.0, y1 - y0 + 0.0};
}

}  // namespace

TEST_CASE("font: DejaVu Sans has the widths its tables state") {
  // In units of 1/2048 em, from the font's hmtx table.
  CHECK(text_width("0", 2048) == doctest::Approx(1303));
  CHECK(text_width(" ", 2048) == doctest::Approx(651));
  CHECK(text_width("M", 2048) == doctest::Approx(1767));
  CHECK(text_width("00", 2048) == doctest::Approx(2606));
  CHECK(text_width("0", 9) == doctest::Approx(9 * 1303 / 2048.0));
  CHECK(text_width("", 9) == 0);
  CHECK(text_width("−", 2048) == text_width("×", 2048));  // both exist: 1716 wide
  CHECK(text_width("−", 2048) == doctest::Approx(1716));
}

TEST_CASE("font: ink stays in the box that layout reserves") {
  for (const char* text : {"gradient |x| (1)", "Ångström? no: ygjpq", "10000.5", "µσ−×…"}) {
    for (const Direction direction : {Direction::horizontal, Direction::upward}) {
      Canvas canvas(300, 300, 4);
      canvas.text({150, 150}, text, 20, kBlack, Align::center, direction);
      REQUIRE(canvas.text_boxes().size() == 1);
      const Rect inked = ink_box(canvas), box = canvas.text_boxes()[0].box;
      CAPTURE(text);
      CHECK(inked.width > 0);
      const double slack = std::string(text).starts_with("Å") ? 0.16 * 20 : 0.5;
      CHECK(inked.x / 4 >= box.x - slack);
      CHECK(inked.right() / 4 <= box.right() + 0.5);
      CHECK(inked.y / 4 >= box.y - slack);
      CHECK(inked.bottom() / 4 <= box.bottom() + 0.5);
    }
  }
}

TEST_CASE("font: text upward is the same text, turned") {
  Canvas across(200, 200, 1), upward(200, 200, 1);
  const Label label = Label("lr 10").append("-3", true).append(" gj");
  across.text({30, 100}, label, 24, kBlack);
  upward.text({100, 170}, label, 24, kBlack, Align::left, Direction::upward);
  int different = 0;
  for (int u = -30; u < 170; ++u) {
    for (int v = -100; v < 100; ++v) {
      different += across.pixel(30 + u, 100 + v) != upward.pixel(100 + v, 169 - u);
    }
  }
  CHECK(ink(across) > 100);
  CHECK(different == 0);
}

TEST_CASE("font: a superscript is smaller and higher") {
  Canvas plain(200, 100, 2), raised(200, 100, 2);
  plain.text({10, 80}, "3", 40, kBlack);
  raised.text({10, 80}, Label().append("3", true), 40, kBlack);
  const Rect low = ink_box(plain), high = ink_box(raised);
  CHECK(high.height < 0.8 * low.height);
  CHECK(high.bottom() < low.bottom() - 20);
  CHECK(high.y < low.y);
}

TEST_CASE("font: broken UTF-8 and control characters are shown as something") {
  const double replacement = text_width("\xEF\xBF\xBD", 10);
  CHECK(replacement > 0);
  CHECK(text_width("\xFF", 10) == doctest::Approx(replacement));
  CHECK(text_width("\xC3", 10) == doctest::Approx(replacement));          // cut off
  CHECK(text_width("\xC0\xAF", 10) == doctest::Approx(2 * replacement));  // overlong
  CHECK(text_width("a\nb", 10) == doctest::Approx(text_width("a b", 10)));
  Canvas canvas(100, 40, 1);
  canvas.text({5, 30}, std::string("\xE2\x82\0\x01\xF0\x9F", 6), 12, kBlack);
  CHECK(canvas.text_boxes().size() == 1);
}

TEST_CASE("font: shortened() keeps both ends and whole letters") {
  const std::string name = "layers.3.residual.convs.0.Gewöhnung.weight";
  CHECK(shortened(name, 10, 1000) == name);
  for (double room = 20; room < 200; room += 7) {
    const std::string s = shortened(name, 10, room);
    CHECK(text_width(s, 10) <= room);
    const std::size_t mark = s.find("…");
    REQUIRE(mark != std::string::npos);
    CHECK(name.starts_with(s.substr(0, mark)));
    CHECK(name.ends_with(s.substr(mark + std::string("…").size())));
  }
  CHECK(shortened(name, 10, 0) == "…");
  CHECK(shortened("", 10, 0).empty());
}
