// A ResNet: the same convolutions, plain and with shortcuts around every two of them.

#include <numeric>
#include <string>
#include <vector>

#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/recorder_cb.h"
#include "learner/examples/example.h"
#include "learner/plot/figure.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "nn/pool.h"
#include "nn/summary.h"

using namespace kindling;

namespace {

/// Two convolutions of one width; with a shortcut, act(convs(x) + x). nn::ResBlock is this one that
/// may also widen and shrink.
class Block : public nn::Module {
 public:
  Block(Index width, bool shortcut) : shortcut_(shortcut) {
    first_ = &add_child("0", nn::conv_bn(width, width, 3, 1));
    second_ = &add_child("1", nn::conv_bn(width, width, 3, 1, nn::Activation::none));
    act_ = &add_child("act", nn::make<nn::GeneralRelu>(nn::kLeak, nn::kSub));
  }
  std::string type() const override { return "Block"; }

 protected:
  Tensor forward(const Tensor& x) override {
    const Tensor y = (*second_)((*first_)(x));
    return (*act_)(shortcut_ ? y + x : y);
  }

 private:
  bool shortcut_;
  nn::Module *first_, *second_, *act_;
};

/// Two convolutions that shrink the image to 7 x 7 x 16, so many blocks, and a head.
std::unique_ptr<nn::Sequential> net(int blocks, bool shortcut) {
  auto model = std::make_unique<nn::Sequential>(nn::conv_bn(1, 8));
  model->add(nn::conv_bn(8, 16));
  for (int i = 0; i < blocks; ++i) model->add(nn::make<Block>(16, shortcut));
  model->add(nn::make<nn::GlobalAvgPool>());
  model->add(nn::make<nn::Linear>(16, 10));
  nn::kaiming_init(*model, nn::kLeak);
  return model;
}

struct Outcome {
  double accuracy;
  std::vector<double> losses;
};

Outcome train(nn::Module& model, const DataLoaders& loaders, int epochs) {
  MetricsCB metrics;
  metrics.log = nullptr;
  metrics.add<metrics::Accuracy>("accuracy");
  RecorderCB recorder;
  recorder.add("loss", [](const Learner& learn) { return learn.loss.item(); });
  TrainLearner(model, loaders, nn::CrossEntropyLoss(),
               {.lr = 0.1,
                .cbs = {&metrics, &recorder},
                .opt_func = optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9})})
      .fit(epochs);
  return {metrics.history().back()["accuracy"], recorder["loss"]};
}

}  // namespace

int main(int argc, char** argv) {
  return run_example("10_resnet", argc, argv, [](bool brief) {
    const FashionMnist data = load_fashion_mnist({}, FashionMnist::kNormalize);
    const Subset images = first_rows(data.train, brief ? 2048 : 10'000);
    const Subset unseen = first_rows(data.test, brief ? 1000 : 10'000);
    const DataLoaders loaders = make_data_loaders(images, unseen, 128);
    const auto shown = net(2, true);
    const Batch batch = *loaders.valid.begin();
    std::printf("%s\n", nn::summary_table(nn::summarize(*shown, batch.xs[0], 1)).c_str());

    plot::Figure figure(1, 2, 330, 230);
    for (const bool shortcut : {false, true})
      figure.at(shortcut)
          .title(shortcut ? "with shortcuts" : "plain")
          .x_label("batch")
          .y_label("loss, mean of 10");
    std::printf("accuracy\nconvolutions    plain  with shortcuts\n");
    for (const int blocks : brief ? std::vector{2} : std::vector{2, 8, 16}) {
      std::printf("%12d", 2 + 2 * blocks);
      for (const bool shortcut : {false, true}) {
        set_seed(1);
        const Outcome outcome = train(*net(blocks, shortcut), loaders, brief ? 1 : 2);
        std::printf("  %7.3f", outcome.accuracy);
        std::fflush(stdout);
        std::vector<double> batches, means;  // of ten batches each
        for (std::size_t i = 10; i <= outcome.losses.size(); i += 5) {
          const double* end = outcome.losses.data() + i;
          batches.push_back(static_cast<double>(i));
          means.push_back(std::accumulate(end - 10, end, 0.0) / 10);
        }
        figure.at(shortcut).line(batches, means, str(2 + 2 * blocks, " convolutions"));
      }
      std::printf("\n");
    }
    for (const int i : {0, 1}) figure.at(i).y_limits(0.3, 2.3);
    figure.save("10_resnet.png", 1.25);
    std::printf("wrote 10_resnet.png\n");
  });
}
