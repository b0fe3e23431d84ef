#!/usr/bin/env python3
"""Checks an archive of jobruns without jobruns.

    python3 verify.py ARCHIVE [--head HASH]... [--head-file FILE]...

Written from docs/evidence.md ("The ledger, byte by byte", "Which line may follow which", "How a run is read"), which says what
each rule means. It reads the archive with Python's sqlite3 and changes nothing. Needs Python 3.9 or newer. Payloads are packed
with Zstandard, which Python unpacks from 3.14 on; before that, the package zstandard does (pip install zstandard). Without either,
all that can be checked without unpacking is checked, and what was not is told (exit code 1). Rules of time zones are those that
the archive keeps.

It compares: the schema's own text, the ledger's chain and grammar, published heads, every payload, runs and messages (order,
counts, absences), revisions, quarantine, jobs, servers, syncs, holds, removed runs, the row of the archive. Memory: one run, and a few hundred bytes
per run and revision.

Exit codes: 0 nothing wrong was found, 1 it could not be checked, or not all of it, 2 wrong usage, 3 something was lost by a salvage that no head
had sealed, or a line of a list holds no head, 4 not intact.
"""
import sys
if sys.version_info < (3, 9):
    sys.exit("verify.py needs Python 3.9 or newer, and this is Python " + sys.version.split()[0])
import os  # Python loaded it before it looked into the folder of this script, as it did sys
# That folder may be the archive's: a module in it must not take the place of Python's own.
sys.path = [folder for folder in sys.path if os.path.realpath(folder) != os.path.dirname(os.path.realpath(sys.argv[0]))]
try:
    import argparse, collections, datetime, errno, functools, hashlib, io, json, pathlib, re, sqlite3, zoneinfo
except ImportError as error:
    sys.exit(f"this Python lacks a module of its standard library: {error.name}. Use one from python.org or from your system")

# The tables and views as jobruns makes them: number, name and SQL of each migration. `jobruns verify --script` puts them here;
# in the source of jobruns they are read from the folder migrations.
MIGRATIONS = []

MOST_BYTES = 512 << 20  # the largest payload that jobruns archives
NO_ZSTD = "this Python cannot unpack Zstandard: use Python 3.14 or newer, or install the package zstandard (pip install zstandard)"

try:
    from compression import zstd
    def frame_size(data):
        return zstd.get_frame_info(data).decompressed_size
    def unpack_frame(data, dictionary, size):
        raw = zstd.ZstdDict(dictionary, is_raw=True) if dictionary else None
        frame = zstd.ZstdDecompressor(zstd_dict=raw)
        unpacked = frame.decompress(data, size + 1)
        if not frame.eof or frame.unused_data:
            raise ValueError("it is not one whole frame")
        return unpacked
    can_unpack = True
except ImportError:
    try:
        import zstandard
        def frame_size(data):
            size = zstandard.frame_content_size(data)
            return None if size < 0 else size
        def unpack_frame(data, dictionary, size):
            raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if dictionary else None
            frame = zstandard.ZstdDecompressor(dict_data=raw)  # unpacks no more than the size that the frame states
            try:
                return frame.decompress(data, allow_extra_data=False)
            except TypeError:  # zstandard before 0.19
                return frame.decompress(data)
        can_unpack = True
    except ImportError:
        can_unpack = False

def unpack(data, dictionary, size):
    """The bytes of a payload, which must be `size` bytes: a frame that says otherwise is not unpacked."""
    if size > MOST_BYTES:
        raise ValueError(f"its ledger line says {size} bytes, more than jobruns archives")
    if (stated := frame_size(data)) != size:
        raise ValueError(f"its frame says {stated} bytes, and the ledger {size}")
    return unpack_frame(data, dictionary, size)

READER = 1  # the version of the rules below
found = losses = 0

# What Rust calls white space; Python strips U+001C to U+001F too.
BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)  # a server may send numbers of any length

def say(text):
    try:
        print(text, flush=True)
    except OSError as error:  # whoever reads has read enough; the exit code still tells
        if error.errno not in (errno.EPIPE, errno.EINVAL):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

def finding(place, what, expected=None, got=None):
    global found
    found += 1
    say(f"{place}: {what}" + (f" (expected {expected!r:.200}, found {got!r:.200})" if expected is not got else ""))

def loss(place, what):
    global losses
    losses += 1
    say(f"{place}: {what}")

def note(what):
    print(f"note: {what}", file=sys.stderr)

def rows_of(place, why, number):
    """A count of rows that must not be there."""
    if number:
        finding(place, why, 0, number)

def same(place, expected, got):
    """Compares a row, as a dictionary by column, with what it must be; 1 and 1.0 are not the same."""
    for column, value in expected.items():
        if (type(value), value) != (type(got[column]), got[column]):
            finding(place, f"{column} is wrong", value, got[column])

def sha256(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()

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

# ---- The order-blind hash of what a run says, by which a sync knows a run that comes again in other bytes ------------------------

FIELDS = ("asset", "assetowner", "assettype", "category", "datetime", "message", "messagedetails")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
PLAIN = re.compile('[^,{}\\[\\]" \t\n\r]+')

def with_length(tag, data, length=None):
    """A tag, a length as unsigned LEB128 (that of the data, unless another is given), the data."""
    left, out = len(data) if length is None else length, bytearray(tag)
    while left >= 0x80:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out) + data

def text_at(octets, at):
    """The string at `at` of bytes that are held as Latin-1: what it says, its bytes, whether something was replaced, its end."""
    quoted = QUOTED.match(octets, at)
    data = quoted[1].encode("latin-1")
    text = json.loads('"' + data.decode(errors="replace") + '"', strict=False)
    try:
        data.decode()
        replaced = bool(NO_UNICODE.search(text))
    except UnicodeDecodeError:
        replaced = True
    return shown(text), data, replaced, quoted.end()

def hashed_value(octets, at):
    """Tag and bytes of the value at `at` (of an object or array `w` and what is written of it), and its end."""
    if octets[at] == '"':
        text, data, replaced, end = text_at(octets, at)
        return (b"x", data, end) if replaced else (b"s", text.encode(), end)
    if octets[at] == "{":
        found, end = hashed_members(octets, at)
        return b"w", b"o" + written_members((name, written(value)) for name, value, _ in found), end
    if octets[at] == "[":
        values, end = [], SPACE.match(octets, at + 1).end()
        while octets[end] != "]":
            tag, data, end = hashed_value(octets, end)
            values.append(written((tag, data)))
            end = SPACE.match(octets, end).end()
            end = SPACE.match(octets, end + 1).end() if octets[end] == "," else end
        return b"w", with_length(b"a", b"".join(values), len(values)), end + 1
    plain = PLAIN.match(octets, at)
    return (b"n", b"", plain.end()) if plain[0] == "null" else (b"j", plain[0].encode("latin-1"), plain.end())

def written(value):
    tag, data = value
    return data if tag == b"w" else tag if tag == b"n" else with_length(tag, data)

def hashed_members(octets, at, messages=None):
    """Name, value and place of each member of the object at `at`, and its end; `messages` hashes the list of messages."""
    found, at = [], SPACE.match(octets, at + 1).end()
    while octets[at] != "}":
        name, _, _, at = text_at(octets, at)
        name = name.translate(FOLDED)
        at = SPACE.match(octets, SPACE.match(octets, at).end() + 1).end()  # past the colon
        if messages and name == "jobmessages" and octets[at] == "[":
            data, end = messages(octets, at)
            found.append((name, (b"w", data), at))
        else:
            tag, data, end = hashed_value(octets, at)
            found.append((name, (tag, data), at))
        at = SPACE.match(octets, end).end()
        at = SPACE.match(octets, at + 1).end() if octets[at] == "," else at
    return found, at + 1

def written_members(members):
    """Members by name; of equal names the last counts, and none that is null."""
    members = {name.encode(): value for name, value in members}
    counted = sorted((name, value) for name, value in members.items() if value != b"n")
    return with_length(b"", b"".join(with_length(b"", name) + value for name, value in counted), len(counted))

