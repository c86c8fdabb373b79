"""Deliberate faults in layered networks: in the golden models, the file, compaction, and what is exported from PyTorch."""

from .fault import Fault

_SPEC, _NN = "model/firstspike_spec", "model/firstspike_model/nn"


def _spec(name: str, file: str, right: str, wrong: str, test: str) -> Fault:
    return Fault(name, f"{_SPEC}/{file}.py", right, wrong, (f"tests/spec/{test}.py",))


def _nn(name: str, file: str, right: str, wrong: str, test: str) -> Fault:
    return Fault(name, f"{_NN}/{file}.py", right, wrong, (f"tests/model/nn/{test}.py",))


LAYERED_FAULTS = [
    # The golden model, and its decision.
    _spec(
        "layered: > for >= at a threshold",
        "inference/layered",
        "steps -= earliest >= threshold",
        "steps -= earliest > threshold",
        "inference/test_layered",
    ),
    _spec(
        "layered: a hidden spike counts the same in every step",
        "inference/layered",
        "values.append(kernel[steps])",
        "values.append(kernel[0] * (steps < network.time_steps))",
        "inference/test_layered",
    ),
    _spec(
        "layered: max pooling passes the latest spike",
        "inference/layered",
        "squares.max(axis=(3, 5))",
        "squares.min(axis=(3, 5))",
        "inference/test_layered",
    ),
    _spec(
        "layered: no threshold above the highest potential",
        "inference/layered",
        "max(1, highest_potential + 1)",
        "max(1, highest_potential)",
        "inference/test_layered",
    ),
    _spec(
        "layered: float32 where a sum is too large for it",
        "inference/layered",
        "np.float32 if exact else np.float64",
        "np.float32",
        "inference/test_layered",
    ),
    _spec(
        "layered: operations of the first projection only",
        "inference/layered",
        "for part in layer.projections:\n            total +=",
        "for part in layer.projections[:1]:\n            total +=",
        "inference/test_layered",
    ),
    _spec(
        "potentials do not decide among the earliest outputs",
        "inference/decision",
        "np.where(earliest, potentials.astype(np.int64), lowest)",
        "np.where(earliest, 0, lowest)",
        "inference/test_layered",
    ),
    # The windows of a projection.
    _spec(
        "a kernel's rows and columns are swapped",
        "network/maps",
        "seen.transpose(0, 2, 3, 1, 4, 5)",
        "seen.transpose(0, 2, 3, 1, 5, 4)",
        "network/test_maps",
    ),
    _spec(
        "the stride is ignored",
        "network/maps",
        "seen[:, :, :: self.stride, :: self.stride]",
        "seen[:, :, : self.target_height, : self.target_width]",
        "network/test_maps",
    ),
    _spec(
        "padded places repeat the edge",
        "network/maps",
        "(self.padding, self.padding), (self.padding, self.padding)))",
        '(self.padding, self.padding), (self.padding, self.padding)), mode="edge")',
        "network/test_maps",
    ),
    _spec(
        "a pooled place counts one spike only",
        "network/maps",
        ".sum(axis=(3, 5), dtype=maps.dtype)",
        ".max(axis=(3, 5))",
        "inference/test_layered",
    ),
    # Kernels, the input's code, and the width of potentials.
    _spec(
        "the kernel of powers of two rises",
        "layered/kernels",
        "np.arange(steps)[::-1]",
        "np.arange(steps)",
        "layered/test_kernels",
    ),
    _spec(
        "a spike may count nothing",
        "layered/kernels",
        "falling_array(values, name, 1, MAX_VALUE)",
        "falling_array(values, name, 0, MAX_VALUE)",
        "layered/test_network",
    ),
    _spec(
        "all channels have the thresholds of the first one",
        "layered/input_code",
        "LatencyEncoder(thresholds).table[",
        "LatencyEncoder(self.thresholds[0]).table[",
        "inference/test_layered",
    ),
    _spec(
        "the width of potentials counts the last projection only",
        "layered/layer",
        "high += positive * highest[projection.source]",
        "high = positive * highest[projection.source]",
        "layered/test_network",
    ),
    # Dead neurons.
    _spec(
        "a neuron that reaches its last threshold only is dead",
        "layered/compaction",
        ">= layer.thresholds[-1]",
        ">= layer.thresholds[0]",
        "layered/test_compaction",
    ),
    _spec(
        "a neuron that only a skip reads is dead",
        "layered/compaction",
        "read |= part.operations > 0",
        "read = part.operations > 0",
        "layered/test_compaction",
    ),
    _spec(
        "max pooling passes no single spike of a square",
        "layered/compaction",
        ".any(axis=(2, 4))",
        ".all(axis=(2, 4))",
        "layered/test_compaction",
    ),
    # The file, version 3.
    _spec(
        "wide weights are stored as bytes",
        "layered/content",
        'if name == "row_weights" and weight_bits <= BYTE_BITS',
        'if name == "row_weights"',
        "artefact/test_layered",
    ),
    _spec(
        "max pooling is not in the file",
        "layered/content",
        '"max_pooling": layer.max_pooling',
        '"max_pooling": 1',
        "artefact/test_layered",
    ),
    _spec(
        "the activity of a projection is not read",
        "artefact/layered",
        'activity=tensors.get(f"{prefix}.{ACTIVITY}")',
        "activity=None",
        "artefact/test_layered",
    ),
    _spec(
        "a damaged activity is accepted",
        "artefact/container",
        "if metadata.get(_ACTIVITY_DIGEST) !=",
        "if False and metadata.get(_ACTIVITY_DIGEST) !=",
        "artefact/test_layered",
    ),
    # The exact network in PyTorch.
    Fault(
        "IntegerNetwork: potentials do not decide among the earliest outputs",
        f"{_NN}/integer_network.py",
        "torch.where(outputs == earliest, last, -torch.inf)",
        "torch.where(outputs == earliest, 0.0, -torch.inf)",
        ("tests/e2e/test_three_layered_models.py",),
    ),
    Fault(
        "IntegerNetwork: > for >= at a threshold",
        f"{_NN}/spikes.py",
        "(potentials >= threshold).view(torch.uint8)",
        "(potentials > threshold).view(torch.uint8)",
        ("tests/e2e/test_three_layered_models.py",),
    ),
    _nn(
        "sums beyond float32 are rounded",
        "exact",
        "largest < FLOAT32_WHOLE else torch.float64",
        "largest else torch.float64",
        "test_export",
    ),
    # Folding, thresholds, export.
    _nn(
        "the mean of a batch normalisation is not folded",
        "folding",
        "plan.norm.gains() * (total - plan.norm.running_mean)",
        "plan.norm.gains() * total",
        "test_forward",
    ),
    _nn(
        "the mean of the input is not folded",
        "folding",
        "bias = bias + offset_sum(branch, sources[branch.source], weight)",
        "bias = bias + 0 * offset_sum(branch, sources[branch.source], weight)",
        "test_forward",
    ),
    _nn(
        "weights of average pooling are not divided",
        "folding",
        "source.scale / maps.pooling**2 if maps.pooling > 1 else source.scale",
        "source.scale",
        "test_forward",
    ),
    _nn("thresholds are rounded down", "thresholds", "math.ceil(", "math.floor(", "test_thresholds"),
    _nn(
        "thresholds may be equal",
        "thresholds",
        "max(value, fallen[-1] + 1)",
        "max(value, fallen[-1])",
        "test_thresholds",
    ),
    _nn(
        "the weights of a shortcut are lost",
        "export",
        "matrix = torch.diag(weight) if",
        "matrix = 0 * torch.diag(weight) if",
        "test_export",
    ),
    _nn(
        "initial potentials are not exported",
        "export",
        "numbers.initial_potentials.cpu().numpy()",
        "(0 * numbers.initial_potentials).cpu().numpy()",
        "test_export",
    ),
    _nn(
        "a weight is rounded to one more than the largest",
        "quantisation",
        "rounded.clamp_(-largest, largest)",
        "rounded.clamp_(-largest - 1, largest)",
        "test_quantise",
    ),
]
