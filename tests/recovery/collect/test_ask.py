"""Every question asked of every form of a case; answers of several classifiers side by side."""

import numpy as np
import pytest

from unsmear import classify, evaluate, images
from unsmear.blur import Motion, convolve, to_dict
from unsmear.errors import DataError, ImageError, OptionError
from unsmear.evaluate import Case, MethodWithKernel
from unsmear.images import Image
from unsmear.images.scaling import cast
from unsmear.recovery import measures
from unsmear.recovery.analysis.aligned import align
from unsmear.recovery.collect.answers import Predictions, join
from unsmear.recovery.collect.ask import Request, ask, attempt, places
from unsmear.recovery.collect.run import answer, describe
from unsmear.restoration.methods import METHODS

LABELS = ("Cytosol", "Nucleoli")
WIENER = (MethodWithKernel(METHODS["wiener"], "true"),)


@pytest.fixture
def cases(tmp_path):
    """Return three cases, 48x48, red and green, of which the last one's blur is not known."""
    generator = np.random.default_rng(2)
    for number in range(3):
        sharp = generator.integers(20, 200, (2, 48, 48)).astype(np.uint8)
        blurred = cast(convolve(sharp, Motion(5, 30).kernel()), np.uint8)
        for side, counts in (("sharp", sharp), ("blur", blurred)):
            image = Image(counts, "CYX", ("red", "green"))
            images.write(tmp_path / "pairs" / side / f"{number}.tif", image)
    pairs, problems = evaluate.find_cases(tmp_path / "pairs")
    assert not problems
    blurs = (to_dict(Motion(5, 30)), to_dict(Motion(5, 30)), None)
    return [
        Case(case.name, case.sharp, case.blurred, blur, f"g{case.name}", labels=(2, 16))
        for case, blur in zip(pairs, blurs, strict=True)
    ]


@pytest.fixture
def save(save_network):
    def saved(file="best", labels=LABELS, thresholds=(0.4, 0.6)):
        card = {
            "task": "classify",
            "labels": labels,
            "thresholds": thresholds,
            "channels": ["red", "green"],
            "size": 48,
        }
        options = {"labels": len(labels), "channels": 2, "features": 4, "stages": 2}
        return classify.load(save_network("light", file, card, **options))

    return saved


@pytest.mark.slow
def test_sharp_blurred_and_restored_are_asked_alike(cases, save):
    classifier = save()
    predictions = ask(cases[0], WIENER, classifier, [measures.find("intensity")])
    assert [prediction.restorer for prediction in predictions] == [
        "sharp",
        "blurred",
        "wiener, true kernel",
    ]
    sharp, blurred = cases[0].read()
    wanted = classifier.probabilities([sharp, blurred])
    np.testing.assert_allclose(
        [prediction.probabilities for prediction in predictions[:2]], wanted, atol=1e-6
    )
    assert {prediction.labels for prediction in predictions} == {
        (1, 0)
    }  # by name: Nucleoli and Cytosol
    first = predictions[0]
    assert (first.case, first.group, first.blur, first.length) == ("0", "g0", "motion 5 px", 5.0)
    mean = sharp.pixels[1].mean() / 255
    assert first.measures["image mean green"] == pytest.approx(mean, rel=1e-6)
    assert predictions[1].measures["image mean green"] != first.measures["image mean green"]


def test_only_what_is_asked_is_answered(cases, save):
    assert ask(cases[0], (), None, [measures.find("texture")])[0].probabilities == ()
    assert ask(cases[0], (), save())[0].measures == {}


def test_the_true_kernel_is_not_asked_for_where_it_is_not_known(cases, save):
    assert [prediction.restorer for prediction in ask(cases[2], WIENER, save())] == [
        "sharp",
        "blurred",
    ]


def test_folds_of_several_classifiers_stand_side_by_side(cases, save):
    folds = []
    for number, case in enumerate(cases[:2]):
        classifier = save(f"fold{number}", thresholds=(0.1 + 0.8 * number,) * 2)
        rows = ask(case, WIENER, classifier)
        folds.append(Predictions(classifier.labels, tuple(classifier.thresholds), tuple(rows)))
    aligned, _ = align(join(folds))
    np.testing.assert_allclose(aligned.thresholds, [[0.1, 0.1], [0.9, 0.9]])
    assert aligned.predicted["sharp"].tolist() == [[True, True], [False, False]]


@pytest.mark.slow
def test_labels_are_found_by_their_names(cases, save):
    assert places(
        cases[0], save(labels=("nucleoli", "Golgi apparatus", "CYTOSOL"), thresholds=(0.5,) * 3)
    ) == (0, 2)
    with pytest.raises(DataError, match=r"^0: labels must be those of my-light \(Cytosol, Vesi"):
        places(cases[0], save("other", ("Cytosol", "Vesicles"), (0.5, 0.5)))