def hashed_messages(octets, at):
    digests, at = [], SPACE.match(octets, at + 1).end()
    while octets[at] != "]":
        try:
            if octets[at] != "{":
                raise ValueError("no object")
            _, end = JSON.raw_decode(octets, at)
            if octets.count("{", at, end) + octets.count("[", at, end) > 120 and nesting(octets[at:end]) + 2 > 128:
                raise ValueError("nested too deep")
            found, _ = hashed_members(octets, at)
            values = {name: value for name, value, _ in found if name in FIELDS}
            values = [values.get(name, (b"n", b"")) for name in FIELDS]
            head = b"".join(tag if tag == b"n" else with_length(tag, b"", len(data)) for tag, data in values)
            others = written_members((name, written(value)) for name, value, _ in found if name not in FIELDS)
            digest = hashlib.sha256(b"r" + head + others + b"".join(data for _, data in values)).digest()
        except (ValueError, RecursionError):
            end = skip(octets, at)
            digest = hashlib.sha256(b"b" + octets[at:end].encode("latin-1")).digest()
        digests.append(digest)
        at = SPACE.match(octets, end).end()
        at = SPACE.match(octets, at + 1).end() if octets[at] == "," else at
    return with_length(b"m", b"".join(sorted(digests)), len(digests)), at + 1

def content_sha256(payload, run):
    octets = payload.decode("latin-1")
    found, _ = hashed_members(octets, SPACE.match(octets).end(), hashed_messages)
    members = ((name, with_length(b"s", run.encode()) if name == "jobrunid" else written(value)) for name, value, _ in found)
    return hashlib.sha256(b"o" + written_members(members)).digest()

# ---- What is compared ----------------------------------------------------------------------------------------------------------

# refinery's own table, which lists the migrations that were applied.
HISTORY = """CREATE TABLE refinery_schema_history(
             version int4 PRIMARY KEY,
             name VARCHAR(255),
             applied_on VARCHAR(255),
             checksum VARCHAR(255))"""

def checksum(version, name, text):
    """refinery's: SipHash-1-3 with a key of zeros over the name, the version and the text, each text followed by a byte FF."""
    data = name.encode() + b"\xff" + version.to_bytes(4, "little") + text.encode() + b"\xff"
    mask, length = 2**64 - 1, len(data)
    v = [0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573]
    turn = lambda value, bits: (value << bits | value >> 64 - bits) & mask
    def mix():
        for a, b, left, right in ((0, 1, 13, 32), (2, 3, 16, 0), (0, 3, 21, 0), (2, 1, 17, 32)):
            v[a] = v[a] + v[b] & mask
            v[b] = turn(v[b], left) ^ v[a]
            v[a] = turn(v[a], right) if right else v[a]
    data += bytes(-(length + 1) % 8) + bytes([length % 256])
    for at in range(0, len(data), 8):
        word = int.from_bytes(data[at:at + 8], "little")
        v[3] ^= word
        mix()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        mix()
    return v[0] ^ v[1] ^ v[2] ^ v[3]

def needs_what_is_not_here(error):
    return "unknown function" in str(error) or "no such collation" in str(error)

def check_written_by_sqlite(db):
    """SQLite reads kinds and names in its schema without regard to case, and writes them in one way: a row of another form is in
    force and is not what it looks like."""
    forged = db.execute("""SELECT coalesce(type, 'row'), coalesce(name, '') FROM sqlite_schema s
        WHERE type IS NULL OR type NOT IN ('table', 'index', 'view', 'trigger')
           OR type IN ('table', 'view') AND tbl_name IS NOT name
           OR type IN ('index', 'trigger') AND NOT EXISTS (
                SELECT 1 FROM sqlite_schema o WHERE o.type IN ('table', 'view') AND o.name = s.tbl_name)
           OR type = 'index' AND NOT EXISTS (SELECT 1 FROM pragma_index_list(s.tbl_name) i WHERE i.name = s.name)""").fetchall()
    for kind, name in forged:
        finding(f"{kind} {name}", "SQLite does not write such a row of its schema")
    return not forged

def bound(db, size):
    """Bounds on a file that somebody may have made to keep its reader busy for ever: as many instructions of SQLite's machine as
    no sound file of this size needs, and no value larger than a payload may be."""
    left = (100_000_000 + 100 * size) // 10_000
    def count():
        nonlocal left
        left -= 1
        return left < 0
    db.set_progress_handler(count, 10_000)
    db.execute("PRAGMA trusted_schema = OFF")
    if hasattr(db, "setlimit"):  # Python 3.11
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES + (64 << 20))

