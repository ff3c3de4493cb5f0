"""Mutations: what a file becomes by a faulty disk, a broken program or bad intent.

`mutate(random, name, data)` knows TIFF, PNG, NPY, zip, safetensors and JSON, so that a change gets
past checksums and into what lies behind them. All else is changed as text or as bytes.
"""

import io
import json
import struct
import warnings
import zipfile
import zlib

import tifffile

NUMBERS = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 4096, 32767, 32768, 65535, 65536, 2**24,
           2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)  # fmt: skip
"""Numbers at which counters and sizes turn over."""
TEXTS = ("", "0", "-1", "-0.0", "1e308", "1e-308", "1e999", "nan", "-inf", "Infinity", "9" * 400,
         "٣", "²", "0x10", "1_000", "true", "null", "[]", "{}", '"', "'", ",", ";", "=", "\t",
         "\x00", "\x1b[2J", "\u202e", "\u2028", "\ufeff", "ä", "a" * 5000, "../up.png", "..", ".",
         "/", "CON", "%s%n", "{0}", "${HOME}", "<!--", "&lt;", "]]>")  # fmt: skip
"""Words that a field may hold and no reader expects."""
NESTED = 3000
"""Depth of lists within lists."""
WORD = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+-_"
TEXT_ENDINGS = (".csv", ".txt", ".json", ".jsonl", ".toml", ".xml", ".htd", ".xdce", ".mlf", ".mrf",
                ".mes", ".oif", ".journal", ".zattrs", ".zgroup", ".zarray")  # fmt: skip


