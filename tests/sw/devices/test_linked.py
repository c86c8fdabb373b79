"""A board behind its link as a device: what is loaded is read back, and what goes wrong is told and leaves no mixture."""

import gc
from dataclasses import replace

import numpy as np
import pytest

from firstspike.devices import linked
from firstspike.devices.linked import LinkedDevice
from firstspike.link.link import Link
from firstspike_hw.simulation import NativeLink
from firstspike_sim.stimulus.networks import shape_for
from firstspike_spec import InputError, infer_spikes
from firstspike_spec.common.errors import DeviceError
from firstspike_spec.common.words import RESULT_WORD, Memory
from firstspike_spec.compiler.compile import compile_network
from firstspike_spec.compiler.plan import plan
from firstspike_spec.inference.results import Results, compare_results
from firstspike_spec.protocol.loading import load_end, readable
from firstspike_spec.protocol.messages import ANSWER_BYTES, COUNTERS, REPLY, Identity, Kind, message

from ...spec.naive_link import Frames, block_head, framed, split
from ...spec.random_networks import random_map_network, random_network, random_times

LARGE = random_network(11, (12, 9, 5), connectivity=1.0, threshold=9)
SMALL = random_network(12, (9, 6, 3), time_steps=7, connectivity=0.5, threshold=4)
OTHER = random_network(13, (12, 9, 5), time_steps=3, connectivity=0.4, threshold=5)
SHAPE = replace(plan(LARGE, 4), time_steps=7)
IDENTITY = Identity(SHAPE, board="tiny", clock_hz=48_000_000, baud=1_000_000, buffer_bytes=1024)


#: What the device calls the memories.
NAMES = {Memory.POINTERS: "row pointers", Memory.ENTRIES: "entries", Memory.INITIAL_POTENTIALS: "initial potentials"}


class Way:
    """The way to a board, with what a test wants to happen on it.

    Attributes
    ----------
    requests : list of tuple
        Kind, number and body of all that the host sent.
    loses, changes : callable
        Which requests get lost (by kind and body), and how answers are changed (of a message; ``None`` for lost).
    """

    name = "the tiny board"

    def __init__(self, far_end: NativeLink):
        self.far_end, self.requests = far_end, []
        self.loses, self.changes = lambda kind, body: False, lambda content: content
        self._host, self._board = Frames(), Frames()

    def write(self, data: bytes) -> None:
        for content in self._host.read(data):
            kind, number, body = split(content)
            self.requests.append((kind, number, body))
            if not self.loses(kind, body):
                self.far_end.write(framed(content))

    def read(self, timeout: float) -> bytes:
        contents = map(self.changes, self._board.read(self.far_end.read()))
        return b"".join(framed(content) for content in contents if content is not None)

    def close(self) -> None:
        pass

    def forge(self, *requests: tuple[Kind, bytes]) -> None:
        """Send something behind the host's back."""
        self.far_end.write(b"".join(framed(message(kind, 1, body)) for kind, body in requests))
        while self.far_end.read():
            pass

    def count(self, kind: Kind) -> int:
        return sum(sent == kind for sent, _, _ in self.requests)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("links")


@pytest.fixture
def way(cache):
    far_end = NativeLink(IDENTITY, cache=cache)
    yield Way(far_end)
    far_end.close()


def opened(way: Way, network=LARGE) -> LinkedDevice:
    link = Link(way)
    link.connect()
    return LinkedDevice(link, network)


def check(device: LinkedDevice, network, seed=0, batch=30) -> None:
    """All values of a batch are the golden model's, with early exit and without."""
    times = random_times(seed, network, batch)
    for early_exit in (True, False):
        expected = Results.from_inference(infer_spikes(network, times, early_exit=early_exit), early_exit=early_exit)
        compare_results(expected, device.run(times, early_exit=early_exit)).check()


def digest_in(way: Way) -> str:
    return Link(way).connect().digest


def test_three_networks_in_turn(way):
    device = opened(way)
    for number, network in enumerate((LARGE, SMALL, OTHER, SMALL, LARGE)):
        if number:
            device.load(network)
        check(device, network, seed=number)
        assert list(device.differences()) == []
        assert digest_in(way) == compile_network(network, SHAPE).digest
    assert device.run(random_times(0, LARGE, 0), early_exit=True).classes.shape == (0,)


def test_what_the_device_tells(way):
    device = opened(way)
    info = device.info()
    assert (info["device"], info["board"], info["clock_hz"], info["baud"]) == ("the tiny board", "tiny", 48_000_000, 1_000_000)
    assert info["engine"] == SHAPE.as_dict()
    times = random_times(1, LARGE, 10)
    before = device.counters()
    device.run(times, early_exit=False)
    gained = {name: value - before[name] for name, value in device.counters().items()}
    inference = infer_spikes(LARGE, times, early_exit=False)
    assert list(gained) == list(COUNTERS)
    assert gained["spikes"] == inference.spikes.sum()
    assert gained["synaptic_operations"] == inference.synaptic_operations.sum()
    assert gained["damaged_frames"] == gained["oversized_frames"] == 0


