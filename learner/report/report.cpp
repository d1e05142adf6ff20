#include "learner/report/report.h"

#include <string_view>

#include "learner/files/atomic_file.h"

// The assembler copies the page's sources into the read-only data, as plot/font.cpp does with
// the typeface (ELF; the build defines KINDLING_REPORT_DIR). A zero byte ends each.
__asm__(
    ".pushsection .rodata,\"a\"\n"
    ".hidden kindling_report_html, kindling_report_css, kindling_chart_js\n"
    ".hidden kindling_activations_js, kindling_report_js, kindling_live_js\n"
    ".globl kindling_report_html, kindling_report_css, kindling_chart_js\n"
    ".globl kindling_activations_js, kindling_report_js, kindling_live_js\n"
    "kindling_report_html: .incbin \"" KINDLING_REPORT_DIR
    "/report.html\"\n.byte 0\n"
    "kindling_report_css: .incbin \"" KINDLING_REPORT_DIR
    "/report.css\"\n.byte 0\n"
    "kindling_chart_js: .incbin \"" KINDLING_REPORT_DIR
    "/chart.js\"\n.byte 0\n"
    "kindling_activations_js: .incbin \"" KINDLING_REPORT_DIR
    "/activations.js\"\n.byte 0\n"
    "kindling_report_js: .incbin \"" KINDLING_REPORT_DIR
    "/report.js\"\n.byte 0\n"
    "kindling_live_js: .incbin \"" KINDLING_REPORT_DIR
    "/live.js\"\n.byte 0\n"
    ".popsection\n");
extern "C" const char kindling_report_html[], kindling_report_css[], kindling_chart_js[],
    kindling_activations_js[], kindling_report_js[], kindling_live_js[];

namespace kindling {

namespace {

/// Inside a script element only this sign could end the element or begin a comment, and in JSON it
/// stands nowhere but in strings, where it has another spelling.
std::string without_tags(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  }
  return text;
}

}  // namespace

std::string report_page(const std::string& json, const std::string& version) {
  const bool live = !version.empty();
  const std::string attribute = live ? " data-version='" + version + "'" : "";
  const std::string data = without_tags(json);
  const std::pair<std::string_view, std::string_view> parts[] = {
      {"{{connect}}", live ? "; connect-src 'self'" : ""},
      {"{{css}}", kindling_report_css},
      {"{{version}}", attribute},
      {"{{data}}", data},
      {"{{chart}}", kindling_chart_js},
      {"{{activations}}", kindling_activations_js},
      {"{{report}}", kindling_report_js},
      {"{{live}}", live ? kindling_live_js : ""}};
  // From front to back, so that nobody looks for marks in what was put in.
  std::string_view rest = kindling_report_html;
  std::string page;
  for (const auto& [mark, part] : parts) {
    const std::size_t at = rest.find(mark);
    page += rest.substr(0, at);
    page += part;
    rest.remove_prefix(at + mark.size());
  }
  return page += rest;
}

void write_report(const std::string& path, const Report& report) {
  write_file_atomically(path, report_page(report_json(report)), "report");
}

}  // namespace kindling
