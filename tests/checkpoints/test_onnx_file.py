"""Networks in one file: used like the weights they came from, and safe whoever wrote them."""

import json
import os
import tracemalloc
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsmear import classify
from unsmear.checkpoints import checkpoint, derived, onnx_export, onnx_file
from unsmear.errors import OptionError, WeightsError
from unsmear.restoration import methods
from unsmear.restoration.learned import inference, network_restorer

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
SHIPPED = checkpoint.SHIPPED / "deep-wiener-fast.onnx"


def with_card(model, **card):
    """Return the bytes of an ONNX model that says this card."""
    full = {"network": "any", "options": {}, "sha256": "0", "onnx": {}, **card}
    onnx.helper.set_model_props(model, {"card": json.dumps(full)})
    return model.SerializeToString()


def adding(tensor=None, name="blurred", numbers=None):
    """Return a model that adds a tensor to its input, by default 0."""
    helper, proto = onnx.helper, onnx.TensorProto
    tensor = tensor or helper.make_tensor("w", proto.FLOAT, [1], [0.0])
    sides = ["planes", 1, "y", "x"]
    graph = helper.make_graph(
        [helper.make_node("Add", [name, "w"], ["restored"])],
        "adding",
        [helper.make_tensor_value_info(name, proto.FLOAT, sides)],
        [helper.make_tensor_value_info("restored", proto.FLOAT, sides)],
        [tensor],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def elsewhere(location):
    """Return a tensor whose numbers lie in another file."""
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


FACTS = {"channels": 1, "stride": 1, "halo": 0, "values": [0.0, 1.0]}


@pytest.fixture
def packaged(tmp_path):
    """Return a function that writes members into NAME.zip and returns its path."""

    def write(members, name="own.zip", packing=zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / name, "w", packing) as package:
            for member, data in members:
                package.writestr(member, data)
        return tmp_path / name

    return write


@pytest.fixture
def exported(save_network, tmp_path, monkeypatch):
    """Return weights of a user's own network and its ONNX file, where the network is not known."""
    weights = save_network("folding", stride=4)
    file = onnx_export.export(weights, tmp_path / "own.onnx")
    monkeypatch.setenv("UNSMEAR_NETWORKS", "")
    return weights, file


@pytest.mark.parametrize("ending", ["onnx", "zip"])
def test_a_network_in_one_file_restores_as_its_weights(
    exported, packaged, save_network, monkeypatch, ending
):
    weights, file = exported
    path = (
        file if ending == "onnx" else packaged([("a/own.onnx", file.read_bytes()), ("b.npy", "")])
    )
    blurred = np.random.default_rng(2).random((1, 3, 61, 75), dtype=np.float32)
    method = methods.find(str(path))
    theirs = method.fit(blurred, None).restore(blurred)
    monkeypatch.setenv("UNSMEAR_NETWORKS", str(file.parent / "networks"))
    ours = network_restorer.fit(weights, blurred).restore(blurred)
    np.testing.assert_allclose(theirs, ours, atol=2e-6, rtol=0)
    assert (method.name, method.needs_kernel) == ("my-folding", False)
    assert method.cited.startswith("my-folding ")


def test_its_card_is_that_of_the_weights(exported):
    weights, file = exported
    place, card = checkpoint.card_of(file)
    entry = card.pop("onnx")
    assert card == checkpoint.read_card(checkpoint.find(weights))[1]
    assert entry["sha256"] == place.sha256
    assert (entry["stride"], entry["halo"], entry["channels"]) == (4, 7, 3)


def test_a_deep_wiener_in_one_file_computes_the_same(tmp_path):
    file = onnx_export.export("deep-wiener-fast", tmp_path / "fast.onnx")
    ours, theirs = (inference.load(name) for name in ("deep-wiener-fast", file))
    versions = np.random.default_rng(1).random((ours.versions, 40, 50), dtype=np.float32)
    constants = np.array([0.01, 0.04], np.float32)
    for one, other in zip(ours(versions, constants), theirs(versions, constants), strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6, rtol=0)
    assert (theirs.quantile, theirs.interval) == (ours.quantile, ours.interval)
    assert methods.find(str(file)).guarded


def test_what_needs_tensors_says_so(exported):
    _, file = exported
    place, card = checkpoint.card_of(file)
    with pytest.raises(OptionError, match=r"^own.onnx: runtime must be auto, onnx or openvino"):
        derived.engine(place, card, "torch")
    with pytest.raises(WeightsError, match=r"^own.onnx: for this, weights must be two files"):
        checkpoint.load(file)
    with pytest.raises(WeightsError, match=r"^own.onnx: the network is exported already"):
        onnx_export.check(file)


@pytest.mark.parametrize("where", ["initializer", "node", "function", "sparse"])
@pytest.mark.parametrize("location", ["numbers.bin", "../numbers.bin", "/etc/hostname"])
def test_numbers_in_other_files_are_refused(where, location):
    model, tensor = adding(), elsewhere(location)
    if where == "initializer":
        model = adding(tensor)
    elif where == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(tensor)
    else:
        constant = onnx.helper.make_node("Constant", [], ["c"], value=tensor)
        body = onnx.helper.make_graph([constant], "body", [], [])
        inside = onnx.helper.make_node("If", ["x"], ["y"], then_branch=body)
        nodes = model.graph.node if where == "node" else model.functions.add().node
        nodes.append(inside)
    with pytest.raises(WeightsError, match=r"^a: an ONNX file must hold its numbers itself"):
        onnx_file.metadata("a", model.SerializeToString())


def test_they_are_refused_beside_weights_too(tmp_path):
    (tmp_path / "numbers.bin").write_bytes(bytes(4))
    data = adding(elsewhere("numbers.bin")).SerializeToString()
    (tmp_path / "w.onnx").write_bytes(data)
    place = checkpoint.Place(tmp_path / "w", "", "")
    card = {"network": "any", "onnx": {"sha256": derived.sha256(data).hexdigest()}}
    with pytest.raises(WeightsError, match=r"^w.onnx: an ONNX file must hold its numbers"):
        derived.load(place, card, "onnx")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "with the card of its weights; got one without it"),
        (b"GIF89a", "must be an ONNX file, got other bytes"),
        (b"\x08\x08\x00\x00ORTM", "must be an ONNX file, got other bytes"),
        (SHIPPED.read_bytes()[:-1], "must be an ONNX file, got other bytes"),
        (SHIPPED.read_bytes(), "with the card of its weights; got one without it"),
    ],
)
def test_other_bytes_are_refused(tmp_path, data, match):
    (tmp_path / "own.onnx").write_bytes(data)
    with pytest.raises(WeightsError, match=f"^own.onnx: .*{match}"):
        methods.find(str(tmp_path / "own.onnx"))