def test_a_load_is_read_back(way):
    """Every word of every memory; with progress."""
    device = opened(way)
    image = compile_network(LARGE, SHAPE)
    checked = [block_head(body) | {"count": int.from_bytes(body[7:], "little")} for kind, _, body in way.requests if kind == 5]
    assert [(head["layer"], head["lane"], head["memory"], head["address"], head["count"]) for head in checked] == [
        (part.layer, part.lane, part.memory, 0, len(part.words)) for part in readable(image)
    ]
    told = []
    assert list(device.differences(told.append)) == []
    assert told == list(range(1, len(readable(image)) + 1))


def test_a_board_that_holds_the_network_already_is_left_as_it_is(way):
    opened(way)
    way.requests.clear()
    device = opened(way)
    assert way.count(Kind.LOAD_BEGIN) == way.count(Kind.LOAD_BLOCK) == 0
    check(device, LARGE)
    opened(way, SMALL)
    assert way.count(Kind.LOAD_BEGIN) == 1


@pytest.mark.parametrize("count", [1, 8])
def test_a_word_that_changed_behind_its_back_is_named(way, count):
    device = opened(way)
    rng = np.random.default_rng(count)
    parts = readable(compile_network(LARGE, SHAPE))
    blocks, wanted = [], set()
    for part in rng.choice(np.array(parts, object), count, replace=False):
        address = int(rng.integers(len(part.words)))
        word = int(part.words[address])
        width = (part.bits + 7) // 8
        head = bytes([part.layer, part.lane, part.memory, width]) + address.to_bytes(3, "little")
        blocks.append((Kind.LOAD_BLOCK, head + (word ^ 1 << int(rng.integers(part.bits))).to_bytes(width, "little")))
        place = f"layer {part.layer}, {('bank', 'slice')[part.layer]} {part.lane}, {NAMES[part.memory]}"
        wanted.add(f"{place}: word {address} is not the {word:#x} that was loaded")
    way.forge((Kind.LOAD_BEGIN, b""), *blocks)
    assert set(device.differences()) == wanted
    device.load(LARGE)
    assert list(device.differences()) == []


def test_a_network_that_does_not_fit_leaves_the_old_one(way):
    device = opened(way)
    way.requests.clear()
    with pytest.raises(InputError, match="layer 0 needs 10 neurons per lane, the engine has 3"):
        device.load(random_network(1, (12, 40, 5)))
    assert way.requests == []
    check(device, LARGE)


def test_a_memory_that_keeps_nothing_is_noticed(way):
    """The board lies about one word of the new network: the load fails, and nobody can run it."""
    device = opened(way)
    lies = {}

    def change(content: bytes) -> bytes:
        kind, number, _ = split(content)
        if kind == Kind.CHECK | REPLY:
            asked = next(body for _, sent, body in way.requests if sent == number)
            head, count = block_head(asked), int.from_bytes(asked[7:], "little")
            place = (head["layer"], head["lane"], head["memory"])
            if place == (1, 1, Memory.ENTRIES) and head["address"] <= 4 < head["address"] + count:
                lies[number] = True
                return content[:-1] + bytes([content[-1] ^ 1])
        return content

    way.changes = change
    message = (
        r"the memory of the tiny board does not keep what is written: layer 1, slice 1, entries: word 4 is not the 0x\w+ that"
    )
    with pytest.raises(DeviceError, match=message):
        device.load(OTHER)
    assert len(lies) > 2
    with pytest.raises(DeviceError, match="no network is loaded in the tiny board: loading one failed; load it again"):
        device.run(random_times(0, OTHER, 1), early_exit=True)
    assert digest_in(way) == ""
    way.changes = lambda content: content
    device.load(OTHER)
    check(device, OTHER)


def once(chosen):
    """Tells the first time that a request is chosen, and no more."""
    done = []

    def loses(kind, body):
        hit = not done and chosen(kind, body)
        done.extend([1] * hit)
        return hit

    return loses


@pytest.mark.parametrize("kind", [Kind.LOAD_BEGIN, Kind.LOAD_BLOCK, Kind.LOAD_END, Kind.CHECK, Kind.RESET])
def test_a_request_that_is_lost_while_loading_is_made_good(way, kind):
    """Also the begin and the last block, which the board refuses what comes after for."""
    way.loses = once(lambda sent, body: sent == kind)
    device = opened(way)
    check(device, LARGE)
    assert way.count(Kind.LOAD_BEGIN) == (2 if kind in (Kind.LOAD_BEGIN, Kind.LOAD_BLOCK, Kind.LOAD_END) else 1)


