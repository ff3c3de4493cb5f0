"""The Python API: what is public, how it is typed, and that it cannot mislead."""

import ast
import doctest
import inspect
from pathlib import Path

import numpy as np
import pytest

import unsmear
from unsmear.blur import Motion, convolve
from unsmear.errors import AxesError, ImageError, KernelError, OptionError
from unsmear.estimate import estimate_planes
from unsmear.images import Image
from unsmear.synthetic import draw_field

STUB = Path(unsmear.__file__).with_suffix(".pyi")
PUBLIC = [name for name in unsmear.__all__ if name != "__version__"]
MOTION = Motion(12, 30)
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def sharp():
    """Return a field of cells, (channel, y, x), 8 bit."""
    return draw_field(np.random.default_rng(3), (224, 240)).planes[:3]


@pytest.fixture(scope="module")
def blurred(sharp):
    return np.rint(convolve(sharp, MOTION.kernel())).astype(np.uint8)


class TestWhatIsPublic:
    def test_the_stub_and_the_package_have_the_same_names(self):
        tree = ast.parse(STUB.read_text())
        imported = {
            alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        listed = next(
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
        )
        assert imported == set(PUBLIC)
        assert listed == unsmear.__all__ == sorted(listed)
        assert dir(unsmear) == PUBLIC

    def test_a_package_does_not_take_the_place_of_a_function(self):
        import unsmear.restoration.pipeline

        assert unsmear.restore is unsmear.restoration.pipeline.restore
        assert not [name for name in PUBLIC if inspect.ismodule(getattr(unsmear, name))]

    @pytest.mark.parametrize("name", PUBLIC)
    def test_every_name_is_described_with_an_example_that_runs(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (test,) = doctest.DocTestFinder(recurse=False).find(getattr(unsmear, name), name, globs={})
        assert test.examples
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        assert runner.run(test).failed == 0

    @pytest.mark.parametrize("name", [one for one in PUBLIC if one[0].islower()])
    def test_every_parameter_and_result_is_described(self, name):
        function = getattr(unsmear, name)
        text = inspect.getdoc(function)
        parts = ["Parameters\n---", "Raises\n---", "Examples\n---"]
        if inspect.signature(function).return_annotation != "None":
            parts.append("Returns\n---")
        assert all(part in text for part in parts)
        described = text.split("Parameters\n----------\n")[1].split("\n\n")[0].splitlines()
        names = {one.strip() for line in described if line[0] != " " for one in line.split(",")}
        assert names == set(inspect.signature(function).parameters)


@pytest.mark.slow
def test_a_consumers_script_has_types_and_none_is_any(tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    strict = (f"--config-file={HERE / 'consumer.ini'}", f"--cache-dir={tmp_path}")
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import unsmear\nunsmear.restore('cells.tif')\nunsmear.nothing()\n")
    out, err, code = api.run([*strict, str(HERE / "consumer.py"), str(wrong)])
    assert (err, code) == ("", 1), out
    assert "consumer.py" not in out
    assert 'No overload variant of "restore"' in out
    assert 'has no attribute "nothing"' in out


class TestAxes:
    @pytest.mark.slow
    def test_two_dimensions_are_y_and_x(self, blurred):
        plane = blurred[1]
        found = unsmear.estimate_blur(plane)
        assert found == estimate_planes(plane[None, None])
        restored = unsmear.restore(plane, found)
        assert (restored.image.dtype, restored.image.shape) == (plane.dtype, plane.shape)

    @pytest.mark.parametrize("look", [unsmear.estimate_blur, unsmear.restore])
    @pytest.mark.parametrize("shape", [(9,), (3, 64, 64), (1, 3, 64, 64), (1, 64, 64, 3), ()])
    def test_what_is_not_said_is_not_guessed(self, look, shape):
        with pytest.raises(AxesError, match=rf"axes must be given for an array of {len(shape)} "):
            look(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("look", [unsmear.estimate_blur, unsmear.restore])
    @pytest.mark.parametrize("axes", ["YX", "TCYX", "CXX", "CY", "ABC", ""])
    def test_axes_that_do_not_fit_are_refused(self, look, axes):
        with pytest.raises(AxesError, match="axes must"):
            look(np.zeros((3, 64, 64), np.uint8), axes=axes)

    @pytest.mark.slow
    def test_the_order_of_the_axes_changes_nothing(self, blurred):
        expected = unsmear.estimate_blur(blurred, axes="CYX")
        assert (expected.kind, round(expected.length)) == ("straight", 12)
        result = unsmear.restore(blurred, expected, axes="CYX")
        last = np.moveaxis(blurred, 0, -1)
        assert unsmear.estimate_blur(last, axes="YXC") == expected
        turned = unsmear.restore(last, expected, axes="YXC")
        np.testing.assert_array_equal(np.moveaxis(turned.image, -1, 0), result.image)
        one = unsmear.restore(blurred[None], expected, axes="TCYX")
        np.testing.assert_array_equal(one.image[0], result.image)

    @pytest.mark.slow
    def test_an_image_says_its_axes_itself(self, blurred):
        image = Image(blurred, "CYX", name="cells.tif")
        assert unsmear.estimate_blur(image) == unsmear.estimate_blur(blurred, axes="CYX")
        with pytest.raises(AxesError, match=r"cells\.tif: axes must be left out for an Image"):
            unsmear.restore(image, axes="CYX")

    @pytest.mark.parametrize("look", [unsmear.estimate_blur, unsmear.restore])
    @pytest.mark.parametrize(
        ("pixels", "sentence"),
        [
            ("cells.tif", "must be an array of numbers, got str"),
            (np.ma.masked_less(np.zeros((64, 64)), 1), "must have no mask"),
            (np.zeros((64, 64), bool), "pixels must be integers or floats, got bool"),
            (np.zeros((64, 64), complex), "must be an array of numbers, got ndarray of complex"),
            (np.full((64, 64), np.nan), "some pixels must hold data"),
            (np.zeros((0, 64)), "must have at least one pixel"),
        ],
    )
    def test_what_is_no_image_is_refused(self, look, pixels, sentence):
        with pytest.raises((ImageError, AxesError), match=sentence):
            look(pixels)


class TestRestored:
    @pytest.mark.parametrize(
        "dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, ">u2"]
    )
    def test_the_form_that_came_in(self, blurred, dtype):
        pixels = blurred[1].astype(dtype)
        before = pixels.copy()
        restored = unsmear.restore(pixels, MOTION, uncertainty=True)
        assert restored.touched
        assert (restored.image.dtype, restored.image.shape) == (pixels.dtype, pixels.shape)
        assert (restored.uncertainty.dtype, restored.uncertainty.shape) == (
            np.float32,
            pixels.shape,
        )
        assert (restored.estimate, restored.blur) == (None, MOTION)
        assert restored.consistency.share < 0.1
        np.testing.assert_array_equal(pixels, before)

    @pytest.mark.slow
    def test_an_image_is_given_back_with_all_that_its_file_said(self, blurred):
        names = ("DNA", "actin", "tubulin")
        image = Image(blurred, "CYX", names, (0.2, 0.2), "cells.tif", {"tiff": {"note": 1}})
        restored = unsmear.restore(image, MOTION).image
        for name in ("axes", "channels", "pixel_size", "name", "metadata"):
            assert getattr(restored, name) == getattr(image, name)

    @pytest.mark.slow
    def test_a_kernel_as_an_array_is_the_same_kernel(self, blurred):
        given = unsmear.restore(blurred, MOTION.kernel(), axes="CYX")
        expected = unsmear.restore(blurred, MOTION, axes="CYX")
        np.testing.assert_array_equal(given.image, expected.image)
        assert given.movement == "a kernel of 13x13 values (given)"

    @pytest.mark.slow
    def test_a_blur_of_the_users_own(self, blurred):
        class Beads:
            def kernel(self):
                return MOTION.kernel()

        restored = unsmear.restore(blurred[0], Beads())
        np.testing.assert_array_equal(restored.image, unsmear.restore(blurred[0], MOTION).image)

    @pytest.mark.parametrize("array", [True, False])
    @pytest.mark.slow
    def test_what_is_left_alone_is_the_same_pixels_and_says_why(self, sharp, array):
        given = sharp if array else Image(sharp, "CYX")
        restored = unsmear.restore(given, axes="CYX" if array else None, uncertainty=True)
        pixels = restored.image if array else restored.image.pixels
        np.testing.assert_array_equal(pixels, sharp)
        assert pixels is not sharp or not array
        assert not restored.touched
        assert restored.movement.startswith("no motion found (confidence")
        assert restored.blur is restored.uncertainty is restored.consistency is None

    @pytest.mark.slow
    def test_an_unsure_estimate_is_not_acted_on(self, blurred):
        unsure = unsmear.Estimate(12, 30, 0.5)
        left = unsmear.restore(blurred, unsure, axes="CYX")
        assert not left.touched
        assert left.movement == (
            "perhaps linear motion of 12.0 px at 30 degrees (confidence 0.50), "
            "too uncertain to act on"
        )
        assert unsmear.restore(blurred, unsmear.Estimate(12, 30, 0.9), axes="CYX").touched

    @pytest.mark.slow
    def test_a_kernel_that_does_not_explain_the_image_touches_nothing(self):
        random = np.random.default_rng(0)
        dots = np.zeros((160, 160), np.float32)
        dots[random.integers(8, 150, 90), random.integers(8, 150, 90)] = 3000
        recorded = random.poisson(convolve(dots, unsmear.Gaussian(0.7).kernel()) + 20)
        restored = unsmear.restore(recorded.astype(np.uint16), Motion(40, 10), uncertainty=True)
        assert not restored.touched
        assert restored.movement.endswith("(given), which is not consistent with the image")
        assert restored.uncertainty is None
        np.testing.assert_array_equal(restored.image, recorded)
        fine = recorded + 1e9 + 1 / 3  # beyond what float32 holds
        np.testing.assert_array_equal(unsmear.restore(fine, Motion(40, 10)).image, fine)

    def test_blind_methods_take_no_kernel(self, blurred):
        restored = unsmear.restore(blurred[0], method="wiener-local")
        assert restored.touched
        assert restored.movement == "no motion estimated (blind method)"
        with pytest.raises(OptionError, match="wiener-local must be given no kernel"):
            unsmear.restore(blurred[0], MOTION, method="wiener-local")
        with pytest.raises(OptionError, match="uncertainty is not available for wiener"):
            unsmear.restore(blurred[0], method="wiener", uncertainty=True)

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({"method": None}, "a method must be a name or a path as text, got None"),
            ({"method": ["wiener"]}, "a method must be a name or a path as text"),
            ({"tile": 1.5}, r"tile must be 1 or more pixels, got 1\.5"),
            ({"options": ["runtime"]}, "options must be given by name, as a dictionary"),
            (
                {"method": "richardson-lucy", "options": {"iterations": 2.5}},
                r"iterations must be a whole number from 1 to 100000, got 2\.5",
            ),
        ],
    )
    def test_arguments_of_another_type_get_one_sentence(self, blurred, arguments, sentence):
        with pytest.raises(OptionError, match=sentence):
            unsmear.restore(blurred[0, :64, :64], MOTION, **arguments)

    def test_paths_and_numpy_integers_are_taken(self, blurred, tmp_path):
        plane = blurred[0]
        expected = unsmear.restore(plane, MOTION)
        tiled = unsmear.restore(plane, MOTION, tile=np.int64(128))
        np.testing.assert_allclose(tiled.image, expected.image, atol=1)
        with pytest.raises(OptionError, match="a method must be one of"):
            unsmear.restore(plane, MOTION, method=tmp_path / "best")

    @pytest.mark.parametrize("kernel", [[[0, 1, 0]], "beads.tif", 10, Motion, np.float64(3)])
    def test_what_is_no_kernel_is_refused(self, blurred, kernel):
        with pytest.raises(KernelError, match="kernel must be an array, a blur or an Estimate"):
            unsmear.restore(blurred[0], kernel)

    @pytest.mark.parametrize("look", [unsmear.estimate_blur, unsmear.restore])
    def test_the_pixels_of_an_image_are_checked_too(self, look):
        holes = np.ma.masked_less(np.zeros((64, 64)), 1)
        for pixels in (np.full((64, 64), np.nan), holes, np.zeros((64, 64), bool)):
            with pytest.raises(ImageError, match=r"^cells\.tif: "):
                look(Image(pixels, "YX", name="cells.tif"))

    def test_only_an_image_is_written(self, blurred, tmp_path):
        restored = unsmear.restore(Image(blurred, "CYX"), MOTION)
        for other in (restored, blurred):
            with pytest.raises(ImageError, match=r"must be an Image, got .*\.image"):
                unsmear.write(tmp_path / "restored.tif", other)
        assert not list(tmp_path.iterdir())
        assert restored == restored  # arrays have no truth value: compared by identity
