#include "learner/files/state_dict.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "engine/random.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "tests/learner/fits.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

using plot::testing::TemporaryFolder;

Tensor output(nn::Module& model) {
  model.eval();
  return model(Tensor(Random(5).normal({3, 28, 28, 1})));
}

}  // namespace

TEST_CASE("state_dict: PyTorch's names and layouts") {
  set_seed(1);
  nn::Sequential model;
  model.add(nn::make<nn::Conv2d>(2, 3, Pair(5, 4)));
  model.add(nn::make<nn::BatchNorm2d>(3));
  model.add(nn::make<nn::Linear>(3, 7));
  const NamedArrays state = state_dict(model);
  std::map<std::string, Shape> shapes;
  for (const auto& [name, array] : state.arrays) shapes[name] = array.shape();
  CHECK(shapes == std::map<std::string, Shape>{{"0.weight", {3, 2, 5, 4}},
                                               {"0.bias", {3}},
                                               {"1.weight", {3}},
                                               {"1.bias", {3}},
                                               {"1.running_mean", {3}},
                                               {"1.running_var", {3}},
                                               {"1.num_batches_tracked", {}},
                                               {"2.weight", {7, 3}},
                                               {"2.bias", {7}}});
  const Array ours = model.parameters()[0].value(), theirs = *state.find("0.weight");
  for (Index h = 0; h < 5; ++h)
    for (Index w = 0; w < 4; ++w)
      for (Index c = 0; c < 2; ++c)
        for (Index m = 0; m < 3; ++m)
          CHECK(theirs[((m * 2 + c) * 5 + h) * 4 + w] == ours[((h * 4 + w) * 2 + c) * 3 + m]);
}

TEST_CASE("state_dict: a network trained by PyTorch computes the same here") {
  nn::Sequential model;
  const auto block = [](std::unique_ptr<nn::Module> conv, Index width, auto act) {
    auto layers = std::make_unique<nn::Sequential>();
    layers->add(std::move(conv));
    layers->add(nn::make<nn::BatchNorm2d>(width));
    layers->add(std::move(act));
    return layers;
  };
  model.add(block(nn::make<nn::Conv2d>(3, 6, Pair(3, 2), 2, 1), 6,
                  nn::make<nn::GeneralRelu>(nn::kLeak, nn::kSub)));
  model.add(block(nn::make<nn::Conv2d>(6, 4, 1, 1, 0, false), 4, nn::make<nn::ReLU>()));
  model.add(nn::make<nn::Flatten>());
  model.add(nn::make<nn::Linear>(4 * 5 * 6, 7));
  NamedArrays state =
      read_safetensors(std::string(KINDLING_SOURCE_DIR) + "/tests/fixtures/weights.safetensors");
  const Array x = *state.find("x"), y = *state.find("y");
  std::erase_if(state.arrays, [](const auto& a) { return a.first == "x" || a.first == "y"; });
  load_state_dict(model, state);
  model.eval();
  CHECK(difference(model(Tensor(x)).value(), to_plain(y), 1e-5) == "");
  // And back: the same arrays under the same names.
  const NamedArrays again = state_dict(model);
  REQUIRE(again.arrays.size() == state.arrays.size());
  for (const auto& [name, array] : state.arrays) CHECK(same_bits(*again.find(name), array));
}

TEST_CASE("state_dict: through a file into another model, bit for bit") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.safetensors");
  using Make = std::unique_ptr<nn::Sequential> (*)();
  for (const Make make : {Make([] { return nn::conv_net(); }), nn::conv_bn_net, nn::small_resnet}) {
    set_seed(1);
    const auto model = make();
    (*model)(Tensor(Random(6).normal({8, 28, 28, 1})));  // running statistics of their own
    write_safetensors(path, state_dict(*model));
    set_seed(2);
    const auto other = make();
    CHECK_FALSE(same_bits(output(*other).value(), output(*model).value()));
    load_state_dict(*other, read_safetensors(path));
    CHECK(same_bits(output(*other).value(), output(*model).value()));
  }
}

TEST_CASE("load_state_dict: everything that does not fit is listed, and nothing is changed") {
  set_seed(1);
  const auto model = nn::conv_bn_net();
  NamedArrays state = state_dict(*model);
  std::erase_if(state.arrays, [](const auto& named) { return named.first == "1.0.bias"; });
  for (auto& [name, array] : state.arrays) {
    if (name == "0.0.weight") array = Array(Shape{8, 1, 5, 5}, Scalar{9});
    if (name == "0.0.bias") array = Array(Shape{8}, Scalar{9});
  }
  state.arrays.emplace_back("head.weight", Array(Shape{2}));
  const std::string before = bits(*model);
  CHECK(message_of([&] { load_state_dict(*model, state); }) ==
        "[load_state_dict] missing: 1.0.bias; unexpected: head.weight; other shapes: 0.0.weight "
        "(8,1,3,3), got (8,1,5,5)");
  CHECK(bits(*model) == before);
}

TEST_CASE("load_state_dict: a file without counters of batches is welcome") {
  const auto model = nn::conv_bn_net();
  NamedArrays state = state_dict(*model);
  std::erase_if(state.arrays,
                [](const auto& named) { return named.first.ends_with(".num_batches_tracked"); });
  load_state_dict(*model, state);
  CHECK(state.arrays.size() + 4 == state_dict(*model).arrays.size());
}

}  // namespace kindling::test
