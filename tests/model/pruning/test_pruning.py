"""Grad R and STDS move weights as their rules say, and the cut keeps exactly the budget."""

import copy
import math

import pytest
import torch

from firstspike_model.pruning import SCHEDULES, STDS, GradR, Rewiring, cut_to_budget, layer_budgets, schedule
from firstspike_model.pruning.gradr import prior_centre
from firstspike_model.recipes.ranges import CHOICES
from firstspike_spec import InputError

START = [0.5, -0.5, 0.003, -0.003, 0.0]
GRADIENTS = [
    [0.3, 0.3, 1.0, -1.0, 0.1],
    [-0.2, 0.1, 1.0, -1.0, -0.3],
    [0.1, -0.4, -3.0, 3.0, -2.0],
    [0.2, 0.1, -1.0, 1.0, 0.5],
]


class ScalarAdam:
    """One number's Adam, as in Kingma and Ba 2014."""

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


def test_a_dormant_synapse_comes_back_with_its_old_sign():
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


@pytest.mark.parametrize("make", [lambda w: GradR(w, 0.01, alpha=0.2), lambda w: STDS(w, 0.01, threshold=0.1)])
def test_an_optimiser_goes_on_from_its_state(make):
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


def test_schedules_run_from_end_to_end():
    assert tuple(SCHEDULES) == CHOICES["alpha_schedule"] == CHOICES["threshold_schedule"]
    values = {name: [schedule(name, done) for done in (-1, 0, 0.25, 0.5, 1, 2)] for name in SCHEDULES}
    quarter = (1 - math.sqrt(0.5)) / 2
    assert values["constant"] == [1] * 6
    assert values["linear"] == [0, 0, 0.25, 0.5, 1, 1]
    assert values["sine"] == pytest.approx([0, 0, quarter, 0.5, 1, 1])
    assert values["cubic"] == [0, 0, 1 - 0.75**3, 0.875, 1, 1]
    assert values["falling"] == [1, 1, 0.75, 0.5, 0, 0]
    assert values["cosine"] == pytest.approx([1, 1, 1 - quarter, 0.5, 0, 0])
    with pytest.raises(InputError, match=r"schedule must be one of constant, .*, not 'step'"):
        schedule("step", 0.5)


def random_layers() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator) for shape in ((30, 17), (7, 30), (3, 7))]


def check_strongest(weights: torch.Tensor, mask: torch.Tensor) -> None:
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    if 0 < mask.sum() < mask.numel():
        assert weights[mask == 1].abs().min() >= weights[mask == 0].abs().max()


@pytest.mark.parametrize("connectivity", [0.0, 0.013, 0.1, 0.37, 1.0])
def test_cut_is_exact(connectivity):
    weights = random_layers()
    masks = cut_to_budget(weights, connectivity)
    assert sum(int(mask.sum()) for mask in masks) == math.floor(connectivity * sum(weight.numel() for weight in weights))
    for weight, mask in zip(weights, masks, strict=True):
        check_strongest(weight, mask)


def test_cut_is_exact_for_each_layer():
    weights, budgets = random_layers(), (0.05, 0.5, 1.0)
    masks = cut_to_budget(weights, budgets)
    for weight, mask, budget in zip(weights, masks, budgets, strict=True):
        assert int(mask.sum()) == math.floor(budget * weight.numel())
        check_strongest(weight, mask)


def test_cut_keeps_what_is_connected_where_the_budget_is_larger():
    weights = [torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.zeros(2, 2)]
    masks = cut_to_budget(weights, 0.9)
    assert masks[0].tolist() == [[0, 1], [1, 0]]
    assert not masks[1].any()


@pytest.mark.parametrize(
    ("budget", "message"), [((0.1, 0.1), "one for each of 3 layers, not 2"), (1.5, r"in 0 \.\. 1, not 1.5")]
)
def test_wrong_budgets_are_refused(budget, message):
    with pytest.raises(InputError, match=message):
        cut_to_budget(random_layers(), budget)


def advanced(make) -> tuple[Rewiring, list[torch.nn.Parameter]]:
    """An optimiser with two groups of one random matrix each, after a step that moved nothing."""
    generator = torch.Generator().manual_seed(5)
    matrices = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((20, 30), (10, 20))]
    optimiser = make([{"params": [matrix]} for matrix in matrices])
    for matrix in matrices:
        matrix.grad = torch.zeros_like(matrix)
    optimiser.step()
    return optimiser, matrices


@pytest.mark.parametrize("make", [lambda w: GradR(w, 0.01, alpha=0.0), lambda w: STDS(w, 0.01)])
@pytest.mark.parametrize("share", [0.0, 0.013, 0.5, 1.0, (0.1, 0.75), (1.0, 0.0)])
def test_steering_leaves_the_strongest_and_as_many_as_asked(make, share):
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


def test_steering_pulls_harder_at_what_costs_more():
    """The connections that stay are those whose strength is largest for their cost."""
    gradr, matrices = advanced(lambda w: GradR(w, 0.01, alpha=0.0))
    costs = [torch.rand(matrix.shape[1], generator=torch.Generator().manual_seed(8)) + 0.1 for matrix in matrices]
    for matrix, cost in zip(matrices, costs, strict=True):
        gradr.set_costs(matrix, cost)
    worth = torch.cat([(matrix.detach().abs() / cost).flatten() for matrix, cost in zip(matrices, costs, strict=True)])
    gradr.prune_to(0.3)
    kept = torch.cat([matrix.detach().flatten() != 0 for matrix in matrices])
    assert int(kept.sum()) == 240
    check_strongest(worth, kept.float())


def test_steering_asks_for_a_share_a_group():
    with pytest.raises(ValueError, match="shorter"):
        advanced(lambda w: STDS(w, 0.01))[0].prune_to([0.5])


@pytest.mark.parametrize(
    ("budget", "part", "kept"),
    [
        (0.05, 0.22, (31760 - 6987, 6987)),
        (0.02, 0.5, (6352, 6352)),
        (0.05, 0.5, (31760 - 8000, 8000)),  # no room for half in the output layer
        (0.01, 0.0, (6351, 1)),  # never nothing
        (1.0, 0.01, (627200, 8000)),  # no room for the rest in the other
    ],
)
def test_the_output_layer_gets_its_part(budget, part, kept):
    counts = [627200, 8000]
    shares = layer_budgets(budget, part, counts)
    generator = torch.Generator().manual_seed(0)
    masks = cut_to_budget([torch.rand(count, generator=generator) + 0.1 for count in counts], shares)
    assert tuple(int(mask.sum()) for mask in masks) == kept


def test_the_output_layers_part_leaves_the_others_even():
    counts = [1000, 500, 100]
    first, second, last = layer_budgets(0.1, 0.25, counts)
    assert first == second == 120 / 1500
    assert last == 40 / 100
    shares = layer_budgets(0.3, 0.2, [64 * 20, 20 * 15, 15 * 10])
    assert sum(round(share * count) for share, count in zip(shares, [1280, 300, 150], strict=True)) == 519
    assert layer_budgets(0.01, 0.001, counts)[-1] == 1 / 100  # never nothing