def test_a_tag_of_more_than_32_bits_is_refused():
    assert (
        onnx_file.metadata("a", b"\x88\x80\x80\x80\x00\x08") == {}
    )  # ir_version, with spare bytes
    with pytest.raises(WeightsError, match=r"^a: the file must be an ONNX file, got other bytes"):
        onnx_file.metadata("a", b"\x88\x80\x80\x80\x10\x08")


@settings(max_examples=200)
@given(st.binary(max_size=60), st.integers(0, 400))
def test_whatever_the_bytes_the_refusal_is_ours(data, at):
    for given_ in (data, SHIPPED.read_bytes()[:at] + data):
        with suppress(WeightsError):
            assert isinstance(onnx_file.metadata("a", given_), dict)


@pytest.mark.parametrize("facts", [
    {"channels": 0}, {"stride": "8"}, {"halo": -1}, {"values": [1.0, 0.0]}, {"values": 3},
    {"values": [0.0, float("nan")]}, {"tile": 5000}, {"channels": None},
    {"halo": []}, {"halo": {}}, {"halo": False}, {"tile": 8, "overlap": None}, {"values": ["0", 1]},
])  # fmt: skip
def test_facts_of_strangers_are_checked(tmp_path, facts):
    (tmp_path / "own.onnx").write_bytes(with_card(adding(), onnx={**FACTS, **facts}))
    blurred = np.zeros((1, 1, 8, 8), np.float32)
    with pytest.raises(WeightsError, match=r"^own.onnx: a network that restores must say"):
        methods.find(str(tmp_path / "own.onnx")).fit(blurred, None)


