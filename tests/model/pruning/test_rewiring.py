"""Grad R and STDS move weights by their rules, and are steered to a budget."""

import copy
import math

import pytest
import torch

from firstspike_model.pruning import STDS, GradR, NesterovGradR, NesterovMagnitude, NesterovSTDS, Rewiring
from firstspike_model.pruning.gradr import prior_centre
from firstspike_spec import InputError

from .masks import check_strongest

START = [0.5, -0.5, 0.003, -0.003, 0.0]
GRADIENTS = [
    [0.3, 0.3, 1.0, -1.0, 0.1],
    [-0.2, 0.1, 1.0, -1.0, -0.3],
    [0.1, -0.4, -3.0, 3.0, -2.0],
    [0.2, 0.1, -1.0, 1.0, 0.5],
]


class ScalarAdam:
    """Adam for one number, as in Kingma and Ba 2014."""

    def __init__(self):
        self.first = self.second = self.step = 0

    def move(self, rate: float, slope: float) -> float:
        self.step += 1
        self.first, self.second = 0.9 * self.first + 0.1 * slope, 0.999 * self.second + 0.001 * slope**2
        return -rate * self.first / (1 - 0.9**self.step) / (math.sqrt(self.second / (1 - 0.999**self.step)) + 1e-8)


@pytest.mark.parametrize("cost", [None, 2.5])
@pytest.mark.parametrize("alpha", [0.2, 50.0])
def test_gradr_equals_a_scalar_recomputation_step_by_step(alpha, cost):
    """Adam on each strength along sign times gradient, the prior beside it; alpha changes on the way.

    With alpha 50 the strengths pass the prior's centre and are pulled up again.
    """
    rate = 0.01
    weights = torch.nn.Parameter(torch.tensor(START))
    gradr = GradR([weights], rate, alpha=alpha)
    if cost is not None:
        gradr.set_costs(weights, torch.full((5,), cost))
    signs = [math.copysign(1, weight) for weight in START]
    strengths = [abs(weight) for weight in START]
    adams = [ScalarAdam() for _ in START]
    compared = below_centre = 0
    for step, gradient in enumerate(GRADIENTS):
        now = alpha * (1 - 0.2 * step)
        gradr.param_groups[0]["alpha"] = now
        weights.grad = torch.tensor(gradient)
        gradr.step()
        for index, (sign, slope) in enumerate(zip(signs, gradient, strict=True)):
            strengths[index] += adams[index].move(rate, sign * slope)
            centre = prior_centre(now, 0.95)
            below_centre += strengths[index] < centre
            strengths[index] -= rate * now * (cost or 1) * math.copysign(1, strengths[index] - centre)
            assert gradr.state[weights]["strength"][index].item() == pytest.approx(strengths[index], abs=1e-6)
            assert weights[index].item() == pytest.approx(sign * max(strengths[index], 0), abs=1e-6)
            compared += 2
    assert compared == 40
    assert (below_centre > 0) is (alpha == 50.0)
    assert weights[2:4].tolist() == [0, 0]  # dormant in the end


class ScalarNesterov:
    """Gradient descent with Nesterov momentum for one number, as PyTorch documents it (after Sutskever et al. 2013)."""

    def __init__(self, momentum: float, decay: float):
        self.momentum, self.decay, self.velocity = momentum, decay, None

    def move(self, rate: float, slope: float, value: float) -> float:
        slope += self.decay * value
        self.velocity = slope if self.velocity is None else self.momentum * self.velocity + slope
        return -rate * (slope + self.momentum * self.velocity)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_nesterov_gradr_equals_a_scalar_recomputation_step_by_step(momentum):
    rate, alpha, decay = 0.05, 0.3, 0.1
    weights = torch.nn.Parameter(torch.tensor(START))
    gradr = NesterovGradR([weights], rate, momentum, decay, alpha=alpha)
    signs = [math.copysign(1, weight) for weight in START]
    strengths = [abs(weight) for weight in START]
    movers = [ScalarNesterov(momentum, decay) for _ in START]
    dormant = 0
    for gradient in GRADIENTS:
        weights.grad = torch.tensor(gradient)
        gradr.step()
        for index, (sign, slope) in enumerate(zip(signs, gradient, strict=True)):
            strengths[index] += movers[index].move(rate, sign * slope, strengths[index])
            strengths[index] -= rate * alpha * math.copysign(1, strengths[index] - prior_centre(alpha, 0.95))
            assert gradr.state[weights]["strength"][index].item() == pytest.approx(strengths[index], abs=1e-6)
            assert weights[index].item() == pytest.approx(sign * max(strengths[index], 0), abs=1e-6)
            dormant += strengths[index] < 0
    assert dormant


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_nesterov_stds_equals_a_scalar_recomputation_step_by_step(momentum):
    rate, decay, hidden = 0.05, 0.1, list(START)
    weights = torch.nn.Parameter(torch.tensor(START))
    stds = NesterovSTDS([weights], rate, momentum, decay)
    movers = [ScalarNesterov(momentum, decay) for _ in START]
    dormant = 0
    for step, gradient in enumerate(GRADIENTS):
        threshold = [0.0, 0.3, 0.2, 0.05][step]
        stds.param_groups[0]["threshold"] = threshold
        weights.grad = torch.tensor(gradient)
        stds.step()
        for index, slope in enumerate(gradient):
            hidden[index] += movers[index].move(rate, slope, hidden[index])
            wanted = math.copysign(max(abs(hidden[index]) - threshold, 0), hidden[index])
            assert weights[index].item() == pytest.approx(wanted, abs=1e-6)
            dormant += wanted == 0
    assert dormant


