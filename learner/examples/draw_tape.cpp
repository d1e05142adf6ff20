// The tape of a network of two layers and its loss: as a picture, in Graphviz' language, and op by
// op as it is recorded and walked.

#include <iostream>

#include "engine/ops/loss.h"
#include "engine/trace.h"
#include "learner/draw_graph.h"
#include "learner/examples/example.h"
#include "nn/layers.h"

using namespace kindling;

int main() {
  return run_example("draw_tape", [] {
    nn::Sequential model(nn::make<nn::Linear>(784, 50), nn::make<nn::ReLU>(),
                         nn::make<nn::Linear>(50, 10));
    const Tensor x(Random(1).normal({64, 784}));
    const TraceOps trace(std::cout);  // as long as it lives, every op is a line
    const Tensor loss = cross_entropy(model(x), IntArray(Shape{64}, 3));
    // Before backward(), which releases the tape as it walks it.
    draw_graph("tape.png", loss, model.named_parameters(), "Two layers and their loss");
    draw_graph("tape.dot", loss, model.named_parameters());
    loss.backward();
    std::cout << "wrote tape.png and tape.dot\n";
  });
}
