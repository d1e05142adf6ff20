#include "learner/draw_graph.h"

#include <doctest/doctest.h>

#include <string>

#include "engine/engine.h"
#include "engine/graph.h"
#include "nn/layers.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

// The graph of a network, in a file.

namespace kindling::test {

TEST_CASE("draw_graph: a picture or dot, by the ending") {
  const plot::testing::TemporaryFolder folder;
  nn::Sequential model(nn::make<nn::Linear>(3, 4), nn::make<nn::ReLU>(),
                       nn::make<nn::Linear>(4, 2));
  const Tensor loss = sum(model(Tensor(Array(Shape{5, 3}, 1))));
  draw_graph(folder.file("a.dot"), loss, model.named_parameters());
  draw_graph(folder.file("a.png"), loss, model.named_parameters());
  CHECK(plot::testing::file_bytes(folder.file("a.dot")) ==
        to_dot(graph_behind(loss, model.named_parameters())));
  CHECK(plot::testing::file_bytes(folder.file("a.png")).substr(1, 3) == "PNG");
  CHECK(contains(plot::testing::file_bytes(folder.file("a.dot")), "label=\"2.weight\\n(4,2)\""));
  CHECK(folder.entries() == 2);

  CHECK(contains(message_of([&] { draw_graph(folder.file("a.svg"), loss); }),
                 "a.svg': a name that ends in .png or .dot expected"));
  CHECK(contains(message_of<std::runtime_error>([&] { draw_graph("/no/such/place.dot", loss); }),
                 "[draw_graph] cannot write '/no/such/place.dot'"));
  Tensor long_one = loss;
  for (int i = 0; i < 60; ++i) long_one = exp(long_one);
  CHECK(contains(message_of([&] { draw_graph(folder.file("b.png"), long_one); }),
                 "nodes, a picture holds 60; a name that ends in .dot takes any"));
  loss.backward();
  CHECK(contains(message_of([&] { draw_graph(folder.file("b.dot"), loss); }), "released"));
  CHECK(folder.entries() == 2);
}

}  // namespace kindling::test
