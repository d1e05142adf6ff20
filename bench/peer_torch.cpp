// libtorch: training steps of the same models from the same weights, in both memory formats.

#include <torch/torch.h>

#include "bench/peers.h"
#include "engine/error.h"

namespace kindling::bench {

namespace {

namespace F = torch::nn::functional;
using torch::Tensor;

/// A Sequential that may stand in another one.
struct ChainImpl : torch::nn::SequentialImpl {
  Tensor forward(const Tensor& x) { return torch::nn::SequentialImpl::forward(x); }
};
TORCH_MODULE(Chain);

struct GeneralReluImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) {
    return F::leaky_relu(x, F::LeakyReLUFuncOptions().negative_slope(0.1)) - 0.4;
  }
};
TORCH_MODULE(GeneralRelu);

struct GlobalAvgPoolImpl : torch::nn::Module {
  Tensor forward(const Tensor& x) { return x.mean({-2, -1}); }
};
TORCH_MODULE(GlobalAvgPool);

/// A convolution that may look at what it computes: mean, deviation and histogram.
struct SeenConvImpl : torch::nn::Module {
  SeenConvImpl(Index in, Index out, Index kernel, Index stride, bool stats_wanted)
      : stats(stats_wanted),
        conv(register_module(
            "conv",
            torch::nn::Conv2d(
                torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2)))) {}
  Tensor forward(const Tensor& x) {
    const Tensor y = conv(x);
    if (stats) {
      const Tensor seen = y.detach();
      for (const Tensor& s : {seen.mean(), seen.std(), seen.abs().histc(40, 0, 10)})
        kept.push_back(s);
    }
    return y;
  }
  bool stats;
  std::vector<Tensor> kept;
  torch::nn::Conv2d conv;
};
TORCH_MODULE(SeenConv);

enum class Act { none, relu, general };

Chain conv(Index in, Index out, Index kernel, Index stride, Act act, bool norm,
           bool stats = false) {
  Chain layers;
  layers->push_back(SeenConv(in, out, kernel, stride, stats));
  if (norm) layers->push_back(torch::nn::BatchNorm2d(out));
  if (act == Act::relu) layers->push_back(torch::nn::ReLU());
  if (act == Act::general) layers->push_back(GeneralRelu());
  return layers;
}

struct ResBlockImpl : torch::nn::Module {
  ResBlockImpl(Index in, Index out, Index kernel, Index stride)
      : halves(stride > 1),
        conv0(register_module("0", conv(in, out, kernel, 1, Act::general, true))),
        conv1(register_module("1", conv(out, out, kernel, stride, Act::none, true))) {
    if (in != out) idconv = register_module("idconv", conv(in, out, 1, 1, Act::none, false));
  }
  Tensor forward(const Tensor& x) {
    Tensor id = x;
    if (halves) id = F::avg_pool2d(id, F::AvgPool2dFuncOptions(2).ceil_mode(true));
    if (idconv) id = idconv->forward(id);
    return act(conv1->forward(conv0->forward(x)) + id);
  }
  bool halves;
  Chain conv0, conv1, idconv{nullptr};
  GeneralRelu act;
};
TORCH_MODULE(ResBlock);

Chain model_of(const Step& step) {
  Chain model;
  const std::string& name = step.model;
  if (name == "conv10" || name == "convbn12") {
    const bool norm = name == "convbn12";
    const Act act = norm ? Act::general : Act::relu;
    for (const ConvLayer& l : conv_layers(name)) {
      const bool last = l.out == 10;
      model->push_back(
          conv(l.in, l.out, l.kernel, l.stride, last ? Act::none : act, norm && !last, step.stats));
    }
    model->push_back(torch::nn::Flatten());
    return model;
  }
  Index width = name == "resnet13" ? 8 : 16;
  if (name == "pooled14")
    model->push_back(conv(1, width, 5, 1, Act::general, true));
  else
    model->push_back(ResBlock(1, width, name == "wide14" ? 5 : 3, 1));
  for (int i = 0; i < (name == "pooled14" ? 4 : 5); ++i, width *= 2)
    model->push_back(ResBlock(width, 2 * width, 3, 2));
  if (name == "pooled14")
    model->push_back(GlobalAvgPool());
  else
    model->push_back(torch::nn::Flatten());
  model->push_back(torch::nn::Linear(torch::nn::LinearOptions(width, 10).bias(false)));
  model->push_back(torch::nn::BatchNorm1d(10));
  return model;
}

