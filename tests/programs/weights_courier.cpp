// Carries weights between here and PyTorch, for test_torch_weights.py.
//
//     weights_courier train CHECKPOINT X.npy LABELS.npy LOGITS.npy
//         trains a model for ten batches; saves the fit, some images and labels, and what the model
//         makes of the images in evaluation
//     weights_courier read WEIGHTS X.npy LOGITS.npy
//         what the model makes of them with weights from a file

#include <cstdio>
#include <exception>
#include <string>

#include "data/synthetic.h"
#include "engine/tape.h"
#include "learner/files/checkpoint.h"
#include "learner/files/npy.h"
#include "learner/files/state_dict.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "nn/pool.h"

using namespace kindling;

namespace {

/// Every kind of layer that has weights or whose layout matters.
std::unique_ptr<nn::Sequential> make_model() {
  auto model = std::make_unique<nn::Sequential>();
  model->add(nn::make<nn::ResBlock>(1, 8, 2));
  model->add(nn::make<nn::GroupNorm>(2, 8));
  model->add(nn::make<nn::MaxPool2d>(2));
  model->add(nn::make<nn::Flatten>());
  model->add(nn::make<nn::Linear>(8 * 7 * 7, 32));
  model->add(nn::make<nn::LayerNorm>(32));
  model->add(nn::make<nn::ReLU>());
  model->add(nn::make<nn::Linear>(32, 10));
  model->add(nn::make<nn::BatchNorm1d>(10));
  return model;
}

void write_logits(nn::Module& model, const Array& x, const std::string& path) {
  const NoGrad no_grad;
  model.eval();
  write_npy(path, model(Tensor(x)).value());
}

void train(char** files) {
  set_seed(1);
  const auto model = make_model();
  const ImageDataset images = synthetic_images(160, 10, 1);
  TrainLearner learn(*model, {DataLoader(images, 16, true), DataLoader(images, 160)},
                     nn::CrossEntropyLoss(), {.lr = 0.01, .opt_func = optimizer<nn::AdamW>()});
  learn.fit(1, {.valid = false});
  save_checkpoint(files[0], learn, learn.next());
  const Batch batch = *learn.dls.valid.begin();
  write_npy(files[1], batch.xs[0].value());
  write_npy(files[2], batch.labels());
  write_logits(*model, batch.xs[0].value(), files[3]);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  try {
    if (command == "train" && argc == 6) return train(argv + 2), 0;
    if (command != "read" || argc != 5) return 2;
    const auto model = make_model();
    load_state_dict(*model, read_weights(argv[2]));
    write_logits(*model, as_scalars(read_npy(argv[3])), argv[4]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weights_courier: %s\n", error.what());
    return 1;
  }
}