def test_what_goes_wrong_is_a_sentence(cases, save):
    (cases[0].blurred.files[0]).write_bytes(b"no image")
    questions = Request(WIENER, save(), (measures.find("nuclei"),))
    assert attempt(questions, cases[0]).problem.startswith("blur/0.tif: a file must be")
    assert attempt(questions, cases[1]).problem == (
        "1: the image must have a channel named blue, got red, green."
    )


def test_two_measures_of_one_name_are_refused(cases):
    intensity = measures.find("intensity")
    with pytest.raises(OptionError, match="must return unique names"):
        ask(cases[0], (), None, [intensity, intensity])


def test_stacks_are_refused(tmp_path):
    for side in ("sharp", "blur"):
        stack = Image(np.ones((3, 2, 20, 20), np.uint8), "ZCYX", ("red", "green"))
        images.write(tmp_path / side / "stack.tif", stack)
    case = evaluate.find_cases(tmp_path)[0][0]
    with pytest.raises(ImageError, match="must be one plane, got 3"):
        ask(case, (), None, [measures.find("intensity")])


def test_a_case_that_failed_is_asked_again(cases, save, tmp_path):
    questions = Request((), save())
    file = cases[1].blurred.files[0]
    whole = file.read_bytes()
    file.write_bytes(b"no image")
    answers, problems = answer(tmp_path / "out", cases, questions, {})
    assert (answers.cases, len(problems)) == (["0", "2"], 1)
    file.write_bytes(whole)
    answers, problems = answer(tmp_path / "out", cases, questions, {})
    assert (answers.cases, problems) == (["0", "1", "2"], [])
    assert [row.case for row in answers.rows] == ["0", "0", "1", "1", "2", "2"]


@pytest.fixture
def nuclei_pairs(tmp_path):
    """Return a folder with one pair of two nuclei; its mask numbers three, 7, 300 and 9."""
    sharp = np.zeros((48, 48), np.uint8)
    sharp[6:18, 6:18] = sharp[28:40, 28:40] = 200
    masks = np.where(sharp > 0, 7, 0).astype(np.uint16)
    masks[28:40, 28:40], masks[28:34, 8:14] = 300, 9
    for side in ("sharp", "blur"):
        images.write(tmp_path / "pairs" / side / "a.tif", Image(sharp[None], "CYX", ("blue",)))
    images.write(tmp_path / "pairs" / "nuclei" / "a.png", Image(masks, "YX"))
    return tmp_path / "pairs"


def test_true_nuclei_beside_the_pairs_are_the_reference(nuclei_pairs):
    (case,), problems = evaluate.find_cases(nuclei_pairs)
    assert not problems
    assert np.unique(case.read_nuclei()).tolist() == [0, 1, 2, 3]
    chosen = [measures.find("detection"), measures.find("nuclei")]
    sharp, blurred = (row.measures for row in ask(case, (), None, chosen))
    assert sharp["nuclei detected"] == 2
    assert min(sharp["nucleus IoU"][0], sharp["nucleus IoU"][2]) > 0.7
    assert sharp["nucleus IoU"][1] == 0  # which only the masks have
    assert blurred == sharp
    described = describe(nuclei_pairs, [case], Request(), ["detection"])
    assert described["options"]["true_nuclei"] == 1
    (nuclei_pairs / "nuclei" / "a.png").unlink()
    (nuclei_pairs / "nuclei").rmdir()
    (without,), _ = evaluate.find_cases(nuclei_pairs)
    assert without.read_nuclei() is None
    assert ask(without, (), None, chosen)[0].measures["nucleus IoU"] == [1, 1]
    assert "true_nuclei" not in describe(nuclei_pairs, [without], Request(), [])["options"]


@pytest.mark.parametrize(
    ("masks", "axes", "sentence"),
    [
        (np.zeros((40, 48), np.uint8), "YX", "masks must be (48, 48) as the sharp image"),
        (np.zeros((48, 48), np.float32), "YX", "masks must be one plane of whole numbers"),
        (np.zeros((2, 48, 48), np.uint8), "CYX", "masks must be one plane of whole numbers"),
    ],
)
def test_masks_that_do_not_fit_are_named(nuclei_pairs, masks, axes, sentence):
    (nuclei_pairs / "nuclei" / "a.png").unlink()
    images.write(nuclei_pairs / "nuclei" / "a.tif", Image(masks, axes))
    (case,), _ = evaluate.find_cases(nuclei_pairs)
    problem = attempt(Request(measures=(measures.find("detection"),)), case).problem
    assert problem.startswith(f"nuclei/a: {sentence}")