@pytest.mark.parametrize("cost", [None, 2.0])
def test_nesterov_magnitude_equals_a_scalar_recomputation_step_by_step(cost):
    """Small weights are 0 and only decay; when the threshold falls below them, they come back unshrunk and learn again."""
    rate, momentum, decay, hidden = 0.05, 0.9, 0.1, list(START)
    weights = torch.nn.Parameter(torch.tensor(START))
    magnitude = NesterovMagnitude([weights], rate, momentum, decay)
    if cost is not None:
        magnitude.set_costs(weights, torch.full((5,), cost))
    movers = [ScalarNesterov(momentum, decay) for _ in START]
    dormant, back = set(), set()
    for step, gradient in enumerate(GRADIENTS):
        threshold = [0.0, 0.45, 0.3, 0.05][step]
        pruned = weights.detach() == 0 if step else torch.zeros(5)
        magnitude.param_groups[0]["threshold"] = threshold
        weights.grad = torch.tensor(gradient)
        magnitude.step()
        for index, slope in enumerate(gradient):
            hidden[index] += movers[index].move(rate, 0.0 if pruned[index] else slope, hidden[index])
            wanted = hidden[index] if abs(hidden[index]) / (cost or 1) > threshold else 0
            assert weights[index].item() == pytest.approx(wanted, abs=1e-6)
            (back if wanted and index in dormant else dormant if not wanted else set()).add(index)
    assert back


def test_a_dormant_synapse_returns_with_its_old_sign():
    weights = torch.nn.Parameter(torch.tensor([-0.001]))
    gradr = GradR([weights], 0.01, alpha=0.0)
    signs = []
    for gradient in (-1.0, *[1.0] * 12):
        weights.grad = torch.tensor([gradient])
        gradr.step()
        signs.append(math.copysign(1, weights.item()) if weights.item() else 0)
    assert signs[0] == 0
    assert signs[-1] == -1
    assert 1 not in signs


def test_stds_equals_a_scalar_recomputation_step_by_step():
    rate = 0.1
    weights = torch.nn.Parameter(torch.tensor(START))
    stds = STDS([weights], rate)
    hidden, adams = list(START), [ScalarAdam() for _ in START]
    dormant_and_back = False
    for step, gradient in enumerate(GRADIENTS):
        threshold = [0.0, 0.3, 0.2, 0.05][step]
        stds.param_groups[0]["threshold"] = threshold
        weights.grad = torch.tensor(gradient)
        before = weights.tolist()
        stds.step()
        for index, slope in enumerate(gradient):
            hidden[index] += adams[index].move(rate, slope)
            wanted = math.copysign(max(abs(hidden[index]) - threshold, 0), hidden[index])
            assert weights[index].item() == pytest.approx(wanted, abs=1e-6)
            dormant_and_back |= before[index] == 0 and step > 0 and wanted != 0
    assert dormant_and_back


@pytest.mark.parametrize(
    "make",
    [
        lambda w: GradR(w, 0.01, alpha=0.2),
        lambda w: STDS(w, 0.01, threshold=0.1),
        lambda w: NesterovGradR(w, 0.01, alpha=0.2),
        lambda w: NesterovSTDS(w, 0.01, threshold=0.1),
        lambda w: NesterovSTDS(w, 0.01, momentum=0.0, threshold=0.1),
        lambda w: NesterovMagnitude(w, 0.01),
    ],
)
def test_an_optimiser_continues_from_its_state(make):
    def advance(weights, optimiser, steps):
        for step in steps:
            weights.grad = torch.tensor(GRADIENTS[step])
            optimiser.step()

    through = torch.nn.Parameter(torch.tensor(START))
    optimiser = make([through])
    advance(through, optimiser, range(4))

    stopped = torch.nn.Parameter(torch.tensor(START))
    first = make([stopped])
    advance(stopped, first, range(2))
    resumed = torch.nn.Parameter(stopped.detach().clone())
    second = make([resumed])
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    advance(resumed, second, range(2, 4))
    assert torch.equal(through, resumed)
    assert not torch.equal(through, stopped)


