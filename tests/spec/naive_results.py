"""Result words in plain Python: those that an engine gives, changed ones, and whether an engine can give them."""

import random

import numpy as np

from firstspike_spec.common.words import RESULT_WORD
from firstspike_spec.compiler.contents import EngineContents
from firstspike_spec.inference.results import Results


def result_words(contents: EngineContents, expected: Results, rng: random.Random, *, early_exit: bool) -> np.ndarray:
    """Return the words that an engine gives for some images, its reports of one step in any order."""
    words, threshold, last = [], contents.network.layers[-1].threshold, contents.network.time_steps - 1
    places, lowest = contents.shape.output.neurons, -(1 << (contents.shape.output.potential_bits - 1))
    for number, (latencies, potentials, decided) in enumerate(
        zip(expected.latencies.tolist(), expected.potentials.tolist(), expected.classes.tolist(), strict=True)
    ):
        decision_step = int(expected.decision_steps[number])
        reports = [
            {"value": potential - threshold, "neuron": neuron, "step": min(step, last), "fired": int(step <= last)}
            for neuron, (step, potential) in enumerate(zip(latencies, potentials, strict=True))
            if expected.reported[number, neuron]
        ]
        if decision_step == last or not early_exit:  # a larger engine also reports its empty places
            reports += [{"value": lowest, "neuron": at, "step": last, "fired": 0} for at in range(len(latencies), places)]
        rng.shuffle(reports)
        words += [RESULT_WORD.pack(**fields, decision=0) for fields in sorted(reports, key=lambda fields: fields["step"])]
        fired = int(latencies[decided] <= last)
        words.append(RESULT_WORD.pack(value=100 + number, neuron=decided, step=decision_step, fired=fired, decision=1))
    return np.array(words, np.uint64)


def changed_words(words: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return the words with one to three changes, which may cancel out."""
    words = words.tolist()
    for _ in range(rng.choice([1, 1, 2, 3])):
        at = rng.randrange(len(words)) if words else 0
        kind = rng.choice(["bit", "field", "field", "field", "drop", "double", "swap", "noise"])
        if kind == "noise" or not words:
            words.insert(at, rng.randrange(1 << 64))
        elif kind == "bit":
            words[at] ^= 1 << rng.randrange(64)
        elif kind == "field":
            words[at] = with_field(words[at], rng)
        elif kind == "drop":
            del words[at]
        elif kind == "double":
            words.insert(at, words[at])
        else:
            other = rng.randrange(len(words))
            words[at], words[other] = words[other], words[at]
    return np.array(words, np.uint64)


def with_field(word: int, rng: random.Random) -> int:
    """Return a word with another value in one of its fields: one that is near, at an end, or any."""
    fields = {name: int(value) for name, value in RESULT_WORD.unpack(np.uint64(word)).items()}
    field = rng.choice(RESULT_WORD.fields)
    low, high = field.range
    value = rng.choice([fields[field.name] + rng.choice([-1, 1]), low, high, rng.randint(low, high)])
    return int(RESULT_WORD.pack(**{**fields, field.name: min(max(value, low), high)}))


def is_possible(contents: EngineContents, words: np.ndarray, *, early_exit: bool) -> bool:
    """Return whether an engine can give these words for one image, as docs/contract.md and docs/protocol.md say."""
    if not len(words) or any(word >> 58 for word in words.tolist()):
        return False
    unpacked = [{name: int(value) for name, value in RESULT_WORD.unpack(word).items()} for word in words]
    *reports, decision = unpacked
    if [fields["decision"] for fields in unpacked] != [0] * len(reports) + [1]:
        return False
    places, last = contents.shape.output.neurons, contents.network.time_steps - 1
    by_neuron = {report["neuron"]: report for report in reports}
    if len(by_neuron) != len(reports) or not all(0 <= neuron < places for neuron in by_neuron):
        return False
    if not all(report_is_possible(contents, report) for report in reports):
        return False
    spikes = [report for report in reports if report["fired"]]
    end = min([report["step"] for report in spikes], default=last)
    if early_exit and end < last:
        if any(report["step"] != end or not report["fired"] for report in reports):
            return False
    elif len(reports) != places:
        return False
    rivals = [report for report in spikes if report["step"] == end] or reports
    winner = min(rivals, key=lambda report: (-report["value"], report["neuron"]))
    found = (decision["neuron"], decision["step"], decision["fired"])
    return found == (winner["neuron"], end, int(bool(spikes))) and decision["value"] >= 0


def report_is_possible(contents: EngineContents, report: dict[str, int]) -> bool:
    """Return whether a report is possible for its output, regardless of the others."""
    layer, last = contents.network.layers[-1], contents.network.time_steps - 1
    neuron, value = report["neuron"], report["value"]
    if neuron >= layer.targets:
        lowest = highest = -(1 << (contents.shape.output.potential_bits - 1))
    else:
        weights = layer.dense()[neuron].tolist()
        start = int(layer.initial_potentials[neuron]) - layer.threshold
        lowest = start + sum(weight for weight in weights if weight < 0)
        highest = start + sum(weight for weight in weights if weight > 0)
    if not lowest <= value <= highest:
        return False
    return (value >= 0 and report["step"] <= last) if report["fired"] else (value < 0 and report["step"] == last)