def check_pages(db):
    """SQLite's own check. Of a table with an index of somebody's that needs what Python does not have, SQLite compares no index:
    the others are compared here."""
    def check(sql):
        for row in db.execute(sql).fetchall():
            if row[0] != "ok":
                finding("the file", row[0])
    name = lambda text: '"' + text.replace('"', '""') + '"'
    try:
        return check("PRAGMA integrity_check")
    except sqlite3.OperationalError as error:
        if not needs_what_is_not_here(error):
            raise
        note(f"an index that somebody added needs what is not here ({error}): its entries were not compared")
    check("PRAGMA quick_check")
    for table, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        try:
            check(f"PRAGMA integrity_check({name(table)})")
            continue
        except sqlite3.OperationalError as error:
            if not needs_what_is_not_here(error):
                raise
        try:
            db.execute(f"SELECT rowid FROM {name(table)} LIMIT 0")
            key = ["rowid"]
        except sqlite3.OperationalError:  # WITHOUT ROWID
            key = [row[0] for row in db.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", [table])]
        for index, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?", [table]).fetchall():
            columns = [row[0] for row in db.execute("SELECT name FROM pragma_index_info(?)", [index])]
            if None in columns:  # of an expression: none of ours has one
                continue
            of = lambda how: f"SELECT {', '.join(map(name, key + columns))} FROM {name(table)} {how}"
            pair = of(f"INDEXED BY {name(index)}"), of("NOT INDEXED")
            for one, other in (pair, pair[::-1]):
                try:
                    differ = db.execute(f"SELECT count(*) FROM (SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other}))").fetchone()[0]
                except sqlite3.OperationalError as error:
                    if "no query solution" in str(error) or needs_what_is_not_here(error):
                        continue  # an analyst's: of some rows, or in an order that is not here
                    raise
                if differ:
                    finding(f"index {index}", "it and its table differ", 0, differ)

def migrations():
    """Number, name and SQL of each migration, in order."""
    if MIGRATIONS:
        return MIGRATIONS
    folder = pathlib.Path(__file__).resolve().parent.parent / "migrations"
    files = [(*file.stem[1:].split("__", 1), file.read_bytes().decode()) for file in folder.glob("V*__*.sql")]
    if not files:
        sys.exit(f"the definitions of the tables are neither in this script nor in {folder}: take the script that "
                 "`jobruns verify --script` prints")
    return sorted((int(number), name, text) for number, name, text in files)

def check_schema(db):
    """The schema's own text against what the migrations make; without it no table says anything."""
    made, applied, files = sqlite3.connect(":memory:"), [], migrations()
    made.execute(HISTORY)
    for number, name, text in files:
        made.executescript(text)
        applied.append((number, name, str(checksum(number, name, text))))
    told = db.execute("""SELECT CAST(entry AS TEXT) FROM ledger WHERE entry_id = 1 OR entry GLOB 'migrated *'
        ORDER BY entry_id DESC LIMIT 1""").fetchone()
    told = re.search(" schema=([0-9]{1,9})(?: |$)", told[0]) if told else None
    versions = db.execute("SELECT version FROM refinery_schema_history ORDER BY 1 LIMIT 1000").fetchall()
    if len(versions) > len(files) and versions == [(number,) for number in range(1, len(versions) + 1)] and told \
            and int(told[1]) == len(versions):
        sys.exit(f"a newer jobruns wrote it (its tables are of version {told[1]}): take the script that that one prints (`jobruns verify --script`)")
    objects = lambda database: {(row[0], row[1]): row[2:] for row in database.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema")}
    # Statistics by which SQLite chooses how to answer: any tool's ANALYZE replaces them, and they change no answer.
    statistics = lambda key: key[0] == "table" and re.fullmatch("sqlite_stat[1-4]", key[1])
    ours, theirs = ({key: text for key, text in objects(database).items() if not statistics(key)} for database in (made, db))
    for (kind, name), text in ours.items():
        if theirs.get((kind, name)) != text:
            finding(f"{kind} {name}", "its definition is not ours" if (kind, name) in theirs else "it is missing")
    names = {name for _, name in ours}
    for kind, name in theirs.keys() - ours.keys():
        table, text = theirs[kind, name]
        # What SQLite itself adds for indexes, keys and statistics of tables that an analyst added.
        if kind == "index" and name.startswith("sqlite_autoindex_") and text is None and ("table", table) not in ours:
            continue
        if kind == "table" and name == "sqlite_sequence":
            continue
        unique = kind == "index" and ("table", table) in ours and any(
            row[1] == name and row[2] for row in db.execute("SELECT * FROM pragma_index_list(?)", [table]))
        if kind == "trigger" or name in names or name.lower().startswith("sqlite_"):
            finding(f"{kind} {name}", "it is not ours")
        elif unique:
            finding(f"{kind} {name}", f"a unique index that is not ours, on {table}: it can keep rows out of the archive")
        else:
            note(f"{kind} {name} was added by somebody")
    for query in ("SELECT * FROM job_statuses", "PRAGMA user_version"):
        if (expected := made.execute(query).fetchall()) != (got := db.execute(query).fetchall()):
            finding("the schema", f"{query} does not say what ours says", expected, got)
    if (got := db.execute("SELECT version, name, checksum FROM refinery_schema_history ORDER BY 1").fetchall()) != applied:
        finding("refinery_schema_history", "its migrations are not ours", applied, got)
    return str(len(files))

def check_values(db):
    """Values that no column of ours can have, and that a view would show as if there were none."""
    for table, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '\\_%' ESCAPE '\\'").fetchall():
        for column in [row[1] for row in db.execute(f"PRAGMA table_info({table})")]:
            for ending, least, most in (("_unix", -62_135_596_800, 253_402_300_799), ("_assumed", 0, 1),
                                        ("_ticks", YEAR_1, 253_402_300_800 * TICKS - 1)):
                if column.endswith(ending):
                    rows_of(table, f"{column} cannot be", db.execute(
                        f"SELECT count(*) FROM {table} WHERE {column} NOT BETWEEN ? AND ?", [least, most]).fetchone()[0])

# ---- The ledger --------------------------------------------------------------------------------------------------------------

VALUES = {"GUID": "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "HASH": "[0-9a-f]{64}", "NUMBER": "(?:0|[1-9][0-9]{0,17})", "WORD": "[!-~]+",
    "TIME": "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", "GUID|-": "(?:-|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    "TIME|-": "(?:-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)",
    "HASH|-": "(?:-|[0-9a-f]{64})", "INSTANT|-": r"(?:-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{0,6}[1-9])?Z)",
    "COUNT": "(?:auto|0|[1-9][0-9]{0,17})", "SECONDS|-": "(?:-|0|-?[1-9][0-9]{0,17})", "OUTCOME": "(?:complete|partial|failed|interrupted)"}
LINES = """
archive id=GUID at=TIME schema=NUMBER
naive-time zone=WORD rules=HASH|- release=WORD at=TIME
job-added job=GUID at=TIME by=HASH|-
job-watched job=GUID at=TIME by=HASH|-
job-unwatched job=GUID at=TIME by=HASH|-
job-named job=GUID at=TIME name=HASH by=HASH|-
job-server job=GUID at=TIME server=HASH by=HASH|-
sync-began sync=NUMBER at=TIME count=COUNT version=WORD process=NUMBER
sync-killed sync=NUMBER at=TIME
sync-ended sync=NUMBER at=TIME outcome=OUTCOME clock=SECONDS|- jobs=NUMBER figures=HASH results=HASH
revision run=GUID number=NUMBER sync=NUMBER at=TIME job=GUID bytes=NUMBER sha256=HASH reader=NUMBER zone=WORD started=INSTANT|-
quarantined id=NUMBER job=GUID sync=NUMBER at=TIME position=NUMBER bytes=NUMBER sha256=HASH kept=HASH reason=HASH run=GUID|-
accepted id=NUMBER at=TIME sha256=HASH why=HASH by=HASH
absent run=GUID sync=NUMBER at=TIME
returned run=GUID sync=NUMBER at=TIME
reindexed at=TIME reader=NUMBER zone=WORD rules=HASH|- release=WORD by=HASH
salvaged at=TIME head=HASH entries=NUMBER by=HASH
salvage-ended at=TIME
lost what=payload entry=NUMBER
lost what=quarantined id=NUMBER
lost what=results sync=NUMBER
lost what=name job=GUID
lost what=server job=GUID
lost what=why sha256=HASH
lost what=by sha256=HASH
clock-set-back from=TIME at=TIME
acknowledged at=TIME heads=NUMBER list=HASH why=HASH by=HASH
hold-added id=NUMBER job=GUID|- at=TIME since=TIME|- until=TIME|- why=HASH by=HASH
hold-released id=NUMBER job=GUID|- at=TIME why=HASH by=HASH
retention-locked at=TIME days=NUMBER by=HASH
removed run=GUID job=GUID at=TIME started=INSTANT|- ended=INSTANT|- revisions=NUMBER messages=NUMBER plan=HASH why=HASH by=HASH
""".strip().splitlines()
LINE = re.compile("|".join(re.sub("=([A-Z|-]+)", lambda value: "=" + VALUES[value[1]], line) for line in LINES))

def read_ledger(db):
    """Computes the chain afresh; each line as number, kind, words, hash."""
    before, lines = bytes(32), []
    rows = db.execute("SELECT entry_id, CAST(entry AS BLOB), entry_hash FROM ledger ORDER BY entry_id")
    for number, (entry_id, line, seal) in enumerate(rows, 1):
        if entry_id != number:
            finding(f"ledger, entry {entry_id}", "its number is wrong: lines are missing or were added", number, entry_id)
        if hashlib.sha256(before + line).digest() != seal:
            finding(f"ledger, entry {entry_id}", "its hash is not that of the hash before and its line")
        before = seal
        text = line.decode(errors="replace")
        kind, *words = text.split(" ")
        words = dict(word.partition("=")[::2] for word in words)
        try:
            for word in ("at", "started", "ended", "since", "until"):
                if words.get(word, "-") != "-":
                    datetime.datetime.fromisoformat(words[word][:19])
            readable = LINE.fullmatch(text)
        except ValueError:
            readable = None
        if readable:
            lines.append((entry_id, kind, words, seal.hex()))
        else:
            finding(f"ledger, entry {entry_id}", f"it is not a line of a ledger: {text!r:.200}")
    return lines, before.hex()

def ticks_of(text):
    """100 ns since 1970 UTC of a time of a line."""
    return None if text == "-" else ticks(text, None)[0]

def covers(words, started, ended):
    """Whether a hold covers a run from its start to its end; one without any time is covered by every hold."""
    times = [at for at in (started, ended) if at is not None]
    since, until = ticks_of(words["since"]), ticks_of(words["until"])
    return not times or (since is None or max(times) >= since) and (until is None or min(times) < until)

def is_older(started, ended, at, days):
    """Whether a run had ended (started, where it has no end) so many days before the last UTC midnight."""
    end = started if ended is None else ended
    at = ticks_of(at)
    return end is not None and end < at - at % (86_400 * TICKS) - days * 86_400 * TICKS

ABOUT_A_SYNC = ("sync-ended", "sync-killed", "revision", "quarantined", "absent", "returned")

def check_grammar(lines):
    """Which line may follow which. Returns what later lines do to earlier ones: entry, kind, words, first entry that it takes
    back, what was lost, and the hash by which a list of heads names it."""
    bound, open_sync, last_sync, last_quarantined, zone, block = "", None, 0, 0, None, None
    latest, absent, jobs, kept, revisions, lost = {}, set(), set(), {}, collections.defaultdict(dict), set()
    told, acts = {}, []  # the line that told of something that a salvage may lose, and its words
    holds, last_hold, locked, removed, job_of_run, first_lines = {}, 0, 0, set(), {}, {}
    seen_again = {}  # runs that were absent when the salvage told of a revision of them, and the entries of those
    for number, (entry, kind, words, seal) in enumerate(lines, 1):
        wrong = lambda why: finding(f"ledger, entry {entry}", f"{kind} may not stand there: {why}")
        at, run, job, sync = (words.get(word) for word in ("at", "run", "job", "sync"))
        if (kind == "archive") != (number == 1):
            wrong("the first line, and no other, says what the archive is")
        # Times.
        if kind == "clock-set-back":
            if block or words["from"] != bound or at >= bound:
                wrong(f"the clock is set back from the latest time so far, {bound}, to an earlier one")
            bound = at
            acts.append((entry, kind, words, None, None, seal))
        elif block and kind != "salvage-ended":
            if at and at > block[0]:
                wrong(f"its time {at} is later than that of its salvage, {block[0]}")
        elif at:
            if at < bound:
                wrong(f"its time {at} is earlier than {bound} of a line before, and no line says that the clock was set back")
            bound = max(bound, at)
        # Syncs.
        if kind == "sync-began":
            if open_sync is not None:
                wrong(f"sync {open_sync} has not ended")
            if int(sync) <= last_sync or not block and int(sync) != last_sync + 1:
                wrong(f"sync {sync} follows sync {last_sync}")
            open_sync, last_sync = int(sync), max(last_sync, int(sync))
        elif kind in ABOUT_A_SYNC and int(sync) != open_sync:
            wrong(f"it speaks of sync {sync}, and " + ("no sync is" if open_sync is None else f"sync {open_sync} is") + " open")
        elif (kind in ("reindexed", "acknowledged", "salvage-ended") or kind == "removed" and not block) and open_sync is not None:
            wrong(f"sync {open_sync} has not ended")
        if kind in ("sync-ended", "sync-killed"):
            open_sync = None
        # Jobs.
        if kind == "job-added":
            if job in jobs:
                wrong(f"job {job} was added before")
            jobs.add(job)
        elif job and job != "-" and kind not in ("lost", "hold-released") and job not in jobs:
            wrong(f"job {job} was not added before")
        # Holds and removal.
        if kind == "hold-added":
            if int(words["id"]) <= last_hold or not block and int(words["id"]) != last_hold + 1:
                wrong(f"hold {words['id']} follows hold {last_hold}")
            if "-" not in (words["since"], words["until"]) and words["since"] >= words["until"]:
                wrong("its span has no second")
            last_hold = max(last_hold, int(words["id"]))
            holds[words["id"]] = words
        elif kind == "hold-released":
            if words["id"] not in holds:
                wrong(f"there is no hold {words['id']} in force")
            elif holds.pop(words["id"])["job"] != job:
                wrong(f"its job is not that of hold {words['id']}")
        elif kind == "retention-locked":
            if int(words["days"]) <= locked:
                wrong(f"runs of {locked} days are locked before, and that can only be lengthened")
            locked = max(locked, int(words["days"]))
        elif run in removed and kind in ("revision", "quarantined", "absent", "returned", "removed"):
            wrong(f"run {run} was removed before")
        elif kind == "removed":
            started, ended = ticks_of(words["started"]), ticks_of(words["ended"])
            before = latest.get(run, 0)
            if block and int(words["revisions"]) < max(before, 1) or not block and (int(words["revisions"]) != before or not before):
                wrong(f"it says that run {run} had {words['revisions']} revisions, and the latest is {before}")
            elif job_of_run.get(run, job) != job:
                wrong(f"run {run} is not one of job {job}")
            elif not is_older(started, ended, at, max(locked, 1)):
                wrong(f"run {run} was not {max(locked, 1)} days old")
            for number, hold in holds.items() if not block else ():
                if hold["job"] in ("-", job) and covers(hold, started, ended):
                    wrong(f"hold {number} keeps run {run}")
                    break
            first = first_lines.get(run, entry)
            if acts and acts[-1][1] == "removed" and acts[-1][4][0] == entry - 1 and acts[-1][2]["plan"] == words["plan"]:
                first_entry, _, first_words, sealed, (_, runs), _ = acts.pop()
                acts.append((first_entry, kind, first_words, min(sealed, first), (entry, runs + [run]), seal))
            else:
                acts.append((entry, kind, words, first, (entry, [run]), seal))
            removed.add(run)
        # Runs.
        if kind == "revision":
            job_of_run[run] = job
            first_lines.setdefault(run, entry)
            revision, before = int(words["number"]), latest.get(run, 0)
            if revision <= before or not block and revision != before + 1 or revision >= 2**32:
                wrong(f"revision {revision} of run {run} follows revision {before}")
            latest[run] = revisions[run][entry] = revision
            told["payload", str(entry)] = entry, f"revision {revision} of run {run}"
            if block:  # its line `returned` may be lost
                if run in absent:
                    absent.discard(run)
                    seen_again[run] = set()
                if run in seen_again:
                    seen_again[run].add(entry)
        elif kind in ("absent", "returned"):
            if run in removed:
                pass
            elif not latest.get(run):
                wrong(f"run {run} was never archived")
            elif (run in absent) != (kind == "returned"):
                wrong(f"run {run} was {'not ' if kind == 'returned' else ''}absent before")
            (absent.add if kind == "absent" else absent.discard)(run)
        # Quarantine.
        elif kind == "quarantined":
            if int(words["id"]) <= last_quarantined or not block and int(words["id"]) != last_quarantined + 1:
                wrong(f"number {words['id']} in quarantine follows number {last_quarantined}")
            last_quarantined = max(last_quarantined, int(words["id"]))
            kept[words["id"]] = words["sha256"]
            told["quarantined", words["id"]] = entry, f"number {words['id']} in quarantine"
        elif kind == "accepted":
            if words["id"] not in kept:
                wrong(f"there is no number {words['id']} in quarantine that is not accepted")
            elif kept.pop(words["id"]) != words["sha256"]:
                wrong(f"its sha256 is not that of number {words['id']} in quarantine")
        elif kind == "naive-time":
            if zone not in (None, words["zone"]) and block is None:
                wrong(f"it changes the zone of times without offset from {zone} to {words['zone']}, which only reindexed may")
            if zone is not None:
                acts.append((entry, kind, words, None, None, seal))
            zone = words["zone"]
        elif kind == "reindexed":
            zone = words["zone"]
            if int(words["reader"]) > READER:
                finding(f"ledger, entry {entry}", f"it reads all by rules of version {words['reader']}, and this script knows {READER}")
            acts.append((entry, kind, words, 1, None, seal))
        # Salvage.
        elif kind == "salvaged":
            if block:
                wrong("the salvage before has not ended")
            if int(words["entries"]) != number - 1 or number > 1 and words["head"] != lines[number - 2][3]:
                wrong("it does not name number and hash of the line before")
            block = at, len(acts)
            acts.append((entry, kind, words, 1, None, seal))
        elif kind == "lost":
            what, name = list(words.values())
            if not block:
                wrong("only a salvage may say that something is lost")
            if (what, name) not in told:
                wrong("no line before tells of it")
            sealed, thing = told.get((what, name), (entry, " ".join(words.values())))
            acts.append((entry, kind, {**words, "at": block and block[0]}, sealed, thing, seal))
            if what == "payload":
                lost.add(int(name))
            elif what == "quarantined":
                kept.pop(name, None)
            elif what in ("why", "by"):  # the same text may be named again
                told.pop((what, name), None)
        elif kind == "salvage-ended":
            if not block:
                wrong("no salvage has begun")
            else:  # the list of heads names all that the salvage did by this line
                acts[block[1]:] = [(*act[:2], {**act[2], "in-salvage": "1"}, *act[3:-1], seal) for act in acts[block[1]:]]
                block = None
            absent |= {run for run, entries in seen_again.items() if entries <= lost}
            seen_again = {}
            for run in [run for run, numbers in revisions.items() if numbers.keys() & lost]:
                latest[run] = max((number for entry, number in revisions[run].items() if entry not in lost), default=0)
                if not latest[run]:
                    absent.discard(run)
        elif kind == "acknowledged":
            acts.append((entry, kind, words, None, None, seal))
        elif kind == "sync-ended":
            told["results", sync] = entry, f"what sync {sync} found of its jobs"
        elif kind in ("job-named", "job-server"):
            what = kind.removeprefix("job-")
            what = "name" if what == "named" else what
            told[what, job] = entry, f"the {what} of job {job}"
        if "why" in words and kind != "accepted":
            told.setdefault(("why", words["why"]), (entry, f"the reason {words['why']} that entry {entry} names"))
        if words.get("by", "-") != "-":
            told.setdefault(("by", words["by"]), (entry, f"who acted in entry {entry} (SHA-256 {words['by']})"))
    if block:
        finding("ledger", "a salvage has begun and not ended")
    return acts

HEAD = re.compile("[0-9a-fA-F]{64}")
Published = collections.namedtuple("Published", "place time what archive head")

def read_heads(name):
    """The lines of a list of heads: TIME WHAT ARCHIVE_ID HEAD, or any words of which the last is a head."""
    published = []
    for number, line in enumerate(pathlib.Path(name).read_bytes().decode("utf-8", "replace").split("\n"), 1):
        words = line.removeprefix("\ufeff").split()
        if not words or words[0].startswith("#"):
            continue
        if not HEAD.fullmatch(words[-1]):
            loss(f"{name}, line {number}", "it holds no head")
            continue
        time, what, archive = words[:-1] if len(words) == 4 else (*words[:-1], None, None, None)[:3] if len(words) < 4 else (None,) * 3
        if archive and not re.fullmatch(VALUES["GUID"], archive.lower()):
            archive = None
        place = f"{name}, line {number}" + (f", of {time}" if time else "")
        published.append(Published(place, time, what, archive and archive.lower(), words[-1].lower()))
    return published

def check_heads(lines, acts, heads, lists, actors, reasons):
    """Published heads: whether their history is held, and what later lines did to what they had sealed. Returns up to where the
    newest head that is held seals the history, in words."""
    archive = lines[0][2].get("id") if lines else None
    entries = {seal: (entry, kind, words) for entry, kind, words, seal in lines}
    given_up = {seal: words for _, kind, words, seal in lines if kind == "acknowledged"}
    listed, demanded = set(), []
    for head in heads:
        if head not in entries:
            finding("ledger", "the history sealed by this head is not held", head, "no line with this hash")
        demanded.append(head)
    for name, published in lists.items():
        ours = [line for line in published if line.archive in (None, archive)]
        if others := len(published) - len(ours):
            note(f"{name}: {others} lines of other archives were left aside")
        if published and not ours:
            finding(name, "it has lines, and none of this archive", archive, sorted({line.archive for line in published}))
        missing = {}
        for line in ours:
            demanded.append(line.head)
            if line.archive:
                listed.add((line.what, line.head))
            if line.head not in entries:
                missing.setdefault(line.head, line)
            elif line.archive and line.what == "acknowledge" and (words := given_up.get(line.head)) and (words["heads"], words["list"]) \
                    == (str(len(missing)), sha256("".join(f"{head}\n" for head in missing))):
                missing.clear()
        for head, line in missing.items():
            finding(line.place, "the history sealed by this head is not held", head, "no line with this hash")
    held = sorted((entries[head] for head in demanded if head in entries), key=lambda line: line[0])
    sealed = [entry for entry, _, _ in held]
    until = None
    if held:
        entry, kind, words = held[-1]
        until = f"sync {words['sync']}" if kind == "sync-ended" else f"ledger entry {entry}"
        until += f" of {words['at'][:10]}" if "at" in words else ""
        say(f"history up to {until} is held")
    for entry, kind, words, takes_back, thing, seal in acts:
        said = {
            "reindexed": lambda: f"every table was made anew at {words['at']}: times without offset of all earlier revisions are "
                f"read in {words['zone']} since",
            "salvaged": lambda: f"the archive was taken out of a damaged one at {words['at']}",
            "lost": lambda: f"{thing} was lost, as the salvage of {words['at']} says",
            "naive-time": lambda: f"times without offset that were received from {words['at']} on are read by the rules of "
                f"{words['zone']} of release {words['release']}",
            "removed": lambda: f"{len(thing[1])} runs were removed by a retention rule at {words['at']} (run {', '.join(thing[1][:3])}"
                f"{f' and {len(thing[1]) - 3} others' if len(thing[1]) > 3 else ''}; plan {words['plan']}; reason: "
                f"{reasons.get(words['why'], 'SHA-256 ' + words['why'])})",
            "clock-set-back": lambda: f"the clock was set back from {words['from']} to {words['at']}",
            "acknowledged": lambda: f"{words['heads']} published heads that this archive does not hold were given up at {words['at']}; "
                f"reason: {reasons.get(words['why'], 'SHA-256 ' + words['why'])}",
        }[kind]()
        if "by" in words:
            said += f"; by {actors[words['by']]}" if words["by"] in actors else f"; by whom is not known (SHA-256 {words['by']})"
        act = {"reindexed": "reindex", "salvaged": "salvage", "lost": "salvage", "removed": "retain"}.get(kind)
        act = "salvage" if act and "in-salvage" in words else act
        if (act, seal) not in listed and takes_back and any(takes_back <= head < entry for head in sealed):
            finding(f"ledger, entry {entry}", f"a head that was published before seals what this line takes back or rereads: {said}")
        elif kind == "lost" and (act, seal) not in listed:
            loss(f"ledger, entry {entry}", said)
        else:
            note(f"ledger, entry {entry}: {said}")
    return until

def check_actors(db, lines):
    """Who acted."""
    told = set()
    for _, kind, words, _ in lines:
        if words.get("by", "-") != "-":
            told.add(words["by"])
        elif kind == "lost" and words["what"] == "by":
            told.discard(words["sha256"])
    rows = {row["by_sha256"].hex(): row["actor"] for row in db.execute("SELECT * FROM _actor")}
    if rows.keys() != told:
        finding("_actor", "its rows are not those of the ledger", sorted(told), sorted(rows))
    for seal, actor in rows.items():
        if sha256(actor) != seal:
            finding("_actor", "the text is not the one that the ledger names", seal, sha256(actor))

def check_reasons(db, lines):
    """Reasons that people gave."""
    told = set()
    for _, kind, words, _ in lines:
        if "why" in words and kind != "accepted":
            told.add(words["why"])
        elif kind == "lost" and words["what"] == "why":
            told.discard(words["sha256"])
    rows = {row["why_sha256"].hex(): row["why"] for row in db.execute("SELECT * FROM _reason")}
    if rows.keys() != told:
        finding("_reason", "its rows are not those of the ledger", sorted(told), sorted(rows))
    for seal, why in rows.items():
        if sha256(why) != seal:
            finding("_reason", "the reason is not the one that the ledger names", seal, sha256(why))

def lost_things(lines, what, word):
    """Numbers of what a salvage could not save; the ledger says so itself."""
    return {int(words[word]) for _, kind, words, _ in lines if kind == "lost" and words["what"] == what}

def removed_runs(lines):
    """Runs that a retention rule removed: the words of the line."""
    return {words["run"]: words for _, kind, words, _ in reversed(lines) if kind == "removed"}

def check_retention(db, lines):
    """Holds and removed runs: the views, and the numbers beneath them."""
    holds, removed, lost = {}, {}, lost_things(lines, "payload", "entry")
    dash = lambda value: None if value == "-" else value
    for run, words in removed_runs(lines).items():
        removed[run] = {"job_id": words["job"], "started_at": dash(words["started"]), "revisions": int(words["revisions"]),
            "messages": int(words["messages"]), "removed_at": words["at"], "plan": words["plan"], "ended_ticks": ticks_of(words["ended"]),
            "by": words["by"], "why": words["why"], "first_seen": None, "absent_since": None}
    for entry, kind, words, _ in lines:
        if kind == "hold-added":
            holds[int(words["id"])] = {"job_id": dash(words["job"]), "since": dash(words["since"]), "until": dash(words["until"]),
                "added_at": words["at"], "by": words["by"], "why": words["why"], "released_at": None, "released_by": None, "released_why": None}
        elif kind == "hold-released":
            holds[int(words["id"])].update(released_at=words["at"], released_by=words["by"], released_why=words["why"])
        elif words.get("run") in removed:
            row = removed[words["run"]]
            if kind == "revision" and entry not in lost:
                row.update(first_seen=row["first_seen"] or words["at"], absent_since=None)
            elif kind in ("absent", "returned"):
                row["absent_since"] = words["at"] if kind == "absent" else None
    time = lambda column: f"strftime('%Y-%m-%dT%H:%M:%SZ', b.{column}, 'unixepoch')"
    for table, key, expected, sql in (
        ("holds", "hold_id", holds, """SELECT v.*, lower(hex(b.added_by)) AS "by", lower(hex(b.added_why)) AS why,
            CASE WHEN b.released_by IS NOT NULL THEN lower(hex(b.released_by)) END AS released_by_hash, b.job_key,
            CASE WHEN b.released_why IS NOT NULL THEN lower(hex(b.released_why)) END AS released_why
            FROM holds v JOIN _hold b USING (hold_id)"""),
        ("removed_runs", "job_run_id", removed, f"""SELECT v.*, lower(hex(b.removed_by)) AS "by", lower(hex(b.removed_why)) AS why,
            b.ended_ticks, {time("first_seen_unix")} AS first_seen, {time("absent_since_unix")} AS absent_since
            FROM removed_runs v JOIN _removed_run b USING (job_run_id)"""),
    ):
        rows = {row[key]: dict(row) for row in db.execute(sql)}
        if rows.keys() != expected.keys():
            finding(table, "its rows are not those of the ledger", sorted(expected), sorted(rows))
        for name in rows.keys() & expected.keys():
            row = rows[name]
            if table == "holds":
                row["released_by"] = row["released_by_hash"]
                if expected[name]["job_id"] is None:
                    same(f"holds, {name}", {"job_key": None}, row)
            same(f"{table}, {name}", expected[name], row)
    for table, stored, key in (("holds", "_hold", "hold_id"), ("removed_runs", "_removed_run", "job_run_id")):
        rows_of(stored, "it has rows that the view does not show", db.execute(
            f"SELECT count(*) FROM {stored} WHERE {key} NOT IN (SELECT {key} FROM {table})").fetchone()[0])

MESSAGE = ("job_id", "ordinal", "occurred_at", "message", "message_details", "category", "asset", "asset_type", "asset_owner",
    "occurred_at_raw", "time_basis", "absent_since")

def check_revision(db, place, run, words, seal, latest):
    """The row of a revision; `latest` is what its payload says, as far as that is known."""
    row = db.execute("SELECT * FROM run_revisions WHERE job_run_id = ? AND revision = ?", [run, int(words["number"])]).fetchone()
    if row is None:
        return finding(place, "its row in run_revisions is missing")
    same(f"{place}, run_revisions", {"sync_id": int(words["sync"]), "captured_at": words["at"], "payload_sha256": words["sha256"],
        "entry_hash": seal, **{column: latest[column] for column in ("status", "status_name", "message_count") if latest}}, row)

def started_then(run, started_assumed, zone, then):
    """The start of a run as it was read when its line was written; None where the rules of the zone of then are gone."""
    if then is zone or not started_assumed and (run["started_at"] or then is GONE):
        return run["started_at"] or "-"
    if then is GONE:
        return None
    raw = run["started_at_raw"]
    return utc(read_time(raw, raw, then)[0]) or "-"

def check_runs(db, lines, rules, zones):
    """Payloads, revisions, runs and messages, run by run."""
    lost, removed = lost_things(lines, "payload", "entry"), removed_runs(lines)
    runs, absent = collections.defaultdict(list), {}
    for entry_id, kind, words, seal in lines:
        if kind == "revision" and entry_id not in lost and words["run"] not in removed:
            runs[words["run"]].append((entry_id, words, seal))
            absent[words["run"]] = None  # whoever sent it lists the run
        elif kind in ("absent", "returned"):
            absent[words["run"]] = words["at"] if kind == "absent" else None
    payloads = messages = 0
    for run, in [tuple(row) for row in db.execute("SELECT job_run_id FROM _run")]:
        if run in removed:
            finding(f"run {run}", "the ledger says that it was removed, and here is a row of it")
    packed_by = {key: data for key, data in db.execute("SELECT dictionary_key, bytes FROM dictionary")}
    for run, revisions in runs.items():
        held, latest, judged, counts = [], None, True, {}
        for entry_id, words, seal in revisions:
            place = f"run {run}, revision {words['number']} (ledger, entry {entry_id})"
            row = db.execute("SELECT data, dictionary_key FROM payload WHERE entry_id = ?", [entry_id]).fetchone()
            try:
                data, dictionary = row[0], None if row[1] is None else packed_by[row[1]]
                payload = unpack(data, dictionary, int(words["bytes"])) if can_unpack else None
            except MemoryError:
                raise
            except Exception as error:
                finding(place, f"its payload is missing or cannot be unpacked ({type(error).__name__}: {error})")
                judged = False
                continue
            if payload is None:
                payloads += 1
                judged = False
                check_revision(db, place, run, words, seal, {})
                continue
            if sha256(payload) != words["sha256"] or str(len(payload)) != words["bytes"]:
                finding(place, "its payload is not the one that the ledger names", words["sha256"], sha256(payload))
                judged = False
                continue
            payloads += 1
            again = rules[-1] if rules and entry_id < rules[-1][0] else None
            reader = again[1] if again else words["reader"]
            said = [line for line in zones if line[0] < entry_id][-1:] or [(0, "utc", None)]
            if said[0][1] != words["zone"]:
                finding(place, "its zone is not the one that the lines before it say", said[0][1], words["zone"])
                judged = False
                continue
            zone = next(line[2] for line in zones if line[0] == again[0]) if again else said[0][2]
            if int(reader) > READER:
                finding(place, f"it is read by rules of version {reader}, and this script knows {READER}")
                judged = False
                continue
            latest, assumed, came, unreadable = read_run(payload, zone)
            counts = {"has_message_list": int(came is not None), "unreadable_messages": unreadable,
                **{column: value if value is None else int(value) for column, value in assumed.items()}}
            if latest["job_run_id"] != run:
                finding(place, "it is the payload of another run", run, latest["job_run_id"])
                judged = False
                continue
            started = started_then(latest, started_assumed=assumed["started_assumed"], zone=zone, then=said[0][2])
            if int(words["reader"]) <= READER and started not in (None, words["started"]):
                finding(place, "the start of its run is not the one that the ledger says", words["started"], started)
            if came is not None:
                take_in(held, came, unreadable == 0, words["at"])
            check_revision(db, place, run, words, seal, latest)
        if not judged and can_unpack:
            continue
        row = db.execute("SELECT * FROM runs WHERE job_run_id = ?", [run]).fetchone()
        if row is None:
            finding(f"run {run}", "its row in runs is missing")
            continue
        same(f"run {run}, runs", {**(latest or {}), "job_id": revisions[0][1]["job"], "revision": int(revisions[-1][1]["number"]),
            "first_seen_at": revisions[0][1]["at"], "last_changed_at": revisions[-1][1]["at"], "absent_since": absent.get(run)}, row)
        if not can_unpack:
            continue
        counts.update(messages_held=len(held), messages_present=sum(since is None for _, since in held))
        stored = db.execute("SELECT * FROM _run WHERE job_run_id = ?", [run]).fetchone()
        if stored["content_sha256"] is None:
            counts["seen_sha256"] = bytes.fromhex(revisions[-1][1]["sha256"])
        else:  # the bytes that came last may be other ones that say the same
            counts["content_sha256"] = content_sha256(payload, run)
        same(f"run {run}, run", counts, stored)
        rows = db.execute(f"SELECT {', '.join(MESSAGE)} FROM messages WHERE job_run_id = ? ORDER BY ordinal", [run]).fetchall()
        if len(rows) != len(held):
            finding(f"run {run}, messages", "there are more or fewer than its payloads have", len(held), len(rows))
        for ordinal, ((message, since), got) in enumerate(zip(held, rows)):
            if (expected := (row["job_id"], ordinal, *message, since)) != tuple(got):
                same(f"run {run}, message {ordinal}", dict(zip(MESSAGE, expected)), got)
        messages += len(rows)
    for table, expected in (("_run", len(runs)), ("_revision", sum(map(len, runs.values()))), ("payload", payloads),
                            *([("_message", messages)] if can_unpack else [])):
        if (count := db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) != expected and not found:
            finding(table, "it has rows of which the ledger says nothing", expected, count)
    times = """SELECT count(*) FROM _run r WHERE (messages_without_time, first_message_ticks, last_message_ticks) IS NOT (
        SELECT count(*) - count(occurred_ticks), min(occurred_ticks), max(occurred_ticks) FROM _message
        WHERE message_key BETWEEN r.run_key << 24 AND (r.run_key << 24) + 16777215)"""
    if not found:
        rows_of("_run", "the times of its messages are others", db.execute(times).fetchone()[0])
    for table, key in (("_message_kind", "kind_key"), ("_asset", "asset_key"), ("_message_detail", "detail_key")):
        unused = f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT {key} FROM _message WHERE {key} IS NOT NULL)"
        if not found:
            rows_of(table, "no message has a text of it", db.execute(unused).fetchone()[0])
    return payloads, messages

GONE = object()  # rules of a zone that a later line took the place of, and that the archive no longer has

def check_zones(db, lines):
    """The zone from each line on that names one: entry, name, rules as the archive keeps them (None: UTC)."""
    rows = {(row["zone"], row["sha256"].hex(), row["release"]): row["tzif"] for row in db.execute("SELECT * FROM _zone_rules")}
    told = [(entry_id, words["zone"], words["rules"], words["release"]) for entry_id, kind, words, _ in lines if kind in ("naive-time", "reindexed")]
    reread = max((entry_id for entry_id, kind, *_ in lines if kind == "reindexed"), default=0)
    zones = []
    for entry_id, name, rules, release in told:
        zone, tzif = None, rows.get((name, rules, release))
        if (name, rules, release) != ("utc", "-", "-"):
            place = f"zone_rules (ledger, entry {entry_id})"
            wrong = finding if entry_id >= reread else lambda *_: None
            zone = GONE if entry_id < reread else None
            if tzif is None or sha256(tzif) != rules:
                wrong(place, f"the rules of {name} are missing, or not those that the ledger names", rules, tzif and sha256(tzif))
            else:
                try:
                    zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(tzif), key=name)
                except Exception as error:
                    wrong(place, f"the rules of {name} cannot be read ({type(error).__name__}: {error})")
        zones.append((entry_id, name, zone))
    for rules in rows.keys() - {tuple(rules) for _, *rules in told}:
        finding("zone_rules", "the ledger does not tell of these rules of a time zone", None, " ".join(rules))
    return zones

