"""Files with MAXIM's weights, good ones and bad ones."""

import copy
import pickle
import random
import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

from unsmear.checkpoints import arrays as array_files
from unsmear.checkpoints import checkpoint, convert_maxim
from unsmear.errors import ImageError, MissingExtra, WeightsError
from unsmear.models import maxim

PREFIX = "opt/target/"
NARROW = {"features": 8, "stages": 2, "groups": 1, "bottlenecks": 1}
UP = "stage_0_decoder_block_1/ConvTranspose_0/kernel"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a network and a published file of its weights, for all tests here."""
    network = maxim.MAXIM(**NARROW).eval()
    path = tmp_path_factory.mktemp("maxim") / "checkpoint.npz"
    convert_maxim.to_flax(network, path)
    return network, path


@pytest.fixture
def network(made):
    return copy.deepcopy(made[0])


@pytest.fixture
def file(tmp_path):
    return tmp_path / "checkpoint.npz"


@pytest.fixture
def arrays(made, file):
    """Return a published file's arrays, without the prefix."""
    shutil.copy(made[1], file)
    with np.load(file) as arrays:
        return {name.removeprefix(PREFIX): arrays[name] for name in arrays.files}


def same(first, second):
    mine, theirs = first.state_dict(), second.state_dict()
    assert mine.keys() == theirs.keys()
    return all(torch.equal(mine[name], theirs[name]) for name in mine)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"features": 16, "stages": 1, "groups": 3},
        {"stages": 3, "bottlenecks": 2, "channels": 1},
        {"features": 12, "reduction": 2},
    ],
)
def test_what_is_written_is_read_again_exactly(file, options):
    network = maxim.MAXIM(**{**NARROW, **options})
    convert_maxim.to_flax(network, file)
    before = torch.random.get_rng_state()
    read = convert_maxim.from_flax(str(file))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert same(read, network)
    assert not read.training
    assert all(parameter.requires_grad for parameter in read.parameters())
    convert_maxim.to_flax(read, file.with_name("again.npz"))
    assert file.with_name("again.npz").read_bytes() == file.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("variant", maxim.VARIANTS)
def test_a_variant_is_known_by_its_arrays(variant):
    with torch.device("meta"):
        network = maxim.variant(variant)
    shapes = {name: tuple(weight.shape) for name, weight in network.named_parameters()}
    everything = {"groups": 2, "bottlenecks": 2, "reduction": 4, "channels": 3}
    expected = {**everything, **maxim.VARIANTS[variant]}
    assert convert_maxim.size_of("", shapes.items()) == expected
    # Each single array can be missing, and it is still known.
    few = random.Random(1).sample(sorted(shapes), 5)
    for missing in few:
        rest = {name: shape for name, shape in shapes.items() if name != missing}
        assert convert_maxim.size_of("", rest.items()) == expected


@pytest.mark.slow
def test_what_an_optimiser_left_is_not_even_read(network, file, arrays):
    more = {f"opt/state/param_states/{name}/grad_ema": array for name, array in arrays.items()}
    more |= {"opt/state/step": np.int32(7), "opt/state/unsafe": np.array([print], object)}
    np.savez(file, **{PREFIX + name: arrays[name] for name in arrays}, **more)
    assert same(convert_maxim.from_flax(file), network)


@pytest.mark.slow
def test_without_the_prefix_all_is_read(network, file, arrays):
    np.savez(file, **arrays)
    assert same(convert_maxim.from_flax(file), network)
    np.savez(file, **arrays, step=np.int32(7))
    with pytest.raises(WeightsError, match=r"unknown: step\.$"):
        convert_maxim.from_flax(file)


@pytest.mark.slow
def test_half_and_double_precision_are_read(network, file, arrays):
    np.savez(file, **{name: array.astype(np.float64) for name, array in arrays.items()})
    assert same(convert_maxim.from_flax(file), network)
    np.savez(file, **{name: array.astype(np.float16) for name, array in arrays.items()})
    read = convert_maxim.from_flax(file)
    assert all(weight.dtype == torch.float32 for weight in read.parameters())
    assert same(read, copy.deepcopy(network).half().float())


