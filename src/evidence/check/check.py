#!/usr/bin/env python3
"""Checks an evidence package of jobruns without jobruns.

    python3 check.py [PACKAGE] [--head HASH]... [--head-file FILE]...

PACKAGE is the ZIP file or a folder into which it was unpacked; without it, the folder in which this script lies. Give the head
that was published when the archive was as the package shows it: without one, the package can only be compared with itself.
Written from "The evidence package, byte by byte" and "How a run is read" (docs/evidence-package.md and docs/evidence.md of
jobruns). Needs Python 3.9 or newer and nothing else, and changes nothing.

Exit codes: 0 the package is sound, 1 it could not be read, 2 wrong usage, 3 it is sound, and a list of heads has lines that hold
none, 4 it is not sound.
"""
import sys
if sys.version_info < (3, 9):
    sys.exit("check.py needs Python 3.9 or newer, and this is Python " + sys.version.split()[0])
import os  # Python loaded it before it looked into the folder of this script, as it did sys
# That folder may be the package: a module in it must not take the place of Python's own.
sys.path = [folder for folder in sys.path if os.path.realpath(folder) != os.path.dirname(os.path.realpath(sys.argv[0]))]
try:
    import argparse, bisect, collections, datetime, errno, functools, hashlib, io, json, pathlib, re, stat, struct, zlib, zoneinfo
except ImportError as error:
    sys.exit(f"this Python lacks a module of its standard library: {error.name}. Use one from python.org or from your system")

READER = 1   # the version of the rules by which runs are read below
VERSION = 1  # the version of packages that this script knows
MOST_PAYLOAD = 512 << 20  # the largest payload that jobruns archives
MOST_TEXT = 1 << 30       # the largest ledger.txt, manifest or JSON file that is read
MOST_BYTES = 64 << 30     # what a package may unpack to
MOST_FINDINGS = 100       # that are printed

# What Rust calls white space; Python strips U+001C to U+001F too.
BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)  # a server may send numbers of any length

# ---- How a run is read -------------------------------------------------------------------------------------------------------

class Number(str):
    """A number's JSON."""
class Members(list):
    """An object: (name, value) in their order."""

def no_number(text):
    raise ValueError(text)

JSON = json.JSONDecoder(object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=no_number, strict=False)
SPACE = re.compile("[ \t\n\r]*")
NO_UNICODE = re.compile("[\0\ud800-\udfff]")
FOLDED = str.maketrans({upper: upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})

def shown(text):
    return NO_UNICODE.sub("\ufffd", text)

def folded(name):
    return shown(name).translate(FOLDED)

def members(text, at):
    """The members of the object that begins at `at`: name, value, its JSON, where that begins."""
    at = SPACE.match(text, at + 1).end()
    while text[at] != "}":
        name, at = JSON.raw_decode(text, at)
        at = SPACE.match(text, SPACE.match(text, at).end() + 1).end()  # past the colon
        if folded(name) == "jobmessages" and text[at] == "[":
            value, end = None, skip(text, at)
        else:
            value, end = JSON.raw_decode(text, at)
        yield folded(name), value, text[at:end], at
        at = SPACE.match(text, end).end()
        at = SPACE.match(text, at + 1).end() if text[at] == "," else at

def skip(text, at):
    """Where the value that begins at `at` ends: by its brackets, its quotes, else before the next delimiter."""
    if text[at] not in '{["':
        return re.compile('[^,{}\\[\\]" \t\n\r]*').match(text, at).end()
    depth = quoted = 0
    for token in re.compile(r'\\["\\]|["{}\[\]]').finditer(text, at):
        if token[0] == '"':
            quoted = not quoted
        elif not quoted and token[0] in "{[":
            depth += 1
        elif not quoted and token[0] in "}]":
            depth -= 1
        if not quoted and not depth and len(token[0]) == 1:
            return token.end()
    raise ValueError("a value without end")

def nesting(text):
    depth = deepest = 0
    for bracket in re.sub(r'"(?:[^"\\]|\\.)*"|[^{}\[\]]', "", text, flags=re.S):
        depth += 1 if bracket in "{[" else -1
        deepest = max(deepest, depth)
    return deepest

def text_of(value, source):
    """A text field: a string, null, or the JSON of anything else."""
    return None if value is None else shown(value if isinstance(value, str) else source)

def integer(text):
    whole = re.fullmatch(r"([+-]?[0-9]+)(\.0+)?", (text or "").strip(BLANKS))
    return int(whole[1]) if whole and -2**63 <= int(whole[1]) < 2**63 else None

STATUSES = ["none", "pending", "executing", "idle", "completed", "faulted", "custom", "aborted"]

def status(value, text):
    if value is None or integer(text) is not None:
        return integer(text)
    name = text.strip(BLANKS).lower() if isinstance(value, str) and not isinstance(value, Number) else ""
    return STATUSES.index(name) if name in STATUSES else None

TICKS = 10**7
YEAR_1 = -62_135_596_800 * TICKS
NEVER = range(YEAR_1 - 86_400 * TICKS, YEAR_1 + 2 * 86_400 * TICKS)  # 0001-01-01T00:00:00 by a clock at any offset
DATE = re.compile(r"/Date\(([+-]?\d+)([+-][\d:]*)?\)/", re.A)
ISO = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d))?(?:[.,](\d+))?([Zz]|[+-][\d:]+)?", re.A)

def offset(text):
    """Seconds east of UTC."""
    if not text or text in "Zz":
        return 0
    parts = re.fullmatch(r"([+-])(\d\d)(?::?(\d\d))?", text, re.A)
    if not parts or (parts[3] or "0") > "59":
        raise ValueError(text)
    seconds = int(parts[2]) * 3600 + int(parts[3] or 0) * 60
    if seconds > 18 * 3600:
        raise ValueError(text)
    return -seconds if parts[1] == "-" else seconds

EPOCH = datetime.datetime(1970, 1, 1)
HOURS = range(-26 * 3600, (26 + 24) * 3600 + 1, 2 * 3600)  # about a day; no offset reaches further, none is in force for less

