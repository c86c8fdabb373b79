"""Recipes: everything that a training depends on, as settings of one short file."""

from dataclasses import dataclass

import numpy as np

from firstspike_spec import InputError, LatencyEncoder

from .ranges import check_ranges


@dataclass(frozen=True)
class Recipe:
    """The settings of one training. Those with a default may be left out of a recipe's file.

    Attributes
    ----------
    name : str
    dataset : str
        As `firstspike_spec.load_dataset` knows it; the recipe may train on another one. Images may be of any size, grey or
        coloured, and have 2 to 1,000 classes.
    validation_images : int
        Training images that are held back: every choice is made on them.
    largest_shift : int
        Training images move by at most this many pixels (`firstspike_model.training.augmentation.RandomVariations`).
    mirrored : bool
        Whether half of the training images are mirrored left to right.
    largest_rotation, largest_scaling : float
        Training images are rotated by at most this many degrees either way, and scaled by a factor of at most 1 plus or minus
        this.
    brightness : float
        Training images are made brighter or darker by a random factor of at most ``exp(brightness)`` either way.
    convolution_channels : tuple of int
        Target channels of each convolution; if empty, all layers are fully connected.
    kernel_sizes : tuple of int
        Side of each convolution's square kernel. Maps are padded with half of it.
    strides : tuple of int
        Of each convolution, 1 or 2; if empty, all are 1.
    poolings : tuple of int
        Average pooling of the sources of each convolution, and of the first fully connected layer after them; if empty, all
        are 1.
    hidden : tuple of int
        Neurons of each hidden fully connected layer.
    time_steps : int
        ``T``.
    dimmest : int
        For a linear encoder, the smallest pixel value that spikes.
    encoder_thresholds : tuple of int
        The threshold of each step instead of the linear ones, as for `LatencyEncoder`. If empty, the encoder is linear.
    weight_bits : int
        2 .. 8; or 32: the weights stay floats, and the network can be measured but not exported.
    keep_connected : bool
        Whether quantisation keeps every connection: no weight other than 0 becomes 0, and the budget is met exactly.
    initialisation : str
        One of `firstspike_model.layers.initialisation.INITIALISATIONS`.
    normalised : bool
        Whether weights are normalised (`firstspike_model.layers.normalisation`).
    surrogate, surrogate_width
        Slope, and its width in units of the threshold (`firstspike_model.layers.surrogate.Surrogate`).
    dropout : float
        The share of hidden neurons that training silences at random.
    batch : int
        Images per step.
    potential_weight, last_step_weight : float
        Weight of the loss on the output potentials at every step, and of the last step in it
        (`firstspike_model.training.losses.potential_loss`).
    decoding : str
        How output spikes become logits, one of `firstspike_model.training.losses.DECODINGS`.
    spike_weight, sharpness : float
        Weight of the loss on the output spikes, and scale of their logits (`firstspike_model.training.losses.spike_loss`).
    forced_last_spike : bool
        Whether outputs that have not spiked are made to do so at the last step, in training
        (`firstspike_model.layers.neuron.single_spikes`).
    pruning : str
        One of ``"gradr"``, ``"stds"`` and ``"magnitude"``: the optimiser of the first phase. ``"magnitude"`` is plain Adam, so
        that the cut at the end of the phase is magnitude pruning.
    prune_epochs, prune_learning_rate
        Of the first phase, which uses float weights.
    alpha, alpha_schedule
        Strength of Grad R's prior (`firstspike_model.pruning.GradR`), and its schedule over the phase.
    threshold, threshold_schedule
        Threshold of STDS (`firstspike_model.pruning.STDS`) in units of the neurons' threshold, and its schedule.
    operations_share : float
        0 .. 1: how far Grad R weighs connections by the rate at which their sources spike. 0 weighs all alike.
    budget : float or tuple of float
        Share of connections that stay after the first phase: of all together, or of each layer. Dead neurons count.
    output_part : float
        0 .. 1: the output layer's part of a budget for all layers together (`firstspike_model.pruning.layer_budgets`). 0
        leaves it to the pruning.
    budget_by : float
        0 .. 1: the share of the first phase in which Grad R or STDS is steered down to the budget on a cubic schedule
        (`firstspike_model.pruning.Rewiring.prune_to`), instead of ``alpha`` or ``threshold``. The rest of the phase rewires
        within the budget. 0 turns steering off: then the cut at the end of the phase removes what is over the budget.
    rescaled : bool
        Whether, after the cut, the weights of each neuron are scaled to the variance ``T / fan-in`` over its remaining
        connections (`firstspike_model.layers.initialisation.rescale_to_fan_in`).
    refine_epochs, refine_learning_rate
        Of the second phase, in which the remaining connections are fixed and the weights are quantised.
    decision_tolerance : float
        Validation accuracy that may be lost for earlier decisions.
    latest_step : float
        Upper limit of the mean decision step on the validation images, whatever accuracy that costs.
    decision : str
        ``"early"``: as early as the tolerance allows. ``"late"``: the finished network decides as late as ``latest_step``
        allows (`firstspike_model.calibration.output_threshold.Target`).
    """

    name: str
    dataset: str
    hidden: tuple[int, ...]
    time_steps: int
    budget: float | tuple[float, ...]
    prune_epochs: int
    refine_epochs: int
    validation_images: int = 5000
    largest_shift: int = 1
    convolution_channels: tuple[int, ...] = ()
    kernel_sizes: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    poolings: tuple[int, ...] = ()
    mirrored: bool = False
    largest_rotation: float = 0.0
    largest_scaling: float = 0.0
    brightness: float = 0.0
    dimmest: int = 32
    encoder_thresholds: tuple[int, ...] = ()
    weight_bits: int = 4
    keep_connected: bool = False
    initialisation: str = "ettfs"
    normalised: bool = False
    surrogate: str = "fast-sigmoid"
    surrogate_width: float = 0.5
    dropout: float = 0.0
    batch: int = 128
    potential_weight: float = 1.0
    last_step_weight: float = 3.0
    decoding: str = "temporal"
    spike_weight: float = 0.2
    sharpness: float = 4.0
    forced_last_spike: bool = False
    pruning: str = "gradr"
    prune_learning_rate: float = 0.004
    alpha: float = 0.03
    alpha_schedule: str = "constant"
    threshold: float = 0.1
    threshold_schedule: str = "sine"
    operations_share: float = 0.0
    output_part: float = 0.0
    budget_by: float = 0.0
    rescaled: bool = False
    refine_learning_rate: float = 0.002
    decision_tolerance: float = 0.001
    latest_step: float = 255.0
    decision: str = "early"

    def __post_init__(self) -> None:
        check_ranges(vars(self))
        self._check_lengths()
        self._check_combinations()
        self.encoder()  # refuses a dimmest pixel that leaves too few values, and thresholds that rise

    def _check_lengths(self) -> None:
        """Refuse lists that do not have one number for each layer or step."""
        convolutions = len(self.convolution_channels)
        for name, numbers, lengths in (
            ("kernel_sizes", self.kernel_sizes, (convolutions,)),
            ("strides", self.strides, (0, convolutions)),
            ("poolings", self.poolings, (0, convolutions + 1 if convolutions else 0)),
        ):
            if len(numbers) not in lengths:
                raise InputError(f"{name} must be {lengths[-1]} numbers for {convolutions} convolutions, not {len(numbers)}")
        layers = convolutions + len(self.hidden) + 1
        if isinstance(self.budget, tuple) and len(self.budget) != layers:
            raise InputError(f"budget must be one number, or one for each of {layers} layers, not {len(self.budget)}")
        if self.encoder_thresholds and len(self.encoder_thresholds) != self.time_steps:
            raise InputError(
                f"encoder_thresholds must be one for each of {self.time_steps} steps, not {len(self.encoder_thresholds)}"
            )

    def _check_combinations(self) -> None:
        """Refuse settings that contradict each other."""
        if isinstance(self.budget, tuple) and self.output_part:
            raise InputError("output_part divides a budget for all layers together; give it or a budget for each layer")
        for name, methods, holds in (
            ("budget_by", "gradr or stds", not self.budget_by or self.pruning != "magnitude"),
            ("operations_share", "gradr", not self.operations_share or self.pruning == "gradr"),
        ):
            if not holds:
                raise InputError(f"{name} needs the pruning {methods}, not {self.pruning}; set it to 0")
        if self.rescaled and self.normalised:
            raise InputError("rescaled changes nothing where weights are normalised; set one of the two to false")
        if self.decision == "late" and self.latest_step >= self.time_steps - 1:
            raise InputError(f"a late decision needs a latest_step below {self.time_steps - 1}, not {self.latest_step}")
        if not self.potential_weight and not self.spike_weight:
            raise InputError("potential_weight and spike_weight must not both be 0: nothing would be learned")

    def encoder(self) -> LatencyEncoder:
        """Return the encoder that the settings describe."""
        if self.encoder_thresholds:
            return LatencyEncoder(np.array(self.encoder_thresholds))
        return LatencyEncoder.linear(self.time_steps, self.dimmest)

    @property
    def epochs(self) -> int:
        """Of both phases."""
        return self.prune_epochs + self.refine_epochs