@pytest.mark.slow
def test_all_that_is_wrong_is_named_in_one_sentence(file, arrays):
    del arrays["stage_0_input_conv_0/kernel"], arrays["UpSampleRatio_3/Conv_0/bias"]
    arrays["stage_9_strange/Conv_0/kernel"] = arrays["more"] = np.zeros(3, np.float32)
    arrays[UP] = arrays[UP][:, :, 1:]
    arrays["stage_1_output_conv_0/bias"] = np.float32(1)
    arrays["stage_1_output_conv_1/bias"][1] = np.nan
    arrays["stage_1_output_conv_2/bias"] = np.array([1, 2, 3])
    arrays["stage_1_output_conv_2/kernel"] = np.full((3, 3, 8 * 4, 3), 1e300)
    np.savez(file, **{PREFIX + name: array for name, array in arrays.items()})
    with pytest.raises(WeightsError) as raised:
        convert_maxim.from_flax(file)
    assert str(raised.value) == (
        "checkpoint.npz: the arrays must be MAXIM's; "
        "missing: stage_0_input_conv_0/kernel, UpSampleRatio_3/Conv_0/bias; "
        "unknown: stage_9_strange/Conv_0/kernel, more; "
        "of another shape: "
        f"{UP} must be 2x2x32x16, is 2x2x31x16, "
        "stage_1_output_conv_0/bias must be 3, is a number; "
        "not of finite floating-point numbers: stage_1_output_conv_1/bias, "
        "stage_1_output_conv_2/kernel, stage_1_output_conv_2/bias."
    )


@pytest.mark.slow
def test_very_many_faults_are_named_too(file, arrays):
    gone = [name for name in arrays if "global_block" in name or "UpSampleRatio_1" in name]
    np.savez(file, **{name: array for name, array in arrays.items() if name not in gone})
    with pytest.raises(WeightsError) as raised:
        convert_maxim.from_flax(file)
    assert len(gone) > 40
    missing = str(raised.value).partition("missing: ")[2].removesuffix(".").split(", ")
    assert sorted(missing) == sorted(gone)


@pytest.mark.slow
def test_bytes_that_only_look_like_numbers_are_refused(file, arrays):
    name = "stage_0_input_conv_0/bias"
    arrays[name] = arrays[name].view("V4")  # as NumPy stores numbers that it does not know
    np.savez(file, **arrays)
    with pytest.raises(WeightsError, match=f"floating-point numbers: {name}"):
        convert_maxim.from_flax(file)


def _text(path):
    path.write_text("<html>please log in")


def _empty(path):
    path.write_bytes(b"")


def _pickled(path):
    path.write_bytes(pickle.dumps({"a": 1}))


def _one_array(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def _objects(path):
    np.savez(path, **{f"{PREFIX}stage_0_input_conv_0/bias": np.array([print], object)})


def _broken_off(path):
    path.write_bytes(path.read_bytes()[:-5000])


def _rotten(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    path.write_bytes(data)


def _encrypted(path):
    data = bytearray(path.read_bytes())
    for magic, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + place] |= 1
    path.write_bytes(data)


def _h5(path):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))


def _lying(path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999,), }\n"
    with zipfile.ZipFile(path, "w") as archive:
        data = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
        archive.writestr(f"{PREFIX}stage_0_input_conv_0/bias.npy", data)


@pytest.mark.slow
@pytest.mark.parametrize(
    "spoil",
    [
        _text,
        _empty,
        _pickled,
        _one_array,
        _objects,
        _broken_off,
        _rotten,
        _encrypted,
        _h5,
        _lying,
    ],
)
@pytest.mark.usefixtures("arrays")
def test_a_damaged_file_gives_one_sentence(file, spoil):
    spoil(file)
    with pytest.raises(WeightsError) as raised:
        convert_maxim.from_flax(file)
    assert str(raised.value) == (
        "checkpoint.npz: MAXIM's weights must be an .npz, .h5 or .safetensors file of arrays by "
        "name and nothing else; this one is damaged or of another kind."
    )