def check_archive(db, lines, version):
    told = [words for _, kind, words, _ in lines if kind in ("naive-time", "reindexed")][-1:]
    zone, rules, release = ([words[word] for words in told if words[word] != "-"] for word in ("zone", "rules", "release"))
    rows = db.execute("""SELECT only, archive_id, strftime('%Y-%m-%dT%H:%M:%SZ', made_unix, 'unixepoch') AS made_at,
        naive_time, zone_release, CASE WHEN zone_rules NOT NULL THEN lower(hex(zone_rules)) END AS zone_rules FROM _archive""").fetchall()
    if len(rows) != (lines != []):
        finding("archive", "it has not one row", 1, len(rows))
    if lines and lines[0][2].get("schema") != version:
        finding("ledger, entry 1", "it names another version of the tables than theirs", version, lines[0][2].get("schema"))
    for row in rows:
        words = lines[0][2] if lines else {}
        same("archive", {"only": 1, "archive_id": words.get("id"), "made_at": words.get("at"), "naive_time": zone[0] if zone else None,
            "zone_rules": rules[0] if rules else None, "zone_release": release[0] if release else None}, row)

def check_jobs(db, lines, last):
    """Jobs and servers; `last` is what syncs leave in the row of a job."""
    jobs, servers = {}, {words["server"] for _, kind, words, _ in lines if kind == "job-server"}
    for row in db.execute("SELECT url FROM _server"):
        if sha256(row["url"]) not in servers:
            finding("server", "the ledger does not tell of a server with this address", None, row["url"])
    for _, kind, words, _ in lines:
        if kind == "job-added":
            jobs[words["job"]] = {"watched": 0, "name": None, "server": None, "first_seen_at": words["at"],
                "last_synced_at": None, "last_answered_at": None, "last_error": None, "total_job_runs": None, **last.get(words["job"], {})}
        elif kind in ("job-watched", "job-unwatched"):
            jobs[words["job"]]["watched"] = int(kind == "job-watched")
        elif kind in ("job-named", "job-server"):
            word = "name" if kind == "job-named" else "server"
            jobs[words["job"]][word] = words[word]
        elif kind == "lost" and words["what"] in ("name", "server"):
            jobs[words["job"]][words["what"]] = None
    rows = {row["job_id"]: dict(row) for row in db.execute("SELECT * FROM jobs")}
    if rows.keys() != jobs.keys():
        finding("jobs", "they are not those of the ledger", sorted(jobs), sorted(rows))
    for job in jobs.keys() & rows.keys():
        row = rows[job]
        same(f"job {job}", jobs[job], {**row, **{column: row[column] and sha256(row[column]) for column in ("name", "server")}})

