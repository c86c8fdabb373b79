"""From data to a network file: trains a layered network on MNIST, checks it, and saves it.

Run ``python docs/examples/train_layered.py [epochs] [images] [file]``. Five epochs of all images take a few minutes.
"""

import sys

import torch

from firstspike import nn
from firstspike_spec import infer, load_dataset, save_network

epochs, count, file = (sys.argv[1:] + ["5", "60000", "mnist-layered.safetensors"][len(sys.argv) - 1 :])[:3]
train, test = (load_dataset("mnist", split).first(int(count)) for split in ("train", "test"))
images, labels = torch.tensor(train.images), torch.tensor(train.labels).long()
nn.prepare_torch()  # one thread, and memory that is used again
torch.manual_seed(0)
model = nn.Sequential(
    nn.LatencyEncoder((28, 28), 8),  # a pixel becomes one spike in 8 steps; brighter is earlier, and counts more
    nn.Sequential(nn.Conv2d(1, 32, 5, padding=2, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.Spikes(8)),
    nn.Sequential(nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.MaxPool2d(2), nn.BatchNorm2d(64), nn.Spikes(8)),
    nn.Sequential(nn.Flatten(), nn.Linear(64 * 7 * 7, 128, bias=False), nn.BatchNorm1d(128), nn.Spikes(8)),
    nn.Linear(128, 10),
)
optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, epochs=int(epochs), steps_per_epoch=-(-len(images) // 250))
for epoch in range(int(epochs)):
    if epoch == int(epochs) - 2:
        nn.quantise(model, weight_bits=4)  # from now on, training sees whole-number weights,
        nn.freeze_statistics(model, "variances")
    if epoch == int(epochs) - 1:
        nn.freeze_statistics(model)  # and in the last epoch the whole network as it will be exported
    for batch in torch.randperm(len(images)).split(250):
        loss = torch.nn.functional.cross_entropy(model(images[batch]), labels[batch], label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
network = nn.export(model, images[:1000], class_names=tuple("0123456789"))
save_network(network, file)
right = infer(network, test.images).classes == test.labels  # the golden model in numpy
print(f"{right.mean():.2%} of {len(right)} test images right, {network.synapses:,} connections, saved as {file}")
