#include "engine/trace.h"

#include <doctest/doctest.h>

#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "nn/models.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

// Every op is a line of a table, both ways, and nothing else changes.

namespace kindling::test {

namespace {

struct Row {
  std::string op, module, shape, ms, inputs;
};

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

/// The lines, cut where the heading's words stand; a line that does not fit them shows as such.
std::vector<Row> rows_of(const std::string& table) {
  std::vector<Row> rows;
  std::istringstream lines(table);
  std::size_t module = 0, shape = 0, ms = 0, inputs = 0;
  for (std::string line; std::getline(lines, line);) {
    if (begins(line, "forward") || begins(line, "backward")) {
      module = line.find("module");
      shape = line.find(begins(line, "forward") ? "output" : "gradient");
      ms = line.find("  ms  ") + 4;  // where the numbers end
      inputs = line.find("inputs");
    }
    if (begins(line, "all")) {
      rows.push_back({"all", "", "", "", trimmed(line.substr(3))});
      continue;
    }
    const auto number = line.rfind(' ', ms - 1) + 1;
    rows.push_back({trimmed(line.substr(0, module)), trimmed(line.substr(module, shape - module)),
                    trimmed(line.substr(shape, number - shape)), line.substr(number, ms - number),
                    trimmed(line.substr(inputs))});
    if (line.substr(inputs - 2, 2) != "  ") rows.back().op = "not lined up: " + line;
  }
  return rows;
}

std::string in_words(const Row& row) {
  return row.op + " | " + row.module + " | " + row.shape + " | " + row.inputs;
}

using Milliseconds = std::chrono::milliseconds;
constexpr int kSleep = 30;

/// A value that takes its time when somebody looks.
struct Slow : Pending {
  Slow() : Pending(Shape{2}) {}
  Array compute() override {
    std::this_thread::sleep_for(Milliseconds(kSleep));
    return Array(Shape{2}, Scalar{1});
  }
};

Tensor slow(const Tensor& x) {
  static const Op& op = *op_registry().front();  // any op: a test's own would need a table row
  return record(op, make_recycled<Slow>(), {x},
                [](const Array&, Grads& grads) { grads.add(0, make_recycled<Slow>()); });
}

}  // namespace

TEST_CASE("trace: the ops of a small model, forward and backward, with modules and shapes") {
  nn::Sequential model(nn::make<nn::Linear>(3, 4),
                       nn::make<nn::Sequential>(nn::make<nn::ReLU>(), nn::make<nn::Linear>(4, 2)));
  const Tensor x(Random(1).normal({5, 3}));
  std::ostringstream out;
  {
    const TraceOps guard(out);
    mean(model(x)).backward();
  }
  model(x);  // unseen
  const auto rows = rows_of(out.str());
  std::vector<std::string> forward, backward;
  for (const Row& row : rows) {
    if (row.op == "all") continue;
    (begins(row.op, "backward") || !backward.empty() ? backward : forward).push_back(in_words(row));
  }
  CAPTURE(out.str());
  CHECK(forward ==
        std::vector<std::string>{"forward | module | output | inputs",
                                 "matmul | 0 | (5,4) | (5,3) (3,4)", "add | 0 | (5,4) | (5,4) (4)",
                                 "relu | 1.0 | (5,4) | (5,4)", "matmul | 1.1 | (5,2) | (5,4) (4,2)",
                                 "add | 1.1 | (5,2) | (5,2) (2)", "mean |  | () | (5,2)"});
  CHECK(backward ==
        std::vector<std::string>{"backward | module | gradient | inputs", "mean |  | () | (5,2)",
                                 "add | 1.1 | (5,2) | (5,2) (2)",
                                 "matmul | 1.1 | (5,2) | (5,4) (4,2)", "relu | 1.0 | (5,4) | (5,4)",
                                 "add | 0 | (5,4) | (5,4) (4)", "matmul | 0 | (5,4) | - (3,4)"});
  CHECK(rows.back().op == "all");
  CHECK(begins(rows.back().inputs, "6 forward "));
  CHECK(contains(rows.back().inputs, " ms, 6 backward "));
  CHECK_FALSE(trace::tracing());
}

TEST_CASE("trace: what was put off is charged to the op that put it off") {
  std::ostringstream out;
  const Tensor x(Array(Shape{2}, 1), true);
  {
    const TraceOps guard(out);
    const Tensor y = slow(x);
    std::this_thread::sleep_for(Milliseconds(kSleep));  // the caller's time, before the next op
    sum(exp(y)).backward();
  }
  const auto rows = rows_of(out.str());
  REQUIRE(rows.size() == 9);  // two headings, three ops each way, the sum
  CAPTURE(out.str());
  CHECK(std::stod(rows[1].ms) >= kSleep);
  CHECK(std::stod(rows[2].ms) >= kSleep);
  CHECK(std::stod(rows[7].ms) >= kSleep);
  CHECK(rows[6].op == "exp");
}

TEST_CASE("trace: a module that begins starts the clock") {
  std::ostringstream out;
  nn::Sequential model(nn::make<nn::ReLU>());
  {
    const TraceOps guard(out);
    std::this_thread::sleep_for(Milliseconds(10 * kSleep));
    model(Tensor(Array(Shape{2}, 1)));
  }
  CHECK(std::stod(rows_of(out.str())[1].ms) < 10 * kSleep);
}

TEST_CASE("trace: a graph from before has no modules; guards nest; an untaped op is seen") {
  nn::Sequential model(nn::make<nn::Linear>(3, 4));
  const Tensor y = sum(model(Tensor(Array(Shape{5, 3}, 1))));
  std::ostringstream outer, inner;
  {
    const TraceOps first(outer);
    {
      const TraceOps second(inner);
      y.backward();
    }
    const NoGrad no_grad;
    exp(y);
  }
  const auto inside = rows_of(inner.str()), outside = rows_of(outer.str());
  REQUIRE(inside.size() == 5);
  CHECK(in_words(inside[3]) == "matmul |  | (5,4) | - (3,4)");
  REQUIRE(outside.size() == 3);
  CHECK(in_words(outside[1]) == "exp |  | () | ()");
  std::ostringstream nothing;
  { const TraceOps guard(nothing); }
  CHECK(nothing.str().empty());
}

TEST_CASE("trace: an op that fails leaves no line and no guard") {
  std::ostringstream out;
  CHECK(contains(message_of([&] {
                   const TraceOps guard(out);
                   exp(Tensor(2));
                   exp(Tensor(2)) + matmul(Tensor(1), Tensor(2));
                 }),
                 "[matmul]"));
  CHECK_FALSE(trace::tracing());
  CHECK(contains(out.str(), "all"));
  CHECK_FALSE(contains(out.str(), "matmul"));
}

TEST_CASE("trace: a network computes the same bits under a guard") {
  set_seed(5);
  const auto model = nn::conv_bn_net();
  const Tensor x(Random(3).normal({4, 28, 28, 1}));
  const auto gradients = [&] {
    model->zero_grad();
    sum((*model)(x)).backward();
    std::vector<Array> all;
    for (const Tensor& parameter : model->parameters()) all.push_back(parameter.grad());
    return all;
  };
  const auto plain = gradients();
  std::ostringstream out;
  std::vector<Array> traced;
  {
    const TraceOps guard(out);
    traced = gradients();
  }
  REQUIRE(plain.size() == traced.size());
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(same_bits(plain[i], traced[i]));
  // Long shapes and paths, and still every column begins where the heading says.
  for (const Row& row : rows_of(out.str())) CHECK_FALSE(begins(row.op, "not lined up"));
}

}  // namespace kindling::test