def check_quarantine(db, lines):
    lost = lost_things(lines, "quarantined", "id")
    removed = removed_runs(lines)
    kept = {int(words["id"]): words for _, kind, words, _ in lines
            if kind == "quarantined" and int(words["id"]) not in lost and words["run"] not in removed}
    accepted = {int(words["id"]): (words["at"], words["why"]) for _, kind, words, _ in lines if kind == "accepted"}
    gone = lost_things(lines, "payload", "entry")
    gone = {words["run"] for entry_id, kind, words, _ in lines if kind == "revision" and entry_id in gone}
    rows = {row["quarantine_id"]: row for row in db.execute("""SELECT q.*, b.accepted_why, b.run_key, r.job_run_id AS run
        FROM quarantine q JOIN _quarantined b USING (quarantine_id) LEFT JOIN _run r USING (run_key)""")}
    if rows.keys() != kept.keys():
        finding("quarantine", "its rows are not those of the ledger", sorted(kept), sorted(rows))
    for number in kept.keys() & rows.keys():
        words, row = kept[number], rows[number]
        at, why = accepted.get(number, (None, None))
        run = None if words["run"] == "-" or words["run"] in gone and row["run"] is None else words["run"]
        same(f"quarantine {number}", {"job_id": words["job"], "sync_id": int(words["sync"]), "captured_at": words["at"], "position": int(words["position"]),
            "kept": words["kept"], "reason": words["reason"], "accepted_at": at, "accepted_why": why, "payload_bytes": int(words["bytes"]),
            "payload_sha256": words["sha256"], "run": run, **({} if run else {"run_key": None})},
            {**dict(row), "kept": sha256(row["payload"]), "reason": sha256(row["reason"]),
             "accepted_why": row["accepted_why"] and sha256(row["accepted_why"])})

