// Images of one's own: a folder that has a folder of PNG or JPEG files for every class.
//
//     own_images             draws circles, squares and triangles into shapes/, and learns them
//     own_images FOLDER      learns what is in there

#include "learner/examples/example.h"
#include "learner/examples/shapes.h"
#include "learner/kindling.h"

using namespace kindling;

int main(int argc, char** argv) {
  return run_example("own_images", [&] {
    const std::filesystem::path folder = argc > 1 ? argv[1] : "shapes";
    if (argc == 1 && !std::filesystem::exists(folder)) draw_shapes(folder, 300);

    const ImageDataset images =
        load_image_folder(folder, {.channels = 1, .height = 28, .width = 28});
    const Split data = random_split(images, 0.2);
    const auto model = nn::resnet(nn::conv_bn(1, 16), {16, 32, 64},
                                  {.pooled = true, .classes = std::ssize(images.classes())});

    MetricsCB metrics;
    metrics.add<metrics::Accuracy>("accuracy");
    metrics.log = nullptr;
    ProgressCB progress;
    BatchSchedCB schedule(one_cycle({.max = 0.01}));
    // A last batch of one image has no deviation, by which a batch norm could divide.
    const DataLoader train(data.train, 32, true, data.train.size() % 32 == 1);
    TrainLearner learn(
        *model, {train, DataLoader(data.valid, 64)}, nn::CrossEntropyLoss(),
        {.cbs = {&metrics, &progress, &schedule}, .opt_func = optimizer<nn::AdamW>()});
    learn.fit(5);
    std::printf("%d images of %d classes, accuracy %.4f\n", static_cast<int>(images.size()),
                static_cast<int>(images.classes().size()), metrics.history().back()["accuracy"]);
  });
}
