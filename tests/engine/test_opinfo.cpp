#include <doctest/doctest.h>

#include <fstream>

#include "tests/engine/opinfo.h"
#include "tests/support/plain.h"

// The samples with which PyTorch tests its own operators, against what PyTorch made of them in
// double: forward and every gradient. tests/fixtures/README.md describes opinfo.json, opinfo.bin.

namespace kindling::test {

namespace {

/// difference() allows it times 1 + |want|, so that |got - want| <= 1e-9 max(1, |want|) in double.
constexpr double kTolerance = sizeof(Scalar) == 8 ? 0.5e-9 : 1e-4;

std::ifstream open_fixture(const std::string& name) {
  std::ifstream file(std::string(KINDLING_FIXTURES) + "/" + name, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), name, " is missing from " KINDLING_FIXTURES);
  return file;
}

/// The arrays of a sample, one behind the other in opinfo.bin.
class Arrays {
 public:
  explicit Arrays(Index at) { file().seekg(at * static_cast<Index>(sizeof(double))); }
  Plain next(const Json& shape) {
    const auto dims = shape.get<std::vector<Index>>();
    Plain plain{Shape(std::span<const Index>(dims)), {}};
    plain.values.resize(static_cast<std::size_t>(plain.shape.size()));
    const auto bytes = static_cast<std::streamsize>(plain.values.size() * sizeof(double));
    REQUIRE(file().read(reinterpret_cast<char*>(plain.values.data()), bytes).good());
    return plain;
  }

 private:
  static std::ifstream& file() {
    static std::ifstream opened = open_fixture("opinfo.bin");
    return opened;
  }
};

/// Whether there were numbers to compare, and not only the shape of an empty array.
bool check_sample(const Formula& formula, const Json& json) {
  Arrays arrays(json.at("at").get<Index>());
  Sample s{{}, json.at("args")};
  for (const Json& input : json.at("inputs")) {
    const std::string name = input[0];
    // Running moments are constants to us.
    s.inputs.emplace_back(name,
                          Tensor(to_array(arrays.next(input[1])), !name.starts_with("running_")));
  }
  const Tensor y = formula(s);
  CHECK_EQ(difference(y.value(), arrays.next(json.at("output")), kTolerance), "");
  y.backward(to_array(arrays.next(json.at("output"))));
  for (std::size_t i = 0; i < s.inputs.size(); ++i) {
    const Tensor& x = s.inputs[i].second;
    CAPTURE(s.inputs[i].first);
    if (!x.requires_grad()) continue;
    CHECK_EQ(difference(x.grad(), arrays.next(json.at("inputs")[i][1]), kTolerance), "");
  }
  return y.size() > 0;
}

}  // namespace

TEST_CASE("every operator agrees with PyTorch on PyTorch's own samples") {
  std::ifstream file = open_fixture("opinfo.json");
  const Json samples_of = Json::parse(file);
  Table formulas = opinfo_formulas();
  int checked = 0;
  for (const auto& item : samples_of.items()) {
    const std::string& op = item.key();
    const Json& samples = item.value();
    CAPTURE(op);
    REQUIRE(formulas.contains(op));
    for (std::size_t number = 0; number < samples.size(); ++number) {
      CAPTURE(number);
      CAPTURE(samples[number].dump());
      CHECK_NOTHROW(checked += check_sample(formulas[op], samples[number]));
    }
    formulas.erase(op);
  }
  CHECK(formulas.empty());  // a formula without samples
  CHECK_GE(checked, 900);
}

}  // namespace kindling::test