FIGURES = {"attempts": "attempts", "runs_seen": "seen", "runs_new": "new", "runs_changed": "changed", "runs_unchanged": "unchanged",
    "runs_quarantined": "quarantined", "runs_absent": "absent", "messages_new": "messages", "body_bytes": "bytes"}

def check_syncs(db, lines):
    """Syncs and what each found of its jobs; returns what they leave in the rows of jobs, and what each sync found."""
    every = {}
    lost, last = lost_things(lines, "results", "sync"), collections.defaultdict(dict)
    syncs = {}
    for _, kind, words, seal in lines:
        if kind == "sync-began":
            syncs[int(words["sync"])] = {"started_at": words["at"], "finished_at": None, "outcome": None, "head": None, "clock_skew_seconds": None, "tool_version": words["version"],
                "count_asked": None if words["count"] == "auto" else int(words["count"]),
                "fetch": {"auto": "auto", "0": "full"}.get(words["count"], "count"), "process_id": int(words["process"])}, None
        elif kind == "sync-killed":
            syncs[int(words["sync"])][0]["outcome"] = "interrupted"
        elif kind == "sync-ended":
            row = {**syncs[int(words["sync"])][0], "finished_at": words["at"], "outcome": words["outcome"], "head": seal,
                   "clock_skew_seconds": None if words["clock"] == "-" else int(words["clock"])}
            syncs[int(words["sync"])] = row, words
    rows = {row["sync_id"]: row for row in db.execute("SELECT s.*, b.count_asked, b.process_id FROM syncs s JOIN _sync b USING (sync_id)")}
    if rows.keys() != syncs.keys():
        finding("syncs", "they are not those of the ledger", sorted(syncs), sorted(rows))
    for table in ("_sync_job", "_sync_job_unchanged"):
        rows_of(table, "it has rows of a sync or job that is not there", db.execute(f"""SELECT count(*) FROM {table}
            WHERE sync_id NOT IN (SELECT sync_id FROM _sync) OR job_key NOT IN (SELECT job_key FROM _job)""").fetchone()[0])
    for sync in sorted(syncs.keys() & rows.keys()):
        expected, ended = syncs[sync]
        same(f"sync {sync}", expected, rows[sync])
        results, sums = {}, collections.Counter()
        for job in db.execute("SELECT * FROM sync_jobs WHERE sync_id = ?", [sync]):
            milliseconds, dash = round(job["seconds"] * 1000), lambda value: "-" if value is None else value
            error = "-" if job["error"] is None else sha256(job["error"])
            figures = " ".join(f"{word}={job[column]}" for column, word in FIGURES.items())
            results[job["job_id"]] = (f"outcome={job['outcome']} count={dash(job['count_asked'])} error={error} http={dash(job['http_status'])} "
                                      f"{figures} ms={milliseconds} total={dash(job['total_job_runs'])}")
            sums.update({column: job[column] for column in FIGURES}, milliseconds=milliseconds)
            if ended and sync not in lost:
                last[job["job_id"]]["last_error"] = job["error"]
                if job["outcome"] == "complete" and expected["fetch"] != "count":
                    last[job["job_id"]]["last_answered_at"] = expected["finished_at"]
                if job["outcome"] == "complete" and job["count_asked"] == 0:
                    last[job["job_id"]]["last_synced_at"] = expected["finished_at"]
                    if job["total_job_runs"] is not None:
                        last[job["job_id"]]["total_job_runs"] = job["total_job_runs"]
        if sync in lost:
            continue
        if ended and int(ended["jobs"]) != len(results):
            finding(f"sync {sync}", "there are not as many jobs as the ledger says", ended["jobs"], str(len(results)))
        every[sync] = results
        if not ended and results:
            finding(f"sync {sync}", "what it found of its jobs (sync_jobs) is not what the ledger names")
        same(f"sync {sync}, sums", {**{column: sums[column] for column in FIGURES}, "seconds": sums["milliseconds"] / 1000}, rows[sync])
    return last, every