def test_a_file_with_other_weights_gives_one_sentence(file):
    np.savez(file, a=np.zeros(3), b=np.zeros((2, 2)))
    with pytest.raises(WeightsError, match=r"^checkpoint\.npz: .* must be MAXIM's.* got 2, .*a, b"):
        convert_maxim.from_flax(file)
    np.savez(file)
    with pytest.raises(WeightsError, match=r"none at all"):
        convert_maxim.from_flax(file)


def test_a_file_that_claims_a_giant_makes_none(file):
    arrays = {
        "stage_0_encoder_block_0/Conv_0/bias": np.zeros(400_000, np.float32),
        "stage_0_encoder_block_0/a/channel_attention/Conv_0/bias": np.zeros(1, np.float32),
        "stage_0_output_conv_0/bias": np.zeros(3, np.float32),
    }
    np.savez(file, **arrays)
    with pytest.raises(WeightsError, match="hardly any is"):
        convert_maxim.from_flax(file)


@pytest.mark.slow
def test_an_array_that_unfolds_to_a_giant_is_refused_before_it_is_read(file, arrays):
    big = 2**25
    arrays["stage_0_input_conv_0/bias"] = arrays["more"] = np.zeros(big, np.float32)
    np.savez_compressed(file, **arrays)
    assert file.stat().st_size < big
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=rf"unknown: more; .*bias must be 8, is {big}\.$"):
            convert_maxim.from_flax(file)
        assert tracemalloc.get_traced_memory()[1] < 4 * big
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_wild_number_in_a_name_makes_no_giant(file, arrays):
    wild = [f"stage_0_global_block_{10**9}_a/b/bias", f"stage_{10**9}_encoder_block_0_a/b/bias"]
    arrays |= dict.fromkeys(wild, np.zeros(1, np.float32))
    np.savez(file, **arrays)
    with pytest.raises(WeightsError, match=f"unknown: .*{wild[0]}"):
        convert_maxim.from_flax(file)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"bottlenecks": 11}, {"groups": 11}])
def test_more_than_ten_blocks_are_counted(options):
    with torch.device("meta"):
        network = maxim.MAXIM(**{**NARROW, "stages": 1, **options})
    shapes = ((name, tuple(weight.shape)) for name, weight in network.named_parameters())
    assert convert_maxim.size_of("", shapes).items() >= options.items()


@pytest.mark.slow
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16, torch.float64])
def test_a_network_of_any_precision_is_written(network, file, precision):
    network.to(precision)
    convert_maxim.to_flax(network, file)
    with np.load(file) as arrays:
        dtypes = {arrays[name].dtype for name in arrays.files}
    assert dtypes == {np.dtype(np.float64 if precision == torch.float64 else np.float32)}
    assert same(convert_maxim.from_flax(file), network.float())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["readme.txt", "stage_0_input_conv_0/bias.npy"])
def test_an_entry_that_is_no_array_is_named(file, arrays, name):
    arrays.pop(name.removesuffix(".npy"), None)
    np.savez(file, **{PREFIX + called: array for called, array in arrays.items()})
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(PREFIX + name, "read me")
    with pytest.raises(WeightsError) as raised:
        convert_maxim.from_flax(file)
    sentence = f"checkpoint.npz: {PREFIX}{name} must be an array, got other bytes."
    assert str(raised.value) == sentence


def test_a_file_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(WeightsError, match=r"must be a file, got none of that name\.$"):
            convert_maxim.from_flax(path)