def test_a_last_block_that_is_lost_is_made_good(way):
    last = readable(compile_network(LARGE, SHAPE))[-1]
    start = bytes([last.layer, last.lane, last.memory])
    way.loses = once(lambda sent, body: sent == Kind.LOAD_BLOCK and body.startswith(start))
    check(opened(way), LARGE)
    assert way.count(Kind.LOAD_BEGIN) == 2


@pytest.mark.parametrize("kind", [Kind.LOAD_BEGIN, Kind.LOAD_BLOCK, Kind.LOAD_END])
def test_a_load_that_never_gets_through_is_told(way, kind):
    device = opened(way)
    way.loses = lambda sent, body: sent == kind
    with pytest.raises(DeviceError, match="were lost; try again"):
        device.load(SMALL)
    assert way.count(Kind.LOAD_BEGIN) == 1 + 3
    # The old one, if not even the begin came through; never a part of the new one.
    assert digest_in(way) == (compile_network(LARGE, SHAPE).digest if kind == Kind.LOAD_BEGIN else "")
    with pytest.raises(DeviceError, match="no network is loaded"):
        device.run(random_times(0, SMALL, 1), early_exit=True)
    way.loses = lambda sent, body: False
    device.load(SMALL)
    check(device, SMALL)


@pytest.mark.parametrize("early_exit", [True, False])
def test_what_came_before_the_board_died_is_kept(way, early_exit):
    device = opened(way)
    answers = []

    def dies(content: bytes) -> bytes | None:
        answers.append(content)
        return content if len(answers) <= 25 else None

    way.changes = dies
    times = random_times(3, LARGE, 100)
    with pytest.raises(DeviceError, match="the tiny board does not answer") as caught:
        device.run(times, early_exit=early_exit)
    kept = caught.value.results
    assert len(kept.classes) == 25
    expected = Results.from_inference(infer_spikes(LARGE, times[:25], early_exit=early_exit), early_exit=early_exit)
    compare_results(expected, kept).check()
    way.changes = lambda content: content
    check(device, LARGE)


def test_a_board_that_is_dead_from_the_first_image_keeps_nothing(way):
    device = opened(way)
    way.changes = lambda content: None
    with pytest.raises(DeviceError, match="does not answer") as caught:
        device.run(random_times(3, LARGE, 10), early_exit=True)
    assert caught.value.results is None


def test_a_board_that_lost_its_network_says_so(way):
    """As after a reset of the board: the images before are kept, and loading helps."""
    device = opened(way)
    way.forge((Kind.LOAD_BEGIN, b""))
    with pytest.raises(DeviceError, match="refused the request INFER: no network is loaded; load one"):
        device.run(random_times(0, LARGE, 20), early_exit=True)
    device.load(LARGE)
    check(device, LARGE)


def test_an_end_from_somewhere_else_is_no_network(way):
    device = opened(way)
    way.forge((Kind.LOAD_BEGIN, b""), (Kind.LOAD_END, load_end(compile_network(SMALL, SHAPE), 5)))
    assert digest_in(way) == ""
    device.load(SMALL)
    check(device, SMALL)


def lies(way: Way, changes: dict, dies_after: int = 1000):
    """In the answers to these images, counted from 0, the last word, the decision, has other fields."""
    seen = []

    def change(content: bytes) -> bytes | None:
        if content[0] not in (Kind.INFER | REPLY, Kind.INFER_ALL | REPLY):
            return content
        seen.append(content)
        fields = {name: int(value[0]) for name, value in RESULT_WORD.unpack(np.frombuffer(content[-9:-1], "<u8")).items()}
        fields |= changes.get(len(seen) - 1, {})
        beyond = fields.pop("beyond", 0) << RESULT_WORD.bits
        word = (int(RESULT_WORD.pack(**fields)) | beyond).to_bytes(8, "little")
        return content[:-9] + word + content[-1:] if len(seen) <= dies_after else None

    way.changes = change


@pytest.mark.parametrize("early_exit", [True, False])
@pytest.mark.parametrize("fields", [{"step": 200}, {"neuron": 77}, {"value": -1}])
def test_an_answer_that_no_inference_can_give(way, fields, early_exit):
    """It is told with its image and its fault, and the images before it are kept; the next batch runs."""
    device = opened(way)
    times = random_times(3, LARGE, 40)
    for image in (0, 17):
        lies(way, {image: fields})
        with pytest.raises(DeviceError, match=f"the tiny board gave an impossible answer for image {image}: it ") as caught:
            device.run(times, early_exit=early_exit)
        assert (caught.value.results is None) == (image == 0)
        if image:
            inference = infer_spikes(LARGE, times[:image], early_exit=early_exit)
            compare_results(Results.from_inference(inference, early_exit=early_exit), caught.value.results).check()
    way.changes = lambda content: content
    check(device, LARGE)