def mutate(random, name, data):
    """Return other bytes for a file; one to four changes."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        changed = _in_its_structure(random, name, data) if random.random() < 0.5 else None
        if changed is None:
            text = name.lower().endswith(TEXT_ENDINGS) and random.random() < 0.8
            changed = random.choice(OF_TEXT if text else OF_BYTES)(random, data)
        data = changed
    return data


def _in_its_structure(random, name, data):
    """Return a change behind the checksums and lengths of a format; None where it has none."""
    try:
        if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return tiff_tag(random, data)
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return png_chunk(random, data)
        if data[:2] == b"PK":
            return zip_member(random, data)
        if data[:6] == b"\x93NUMPY":
            return npy_head(random, data)
        if name.endswith(".safetensors"):
            return safetensors_head(random, data)
        if data.lstrip()[:1] in (b"{", b"["):
            return json_value(random, data)
    except Exception:  # an earlier change has broken the structure
        return None
    return None


def tiff_tag(random, data):
    """Change code, type, count or value of a tag."""
    with warnings.catch_warnings(), tifffile.TiffFile(io.BytesIO(data)) as file:
        warnings.simplefilter("ignore")
        big = file.is_bigtiff
        order = file.byteorder
        page = random.choice(list(file.pages)[:6])
        tag = random.choice(list(page.tags))
        at = tag.offset
    size = 8 if big else 4
    fields = {"code": (at, "H"), "type": (at + 2, "H"), "count": (at + 4, "Q" if big else "I"),
              "value": (at + 4 + size, "Q" if big else "I")}  # fmt: skip
    place, code = fields[random.choice(("code", "type", "count", "value", "value", "value"))]
    limit = 256 ** struct.calcsize(code)
    small = random.randrange(20) if random.random() < 0.5 else random.choice(NUMBERS)
    changed = bytearray(data)
    struct.pack_into(order + code, changed, place, small % limit)
    return bytes(changed)


def png_chunk(random, data):
    """Change, drop or repeat a chunk of a PNG, whose checksum is right then."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    number = random.randrange(len(chunks))
    kind, body = chunks[number]
    way = random.randrange(4)
    if way == 0:
        del chunks[number]
    elif way == 1:
        chunks.insert(random.randrange(len(chunks)), (kind, body))
    else:
        if kind == b"IDAT" and random.random() < 0.5:
            body = zlib.compress(random.choice(OF_BYTES)(random, zlib.decompress(body)))
        else:
            body = random.choice(OF_BYTES)(random, body)
        chunks[number] = (kind, body)
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def zip_member(random, data):
    """Change a member of a zip file, or its name, and pack all anew."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    number = random.randrange(len(members))
    name, body = members[number]
    if random.random() < 0.2:
        name = random.choice(("../up.png", "/nowhere/x.png", "a\\b.png", "CON.png", "", "a/",
                              name.upper(), "ä" * 90 + ".png", "a\x07.png"))  # fmt: skip
    else:
        body = mutate(random, name, body)
    members[number] = (name, body)
    if random.random() < 0.1:
        members.append(random.choice(members))
    packing = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", packing) as archive:
        warnings.simplefilter("ignore")  # a name that comes twice
        for member, content in members:
            archive.writestr(member, content)
    return stream.getvalue()


def npy_head(random, data):
    """Change the description of an array; its length stays."""
    end = 10 + int.from_bytes(data[8:10], "little")
    head = random.choice(OF_TEXT)(random, data[10:end])
    return data[:10] + head[: end - 10].ljust(end - 10) + data[end:]


def safetensors_head(random, data):
    """Change the description of tensors, and state its length."""
    end = 8 + int.from_bytes(data[:8], "little")
    head = json_value(random, data[8:end])
    return len(head).to_bytes(8, "little") + head + data[end:]


def json_value(random, data):
    """Change a value, or a name, anywhere in a JSON text."""
    lines = data.decode().splitlines()
    whole = len(lines) > 1 and lines[0].startswith("{") and lines[1].startswith("{")
    number = random.randrange(len(lines)) if whole else None
    value = json.loads(lines[number] if whole else data)
    text = json.dumps(_changed(random, value))
    if not whole:
        return text.encode()
    lines[number] = text
    return "\n".join(lines).encode() + b"\n"


def _changed(random, value):
    """Return a JSON value with a change in one of its parts."""
    if isinstance(value, (dict, list)) and value and random.random() < 0.85:
        key = random.choice(list(value) if isinstance(value, dict) else range(len(value)))
        way = random.random()
        if way < 0.1:
            del value[key]
        elif way < 0.2 and isinstance(value, dict):
            value[random.choice(TEXTS)] = value.pop(key)
        else:
            value[key] = _changed(random, value[key])
        return value
    return random.choice((
        None, True, False, 0, -1, 1.5, 1e308, float("nan"), float("inf"), -float("inf"), 10**30,
        [], {}, [value], {"a": value}, [0] * 1000, *map(int, NUMBERS), *TEXTS,
    ))  # fmt: skip


def _place(random, data):
    """Return a place in a file: often near its beginning or end, where its description lies."""
    if not data:
        return 0
    near = min(len(data), 512)
    way = random.random()
    if way < 0.4:
        return random.randrange(near)
    return random.randrange(len(data)) if way < 0.8 else len(data) - 1 - random.randrange(near)


def flip(random, data):
    return _with(data, _place(random, data), bytes([random.randrange(256)]))


def number(random, data):
    size = random.choice((1, 2, 4, 8))
    value = random.choice(NUMBERS) % 256**size
    order = random.choice(("little", "big"))
    return _with(data, _place(random, data), value.to_bytes(size, order))


def cut(random, data):
    return data[: _place(random, data)]


def drop(random, data):
    at = _place(random, data)
    return data[:at] + data[at + random.choice((1, 2, 4, 100, 1000)) :]


def repeat(random, data):
    at = _place(random, data)
    part = data[at : at + random.choice((1, 4, 64, 1000))]
    return data[:at] + part * random.choice((2, 3, 50)) + data[at:]


def zero(random, data):
    size = random.choice((1, 8, 64, 1000))
    return _with(data, _place(random, data), bytes(size))


def noise(random, data):
    return _with(data, _place(random, data), random.randbytes(random.choice((4, 16, 200))))


def append(random, data):
    return data + random.choice((bytes(1000), random.randbytes(50), data))


def empty(random, data):
    return random.choice((b"", b"\n", bytes(100), b"<!doctype html><title>404</title>"))


def word(random, data):
    """Put another word in place of one."""
    start, end = _word(data, _place(random, data))
    return data[:start] + random.choice(TEXTS).encode() + data[end:]


def larger(random, data):
    """Put another number in place of one."""
    places = [at for at, byte in enumerate(data[:20_000]) if byte in b"0123456789"]
    if not places:
        return word(random, data)
    start, end = _word(data, random.choice(places))
    value = random.choice(NUMBERS)
    text = random.choice((str(value), str(-value), f"{value}.5", f"1e{value % 400}"))
    return data[:start] + text.encode() + data[end:]


def line(random, data):
    """Drop, repeat or move a line."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    number = random.randrange(len(lines))
    way = random.randrange(3)
    if way == 0:
        del lines[number]
    elif way == 1:
        lines[number] *= random.choice((2, 300))
    else:
        lines.insert(random.randrange(len(lines)), lines.pop(number))
    return b"".join(lines)


def encoding(random, data):
    text = data.decode("utf-8", "replace")
    code = random.choice(("utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252"))
    return text.encode(code, "replace")


def nest(random, data):
    start, end = _word(data, _place(random, data))
    left, right = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b"<a>", b"</a>")))
    return data[:start] + left * NESTED + data[start:end] + right * NESTED + data[end:]


OF_BYTES = (flip, flip, flip, number, number, number, cut, drop, repeat, zero, noise, append, empty)
OF_TEXT = (word, word, word, larger, larger, larger, line, line, flip, cut, drop, repeat, encoding,
           nest, empty)  # fmt: skip


def _word(data, at):
    """Return where the word at a place begins and ends."""
    start = end = at
    while start > 0 and data[start - 1] in WORD and at - start < 100:
        start -= 1
    while end < len(data) and data[end] in WORD and end - at < 100:
        end += 1
    return start, end


def _with(data, at, part):
    return data[:at] + part + data[at + len(part) :]