def test_a_file_that_cannot_be_written_leaves_nothing(network, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ImageError, match="cannot be written"):
        convert_maxim.to_flax(network, tmp_path / "file" / "checkpoint.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_our_own_weights_are_read(network, tmp_path):
    card = {"network": "maxim", "options": NARROW}
    checkpoint.save(tmp_path / "mine", network.state_dict(), card)
    assert same(convert_maxim.from_flax(tmp_path / "mine.safetensors"), network)
    tensors = {**network.state_dict(), "more": torch.zeros(1)}
    del tensors["stage_0_input_conv_0.weight"]
    checkpoint.save(tmp_path / "mine", tensors, card)
    sentence = r"missing: stage_0_input_conv_0\.weight; unknown: more\.$"
    with pytest.raises(WeightsError, match=sentence):
        convert_maxim.from_flax(tmp_path / "mine.safetensors")
    (tmp_path / "mine.safetensors").write_bytes(b"\0\0\0\0\0\0\0\7{}")
    with pytest.raises(WeightsError, match="damaged or of another kind"):
        convert_maxim.from_flax(tmp_path / "mine.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 55])
@pytest.mark.parametrize("root", ["", "model_weights/"])
def test_a_keras_copy_is_the_authors_network_again(
    network, arrays, tmp_path, write_keras, first, root
):
    assert arrays[UP].shape == (2, 2, 32, 16)
    path = tmp_path / "S-3_deblurring_reds.h5"
    write_keras(path, arrays, first, root)
    if root:
        import h5py

        with h5py.File(path, "a") as file:
            file["optimizer_weights/Adam/m/stage_0_input_conv_0/bias:0"] = np.zeros(8)
    assert same(convert_maxim.from_flax(path), network)


@pytest.mark.slow
def test_a_keras_copy_with_faults_names_them(arrays, tmp_path, write_keras):
    path = tmp_path / "maxim.h5"
    arrays["more/kernel"] = np.zeros(3)
    del arrays["UpSampleRatio_4/Conv_0/bias"]
    arrays[UP] = arrays[UP].swapaxes(2, 3)
    write_keras(path, arrays)
    with pytest.raises(WeightsError) as raised:
        convert_maxim.from_flax(path)
    assert str(raised.value) == (
        "maxim.h5: the arrays must be MAXIM's; missing: UpSampleRatio_4/Conv_0/bias; "
        f"unknown: more/kernel; of another shape: {UP} must be 2x2x32x16, is 2x2x16x32."
    )


@pytest.mark.parametrize(
    ("more", "twice"),
    [
        ("other/stage_0_input_conv_0/bias:0", "stage_0_input_conv_0/bias"),
        ("x/UpSampleRatio_01_Conv_0/bias:0", "UpSampleRatio_0/Conv_0/bias"),
    ],
)
@pytest.mark.slow
def test_a_keras_copy_with_two_arrays_of_one_name_names_it(
    arrays, tmp_path, write_keras, more, twice
):
    import h5py

    path = tmp_path / "maxim.h5"
    write_keras(path, arrays)
    with h5py.File(path, "a") as file:
        file[more] = np.zeros(8, np.float32)
    with pytest.raises(
        WeightsError, match=rf"^maxim\.h5: {twice} must be in the file once, got two"
    ):
        convert_maxim.from_flax(path)


def test_what_keras_saves_without_names_is_refused_with_the_way_out(tmp_path):
    h5py = pytest.importorskip("h5py")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    (tmp_path / "maxim.keras").write_bytes(b"PK")
    (tmp_path / "variables.index").write_bytes(b"")
    with h5py.File(tmp_path / "maxim.weights.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)
    for name in ("saved", "maxim.keras", "variables.index", "maxim.weights.h5"):
        with pytest.raises(WeightsError) as raised:
            convert_maxim.from_flax(tmp_path / name)
        assert str(raised.value).startswith(f"{name}: Keras' SavedModel")
        assert str(raised.value).endswith("load_model(FOLDER).save_weights('maxim.h5')")


@pytest.mark.slow
def test_without_h5py_one_sentence_says_how_to_get_it(arrays, tmp_path, write_keras, monkeypatch):
    write_keras(tmp_path / "maxim.h5", arrays)

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(array_files, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"^maxim\.h5: .* pip install 'unsmear\[keras\]'"):
        convert_maxim.from_flax(tmp_path / "maxim.h5")