@pytest.mark.parametrize("dies_after", [30, 1000])
def test_of_several_impossible_answers_the_first_is_told(way, dies_after):
    """Whichever fault is looked for first, and also if the board dies behind them."""
    device = opened(way)
    lies(way, {9: {"beyond": 1}, 7: {"step": 200}, 4: {"value": -1}, 12: {"value": -1}}, dies_after)
    with pytest.raises(DeviceError, match="gave an impossible answer for image 4: it took -1 cycles") as caught:
        device.run(random_times(3, LARGE, 60), early_exit=False)
    assert len(caught.value.results.classes) == 4


def test_checks_that_contradict_each_other(way):
    """A memory that is wrong as a whole and right in both halves is not right."""
    device = opened(way)
    whole = next(body for kind, _, body in way.requests if kind == Kind.CHECK)

    def change(content: bytes) -> bytes:
        number = split(content)[1]
        asked = next(body for _, sent, body in way.requests if sent == number)
        return flipped(content) if content[0] == Kind.CHECK | REPLY and asked == whole else content

    way.changes = change
    with pytest.raises(DeviceError, match=r"the tiny board contradicts itself: its check of \d+ words of layer 0, bank 0"):
        list(device.differences())
    with pytest.raises(DeviceError, match="contradicts itself"):
        device.load(SMALL)
    with pytest.raises(DeviceError, match="no network is loaded"):
        device.run(random_times(0, SMALL, 1), early_exit=True)


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        *((kind, lambda content: content + b"\0") for kind in ANSWER_BYTES if kind < REPLY),
        *((kind, lambda content: content[:-1]) for kind in (Kind.CHECK, Kind.COUNTERS)),
    ],
)
def test_an_answer_of_another_length(way, kind, change):
    way.changes = lambda content: change(content) if content[0] == kind | REPLY else content
    with pytest.raises(DeviceError, match=f"the tiny board answered the request {kind.name} with .* bytes instead of "):
        opened(way).counters()


def test_an_image_that_the_board_cannot_read(way, monkeypatch):
    """A defect of ours: told, the images before are kept, and the next batch runs."""
    device = opened(way)
    codes, encode = [], linked.encode_spikes

    def wrong(times, time_steps):
        codes.append(1)
        return encode(times, time_steps) if len(codes) != 8 else b"\x33"

    monkeypatch.setattr(linked, "encode_spikes", wrong)
    with pytest.raises(
        DeviceError, match=r"the tiny board could not read image 7 \(\d+ bytes, status 01\); report this"
    ) as caught:
        device.run(random_times(0, LARGE, 20), early_exit=False)
    assert len(caught.value.results.classes) == 7
    check(device, LARGE)


def test_a_simulated_board_that_is_closed_or_dropped(cache):
    far_end = NativeLink(IDENTITY, cache=cache)
    device = opened(Way(far_end))
    far_end.close()
    far_end.close()
    with pytest.raises(DeviceError, match="the simulated board is closed; open it again"):
        device.counters()
    far_end = NativeLink(IDENTITY, cache=cache)
    finalizer = far_end._simulator._finalizer
    del far_end
    gc.collect()
    assert not finalizer.alive


def test_maps(cache):
    """Address tables are loaded, read back and named like all memories."""
    networks = [without_hidden(random_map_network(seed, connectivity=0.5, threshold=4, spread=0)) for seed in range(3)]
    shape = shape_for(networks, 3)
    far_end = NativeLink(replace(IDENTITY, shape=shape), cache=cache)
    way = Way(far_end)
    device = opened(way, networks[0])
    for network in (*networks[1:], networks[0]):
        device.load(network)
        check(device, network, batch=10)
        assert list(device.differences()) == []
    image = compile_network(networks[0], shape)
    address_tables = [
        part for part in readable(image) if part.memory == Memory.POINTERS and part.words is image.address_tables[part.layer]
    ]
    assert [part.layer for part in address_tables] == [0, 1, 2]
    wanted, blocks = set(), []
    for part in address_tables:
        word, width = int(part.words[3]), (part.bits + 7) // 8
        head = bytes([part.layer, part.lane, part.memory, width, 3, 0, 0])
        blocks.append((Kind.LOAD_BLOCK, head + (word ^ 1).to_bytes(width, "little")))
        wanted.add(f"layer {part.layer}, address table: word 3 is not the {word:#x} that was loaded")
    way.forge((Kind.LOAD_BEGIN, b""), *blocks)
    assert set(device.differences()) == wanted
    far_end.close()


def without_hidden(network):
    """Return a map network that decides over its last maps, where it has a hidden layer behind them."""
    return replace(network, layers=network.layers[:-1], class_names=())
