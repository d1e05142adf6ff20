// The tape of a network of two layers and its loss, as a picture and in Graphviz' language.

#include "engine/ops/loss.h"
#include "learner/draw_graph.h"
#include "learner/examples/example.h"
#include "nn/layers.h"

using namespace kindling;

int main() {
  return run_example("draw_tape", [] {
    nn::Sequential model(nn::make<nn::Linear>(784, 50), nn::make<nn::ReLU>(),
                         nn::make<nn::Linear>(50, 10));
    const Tensor x(Random(1).normal({64, 784}));
    const Tensor loss = cross_entropy(model(x), IntArray(Shape{64}, 3));
    // Before backward(), which releases the tape as it walks it.
    draw_graph("tape.png", loss, model.named_parameters(), "Two layers and their loss");
    draw_graph("tape.dot", loss, model.named_parameters());
    std::printf("wrote tape.png and tape.dot\n");
  });
}