def check_chains(db, lines, every):
    """The chain of each job: the lines that tell of it, and what each sync found of it. `every` is what the syncs found."""
    chains, common = {}, (0, bytes(32))
    after = lambda chain, line: (chain[0] + 1, hashlib.sha256(chain[1] + line.encode()).digest())
    digest = lambda texts: sha256(b"".join(hashlib.sha256(text.encode()).digest() for text in texts))
    job_of_run, job_of_piece, job_of_entry, began = {}, {}, {}, {}
    in_salvage, missing, told = False, set(), False
    lost = lost_things(lines, "results", "sync")
    for entry, kind, words, _ in lines:
        line = " ".join([kind, *map("=".join, words.items())])
        jobs = {words["job"]} if "job" in words else set()
        if kind == "revision":
            job_of_run[words["run"]] = job_of_entry[entry] = words["job"]
        elif kind == "quarantined":
            job_of_piece[words["id"]] = words["job"]
        if words.get("run") in job_of_run:
            jobs.add(job_of_run[words["run"]])
        if kind == "accepted" or kind == "lost" and words["what"] == "quarantined":
            jobs.add(job_of_piece[words["id"]])
        elif kind == "lost" and words["what"] == "payload":
            jobs.add(job_of_entry[int(words["entry"])])
        if kind in ("archive", "naive-time", "reindexed", "salvaged", "retention-locked") or words.get("job") == "-" \
                or kind == "lost" and words["what"] == "results":
            common, jobs = after(common, line), chains.keys()
        for job in sorted(jobs):
            chains[job] = after(chains.get(job, common), line)
        if kind in ("salvaged", "salvage-ended"):
            in_salvage = kind == "salvaged"
        elif kind == "lost" and words["what"] == "results":
            missing.discard(int(words["sync"]))
        elif kind == "sync-began":
            began = words
        elif kind == "sync-ended" and (sync := int(words["sync"])) in lost:
            missing.add(sync)
        elif kind == "sync-ended":
            head, found, asked, results = f"sync={sync} began={began['at']} at={words['at']}", every.get(sync, {}), [], []
            for job in sorted(chains):
                line = f"job id={job} {head} {found.get(job, 'outcome=none')}"
                chains[job] = count, chain = after(chains[job], line)
                results.append(f"{line} lines={count} chain={chain.hex()}")
                if job in found:
                    asked.append(line)
            if digest(asked) != words["figures"]:
                finding(f"sync {sync}", "what it found of its jobs (sync_jobs) is not what the ledger names")
                told = True
            elif digest(results) != words["results"] and not in_salvage and not missing and not told:
                finding(f"ledger, sync {sync}", "its results do not have the hash that follows from the lines of each job")
                told = True
    rows = {row["job"]: (row["lines"], row["hash"]) for row in db.execute("""SELECT c.lines, c.hash, CASE WHEN c.job_key = 0
        THEN 'every job' ELSE coalesce(j.job_id, 'row ' || c.job_key) END AS job FROM _chain c LEFT JOIN _job j ON j.job_key = c.job_key""")}
    expected = {**chains, **({"every job": common} if common[0] else {})}
    if rows.keys() != expected.keys():
        finding("_chain", "its jobs are not those of the ledger", sorted(expected), sorted(rows))
    for job in rows.keys() & expected.keys() if not told else ():
        if rows[job] != expected[job]:
            finding(f"_chain, {job}", "it is not where the lines of the ledger lead", expected[job], rows[job])

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=pathlib.Path)
    parser.add_argument("--head", action="append", default=[], help="a head that the ledger must hold")
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
    for name, published in lists.items():
        if not published:
            parser.error(f"{name} holds no head")
    if not options.archive.is_file():
        parser.error(f"there is no {options.archive}")
    try:
        db = sqlite3.connect(f"{options.archive.resolve().as_uri()}?mode=ro", uri=True)
        db.row_factory = sqlite3.Row
        bound(db, options.archive.stat().st_size)
        db.execute("BEGIN")  # one state, whatever a sync writes meanwhile
        if check_written_by_sqlite(db):
            check_pages(db)
        for row in db.execute("PRAGMA foreign_key_check"):
            finding(f"{row[0]}, row {row[1]}", f"it names a {row[2]} that is not there")
        db.row_factory = None
        version = check_schema(db)
        lines, head = read_ledger(db)
        texts = lambda sql: {} if found else {
            sha256(text): "".join(c if c.isprintable() else "\ufffd" for c in text) for text, in db.execute(sql)}
        actors, reasons = texts("SELECT actor FROM _actor"), texts("SELECT why FROM _reason")
        until = check_heads(lines, check_grammar(lines), [head.lower() for head in options.head], lists, actors, reasons)
        check_values(db)
        db.row_factory = sqlite3.Row
        if not found:  # tables of another shape, and lines that were changed, say nothing
            rules = [(entry_id, words["reader"]) for entry_id, kind, words, _ in lines if kind == "reindexed"][-1:]
            check_archive(db, lines, version)
            payloads, messages = check_runs(db, lines, rules, check_zones(db, lines))
            last, results = check_syncs(db, lines)
            check_jobs(db, lines, last)
            check_chains(db, lines, results)
            check_quarantine(db, lines)
            check_reasons(db, lines)
            check_actors(db, lines)
            check_retention(db, lines)
    except MemoryError:
        sys.exit("could not be checked: there is not enough memory")
    except (sqlite3.DatabaseError, KeyError, ValueError, IndexError, TypeError, OverflowError, RecursionError) as error:
        if isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "unable to open" in str(error)):
            sys.exit(f"could not be checked: {error}")
        finding("the archive", f"it cannot be read to its end ({type(error).__name__}: {error})")
    if found:
        say(f"not intact: {found} findings")
        sys.exit(4)
    if losses:
        say(f"not whole: {losses} losses")
    if not can_unpack:
        say(f"not checked: {payloads} payloads, and what runs and messages say; {NO_ZSTD}")
        say(f"no finding in what was checked{'' if until else ' (without any head)'}: {len(lines)} ledger lines; head {head}")
        sys.exit(1)
    if until:
        say(f"intact: it is consistent with itself, and it holds the history up to {until}, as the heads given seal it")
    else:
        say("consistent with itself; no head was given, so this does not exclude that all of it was rewritten")
    say(f"checked {len(lines)} ledger lines, {payloads} payloads, {messages} messages; head {head}")
    sys.exit(3 if losses else 0)

if __name__ == "__main__":
    main()