@pytest.mark.parametrize("facts", [
    {"labels": None}, {"channels": []}, {"values": [0.0]}, {"stride": 0}, {"smallest": "8"},
])  # fmt: skip
def test_facts_of_a_strangers_classifier_are_checked(tmp_path, facts):
    card = {"task": "classify", "labels": ["a"], "channels": ["red"], "thresholds": [0.5]}
    whole = {"labels": 1, "channels": 1, "values": [0.0, 1.0], "stride": 1, "smallest": 1}
    (name,) = facts
    for number, entry in enumerate(({**whole, **facts}, {k: whole[k] for k in whole if k != name})):
        path = tmp_path / f"own{number}.onnx"
        path.write_bytes(with_card(adding(), **card, size=32, onnx=entry))
        with pytest.raises(WeightsError, match=f"^{path.name}: a classifier must say .* {name} is"):
            classify.load(path)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (with_card(adding(), onnx=FACTS)[:-1] + b"!", "with the card of its weights"),
        (with_card(adding(name="other"), onnx=FACTS), "the network cannot be computed"),
        (with_card(onnx.ModelProto(ir_version=8), onnx=FACTS), "the network cannot be computed"),
        (
            with_card(adding(onnx.helper.make_tensor("w", 1, [2, 1, 1, 1], [0, 0])), onnx=FACTS),
            "the network must give the shape that it takes",
        ),
        (
            with_card(adding(onnx.helper.make_tensor("w", 1, [1], [np.inf])), onnx=FACTS),
            "the network must give finite values",
        ),
        (
            with_card(adding(), network="DeepWiener", error_quantile=1.0,
                      onnx={"versions": 4, "stride": 1, "halo": 1}),
            "the network cannot be computed",
        ),
    ],
)  # fmt: skip
def test_a_network_that_cannot_be_computed_is_named(tmp_path, data, match):
    (tmp_path / "own.onnx").write_bytes(data)
    blurred = np.random.default_rng(0).random((1, 1, 16, 16), dtype=np.float32)
    with pytest.raises(WeightsError, match=rf"^own.onnx: .*{match}"):
        methods.find(str(tmp_path / "own.onnx")).fit(blurred, np.full((1, 3), 1 / 3)).restore(
            blurred
        )


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ([("rdf.yaml", "type: model")], "must hold one ONNX file, got 0"),
        ([("a.onnx", b""), ("b.onnx", b"")], "must hold one ONNX file, got 2"),
        ([("a.onnx", b""), ("a.onnx", b"")], "must hold one ONNX file, got 2"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_package_of_another_kind_is_refused(packaged, members, match):
    with pytest.raises(WeightsError, match=rf"^own.zip: a package {match}.*--bioimageio$"):
        methods.find(str(packaged(members)))


def test_a_package_that_unpacks_without_end_is_refused(packaged):
    path = packaged([("a.onnx", bytes(2**24))], packing=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**16
    with pytest.raises(WeightsError, match=r"^own.zip: its network must have at most 16 times"):
        methods.find(str(path))


def test_a_package_that_says_a_wrong_size_is_not_unpacked_beyond_it(packaged):
    path = packaged([("a.onnx", bytes(2**24))], packing=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(WeightsError, match=r"^own.zip: the file cannot be read .*CRC"):
        onnx_file.read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_what_unpacks_in_pieces_is_read(packaged, packing):
    path = packaged([("a.onnx", SHIPPED.read_bytes())], packing=packing)
    if packing == zipfile.ZIP_DEFLATED:
        assert onnx_file.read(path) == SHIPPED.read_bytes()
        return
    with pytest.raises(WeightsError, match=r"^own.zip: its network must be stored or deflated"):
        onnx_file.read(path)


def test_nothing_of_a_package_becomes_a_file(exported, packaged):
    _, file = exported
    path = packaged([("../../out.onnx", file.read_bytes()), ("../../evil.py", "raise SystemExit")])
    before = {*path.parent.rglob("*"), *path.parent.parent.iterdir()}
    methods.find(str(path)).fit(np.zeros((1, 3, 8, 8), np.float32), None)
    assert {*path.parent.rglob("*"), *path.parent.parent.iterdir()} == before


def test_damaged_and_locked_packages_are_refused(packaged, tmp_path):
    path = packaged([("a.onnx", SHIPPED.read_bytes())])
    whole = bytearray(path.read_bytes())
    whole[1000] ^= 255
    path.write_bytes(whole)
    with pytest.raises(WeightsError, match=r"^own.zip: the file cannot be read .*CRC"):
        methods.find(str(path))
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(WeightsError, match=r"^own.zip: the file cannot be read"):
        methods.find(str(path))
    locked = packaged([("a.onnx", b"")], "locked.zip")
    data = bytearray(locked.read_bytes())
    data[6] |= 1  # the flag of a password
    data[data.index(b"PK\x01\x02") + 8] |= 1
    locked.write_bytes(data)
    with pytest.raises(WeightsError, match=r"^locked.zip: the file cannot be read .*encrypted"):
        methods.find(str(locked))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "own.onnx")
    with pytest.raises(OptionError, match="a method must be one of"):
        methods.find(str(tmp_path / "own.onnx"))