def test_a_closure_is_called_and_other_groups_keep_their_settings():
    weights, others = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3))
    gradr = GradR([{"params": [weights], "alpha": 5.0}, {"params": [others]}], 0.01, alpha=0.0)

    def closure():
        gradr.zero_grad()
        loss = weights.sum() * 0 + others.sum() * 0
        loss.backward()
        return loss

    assert gradr.step(closure).item() == 0
    assert weights.tolist() == pytest.approx([0.95] * 3)
    assert others.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda w: GradR(w, alpha=-1.0), "alpha must be at least 0, not -1.0"),
        (lambda w: GradR(w, alpha=math.nan), "alpha must be at least 0, not nan"),
        (lambda w: GradR(w, alpha=1.0, target=1.0), "target must be above 0 and below 1, not 1.0"),
        (lambda w: STDS(w, threshold=-0.1), "threshold must be at least 0, not -0.1"),
        (lambda w: NesterovGradR(w, alpha=-1.0), "alpha must be at least 0, not -1.0"),
        (lambda w: NesterovSTDS(w, threshold=-0.1), "threshold must be at least 0, not -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make([torch.nn.Parameter(torch.ones(1))])


@pytest.mark.parametrize("target", [0.05, 0.5, 0.95])
def test_prior_has_the_share_below_zero(target):
    alpha = 2.0
    centre = torch.tensor(prior_centre(alpha, target), dtype=torch.float64)
    assert torch.distributions.Laplace(centre, 1 / alpha).cdf(torch.tensor(0.0).double()).item() == pytest.approx(target)
    assert prior_centre(0, target) == 0


def advanced(make) -> tuple[Rewiring, list[torch.nn.Parameter]]:
    """An optimiser with two groups of one random matrix each, after a step that moved nothing."""
    generator = torch.Generator().manual_seed(5)
    matrices = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((20, 30), (10, 20))]
    optimiser = make([{"params": [matrix]} for matrix in matrices])
    for matrix in matrices:
        matrix.grad = torch.zeros_like(matrix)
    optimiser.step()
    return optimiser, matrices


STEERED = [
    lambda w: GradR(w, 0.01, alpha=0.0),
    lambda w: STDS(w, 0.01),
    lambda w: NesterovGradR(w, 0.01, alpha=0.0),
    lambda w: NesterovSTDS(w, 0.01),
    lambda w: NesterovMagnitude(w, 0.01),
]


@pytest.mark.parametrize("make", STEERED)
@pytest.mark.parametrize("share", [0.0, 0.013, 0.5, 1.0, (0.1, 0.75), (1.0, 0.0)])
def test_steering_keeps_the_strongest_and_exactly_the_share(make, share):
    optimiser, matrices = advanced(make)
    before = [matrix.detach().clone() for matrix in matrices]
    optimiser.prune_to(share)
    together = (
        [(matrices, before)] if isinstance(share, float) else [([m], [b]) for m, b in zip(matrices, before, strict=True)]
    )
    for shares, (now, old) in zip((share,) if isinstance(share, float) else share, together, strict=True):
        now, old = (torch.cat([matrix.detach().flatten() for matrix in part]) for part in (now, old))
        assert int(now.count_nonzero()) == math.floor(shares * now.numel())
        check_strongest(old, (now != 0).float())
        kept = now != 0
        shrunk = (old - now)[kept] * old[kept].sign()  # all by the same amount: the method's own push
        if len(shrunk):
            assert shrunk.max() - shrunk.min() < 1e-6
            assert now[kept].sign().equal(old[kept].sign())


def test_steering_again_lets_stds_but_not_gradr_forget():
    for make, back in ((lambda w: GradR(w, 0.01, alpha=0.0), False), (lambda w: STDS(w, 0.01), True)):
        optimiser, matrices = advanced(make)
        before = [matrix.detach().clone() for matrix in matrices]
        optimiser.prune_to(0.1)
        optimiser.prune_to(1.0)
        assert all(torch.equal(now, old) for now, old in zip(matrices, before, strict=True)) is back


@pytest.mark.parametrize("make", STEERED)
def test_steering_pushes_harder_at_what_costs_more(make):
    """The connections that stay are those whose strength is largest for their cost, also after a step that moves nothing."""
    optimiser, matrices = advanced(make)
    costs = [torch.rand(matrix.shape[1], generator=torch.Generator().manual_seed(8)) + 0.1 for matrix in matrices]
    for matrix, cost in zip(matrices, costs, strict=True):
        optimiser.set_costs(matrix, cost)
    worth = torch.cat([(matrix.detach().abs() / cost).flatten() for matrix, cost in zip(matrices, costs, strict=True)])
    optimiser.prune_to(0.3)
    for step in range(2):
        kept = torch.cat([matrix.detach().flatten() != 0 for matrix in matrices])
        assert abs(int(kept.sum()) - 240) <= step  # the weakest kept weight may be nearly 0
        check_strongest(worth, kept.float())
        optimiser.step()
    with pytest.raises(InputError, match="costs must be above 0, not 0"):
        optimiser.set_costs(matrices[0], torch.zeros(1))


def test_steering_needs_a_share_for_each_group():
    with pytest.raises(ValueError, match="shorter"):
        advanced(lambda w: STDS(w, 0.01))[0].prune_to([0.5])