def offset_at(zone, instant):
    """Seconds east of UTC at an instant; those of the first and the last days that Python knows are those beside them."""
    instant = min(max(instant, YEAR_1 // TICKS + 2 * 86_400), 253_402_300_800 - 2 * 86_400)
    return round((zone.fromutc((EPOCH + datetime.timedelta(seconds=instant)).replace(tzinfo=zone)).utcoffset()).total_seconds())

@functools.lru_cache(20_000)
def changes(zone, day):
    """The offset in force more than a day before this one, and each change up to a day behind it: since when, and to what."""
    known = [(None, offset_at(zone, day * 86_400 + HOURS[0]))]
    for hour in HOURS[1:]:
        until = day * 86_400 + hour
        if (east := offset_at(zone, until)) != known[-1][1]:
            since = until - HOURS.step
            while until - since > 1:
                middle = (since + until) // 2
                since, until = (middle, until) if offset_at(zone, middle) == known[-1][1] else (since, middle)
            known.append((until, east))
    return known

def offset_of_wall(zone, local):
    """Seconds east of UTC of a time of the wall: of two the earlier; of none the offset before the jump. Python itself would take
    hours for repeated that are not: behind the last change that a TZif file lists it asks the yearly rule about the wall, and
    RFC 9636 about the instant (America/Nuuk, 2023-10-28T23:30:00)."""
    (_, east), *later = changes(zone, local // 86_400)
    for at, after in later:
        if local - east < at or local - after < at:
            break
        east = after
    return east

def ticks(text, zone):
    """100 ns since 1970 UTC and whether no offset was written; None and None for no time. ValueError: unreadable."""
    text = text.strip(BLANKS)
    if not text:
        return None, None
    if call := DATE.fullmatch(text):
        east = offset(call[2])
        local, naive = int(call[1]) * 10_000 + east * TICKS, False
    else:
        parts = ISO.fullmatch(text)
        if not parts:
            raise ValueError(text)
        hour, minute, second = int(parts[2]), int(parts[3]), int(parts[4] or 0)
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(text)
        day = datetime.date.fromisoformat(parts[1]).toordinal() - 719_163
        local = (day * 86_400 + hour * 3600 + minute * 60 + second) * TICKS + int((parts[5] or "").ljust(7, "0")[:7])
        naive, east = not parts[6], offset(parts[6])
    if naive and zone:
        east = offset_of_wall(zone, local // TICKS)
    instant = local - east * TICKS
    if instant in NEVER:
        return None, None
    if not YEAR_1 <= instant < 253_402_300_800 * TICKS:
        raise ValueError(text)
    return instant, naive

def read_time(value, text, zone):
    """Ticks, whether the offset was assumed, and whether it is unreadable."""
    if value is None:
        return None, None, False
    if not isinstance(value, str) or isinstance(value, Number):
        return None, None, True
    try:
        return (*ticks(text, zone), False)
    except ValueError:
        return None, None, True

def utc(instant):
    if instant is None:
        return None
    seconds, fraction = divmod(instant, TICKS)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return moment.isoformat() + (f".{fraction:07}".rstrip("0") if fraction else "") + "Z"

BASIS = {None: None, False: "explicit", True: "assumed"}

def read_message(text, at, end, fields, zone):
    """What the table messages says of a message."""
    values = {folded(name): value for name, value in fields}
    sources = {}
    if any(value is not None and not isinstance(value, str) for value in values.values()):
        sources = {name: source for name, _, source, _ in members(text, at)}
    get = lambda name: text_of(values.get(name), sources.get(name))
    when, assumed, unreadable = read_time(values.get("datetime"), get("datetime"), zone)
    return (utc(when), get("message"), get("messagedetails"), get("category"), get("asset"), get("assettype"), get("assetowner"),
            get("datetime") if unreadable else None, BASIS[assumed])

def read_messages(text, at, zone):
    """The readable messages of the list that begins at `at`, and how many elements are unreadable."""
    messages, unreadable = [], 0
    at = SPACE.match(text, at + 1).end()
    while text[at] != "]":
        end = skip(text, at) if text[at] != "{" else None
        try:
            if end is not None:
                raise ValueError("no object")
            fields, end = JSON.raw_decode(text, at)
            if text.count("{", at, end) + text.count("[", at, end) > 120 and nesting(text[at:end]) + 2 > 128:
                raise ValueError("nested too deep")
            messages.append(read_message(text, at, end, fields, zone))
        except (ValueError, RecursionError):
            unreadable += 1
            end = skip(text, at)
        at = SPACE.match(text, end).end()
        at = SPACE.match(text, at + 1).end() if text[at] == "," else at
    return messages, unreadable

def read_run(payload, zone):
    """What the table runs says of a run (all that its payload decides), which ends had no offset, its messages (None: no list),
    unreadable ones."""
    text = payload.decode(errors="replace")
    values, sources, messages, unreadable = {}, {}, None, 0
    for name, value, source, at in members(text, SPACE.match(text).end()):
        values[name], sources[name] = value, source
        if name == "jobmessages":
            messages, unreadable = None, int(source != "null")
            if source.startswith("["):
                messages, unreadable = read_messages(text, at, zone)
    get = lambda name: text_of(values.get(name), sources.get(name))
    started, start_assumed, _ = read_time(values.get("jobstarttime"), get("jobstarttime"), zone)
    ended, end_assumed, _ = read_time(values.get("jobendtime"), get("jobendtime"), zone)
    code = status(values.get("status"), get("status"))
    duration = None
    if started is not None and ended is not None:
        duration = (ended - started) / TICKS if (ended - started) % TICKS else (ended - started) // TICKS
    bases = {BASIS[basis] for basis in (start_assumed, end_assumed) if basis is not None}
    activities = None if values.get("activitystatuslist") is None else shown(sources["activitystatuslist"])
    known = code is not None and 0 <= code < len(STATUSES)
    return {
        "job_run_id": re.sub(r"(.{8})(.{4})(.{4})(.{4})(.{12})", r"\1-\2-\3-\4-\5", re.sub("[-{}\\s]", "", get("jobrunid").lower())),
        "status": code,
        "status_name": None if code is None else STATUSES[code].capitalize() if known else f"Unknown({code})",
        "started_at": utc(started), "ended_at": utc(ended), "duration_seconds": duration,
        "exception": get("exception"), "custom_status_text": get("customstatustext"), "job_summary": get("jobsummary"),
        "status_details": get("statusdetails"), "activity_status_list": activities, "message_count": integer(get("messagecount")),
        "started_at_raw": get("jobstarttime"), "ended_at_raw": get("jobendtime"),
        "time_basis": "mixed" if len(bases) > 1 else next(iter(bases), None),
    }, {"started_assumed": start_assumed, "ended_assumed": end_assumed}, messages, unreadable

def take_in(held, came, judge, at):
    """Messages held ([message, absent since]) after another reading of their run: equal ones are told apart by number alone."""
    present, absent, arrived = (collections.defaultdict(list) for _ in range(3))
    for ordinal, (message, since) in enumerate(held):
        (absent if since else present)[message].append(ordinal)
    for index, message in enumerate(came):
        arrived[message].append(index)
    new = []
    for message in {**present, **absent, **arrived}:
        there, gone, here = present[message], absent[message], arrived[message]
        kept = min(len(there), len(here))
        for ordinal in there[kept:] if judge else []:
            held[ordinal][1] = at
        back = gone[:len(here) - kept]
        for ordinal in back:
            held[ordinal][1] = None
        new += here[kept + len(back):]
    held += [[came[index], None] for index in sorted(new)]

# ---- What is said ------------------------------------------------------------------------------------------------------------

found = 0
not_compared, assumed = [], []

class Unreadable(Exception):
    """It cannot be checked at all."""

def printable(text):
    return "".join(c if c.isprintable() else "\ufffd" for c in text)

def say(text):
    try:
        print(printable(text), flush=True)
    except OSError as error:  # whoever reads has read enough; the exit code still tells
        if error.errno not in (errno.EPIPE, errno.EINVAL):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

def counted(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

def finding(place, what, expected=None, got=None):
    global found
    found += 1
    if found <= MOST_FINDINGS:
        more = f" (expected {expected!r:.200}, found {got!r:.200})" if expected is not got else ""
        say(f"{place}: {what}{more}")

def sha256(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()

# ---- The files of the package ------------------------------------------------------------------------------------------------

GUID, HASH, NUMBER = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[0-9a-f]{64}", "(?:0|[1-9][0-9]{0,17})"
TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{0,6}[1-9])?Z"
TABLES = ["runs", "messages", "failures", "changes", "vanished", "gaps", "removals", "quarantine"]
NEEDED = ["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt", "README.html", "check.py", "check.html",
    "data/package.json", "data/ledger.txt", "data/workpaper.xlsx", *(f"data/{table}.csv" for table in TABLES)]
KNOWN = re.compile("|".join([*map(re.escape, NEEDED), r"data/sample\.csv", rf"data/payloads/{GUID}-[1-9][0-9]{{0,9}}\.json",
    rf"data/quarantine/[1-9][0-9]{{0,17}}\.bin", rf"data/zones/{HASH}\.tzif"]))

class Folder:
    """A package that was unpacked."""
    def __init__(self, root):
        self.root, self.sizes, self.name = root, {}, "the folder"
        for folder, folders, files in os.walk(root):
            for name in folders + files:
                path = pathlib.Path(folder, name)
                inside = path.relative_to(root).as_posix()
                if path.is_symlink() or not (path.is_file() or path.is_dir()):
                    finding(inside, "it is a link, or neither a file nor a folder")
                elif path.is_file():
                    self.sizes[inside] = path.stat().st_size
        if "data/package.json" not in self.sizes and "bagit.txt" not in self.sizes:
            raise Unreadable(f"{root} is not the folder of an evidence package: it has neither bagit.txt nor data/package.json")
        for name in [name for name in self.sizes if name.rpartition("/")[2] in (".DS_Store", "Thumbs.db", "desktop.ini")]:
            del self.sizes[name]
            not_compared.append(f"{name}: a file of the system's own, left aside")

    def chunks(self, name):
        with open(self.root / name, "rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk

FOLDERS = ("", "data", "data/payloads", "data/quarantine", "data/zones")
# Sizes of 64 bits, and the times and owners that other programs write. Other extra fields can make a program unpack a file under
# another name, and a long one can hide another directory.
EXTRA_FIELDS, MOST_EXTRA = (0x0001, 0x000A, 0x5455, 0x5855, 0x7875), 32
FLAGS = 0x080E  # how well it is packed, sizes behind the bytes, a name in UTF-8: they change nothing for a reader

def are_plain(extra):
    """Whether these are extra fields that a package may have, none of them twice."""
    seen = set()
    while len(extra) >= 4:
        kind, length = struct.unpack("<2H", extra[:4])
        if kind not in EXTRA_FIELDS or kind in seen or length > min(MOST_EXTRA, len(extra) - 4):
            return False
        seen.add(kind)
        extra = extra[4 + length:]
    return not extra

class Zip:
    """The ZIP file, read by rules of its own: every entry stands in the directory at the end, and nothing overlaps."""
    def __init__(self, path):
        self.file, self.sizes, self.entries, self.name = open(path, "rb"), {}, {}, "the ZIP"
        size = self.file.seek(0, io.SEEK_END)
        cut = "it is not a ZIP file, or it was cut: its end has no directory"
        end = self.at(max(0, size - 22), 22)
        if len(end) < 22 or end[:4] != b"PK\5\6":
            raise Unreadable(cut)
        disk, first, here, count, length, begin, comment = struct.unpack("<4H2LH", end[4:])
        last = size - 22
        two = "its end names two directories, so programs could unpack different files from it"
        locator = self.at(max(0, last - 20), 20)
        if 0xFFFF in (here, count) or 0xFFFFFFFF in (length, begin):
            last = struct.unpack("<Q", locator[8:16])[0] if locator[:4] == b"PK\6\7" else size
            record = self.at(last, 56) if last + 56 == size - 42 else b""
            if record[:4] != b"PK\6\6":
                raise Unreadable(cut)
            disk, first, *wide = struct.unpack("<2L4Q", record[16:])
            if any(short not in (most, value) for short, most, value in zip((here, count, length, begin), (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF), wide)):
                raise Unreadable(two)
            here, count, length, begin = wide
        elif locator[:4] == b"PK\6\7":
            raise Unreadable(two)
        if disk or first or here != count or comment or begin + length != last:
            raise Unreadable("its directory does not stand right before its end: it was cut, or something was added to it")
        self.folder, spans = None, []
        directory, at = self.at(begin, length), 0
        for _ in range(count):
            head = directory[at:at + 46]
            if len(head) < 46 or head[:4] != b"PK\1\2":
                raise Unreadable("its directory is broken")
            _, _, flags, method, _, _, crc, packed, unpacked, names, extra, comment, _, _, outside, local = struct.unpack("<6H3L5H2L", head[4:])
            name = directory[at + 46:at + 46 + names]
            more = directory[at + 46 + names:at + 46 + names + extra]
            at += 46 + names + extra + comment
            unpacked, packed, local = self.zip64(more, unpacked, packed, local)
            # Programs heed the mode for many systems that made a ZIP, not only for Unix.
            self.entry(name, flags, method, crc, packed, unpacked, outside >> 16, local, spans, comment == 0 and are_plain(more))
        if at != length:
            raise Unreadable("its directory has other entries than its end says")
        spans.sort()
        until, one, behind = 0, "the beginning", 0
        for since, end, name, descriptor in spans + [(begin, begin, "the directory", 0)]:
            if since < until:
                finding(name, f"its bytes in the ZIP overlap with those of {one}")
            elif since - until > behind:
                finding(self.name, f"before {name} stand {since - until} bytes that belong to no file of its directory")
            until, one, behind = end, name, descriptor
        total = sum(self.sizes.values())
        if total > MOST_BYTES or total > 1100 * size:
            raise Unreadable(f"it says that it unpacks to {total} bytes, more than a package of {size} bytes can have")
        if not self.sizes:
            raise Unreadable("the ZIP holds no file")

    def at(self, where, length):
        self.file.seek(where)
        return self.file.read(length)

    def zip64(self, extra, *sizes):
        values, at = b"", 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack("<2H", extra[at:at + 4])
            if kind == 1:
                values = extra[at + 4:at + 4 + length]
            at += 4 + length
        for size in sizes:
            if size == 0xFFFFFFFF and len(values) >= 8:
                size, values = struct.unpack("<Q", values[:8])[0], values[8:]
            yield size

    def entry(self, raw, flags, method, crc, packed, unpacked, mode, local, spans, is_plain):
        name = raw.decode("ascii", "replace")
        head = self.at(local, 30)
        if len(head) < 30 or head[:4] != b"PK\3\4":
            raise Unreadable(f"its directory names {printable(name)}, which is not where it says: the ZIP was cut or changed")
        local_flags, local_method, _, _, local_crc, local_packed, local_unpacked, names, extra = struct.unpack("<4H3L2H", head[6:])
        begin = local + 30 + names + extra
        # Sizes may stand behind the bytes, in at most 24 bytes.
        spans.append((local, begin + packed, printable(name), 24 if flags & 8 else 0))
        more = self.at(local + 30 + names, extra)
        if not is_plain or not are_plain(more):
            finding(printable(name)[:200], "it has a comment or an extra field that no package has: another program could unpack something else")
        there = (local_crc, *self.zip64(more, local_unpacked, local_packed))
        differ = [value for value, size in zip(there, (crc, unpacked, packed)) if value != size and (value or not flags & 8)]
        if (local_flags, local_method) != (flags, method) or differ:
            finding(printable(name)[:200], "the ZIP says otherwise of it before its bytes than in its directory")
        parts = name.rstrip("/").split("/")
        if not re.fullmatch("[0-9A-Za-z._/-]+", name) or set(parts) & {"", ".", ".."}:
            return finding(printable(name)[:200], "a path that leads outside, or that no package has")
        if self.at(local + 30, names) != raw:
            finding(name, "the ZIP has another name before its bytes than in its directory")
        folder, *path = parts
        self.folder = self.folder or folder
        if folder != self.folder or not path and not name.endswith("/"):
            return finding(name, f"it is not in the top folder {self.folder}")
        if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) and stat.S_IFMT(mode):
            return finding(name, "it is a link, or neither a file nor a folder")
        if flags & ~FLAGS or method not in (0, 8):
            return finding(name, "it is encrypted, or packed in a way that no package is")
        if name.endswith("/"):
            if unpacked or packed:
                finding(name, "a folder that has bytes")
            elif "/".join(path) not in FOLDERS:
                finding(name, "a folder that no package has")
            return
        path = "/".join(path)
        if path in self.entries:
            return finding(path, "the ZIP has it twice")
        self.entries[path], self.sizes[path] = (begin, method, packed, crc), unpacked

    def chunks(self, name):
        begin, method, packed, crc = self.entries[name]
        left, size, check = packed, self.sizes[name], 0
        unpacker = zlib.decompressobj(-15)
        while True:
            data = self.at(begin, min(left, 1 << 18)) if left else b""
            begin, left = begin + len(data), left - len(data)
            if method == 0:
                chunk = data
            else:
                chunk = unpacker.decompress(unpacker.unconsumed_tail + data, 1 << 20)
            size -= len(chunk)
            if size < 0:
                raise ValueError("it unpacks to more bytes than the ZIP says")
            check = zlib.crc32(chunk, check)
            if chunk:
                yield chunk
            elif not data and not (method and unpacker.unconsumed_tail):
                break
        if size or method and not unpacker.eof:
            raise ValueError("it unpacks to fewer bytes than the ZIP says, or was cut")
        if unpacker.unused_data:
            raise ValueError("bytes stand behind its end")
        if check != crc:
            raise ValueError("it does not have the checksum that the ZIP says")

class Package:
    """The files by name; a file that cannot be read to its end is named once."""
    def __init__(self, source):
        self.source, self.sizes, self.hashes, self.broken = source, source.sizes, {}, set()

    def chunks(self, name):
        try:
            yield from self.source.chunks(name)
        except (ValueError, zlib.error, OSError) as error:
            if name not in self.broken:
                finding(name, f"it cannot be unpacked: {error}")
            self.broken.add(name)

    def read(self, name, most=MOST_TEXT):
        """The whole file; None where it is not there or cannot be read."""
        if name not in self.sizes or self.sizes[name] > most:
            if name in self.sizes:
                finding(name, f"it has {self.sizes[name]} bytes, more than {most}")
            return None
        data = b"".join(self.chunks(name))
        return None if name in self.broken else data

    def text(self, name):
        data = self.read(name)
        try:
            return None if data is None else data.decode()
        except UnicodeDecodeError:
            finding(name, "it is not UTF-8")
            return None

def check_manifests(package):
    for name in package.sizes:
        if not KNOWN.fullmatch(name):
            finding(printable(name), "a file that no package has")
        most = MOST_PAYLOAD if name.startswith(("data/payloads/", "data/quarantine/")) else MOST_BYTES
        if package.sizes[name] > most:
            finding(name, f"it has {package.sizes[name]} bytes, more than {most}")
            package.broken.add(name)
            continue
        seal = hashlib.sha256()
        for chunk in package.chunks(name):
            seal.update(chunk)
        package.hashes[name] = seal.hexdigest()
    for name in NEEDED:
        if name not in package.sizes:
            finding(name, "it is missing")
    listed = {}
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        lines = (package.text(manifest) or "").split("\n")
        if lines.pop():
            finding(manifest, "its last line has no end")
        for number, line in enumerate(lines, 1):
            parts = re.fullmatch(rf"({HASH})  ([!-~]+)", line)
            if not parts or parts[2] in listed or parts[2].startswith("data/") != (manifest == "manifest-sha256.txt"):
                finding(f"{manifest}, line {number}", f"it is not a line of this manifest, or a second one: {line!r:.200}")
                continue
            listed[parts[2]] = parts[1]
            if parts[2] not in package.sizes:
                finding(f"{manifest}, line {number}", f"it names {parts[2]}, which is missing")
            elif parts[2] not in package.broken and package.hashes[parts[2]] != parts[1]:
                finding(parts[2], f"its SHA-256 is not the one in {manifest}", parts[1], package.hashes[parts[2]])
    for name in package.sizes:
        if name not in listed and name != "tagmanifest-sha256.txt":
            finding(printable(name), "it is in no manifest")
    if (text := package.text("bagit.txt")) not in (None, "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"):
        finding("bagit.txt", "it is not that of BagIt 1.0", None, text)

# ---- package.json and ledger.txt ---------------------------------------------------------------------------------------------

def read_json(text):
    """JSON in which no object has a name twice. What is no whole number of at most 15 digits is read as no number, which no rule
    of a package allows."""
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark")
    if nesting(text) > 127:
        raise ValueError("it is nested too deep")
    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)
    def finite(text):
        if float(text) in (float("inf"), float("-inf")):
            raise ValueError("a number out of range")
        return Number(text)
    whole = lambda text: int(text) if re.fullmatch("0|[1-9][0-9]{0,14}", text) else finite(text)
    read = json.loads(text, object_pairs_hook=unique, parse_int=whole, parse_float=finite, parse_constant=no_number)
    json.dumps(read, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    return read

def read_package_json(package):
    data = package.read("data/package.json")
    if data is None:
        raise Unreadable("data/package.json is missing or cannot be read, so nothing says what this package is")
    try:
        pack = read_json(data.decode())
        if not isinstance(pack, dict) or pack.get("format") != "jobruns evidence package" or type(pack.get("version")) is not int:
            raise ValueError("it is not that of an evidence package")
        version = pack["version"]
    except ValueError as error:
        raise Unreadable(f"data/package.json cannot be read ({error})")
    if version != VERSION:
        raise Unreadable(f"the package is of version {version}, and this check knows version {VERSION}: take a newer one from the program; the checks that lie in a package were made by whoever made the package")
    def bad(what):
        finding("data/package.json", f"{what} is missing, or not as a package has it")
    is_text = lambda value: isinstance(value, str) and not isinstance(value, Number)
    fits = lambda value, pattern: is_text(value) and re.fullmatch(pattern, value) is not None
    count = lambda value: type(value) is int and value >= 0
    for what, pattern in (("archive_id", GUID), ("head", HASH), ("head_at", TIME), ("tool_version", "[!-~]+")):
        if not fits(pack.get(what), pattern):
            bad(what)
            pack[what] = None
    for what in ("sync_id", "runs", "payloads"):
        if not count(pack.get(what)):
            bad(what)
    for what in ("since", "until"):
        if pack.get(what, 0) is not None and not fits(pack.get(what), INSTANT):
            bad(what)
            pack[what] = None
    jobs = pack.get("jobs")
    if not isinstance(jobs, list) or not jobs or not all(isinstance(job, dict) and fits(job.get("job_id"), GUID)
            and (job.get("name", 0) is None or is_text(job["name"])) for job in jobs):
        bad("jobs")
        jobs = []
    pack["names"] = {job["job_id"]: job["name"] for job in jobs}
    if [*pack["names"]] != sorted(pack["names"]) or len(pack["names"]) != len(jobs):
        finding("data/package.json", "its jobs are not sorted by id, or one is there twice")
    if pack.get("redacted") not in ([], ["owners"]):
        bad("redacted")
    pack["is_redacted"] = pack.get("redacted") != []
    sample = pack.get("sample", 0)
    if sample is not None and not (isinstance(sample, dict) and all(count(sample.get(what)) for what in ("size", "spare", "population"))
            and sample["size"] and is_text(sample.get("seed"))):
        bad("sample")
        pack["sample"] = None
    if pack.get("prepared_by", 0) is not None and not is_text(pack["prepared_by"]):
        bad("prepared_by")
    if not fits(pack.get("timezone"), "[!-~]+"):
        bad("timezone")
    if type(pack.get("allow_empty", False)) is not bool:
        bad("allow_empty")
    ages = pack.get("purge_ages")
    if not isinstance(ages, list) or not all(isinstance(age, dict) and count(age.get("seconds")) and count(age.get("listed_seconds"))
            and age["listed_seconds"] <= age["seconds"] and type(age.get("known")) is bool for age in ages) or [age.get("job_id") for age in ages] != [*pack["names"]]:
        bad("purge_ages")
        ages = []
    pack["ages"] = {age["job_id"]: age for age in ages}
    return pack

VALUES = {"GUID": GUID, "HASH": HASH, "NUMBER": NUMBER, "WORD": "[!-~]+", "TIME": TIME, "GUID|-": f"(?:-|{GUID})", "HASH|-": f"(?:-|{HASH})",
    "INSTANT|-": f"(?:-|{INSTANT})", "SECONDS|-": "(?:-|0|-?[1-9][0-9]{0,17})"}
# The lines that say something of the runs; those of other kinds are covered by the chain alone.
LINES = """
archive id=GUID at=TIME schema=NUMBER
naive-time zone=WORD rules=HASH|- release=WORD at=TIME
job-named job=GUID at=TIME name=HASH by=HASH|-
revision run=GUID number=NUMBER sync=NUMBER at=TIME job=GUID bytes=NUMBER sha256=HASH reader=NUMBER zone=WORD started=INSTANT|-
quarantined id=NUMBER job=GUID sync=NUMBER at=TIME position=NUMBER bytes=NUMBER sha256=HASH kept=HASH reason=HASH run=GUID|-
accepted id=NUMBER at=TIME sha256=HASH why=HASH by=HASH
absent run=GUID sync=NUMBER at=TIME
returned run=GUID sync=NUMBER at=TIME
reindexed at=TIME reader=NUMBER zone=WORD rules=HASH|- release=WORD by=HASH
removed run=GUID job=GUID at=TIME started=INSTANT|- ended=INSTANT|- revisions=NUMBER messages=NUMBER plan=HASH why=HASH by=HASH
lost what=payload entry=NUMBER
lost what=quarantined id=NUMBER
lost what=results sync=NUMBER
lost what=name job=GUID
lost what=server job=GUID
""".strip().splitlines()
LINE = re.compile("|".join(re.sub("=([A-Z|-]+)", lambda value: "=" + VALUES[value[1]], line) for line in LINES))
READ_KINDS = {line.split(" ")[0] for line in LINES}
ENDED = re.compile(rf"sync-ended sync={NUMBER} at={TIME} outcome=(?:complete|partial|failed|interrupted)( [a-z_]+=[!-~]+)* results={HASH}")
RESULT = re.compile(rf"(job id=({GUID}) sync=({NUMBER}) began=({TIME}) at=({TIME}) outcome=[a-z]+(?: [a-z_]+=[!-~]+)*) lines=({NUMBER}) chain=({HASH})")

def words_of(line):
    kind, *words = line.split(" ")
    return kind, dict(word.partition("=")[::2] for word in words)

class Cut(Exception):
    """ledger.txt ends, or has another line, where one was expected."""

def read_ledger(package, pack):
    """The lines of each job's chain: number (None: a line of results), line."""
    text = package.text("data/ledger.txt")
    if text is None:
        raise Unreadable("data/ledger.txt is missing or cannot be read")
    lines = text.split("\n")
    if lines.pop():
        finding("data/ledger.txt", "its last line has no end")
    at = 0
    def take(pattern, what):
        nonlocal at
        line = lines[at] if at < len(lines) else None
        parts = re.fullmatch(pattern, line) if line is not None else None
        if not parts:
            raise Cut(f"data/ledger.txt, line {at + 1}", f"{what} was expected there", None, line)
        at += 1
        return parts
    chains, results = {}, {}
    try:
        take("jobruns ledger 1", "the words jobruns ledger 1")
        archive = take(f"archive ({GUID})", "the id of the archive")[1]
        before = take(f"before ({HASH})", "the hash before the head")[1]
        head = take(f"head ({HASH})", "the head")[1]
        ended = take(ENDED, "a line sync-ended")[0]
        if (follows := sha256(bytes.fromhex(before) + ended.encode())) != head:
            finding("data/ledger.txt, line 5", "the head does not follow from this line and the hash before it", follows, head)
        words = words_of(ended)[1]
        for what, line, value in (("archive_id", 2, archive), ("head", 4, head), ("sync_id", 5, words["sync"]), ("head_at", 5, words["at"])):
            if str(pack.get(what)) != value:
                finding("data/package.json", f"its {what} is not that of data/ledger.txt, line {line}", value, pack.get(what))
        count, seals, last = int(take(f"results ({NUMBER})", "the number of results")[1]), hashlib.sha256(), ""
        for _ in range(count):
            line = take("[!-~ ]+", "a line of the results, or its SHA-256")[0]
            if re.fullmatch(HASH, line):
                seals.update(bytes.fromhex(line))
                continue
            seals.update(hashlib.sha256(line.encode()).digest())
            parts = RESULT.fullmatch(line)
            if not parts or (parts[3], parts[5]) != (words["sync"], words["at"]) or parts[2] <= last:
                finding(f"data/ledger.txt, line {at}", f"it is not a line of the results of sync {words['sync']}, or not in order: {line!r:.200}")
                continue
            last = parts[2]
            results[last] = parts
        if seals.hexdigest() != words["results"]:
            finding("data/ledger.txt", "its results do not have the hash that the line sync-ended says", words["results"], seals.hexdigest())
        if results.keys() != pack["names"].keys():
            finding("data/ledger.txt", "its results are of other jobs than package.json says", sorted(pack["names"]), sorted(results))
        numbered = {}
        for job in sorted(results):
            count = int(take(f"chain {job} ({NUMBER})", f"the chain of job {job}")[1])
            chain, seal, latest = [], bytes(32), 0
            for _ in range(count):
                number, line = take(rf"({NUMBER}|-) ([!-~ ]+)", f"a line of the chain of job {job}").groups()
                seal, place = hashlib.sha256(seal + line.encode()).digest(), f"data/ledger.txt, line {at}"
                number = None if number == "-" else int(number)
                if (number is None) != line.startswith("job "):
                    finding(place, "a line of the ledger needs its number there, and one of results has -")
                elif number is not None:
                    if number <= latest or (number == 1) != (not chain) or numbered.setdefault(number, line) != line:
                        finding(place, f"its number {number} is not above that before it, or that of another line")
                    latest = max(number, latest)
                if line.split(" ")[0] in READ_KINDS and not LINE.fullmatch(line):
                    finding(place, f"it is not a line of a ledger: {line!r:.200}")
                    continue
                chain.append((number, line, place))
            if (str(count), seal.hex()) != (results[job][6], results[job][7]):
                finding("data/ledger.txt", f"the chain of job {job} is not where the results say: lines are missing, were added or changed", results[job][7], seal.hex())
            if not chain or chain[-1][1] != results[job][1]:
                finding("data/ledger.txt", f"the chain of job {job} does not end with its line of the results")
            if not chain or words_of(chain[0][1])[0] != "archive" or words_of(chain[0][1])[1].get("id") != archive:
                finding("data/ledger.txt", f"the chain of job {job} does not begin with the line of the archive {archive}")
            chains[job] = chain
        take("end", "the end")
        if at != len(lines):
            finding(f"data/ledger.txt, line {at + 1}", "something stands behind the end")
    except Cut as cut:
        finding(*cut.args)
    return chains

# ---- What the lines say ------------------------------------------------------------------------------------------------------

Revision = collections.namedtuple("Revision", "entry number at words zone zone_then")

class Run:
    def __init__(self, job):
        self.job, self.revisions, self.absent, self.removed = job, [], None, None

GONE = object()  # rules of a zone that a later line took the place of, and that the package does not have

class Ledger:
    """What the chains say of runs and of pieces in quarantine."""
    def __init__(self):
        self.runs, self.pieces, self.answers, self.lost, self.reindexed = {}, {}, {}, 0, set()

    def read(self, package, job, chain, name, used_zones):
        lines = [(number, *words_of(line), place) for number, line, place in chain]
        reread = max((at for at, (_, kind, *_) in enumerate(lines) if kind == "reindexed"), default=-1)
        lost = {int(words["entry"]): place for _, kind, words, place in lines if kind == "lost" and words["what"] == "payload"}
        told = {number for number, kind, *_ in lines if kind == "revision"}
        for entry, place in lost.items():
            if entry not in told:
                finding(place, f"it says that the payload of entry {entry} was lost, which is not a revision of this job")
        self.lost += len(lost)
        zones, named, answers = [], None, {}
        for at, (number, kind, words, place) in enumerate(lines):
            if kind in ("naive-time", "reindexed"):
                zones.append((at, self.zone(package, words, place, at < reread, used_zones), words["zone"]))
        again = next((zone for at, zone, _ in zones if at == reread), None)
        for at, (number, kind, words, place) in enumerate(lines):
            if kind == "revision":
                run = self.runs.setdefault(words["run"], Run(job))
                if words["job"] != job or run.job != job:
                    finding(place, f"its run {words['run']} is of another job than the chain", job, words["job"])
                    continue
                if number in lost:
                    continue
                then, zone_name = next(((zone, name) for since, zone, name in reversed(zones) if since < at), (None, "utc"))
                if words["zone"] != zone_name:
                    finding(place, "its zone is not the one that the lines before it say", zone_name, words["zone"])
                if int(words["reader"]) > READER:
                    finding(place, f"it is read by rules of version {words['reader']}, and this script knows {READER}")
                if run.revisions and int(words["number"]) <= run.revisions[-1].number:
                    finding(place, f"revision {words['number']} of run {words['run']} follows revision {run.revisions[-1].number}")
                run.revisions.append(Revision(number, int(words["number"]), words["at"], words, again if at < reread else then, then))
                run.absent = None
            elif kind in ("absent", "returned"):
                if words["run"] not in self.runs:
                    finding(place, f"run {words['run']} has no revision before it")
                else:
                    self.runs[words["run"]].absent = words["at"] if kind == "absent" else None
            elif kind == "removed" and words["run"] in self.runs:
                self.runs[words["run"]].removed = words
                self.pieces = {number: piece for number, piece in self.pieces.items() if piece["run"] != words["run"]}
            elif kind == "quarantined" and words["job"] == job:
                self.pieces[words["id"]] = {**words, "accepted_at": None}
            elif kind == "accepted" and words["id"] in self.pieces:
                self.pieces[words["id"]]["accepted_at"] = words["at"]
            elif kind == "lost" and words["what"] == "quarantined":
                self.pieces.pop(words["id"], None)
            elif kind == "job-named":
                named = words["name"]
            elif kind == "lost" and words["what"] == "name":
                named = None
            elif kind == "job":
                answers[words["sync"]] = words
        if reread >= 0:
            self.reindexed.add(job)
        self.answers[job] = answers
        if (None if name is None else sha256(name)) != named:
            finding("data/package.json", f"the name of job {job} is not the one that the ledger names", named, name and sha256(name))

    def zone(self, package, words, place, is_reread, used):
        """The rules by which times without offset are read from this line on; None is UTC."""
        if words["rules"] == "-":
            return None
        name = f"data/zones/{words['rules']}.tzif"
        used.add(name)
        if name not in package.sizes:
            if not is_reread:
                finding(name, f"it is missing, and {place} names these rules of the time zone")
            return GONE
        try:
            data = package.read(name, 1 << 16) or b""
            if sha256(data) != words["rules"]:
                finding(name, "its SHA-256 is not its name", words["rules"], sha256(data))
            return zoneinfo.ZoneInfo.from_file(io.BytesIO(data), key=words["zone"])
        except Exception as error:
            finding(name, f"the rules of {words['zone']} cannot be read ({type(error).__name__}: {error})")
            return GONE

def instant(text):
    """100 ns since 1970 of an instant as it stands in lines and CSV files."""
    return ticks(text, None)[0]

def in_span(started, pack):
    if started in (None, "-"):
        return pack["since"] is None and pack["until"] is None
    at = instant(started)
    return at is not None and (pack["since"] is None or at >= instant(pack["since"])) and (pack["until"] is None or at < instant(pack["until"]))

# ---- The CSV files -----------------------------------------------------------------------------------------------------------

COLUMNS = {
    "runs": "job_run_id job_id status status_name started_at ended_at duration_seconds exception custom_status_text job_summary status_details "
        "activity_status_list message_count revision first_seen_at last_changed_at absent_since started_at_raw ended_at_raw time_basis job_name",
    "messages": "job_run_id job_id ordinal occurred_at message message_details category asset asset_type asset_owner absent_since occurred_at_raw "
        "time_basis job_name",
    "failures": "job_run_id job_id job_name status_name started_at ended_at duration_seconds revision exception errors assets top_message top_detail absent_since",
    "changes": "job_id job_name job_run_id revision captured_at status_before status was_final what",
    "vanished": "job_run_id job_id job_name status_name started_at absent_since age_days purge_age_days",
    "gaps": "job_id job_name from to state runs total_job_runs last_sync_id job_run_id why",
    "removals": "job_run_id job_id started_at revisions messages removed_at removed_by reason plan",
    "quarantine": "quarantine_id job_id sync_id captured_at position reason accepted_at",
    "sample": "rank is_spare draw job_run_id job_id job_name status_name started_at ended_at revision payload_sha256 entry_id",
}
FIELD = re.compile('(?:"((?:[^"]|"")*)"|([^",\r\n]*))([,\n])')

def rows(package, table):
    """The rows of a CSV file, each as a dictionary of texts, as they stand: in the one form in which a package has them."""
    name, columns = f"data/{table}.csv", COLUMNS[table].split(" ")
    if name not in package.sizes:
        return
    number, left, header = 0, b"", None
    def record(data):
        values, at, text = [], 0, data.decode()
        while at < len(text):
            parts = FIELD.match(text, at)
            if not parts or parts[1] is not None and not re.search('[",\r\n]', parts[1]) or (parts[3] == "\n") != (parts.end() == len(text)):
                raise ValueError(f"it is not a row of CSV as packages have it: {text!r:.200}")
            values.append(parts[2] if parts[1] is None else parts[1].replace('""', '"'))
            at = parts.end()
        return values
    def records():
        pending = b""
        for chunk in package.chunks(name):
            *whole, pending_tail = (pending + chunk).split(b"\n")
            held = b""
            for line in whole:
                held += line + b"\n"
                if held.count(b'"') % 2 == 0:
                    yield held
                    held = b""
            pending = held + pending_tail
            if len(pending) > MOST_PAYLOAD:
                raise ValueError("a row without end")
        if pending:
            raise ValueError("its last row has no end")
    try:
        for number, data in enumerate(records()):
            values = record(data)
            if header is None:
                header = values
                if header != columns:
                    return finding(name, "its columns are not those of a package", " ".join(columns), " ".join(header))
            elif len(values) != len(columns):
                finding(f"{name}, row {number}", f"it has {len(values)} fields and not {len(columns)}")
            else:
                yield dict(zip(columns, values))
    except ValueError as error:
        return finding(f"{name}, behind row {number}", f"it cannot be read further: {error}")
    if header is None and name not in package.broken:
        finding(name, "it has no header")

def text(value):
    return "" if value is None else str(value)

def same(place, expected, row):
    """Compares a row with what it must say, column by column."""
    for column, value in expected.items():
        if text(value) != row[column]:
            finding(place, f"{column} is wrong", text(value), row[column])

def keyed(package, table, key):
    """The rows of a CSV file by what names them; a second one is named."""
    held = {}
    for row in rows(package, table):
        if (name := key(row)) in held:
            finding(f"data/{table}.csv, {' '.join(map(str, name)) if isinstance(name, tuple) else name}", "it is there twice")
        held[name] = row
    return held

def decimal(units, places):
    digits = f"{abs(units):0{places + 1}}"
    return ("-" if units < 0 else "") + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)

def days(seconds):
    return decimal((seconds * 20 + 86_400) // (2 * 86_400), 1)

CLOCKS = 86_400  # seconds by which the clocks of server and archive may differ

def duration(started, ended):
    if not started or not ended:
        return None
    seconds = decimal(instant(ended) - instant(started), 7)
    return seconds.rstrip("0").rstrip(".")

# ---- What is compared --------------------------------------------------------------------------------------------------------

MESSAGE = ("occurred_at", "message", "message_details", "category", "asset", "asset_type", "asset_owner", "occurred_at_raw", "time_basis")

def started_then(said, is_assumed, revision):
    """The start of a run as it was read when its line was written; None where the rules of the zone of then are gone."""
    then = revision.zone_then
    if then is revision.zone or not is_assumed and (said["started_at"] or then is GONE):
        return said["started_at"] or "-"
    if then is GONE:
        return None
    raw = said["started_at_raw"]
    return utc(read_time(raw, raw, then)[0]) or "-"

def errors_of(messages):
    """What the errors among the messages of a run say, as failures.csv has it."""
    count, assets, texts, details = 0, set(), collections.Counter(), collections.Counter()
    for message in messages:
        _, what, detail, category, asset, asset_type, *_ = message
        if (category or "").translate(FOLDED) == "error":
            count += 1
            if asset:
                assets.add((asset, asset_type or ""))
            texts.update([what] if what else [])
            details.update([detail] if detail else [])
    top = lambda counter: min(counter, key=lambda text: (-counter[text], text.encode()), default=None)
    return {"errors": count, "assets": len(assets), "top_message": top(texts), "top_detail": top(details)}

class Check:
    def __init__(self, package, pack, ledger):
        self.package, self.pack, self.ledger = package, pack, ledger
        self.payloads = self.messages = 0
        self.failures = keyed(package, "failures", lambda row: row["job_run_id"])
        self.changes = keyed(package, "changes", lambda row: (row["job_run_id"], row["revision"]))
        self.mismatches, self.unproved, self.unsaid = {}, set(), 0

    def runs(self):
        ledger, pack = self.ledger, self.pack
        self.rows = keyed(self.package, "runs", lambda row: row["job_run_id"])
        self.removed, self.moved_out = {}, 0
        due = {}
        for run_id, run in ledger.runs.items():
            if not run.revisions:
                continue
            if run.removed:
                if in_span(run.removed["started"], pack):
                    self.removed[run_id] = run
            elif in_span(run.revisions[-1].words["started"], pack):
                due[run_id] = run
            elif run_id in self.rows and run.job in ledger.reindexed and re.fullmatch(INSTANT, self.rows[run_id]["started_at"]) \
                    and in_span(self.rows[run_id]["started_at"], pack):
                due[run_id] = run  # by its start as it is read now, which is compared with the payload
            else:
                self.moved_out += any(in_span(revision.words["started"], pack) for revision in run.revisions)
        for run_id in due.keys() - self.rows.keys():
            finding(f"data/runs.csv, run {run_id}", f"it is missing: the ledger tells of it (data/ledger.txt, entry {due[run_id].revisions[-1].entry})")
        for run_id in self.rows.keys() - due.keys():
            finding(f"data/runs.csv, run {printable(run_id)}", "the ledger tells of no such run of these jobs in this span")
        self.due = {run_id: run for run_id, run in due.items() if run_id in self.rows}
        expected = {} if pack["is_redacted"] else {f"data/payloads/{run_id}-{revision.number}.json" for run_id, run in due.items() for revision in run.revisions}
        for name in self.package.sizes:
            if name.startswith("data/payloads/") and name not in expected:
                finding(name, "it is the payload of no revision of a run in this package")
        if pack.get("runs") != len(self.rows):
            finding("data/package.json", "it says another number of runs than data/runs.csv has", len(self.rows), pack.get("runs"))
        payloads = sum(name.startswith("data/payloads/") for name in self.package.sizes)
        if pack.get("payloads") != payloads:
            finding("data/package.json", "it says another number of payloads than there are", payloads, pack.get("payloads"))
        if not self.rows and not pack.get("allow_empty"):
            finding("data/runs.csv", "the package has no run, and it was not made with --allow-empty")
        left = dict.fromkeys(self.due)
        for run_id, messages in self.message_groups():
            if run_id not in left:
                finding(f"data/messages.csv, run {printable(run_id)}", "it is not in runs.csv, or its messages do not stand together")
                continue
            del left[run_id]
            self.run(run_id, messages)
        for run_id in left:
            self.run(run_id, [])
        for run_id in self.failures:
            finding(f"data/failures.csv, run {printable(run_id)}", "runs.csv has no such run that failed")
        for run_id, number in self.changes:
            finding(f"data/changes.csv, run {printable(run_id)}, revision {printable(number)}", "there is no such further revision of a run in this package")

    def message_groups(self):
        current, group = None, []
        for row in rows(self.package, "messages"):
            if row["job_run_id"] != current:
                if group:
                    yield current, group
                current, group = row["job_run_id"], []
            group.append(row)
        if group:
            yield current, group

    def run(self, run_id, messages):
        """Everything about one run: payloads, row, messages, failure, changes."""
        run, row, pack = self.due[run_id], self.rows[run_id], self.pack
        held, said, statuses, whole, counts = [], None, {}, not pack["is_redacted"], None
        for revision in run.revisions if whole else []:
            read = self.payload(run_id, revision)
            if read is None or revision.zone is GONE:
                whole = False
                continue
            said, assumed_ends, came, unreadable = read
            statuses[revision.number] = said["status"]
            started = started_then(said, assumed_ends["started_assumed"], revision)
            if started not in (None, revision.words["started"]):
                finding(f"data/payloads/{run_id}-{revision.number}.json", "the start of its run is not the one that the ledger says", revision.words["started"], started)
            if came is not None:
                take_in(held, came, unreadable == 0, revision.at)
            counts = (came is not None, unreadable)
        first, latest = run.revisions[0], run.revisions[-1]
        name = pack["names"].get(run.job)
        of_lines = {"job_id": run.job, "revision": latest.number, "first_seen_at": first.at, "last_changed_at": latest.at, "absent_since": run.absent, "job_name": name}
        place = f"data/runs.csv, run {run_id}"
        if whole:
            said["duration_seconds"] = duration(said["started_at"], said["ended_at"])
            same(place, {**said, **of_lines}, row)
        else:
            if run.job not in self.ledger.reindexed:
                started = latest.words["started"]
                of_lines["started_at"] = None if started == "-" else started
            same(place, of_lines, row)
        common = {"job_id": run.job, "job_name": name}
        if whole:
            if len(messages) != len(held):
                finding(f"data/messages.csv, run {run_id}", "it has more or fewer messages than its payloads have", len(held), len(messages))
            for ordinal, ((message, since), got) in enumerate(zip(held, messages)):
                same(f"data/messages.csv, run {run_id}, message {ordinal}", {"ordinal": ordinal, **dict(zip(MESSAGE, message)), "absent_since": since, **common}, got)
            said_by = [message for message, _ in held]
            present = sum(since is None for _, since in held)
            if counts == (True, 0) and said["message_count"] not in (None, present):
                self.mismatches[run_id] = {"job_id": run.job, "job_name": name, "from": said["started_at"], "to": said["ended_at"], "state": "count_mismatch",
                    "runs": 1, "total_job_runs": None, "last_sync_id": None, "why": f"MessageCount {said['message_count']}, and {present} messages came"}
        else:
            # Whether its list of messages came whole is not known here, so a row of gaps.csv may be there.
            self.unproved.add(run_id)
            present = sum(not got["absent_since"] for got in messages)
            if row["message_count"] not in ("", str(present)):
                self.mismatches[run_id] = {**common, "from": row["started_at"], "to": row["ended_at"], "state": "count_mismatch", "runs": 1,
                    "total_job_runs": None, "last_sync_id": None, "why": f"MessageCount {row['message_count']}, and {present} messages came"}
            for ordinal, got in enumerate(messages):
                same(f"data/messages.csv, run {run_id}, message {ordinal}", {"ordinal": ordinal, **common, **({"asset_owner": None} if pack["is_redacted"] else {})}, got)
            said_by = [tuple(got[column] for column in MESSAGE) for got in messages]
        self.messages += len(messages)
        failure = self.failures.pop(run_id, None)
        if row["status"] in ("5", "7"):
            if failure is None:
                finding(f"data/failures.csv, run {run_id}", "it is missing, and runs.csv says that it failed")
            else:
                columns = ("status_name", "started_at", "ended_at", "duration_seconds", "revision", "exception", "absent_since")
                same(f"data/failures.csv, run {run_id}", {**common, **{column: row[column] for column in columns}, **errors_of(said_by)}, failure)
        elif failure is not None:
            self.failures[run_id] = failure
        for revision in run.revisions:
            if revision.number < 2:
                continue
            change = self.changes.pop((run_id, str(revision.number)), None)
            place = f"data/changes.csv, run {run_id}, revision {revision.number}"
            if change is None:
                finding(place, "it is missing")
                continue
            expected = {**common, "captured_at": revision.at}
            if whole:
                before = statuses.get(revision.number - 1)
                expected.update(status_before=before, status=statuses[revision.number], was_final=int(before in (4, 5, 6, 7)))
            same(place, expected, change)

    def payload(self, run_id, revision):
        name, words = f"data/payloads/{run_id}-{revision.number}.json", revision.words
        if name not in self.package.sizes:
            return finding(name, f"it is missing: the ledger tells of this revision (data/ledger.txt, entry {revision.entry})")
        if self.package.sizes[name] != int(words["bytes"]):
            return finding(name, "it does not have as many bytes as the ledger says", words["bytes"], self.package.sizes[name])
        data = self.package.read(name, MOST_PAYLOAD)
        if data is None:
            return None
        if sha256(data) != words["sha256"]:
            return finding(name, "its SHA-256 is not the one in the ledger", words["sha256"], sha256(data))
        self.payloads += 1
        if revision.zone is GONE:
            return None
        try:
            read = read_run(data, revision.zone)
        except RecursionError:
            return finding(name, "it cannot be read as a run (nested too deep)")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
            return finding(name, f"it cannot be read as a run ({type(error).__name__}: {error})")
        if read[0]["job_run_id"] != run_id:
            return finding(name, "it is the payload of another run", run_id, read[0]["job_run_id"])
        return read

    def quarantine(self):
        held = keyed(self.package, "quarantine", lambda row: row["quarantine_id"])
        pieces = self.ledger.pieces
        for number in held.keys() - pieces.keys():
            finding(f"data/quarantine.csv, number {printable(number)}", "the ledger tells of no such piece of these jobs")
        for number in pieces.keys() - held.keys():
            finding(f"data/quarantine.csv, number {number}", "it is missing, and the ledger tells of it")
        for number in pieces.keys() & held.keys():
            words, row = pieces[number], held[number]
            place = f"data/quarantine.csv, number {number}"
            same(place, {"job_id": words["job"], "sync_id": words["sync"], "captured_at": words["at"], "position": words["position"], "accepted_at": words["accepted_at"]}, row)
            if sha256(row["reason"]) != words["reason"]:
                finding(place, "reason is wrong", words["reason"], sha256(row["reason"]))
            name = f"data/quarantine/{number}.bin"
            if self.pack["is_redacted"]:
                continue
            if name not in self.package.sizes:
                finding(name, "it is missing")
            elif name not in self.package.broken and self.package.hashes[name] != words["kept"]:
                finding(name, "its SHA-256 is not the one in the ledger", words["kept"], self.package.hashes[name])
        for name in self.package.sizes:
            if name.startswith("data/quarantine/") and (self.pack["is_redacted"] or name[16:-4] not in pieces):
                finding(name, "it is no piece in quarantine of these jobs")

    def sample(self):
        sample = self.pack["sample"]
        if sample is None:
            if "data/sample.csv" in self.package.sizes:
                finding("data/sample.csv", "package.json says of no sample")
            return
        if "data/sample.csv" not in self.package.sizes:
            return finding("data/sample.csv", "it is missing, and package.json says of a sample")
        if sample["population"] != len(self.rows):
            finding("data/package.json", "the population of its sample is not the number of runs", len(self.rows), sample["population"])
        drawn = sorted((sha256(f"{sample['seed']}:{run_id}"), run_id) for run_id in self.due)[:sample["size"] + sample["spare"]]
        got = list(rows(self.package, "sample"))
        if len(got) != len(drawn):
            finding("data/sample.csv", "it has more or fewer rows than were to be drawn", len(drawn), len(got))
        for rank, ((draw, run_id), row) in enumerate(zip(drawn, got), 1):
            latest, run = self.due[run_id].revisions[-1], self.rows[run_id]
            same(f"data/sample.csv, rank {rank}", {"rank": rank, "is_spare": int(rank > sample["size"]), "draw": draw, "job_run_id": run_id,
                **{column: run[column] for column in ("job_id", "job_name", "status_name", "started_at", "ended_at", "revision")},
                "payload_sha256": latest.words["sha256"], "entry_id": latest.entry}, row)

    def removals(self):
        held = keyed(self.package, "removals", lambda row: row["job_run_id"])
        for run_id in held.keys() - self.removed.keys():
            finding(f"data/removals.csv, run {printable(run_id)}", "the ledger does not tell that such a run of this span was removed")
        for run_id in self.removed.keys() - held.keys():
            finding(f"data/removals.csv, run {run_id}", "it is missing, and the ledger tells that it was removed")
        for run_id in held.keys() & self.removed.keys():
            run, row, place = self.removed[run_id], held[run_id], f"data/removals.csv, run {run_id}"
            started = run.removed["started"]
            same(place, {"job_id": run.job, "started_at": None if started == "-" else started, **{column: run.removed[word] for column, word in
                (("revisions", "revisions"), ("messages", "messages"), ("removed_at", "at"), ("plan", "plan"))}}, row)
            for column, word in (("removed_by", "by"), ("reason", "why")):  # a text that a salvage lost is empty
                if row[column] and sha256(row[column]) != run.removed[word]:
                    finding(place, f"{column} is wrong", run.removed[word], sha256(row[column]))
            if row["removed_by"] and self.pack["is_redacted"]:
                finding(place, "removed_by is wrong", "", row["removed_by"])
            self.unsaid += not row["reason"] or not row["removed_by"] and not self.pack["is_redacted"]

    def vanished(self):
        held = keyed(self.package, "vanished", lambda row: row["job_run_id"])
        for run_id, run in self.rows.items():
            purge, age, row = self.pack["ages"].get(run["job_id"]), self.age(run), held.pop(run_id, None)
            place = f"data/vanished.csv, run {printable(run_id)}"
            is_early = purge is not None and purge["known"] and age is not None and age < purge["seconds"] * 9 // 10
            if is_early and row is None:
                finding(place, "it is missing: the server stopped listing it before nine tenths of the purge age")
            elif is_early:
                same(place, {**{column: run[column] for column in ("job_id", "job_name", "status_name", "started_at", "absent_since")},
                    "age_days": days(age), "purge_age_days": days(purge["seconds"])}, row)
            elif row is not None:
                held[run_id] = row
        for run_id in held:
            finding(f"data/vanished.csv, run {printable(run_id)}", "runs.csv has no such run that the server stopped listing before nine tenths of the purge age")

    @staticmethod
    def age(run):
        """Seconds from the start of a run to its absence, where it is absent and has a start."""
        if not all(re.fullmatch(INSTANT, run[column]) for column in ("absent_since", "started_at")):
            return None
        try:
            return max(0, instant(run["absent_since"]) // TICKS - instant(run["started_at"]) // TICKS)
        except (ValueError, TypeError):  # a row that was named already
            return None

    def gaps(self):
        spans, mismatches = collections.defaultdict(list), {}
        for row in rows(self.package, "gaps"):
            if row["state"] == "count_mismatch":
                if row["job_run_id"] in mismatches:
                    finding(f"data/gaps.csv, run {printable(row['job_run_id'])}", "it is there twice")
                mismatches[row["job_run_id"]] = row
            else:
                spans[row["job_id"]].append(row)
        for run_id in mismatches.keys() - self.mismatches.keys():
            finding(f"data/gaps.csv, run {run_id}", "the counts of this run agree, or it is not in this package")
        for run_id in self.mismatches.keys() - self.unproved - mismatches.keys():
            finding(f"data/gaps.csv, run {run_id}", "it is missing: its MessageCount is not the number of its messages")
        for run_id in mismatches.keys() & self.mismatches.keys():
            same(f"data/gaps.csv, run {run_id}", self.mismatches[run_id], mismatches[run_id])
        if spans.keys() != self.pack["names"].keys():
            finding("data/gaps.csv", "it has other jobs than package.json says", sorted(self.pack["names"]), sorted(spans))
        self.disputed = sum(is_full(words) and words["total"] not in ("-", words["seen"]) for answers in self.ledger.answers.values() for words in answers.values())
        self.open_spans = sum(row["state"] != "complete" for rows in spans.values() for row in rows)
        for job in sorted(spans.keys() & self.ledger.answers.keys()):
            keeps, listed = self.spans(job, spans[job]), self.pack["ages"].get(job, {}).get("listed_seconds", 0)
            if keeps > listed + CLOCKS:
                finding(f"data/gaps.csv, job {job}", "a span is called complete that is longer than the purge age between two complete answers", listed, keeps)
        for words in sorted({f"{days(age['seconds'])} days" + (f" ({days(age['listed_seconds'])} days for sure)" if age["seconds"] != age["listed_seconds"] else "")
                + f", as the package {'says' if age['known'] else 'assumes'}" for age in self.pack["ages"].values()}):
            assumed.append(f"how long the server lists a run, by which gaps.csv and vanished.csv judge: {words}")

    def spans(self, job, spans):
        """The spans of a job; returns for how many seconds the server must list a run for what is called complete."""
        pack, answers, keeps = self.pack, self.ledger.answers[job], 0
        whole = lambda text: "" if text is None else re.sub(r"\.[0-9]+Z", "Z", text)
        seconds = lambda text: instant(text) // TICKS
        starts = sorted(instant(row["started_at"]) for row in self.rows.values() if row["job_id"] == job and re.fullmatch(INSTANT, row["started_at"]))
        full = {sync: words for sync, words in answers.items() if is_full(words)}
        agrees = lambda words: words["total"] in ("-", words["seen"])
        begin = whole(pack["since"])
        for number, row in enumerate(spans, 1):
            place = f"data/gaps.csv, job {job}, span {number}"
            end = row["to"] if number < len(spans) else whole(pack["until"])
            same(place, {"job_name": pack["names"].get(job), "from": begin, "to": end, "job_run_id": None}, row)
            if not all(re.fullmatch(INSTANT + "|", row[column]) for column in ("from", "to")) or row["from"] and row["to"] and row["from"] >= row["to"] \
                    or not row["to"] and number < len(spans):
                finding(place, "its times are not those of a span behind the one before")
                break
            begin = row["to"]
            # The table has bounds without their fractions.
            since, until = pack["since"] if number == 1 else row["from"], pack["until"] if number == len(spans) else row["to"]
            low = bisect.bisect_left(starts, instant(since)) if since else 0
            high = bisect.bisect_left(starts, instant(until)) if until else len(starts)
            same(place, {"runs": high - low}, row)
            if row["state"] in ("complete", "disputed"):
                which = re.match("by (?:the complete answer of sync ([0-9]+)|complete answers of syncs ([0-9]+) to ([0-9]+));", row["why"])
                first, last = (which[1] or which[2], which[1] or which[3]) if which else (None, None)
                if first not in full or last not in full or int(first) > int(last) or agrees(full[last]) != (row["state"] == "complete") \
                        or agrees(full[first]) != (row["state"] == "complete"):
                    finding(place, f"no complete answer in the ledger says that this span is {row['state']}", None, row["why"])
                    continue
                words = full[last]
                by = f"by the complete answer of sync {first}" if first == last else f"by complete answers of syncs {first} to {last}"
                total = "which did not say TotalJobRuns" if words["total"] == "-" else f"TotalJobRuns {words['total']}"
                same(place, {"last_sync_id": last, "total_job_runs": None if words["total"] == "-" else words["total"],
                    "why": f"{by}; the last listed {words['seen']} runs, {total}"}, row)
                if row["state"] == "complete" and not (row["from"] and row["to"]):
                    finding(place, "no answer can say that a span without bounds is complete")
                elif row["state"] == "complete":
                    behind = seconds(row["to"]) - seconds(words["began"])
                    if behind > CLOCKS or row["to"] != whole(pack["until"]) and behind < -CLOCKS:
                        finding(place, f"it does not end when sync {last} began", words["began"], row["to"])
                    elif row["to"] != whole(pack["until"]) and behind:
                        not_compared.append(f"data/gaps.csv, job {job}: by {abs(behind)} s span {number} ends otherwise than sync {last} began: the difference between the clocks")
                    within = [full[sync] for sync in sorted(full, key=int) if int(first) <= int(sync) <= int(last) and agrees(full[sync])]
                    reach = [seconds(words["at"]) for words in within]
                    keeps = max(keeps, reach[0] - seconds(row["from"]), *(at - seconds(before["began"]) for at, before in zip(reach[1:], within)), 0)
            elif row["state"] in ("may_be_missing", "not_looked"):
                same(place, {"last_sync_id": None, "total_job_runs": None}, row)
                since = re.fullmatch("since sync ([0-9]+) began no answer was complete", row["why"])
                if since and since[1] not in full or not since and row["why"] not in REASONS[row["state"]]:
                    finding(place, "why is wrong", None, row["why"])
            else:
                finding(place, "state is wrong", None, row["state"])
        return keeps

def is_full(words):
    """Whether an answer is a complete one to the question for all runs."""
    return words["outcome"] == "complete" and words.get("count") == "0"

REASONS = {
    "may_be_missing": ("longer than the purge age between two complete answers: runs may have come and gone",),
    "not_looked": ("no answer to the question for all runs was complete, or none has a certain time",
        "older than the purge age at the first complete answer: runs of that time may have been purged before anybody asked"),
}

# ---- Heads -------------------------------------------------------------------------------------------------------------------

HEAD = re.compile("[0-9a-fA-F]{64}")

def read_heads(name):
    """The heads of a list, each with its archive, and the numbers of lines that hold none: TIME WHAT ARCHIVE_ID HEAD, or any words
    of which the last is a head."""
    heads, without = [], []
    for number, line in enumerate(pathlib.Path(name).read_bytes().decode("utf-8", "replace").split("\n"), 1):
        words = line.removeprefix("\ufeff").split()
        if not words or words[0].startswith("#"):
            continue
        if HEAD.fullmatch(words[-1]):
            is_line = len(words) == 4 and re.fullmatch(GUID, words[2].lower())
            heads.append((words[2].lower() if is_line else None, words[-1].lower()))
        else:
            without.append(number)
    return heads, without

def check_heads(pack, heads, lists):
    """Whether the package is bound to one of the heads that were published."""
    given = [(None, head.lower()) for head in heads] + [line for published, _ in lists.values() for line in published]
    ours = [head for archive, head in given if archive in (None, pack["archive_id"])]
    if given and not ours:
        finding("data/package.json", "the package is not bound to a head that was given: they are heads of other archives",
            ", ".join(sorted({archive for archive, _ in given})[:3]), pack["archive_id"])
    elif given and pack["head"] not in ours:
        finding("data/package.json", "the package is not bound to a head that was given", ", ".join(ours[:3]), pack["head"])
    return bool(given)

def check(package, heads, lists):
    """Checks everything; returns the words of the report when nothing was found."""
    pack = read_package_json(package)
    check_manifests(package)
    chains = read_ledger(package, pack)
    by = check_heads(pack, heads, lists)
    info = (package.text("bag-info.txt") or "").split("\n")
    for name, value in (("Bagging-Date", (pack["head_at"] or "")[:10]), ("External-Identifier", pack["head"])):
        if [line for line in info if line.lower().startswith(name.lower())] != [f"{name}: {value}"]:
            finding("bag-info.txt", f"its one line {name} is not {name}: {value}")
    ledger, zones = Ledger(), set()
    for job, chain in chains.items():
        ledger.read(package, job, chain, pack["names"].get(job), zones)
    for name in package.sizes:
        if name.startswith("data/zones/") and name not in zones:
            finding(name, "no line names these rules of a time zone")
    checks = Check(package, pack, ledger)
    checks.runs()
    checks.quarantine()
    checks.sample()
    checks.removals()
    checks.vanished()
    checks.gaps()
    return pack, ledger, checks, by

def report(pack, ledger, checks, by):
    jobs = ", ".join(f"{job} ({name})" if name else job for job, name in pack["names"].items())
    span = "without bounds" if not pack["since"] and not pack["until"] else f"from {pack['since'] or 'the beginning'} to {pack['until'] or 'the end'}"
    say("The evidence package is SOUND, and bound to the head that was given" if by else "The evidence package is SOUND in itself; no published head was given")
    say(f"Archive {pack['archive_id']}, sync {pack['sync_id']} of {pack['head_at']}, head {pack['head']}")
    runs, removed, sample = len(checks.rows), len(checks.removed), pack["sample"]
    absent = sum(run.absent is not None for run in checks.due.values())
    say("Checked and found right:")
    say(f"- jobs: {jobs}; runs that started {span}")
    if runs or removed:
        say(f"- recorded runs of these jobs in this span: {runs + removed:,}; in the package: {runs:,}, of which the server no longer listed {absent:,}; removed by a retention rule before the head, as the ledger proves: {removed:,}")
    else:
        say("- the archive had recorded no run of these jobs in this span, and that is all that this package proves")
    say(f"- {counted(checks.payloads, 'payload')} with the hashes in the ledger; runs.csv, {counted(checks.messages, 'row')} of messages.csv, failures.csv and changes.csv say what they say"
        if not pack["is_redacted"] else "- when each run was recorded, changed and went absent, and the hash of each of its payloads")
    if sample:
        spare = max(0, min(runs - sample["size"], sample["spare"]))
        seed = sample["seed"].replace('"', '\\"')
        say(f"- the sample is the draw by the seed \"{seed}\": {counted(min(runs, sample['size']), 'run')}, and {spare} spare")
    if ledger.pieces:
        say(f"- {counted(len(ledger.pieces), 'piece')} in quarantine")
    if by:
        say("By the head that was given, this is what the archive held then, if that head was published elsewhere at that time.")
    else:
        say("No head was given: the package agrees with itself, and whoever has the program could have made another one. Compare its head with one that was published elsewhere (--head, --head-file).")
    say("Not proved or not compared:")
    for words in (
        ["what runs and messages say, since owners were left out (--redact-owners) and with them the payloads"] if pack["is_redacted"] else []) + (
        [f"whether the server had more runs in spans that gaps.csv does not call complete: {checks.open_spans}"] if checks.open_spans else []) + (
        [f"which is right where the server's own count (TotalJobRuns) is not the number of runs that it listed; complete answers so: {checks.disputed}"] if checks.disputed else []) + assumed + not_compared + (
        [f"by whom, or why, runs were removed, which data/removals.csv leaves empty: {checks.unsaid}"] if checks.unsaid else []) + (
        [f"{counted(ledger.lost, 'revision')} that a salvage of a damaged archive could not save"] if ledger.lost else []) + (
        ["whether a run is missing whose start lies in the span only since times were read anew (reindex)"] if ledger.reindexed and (pack["since"] or pack["until"]) else []) + (
        [f"{counted(checks.moved_out, 'recorded run')} whose start an earlier revision puts into this span and the latest does not: not in the package"] if checks.moved_out else []) + (
        ["what changed in each revision (changes.csv, column what)"] if any(len(run.revisions) > 1 for run in checks.due.values()) else []) + [
        "workpaper.xlsx and README.html: whether they say the same as the CSV files; who prepared the package, and how it was sampled, but for the draw",
        "that the server told the truth, and what it had deleted before it was first asked"]:
        say(f"- {words}")

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", type=pathlib.Path)
    parser.add_argument("--head", action="append", default=[], help="the head that was published elsewhere; of several heads one must be the package's")
    parser.add_argument("--head-file", action="append", default=[], help="a list of heads, as jobruns sync --head-file writes it")
    options = parser.parse_args()
    options.head = [head.strip() for head in options.head]
    for head in options.head:
        if not HEAD.fullmatch(head):
            parser.error(f"{head} is not a head: 64 hexadecimal digits")
    try:
        lists = {name: read_heads(name) for name in options.head_file}
    except OSError as error:
        parser.error(f"could not read the head file: {error}")
    for name, (published, _) in lists.items():
        if not published:
            parser.error(f"{name} holds no head")
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    path = options.package or pathlib.Path(__file__).resolve().parent
    try:
        checked = check(Package(Folder(path) if path.is_dir() else Zip(path)), options.head, lists)
    except (Unreadable, OSError, MemoryError) as error:
        say(f"{path} could not be checked: {str(error) or 'there is not enough memory'}")
        sys.exit(4 if found else 1)
    if found:
        say(f"The evidence package is NOT SOUND: {counted(found, 'finding')}" + (f", of which the first {MOST_FINDINGS} are shown" if found > MOST_FINDINGS else ""))
        sys.exit(4)
    report(*checked)
    without = [(name, lines) for name, (_, lines) in lists.items() if lines]
    for name, lines in without:
        say(f"{name}: {counted(len(lines), 'line')} without a head, cut or changed: line {', '.join(map(str, lines[:20]))}")
    sys.exit(3 if without else 0)

if __name__ == "__main__":
    main()
