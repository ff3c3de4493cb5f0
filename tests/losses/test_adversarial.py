"""The losses of a generator and its critic."""

from math import exp, log

import pytest
import torch

from unsmear.losses.adversarial import LOSSES, gradient_penalty

REAL = torch.tensor([1.0, 3.0])
FAKE = torch.tensor([-1.0, 2.0])


def odds(score):
    """Return what a critic says whose score is a logit, 0 to 1."""
    return 1 / (1 + exp(-score))


@pytest.mark.parametrize(
    ("name", "critic", "generator"),
    [
        ("paper", 2.0, -0.5),
        ("wasserstein", 0.5 - 2.0, -0.5),
        ("least-squares", ((0 + 4) / 2 + (1 + 4) / 2) / 2, (4 + 1) / 2 / 2),
        (
            "cross-entropy",
            -(log(odds(1)) + log(odds(3)) + log(1 - odds(-1)) + log(1 - odds(2))) / 4,
            -(log(odds(-1)) + log(odds(2))) / 2,
        ),
    ],
)
def test_values_computed_by_hand(name, critic, generator):
    assert LOSSES[name].critic(REAL, FAKE).item() == pytest.approx(critic)
    assert LOSSES[name].generator(FAKE).item() == pytest.approx(generator)


def test_the_printed_critic_never_looks_at_restored_images():
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    LOSSES["paper"].critic(real, fake).backward()
    assert fake.grad.tolist() == [0, 0]
    assert (real.grad > 0).all()  # descending lowers the scores of sharp images


@pytest.mark.parametrize("name", ["wasserstein", "least-squares", "cross-entropy"])
def test_the_others_pull_the_scores_apart(name):
    real, fake = torch.zeros(2, requires_grad=True), torch.zeros(2)
    fake = torch.ones(2, requires_grad=True)
    LOSSES[name].critic(real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all()


def images(seed=0, shape=(3, 1, 4, 5)):
    source = torch.Generator().manual_seed(seed)
    return [torch.rand(shape, generator=source) for _ in range(2)]


def test_the_penalty_of_a_linear_critic_is_known():
    real, fake = images()
    weights = torch.rand(4, 5, generator=torch.Generator().manual_seed(2))
    slope = weights.norm().item()

    def linear(image):
        return (image * weights).sum((1, 2, 3)).view(-1, 1, 1, 1)

    assert gradient_penalty(linear, real, fake, None).item() == pytest.approx((slope - 1) ** 2)

    def patches(image):  # a map of equal scores counts as one score
        return linear(image).expand(-1, 1, 6, 6)

    assert gradient_penalty(patches, real, fake, None).item() == pytest.approx((slope - 1) ** 2)


def test_the_points_lie_between_the_images_one_share_a_sample():
    points = []
    real, fake = images()

    def critic(image):
        points.append(image)
        return image.square().sum((1, 2, 3))

    def penalty(seed):
        return gradient_penalty(critic, real, fake, torch.Generator().manual_seed(seed))

    assert penalty(1) == penalty(1) != penalty(2)
    shares = (points[0].detach() - real) / (fake - real)
    assert ((shares > 0) & (shares < 1)).all()
    spread = shares.flatten(1)
    torch.testing.assert_close(spread, spread[:, :1].expand_as(spread), rtol=0, atol=1e-3)
    assert len(set(spread.mean(1).tolist())) == 3


def test_the_penalty_asks_nothing_of_the_global_source():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    gradient_penalty(lambda image: image.sum((1, 2, 3)), *images(), torch.Generator())
    assert torch.rand(1) == expected


def test_the_penalty_teaches_the_critic_alone():
    torch.manual_seed(0)
    critic = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Softplus())  # it is curved
    real, fake = (image.requires_grad_() for image in images())
    gradient_penalty(critic, real, fake, torch.Generator()).backward()
    assert critic[0].weight.grad.abs().sum() > 0
    assert real.grad is None
    assert fake.grad is None


def test_a_flat_critic_has_a_finite_gradient():
    weight = torch.zeros(1, requires_grad=True)
    penalty = gradient_penalty(lambda image: (image * weight).sum((1, 2, 3)), *images(), None)
    penalty.backward()
    assert penalty.item() == 1
    assert weight.grad.isfinite().all()
