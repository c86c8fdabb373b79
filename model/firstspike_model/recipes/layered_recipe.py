"""Recipes of layered networks."""

from dataclasses import dataclass

from firstspike_spec import InputError

from .ranges import LAYERED_CHOICES, LAYERED_RANGES, check_ranges

#: Settings that only the sparse phase reads.
SPARSE_SETTINGS = (
    "sparse_epochs",
    "weight_bits",
    "first_weight_bits",
    "connections",
    "spread",
    "pruning",
    "prune_by",
    "cut_at",
    "quantise_at",
    "distillation",
    "temperature",
    "operations_penalty",
    "sparse_learning_rate",
)


@dataclass(frozen=True)
class LayeredRecipe:
    """The settings of the training of one layered network. Those with a default may be left out of a recipe's file.

    A training has up to two phases. The *dense* phase has all connections and float weights. The *sparse* phase continues with
    it: it prunes to the budget, then quantises the weights. Without a dense phase, the sparse phase begins from new weights.

    Attributes
    ----------
    name : str
    dataset : str
        As `firstspike_spec.load_dataset` knows it; the recipe may train on another one.
    convolution_channels, kernel_sizes : tuple of int
        Target channels and side of the kernel of each convolution. Maps are padded with half of it.
    strides : tuple of int
        Of each convolution, 1 or 2; if empty, all are 1.
    max_poolings : tuple of int
        Max pooling of the neurons of each convolution; if empty, there is none.
    hidden : tuple of int
        Neurons of each hidden fully connected layer.
    dense_epochs, sparse_epochs : int
        Of each phase; the latter at least 1.
    whitened_channels : int
        Target channels of a first convolution of 2 by 2 that is not trained: it whitens patches of the training images
        (`firstspike_model.layered.whitening`). 0 for none.
    input_steps, time_steps : int
        Steps of the inputs' and of the layers' spikes, 2 .. 32.
    kernel : str
        ``"linear"`` or ``"base-two"``, of the layers' spikes; the inputs' kernel is linear.
    weight_bits, first_weight_bits : int
        2 .. 8; the latter of the first layer.
    connections : int or tuple of int
        How many connections stay: of all layers together, spread by ``spread``, or of each layer that is trained. 0 keeps all.
    spread : float
        How the connections are spread over the layers: the share that a layer keeps is in proportion to (sum of its sizes) /
        (product of its sizes) / (neurons of a channel) ** spread. 0 is the Erdos-Renyi kernel (Evci et al. 2020, arXiv
        1911.11134); with more, large maps, whose connections cost more operations, keep fewer.
    pruning : str
        ``"magnitude"``, ``"stds"`` or ``"gradr"``, each with Nesterov momentum.
    prune_by, cut_at, quantise_at : float
        Shares of the sparse phase: until when connections are pruned, from when they are fixed, and from when weights are
        quantised.
    distillation, temperature : float
        Weight of the dense network's answers in the loss of the sparse phase, 0 .. 1, and their temperature (Hinton et al.
        2015, arXiv 1503.02531).
    operations_penalty : float
        Added to the loss of the sparse phase: this times the logarithm of the synaptic operations of an image
        (`firstspike_model.layered.operations`). So each per cent of them is worth the same.
    learning_rate, sparse_learning_rate : float
        The highest of the weights in each phase.
    others_rate : float
        How many times as high the learning rate of biases is.
    momentum, weight_decay, label_smoothing, batch
        Of stochastic gradient descent with Nesterov momentum, and of the loss.
    warm_up : float
        The share of a phase in which the learning rate rises; then it falls to 0.
    smooth : bool
        Whether gradients of spikes set in gradually (`firstspike_model.nn.Spikes`).
    highest_level : float
        The value of the earliest spike in standard deviations of a potential.
    validation_images : int
        Training images that are held back: every choice is made on them.
    largest_shift, largest_rotation, largest_scaling, brightness
        As for a step-by-step `Recipe`.
    reflected : bool
        Whether the border of a moved image is its reflection; otherwise black.
    alternating : bool
        Whether each image is mirrored left to right in every other epoch.
    cutout : int
        Side of a square of mean brightness that is put into each training image at random; 0 for none.
    """

    name: str
    dataset: str
    convolution_channels: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    sparse_epochs: int
    strides: tuple[int, ...] = ()
    max_poolings: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    dense_epochs: int = 0
    whitened_channels: int = 0
    input_steps: int = 16
    time_steps: int = 8
    kernel: str = "linear"
    weight_bits: int = 4
    first_weight_bits: int = 8
    connections: int | tuple[int, ...] = 0
    spread: float = 0.0
    pruning: str = "magnitude"
    prune_by: float = 0.5
    cut_at: float = 0.85
    quantise_at: float = 0.6
    distillation: float = 0.0
    temperature: float = 2.0
    operations_penalty: float = 0.0
    learning_rate: float = 0.5
    sparse_learning_rate: float = 0.3
    others_rate: float = 1.0
    momentum: float = 0.85
    weight_decay: float = 0.002
    label_smoothing: float = 0.2
    batch: int = 500
    warm_up: float = 0.2
    smooth: bool = True
    highest_level: float = 3.2
    validation_images: int = 5000
    largest_shift: int = 2
    largest_rotation: float = 0.0
    largest_scaling: float = 0.0
    brightness: float = 0.0
    reflected: bool = False
    alternating: bool = False
    cutout: int = 0

    def __post_init__(self) -> None:
        check_ranges(vars(self), LAYERED_RANGES, LAYERED_CHOICES)
        convolutions = len(self.convolution_channels)
        for name, numbers, lengths in (
            ("kernel_sizes", self.kernel_sizes, (convolutions,)),
            ("strides", self.strides, (0, convolutions)),
            ("max_poolings", self.max_poolings, (0, convolutions)),
        ):
            if len(numbers) not in lengths:
                raise InputError(f"{name} must be {lengths[-1]} numbers for {convolutions} convolutions, not {len(numbers)}")
        if isinstance(self.connections, tuple) and len(self.connections) != convolutions + len(self.hidden) + 1:
            layers = convolutions + len(self.hidden) + 1
            raise InputError(
                f"connections must be one number, or one for each of {layers} layers, not {len(self.connections)}"
            )
        if self.kernel == "base-two" and self.time_steps > 16:
            raise InputError(f"a kernel of powers of two has at most 16 time_steps, not {self.time_steps}")
        if not self.prune_by <= self.cut_at:
            raise InputError(f"cut_at must be at least prune_by, {self.prune_by}, not {self.cut_at}")
        if self.distillation and not self.dense_epochs:
            raise InputError("distillation needs a dense phase, whose network teaches; set dense_epochs, or distillation to 0")

    @property
    def epochs(self) -> int:
        """Of both phases."""
        return self.dense_epochs + self.sparse_epochs
