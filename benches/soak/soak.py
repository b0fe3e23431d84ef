"""Lets `sync --every 1s` run beside a faulty simulator, and prints what it uses as a table.

    python3 benches/soak/soak.py PROGRAM [MINUTES]

Each half minute the simulator is stopped and comes back with the next fault of the list. In the last third of the time
runs are added, edited and purged; before that nothing is new, so the archive must not grow but by a line per sync.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

FAULTS = [
    [], ["503=1@1#1"], ["cut=9000@2"], ["reset@1", "html@3"], ["stall=3@2#1"], ["login-slow=2"], ["token-dies@1"],
    ["hang-up@3#1"], ["drip"], ["429=1@2#1"], ["null@1"], ["bad-run=1@2"], ["short@3"], ["404@1"], ["shuffled"],
]
ROUND = 30
PORT = "18765"

program = os.path.abspath(sys.argv[1])
minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 30
folder = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))


def simulator(faults, news):
    words = [program, "simulate", "--port", PORT, "--jobs", "5", "--runs", "200"]
    words += [word for fault in faults for word in ("--fault", fault)] + ["--nights"] * news
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def total(pattern):
    return sum(path.stat().st_size for path in folder.glob(pattern))


def used(pid):
    """Resident memory in MB, descriptors, threads."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1000, len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"])


server = simulator([], False)
time.sleep(2)
environment = {
    **os.environ, "JOBRUNS_URL": f"https://127.0.0.1:{PORT}", "JOBRUNS_INSECURE": "true",
    "JOBRUNS_USERNAME": "CORP\\auditor", "JOBRUNS_PASSWORD": "simulator",
}
words = "sync --new --watch-all --every 1s --retries 1 --retry-for 2s --format json -vv --head-file heads"
words += " --log-file log --log-max-size 1MiB --log-keep 3"
sync = subprocess.Popen(
    [program, *words.split()], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
)
ends = collections.Counter()


def count():
    for line in sync.stdout:
        ends[json.loads(line)["outcome"]] += 1


threading.Thread(target=count, daemon=True).start()
print("| minute | news | syncs: complete, partial, failed | MB resident | descriptors | threads | archive, bytes | logs, files and bytes |")
print("| --- | --- | --- | --- | --- | --- | --- | --- |")
begun, at, row = time.time(), 0, []
rounds = int(minutes * 60 / ROUND)
for at in range(rounds):
    news = at >= rounds * 2 // 3
    server.terminate()
    server.wait()
    time.sleep(1)
    server = simulator(FAULTS[at % len(FAULTS)], news)
    while time.time() < begun + (at + 1) * ROUND:
        time.sleep(1)
        assert sync.poll() is None, f"the sync ended with {sync.returncode}"
        row.append(used(sync.pid))
    if (at + 1) % max(rounds // 12, 1) == 0:
        spans = [f"{min(of):.0f}-{max(of):.0f}" for of in zip(*row)]
        outcomes = ", ".join(str(ends[outcome]) for outcome in ("complete", "partial", "failed"))
        logs = f"{len(list(folder.glob('log*')))}, {total('log*'):,}"
        minute = (time.time() - begun) / 60
        print(f"| {minute:.1f} | {'yes' if news else 'no'} | {outcomes} | {' | '.join(spans)} | {total('jobruns.db'):,} | {logs} |", flush=True)
        row.clear()
        ends.clear()
sync.terminate()
code = sync.wait()
server.terminate()
check = subprocess.run([program, "verify", "--head-file", "heads", "--quiet"], cwd=folder, env=environment)
print(f"\nSIGTERM ended it with {code}, `verify` of {folder} with {check.returncode}")