Tensor borrowed(const Array& array) {
  const auto dims = array.shape().dims();
  return torch::from_blob(const_cast<float*>(array.data()),
                          std::vector<int64_t>(dims.begin(), dims.end()));
}

/// Our layouts are (N,H,W,C), (KH,KW,C,M) and (in,out).
Tensor theirs(const Array& weight) {
  const Tensor w = borrowed(weight);
  if (w.dim() == 4) return w.permute({3, 2, 0, 1});
  return w.dim() == 2 ? w.t() : w;
}

class Trainer {
 public:
  Trainer(const Step& step, at::MemoryFormat format)
      : model_(model_of(step)), parameters_(model_->parameters()) {
    torch::NoGradGuard no_grad;
    // With a single channel the numbers lie the same in both formats; what tells are the strides.
    x_ = format == at::MemoryFormat::ChannelsLast
             ? borrowed(step.x).permute({0, 3, 1, 2})
             : borrowed(step.x.reshape({step.batch, 1, 28, 28}));
    labels_ =
        torch::from_blob(const_cast<std::int32_t*>(step.labels.data()), {step.batch}, torch::kInt32)
            .to(torch::kInt64);
    check<Error>(parameters_.size() == step.weights.size(), "bench", step.model, ": libtorch has ",
                 parameters_.size(), " parameters, ", step.weights.size(), " expected");
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const Tensor w = theirs(step.weights[i]);
      check<Error>(w.sizes() == parameters_[i].sizes(), "bench", step.model, ": parameter ", i);
      parameters_[i].set_data(w.clone(w.dim() == 4 ? format : at::MemoryFormat::Contiguous));
    }
    if (step.model == "conv10")
      opt_ = std::make_unique<torch::optim::SGD>(parameters_, step.lr());
    else
      opt_ =
          std::make_unique<torch::optim::AdamW>(parameters_, torch::optim::AdamWOptions(step.lr()));
  }

  double step() {
    const Tensor loss = F::cross_entropy(model_->forward(x_), labels_);
    loss.backward();
    opt_->step();
    // Dropped rather than set to zero: less work, and what we do.
    for (Tensor& p : parameters_) p.mutable_grad().reset();
    return loss.item<double>();
  }

 private:
  Chain model_;
  std::vector<Tensor> parameters_;
  Tensor x_, labels_;
  std::unique_ptr<torch::optim::Optimizer> opt_;
};

void add_step(Trial& trial, const Step& step) {
  const auto add = [&](const char* name, at::MemoryFormat format) {
    // Made when first wanted: a process that weighs one contender must not hold another.
    const auto trainer = std::make_shared<std::unique_ptr<Trainer>>();
    const auto run = [trainer, step, format] {
      if (!*trainer) *trainer = std::make_unique<Trainer>(step, format);
      return (*trainer)->step();
    };
    trial.contenders.push_back({name, [run] { run(); },
                                [run] {
                                  const auto first = static_cast<Scalar>(run());
                                  return Array({2}, {first, static_cast<Scalar>(run())});
                                }});
  };
  add("libtorch contiguous", at::MemoryFormat::Contiguous);
  add("libtorch channels_last", at::MemoryFormat::ChannelsLast);
}

void add_tiny(Trial& trial) {
  const Tensor x = torch::full({1}, 3.0F, torch::requires_grad());
  const auto run = [x] {
    x.mutable_grad().reset();
    (x * x).backward();
  };
  trial.contenders.push_back({"libtorch", run, [run, x] {
                                run();
                                return Array({1}, {x.grad().item<float>()});
                              }});
}

const bool added = add_peer({.name = "libtorch",
                             .version = TORCH_VERSION,
                             .set_threads = [](int threads) { torch::set_num_threads(threads); },
                             .tiny = add_tiny,
                             .step = add_step});

}  // namespace

}  // namespace kindling::bench
