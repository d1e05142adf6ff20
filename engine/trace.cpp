#include "engine/trace.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <string>
#include <unordered_map>

#include "engine/where.h"

namespace kindling {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTimeWidth = 9;

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::string fixed(double number) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", number);
  return text;
}

/// `text` in a column that is as wide as its widest cell so far, and a gap.
std::string cell(const std::string& text, std::size_t& width) {
  width = std::max(width, text.size());
  return text + std::string(width - text.size() + 2, ' ');
}

}  // namespace

class TraceOps::Table {
 public:
  explicit Table(std::ostream& out) : out_(out) {
    for (const Op* op : op_registry())
      op_width_ = std::max(op_width_, std::char_traits<char>::length(op->name) + 2);
  }

  void print_sum() {
    if (lines_[0] + lines_[1] == 0) return;
    out_ << cell("all", op_width_) << lines_[0] << " forward " << fixed(times_[0]) << " ms, "
         << lines_[1] << " backward " << fixed(times_[1]) << " ms" << std::endl;
  }

  void line(bool back, const char* op, const std::string& module, const Shape& shape,
            Clock::duration time, const std::string& inputs) {
    if (lines_[back] == 0 || back != back_) {
      back_ = back;
      print(back ? "backward" : "forward", "module", back ? "gradient" : "output", "ms", "inputs");
    }
    ++lines_[back];
    times_[back] += milliseconds(time);
    print(std::string("  ") + op, module, shape.to_string(), fixed(milliseconds(time)), inputs);
    last_line_ = Clock::now();
  }

  /// When the op that is done now can have begun.
  Clock::time_point began() const { return std::max(last_line_, where::entered()); }

  std::unordered_map<std::uint64_t, std::string> modules;  ///< By the numbers of nodes.

 private:
  void print(const std::string& op, const std::string& module, const std::string& shape,
             const std::string& time, const std::string& inputs) {
    const auto room = static_cast<std::size_t>(kTimeWidth);
    out_ << cell(op, op_width_) << cell(module, module_width_) << cell(shape, shape_width_)
         << std::string(room - std::min(room, time.size()), ' ') << time << "  " << inputs
         << std::endl;
  }

  std::ostream& out_;
  const where::Asked asked_;
  bool back_ = false;
  int lines_[2] = {0, 0};
  double times_[2] = {0, 0};
  std::size_t op_width_ = 0, module_width_ = 12, shape_width_ = 18;
  Clock::time_point last_line_ = Clock::now();
};

namespace {

thread_local TraceOps::Table* table = nullptr;

}  // namespace

TraceOps::TraceOps() : TraceOps(std::cerr) {}
TraceOps::TraceOps(std::ostream& out)
    : table_(std::make_unique<Table>(out)), before_(std::exchange(table, table_.get())) {}
TraceOps::~TraceOps() {
  table = before_;
  try {
    table_->print_sum();
  } catch (...) {  // a stream that throws: a destructor must not
  }
}

namespace trace {

bool tracing() { return table != nullptr; }

void forward(const Op& op, const Lazy& value, std::span<const Tensor> inputs) {
  const Shape& shape = value.get().shape();
  const Clock::duration time = Clock::now() - table->began();
  std::string shapes;
  for (const Tensor& x : inputs) shapes += (shapes.empty() ? "" : " ") + x.shape().to_string();
  table->line(false, op.name, where::path(), shape, time, shapes);
}

void recorded(const Node& node) { table->modules.emplace(node.number, where::path()); }

void backward(Node& node, Lazy dy) {
  dy.get();
  Grads grads(node);
  const Clock::time_point began = Clock::now();
  node.backward(std::move(dy), grads);
  for (int i = 0; i < grads.inputs(); ++i)
    if (grads.needs(i) && grads.sum(i).defined()) grads.sum(i).get();
  const Clock::duration time = Clock::now() - began;
  std::string shapes;
  for (const auto& input : node.inputs)
    shapes += (shapes.empty() ? "" : " ") + (input ? input->shape.to_string() : "-");
  const auto module = table->modules.find(node.number);
  table->line(true, node.op->name, module == table->modules.end() ? "" : module->second, node.shape,
              time, shapes);
}

}  // namespace trace

}  // namespace kindling
