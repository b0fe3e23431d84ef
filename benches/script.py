#!/usr/bin/env python3
"""What a capable administrator writes in an afternoon: requests + json + sqlite3, one transaction per job.

    script.py sync DB | report-a DB CSV | report-b DB CSV | stats DB

Environment: BASE (e.g. http://127.0.0.1:8000/ccs/api/v1), JOBS (a file of job ids), CA (PEM file, or "no" for no check),
JOBRUNS_USERNAME and JOBRUNS_PASSWORD to log in first (left out: no token is asked for, as with a static file server).
Needs: pip install requests. It keeps no payloads, no ledger, no revisions, deletes what the server dropped, and reads a naive
time as it stands.
"""
import base64, csv, json, os, sqlite3, sys
import requests

SCHEMA = """
CREATE TABLE IF NOT EXISTS runs(
  job_run_id TEXT PRIMARY KEY, job_id TEXT NOT NULL, status INTEGER, start_time TEXT, end_time TEXT,
  exception TEXT, custom_status_text TEXT, job_summary TEXT, status_details TEXT, activity_status_list TEXT, message_count INTEGER);
CREATE INDEX IF NOT EXISTS runs_job ON runs(job_id);
CREATE TABLE IF NOT EXISTS messages(
  job_run_id TEXT NOT NULL, seq INTEGER NOT NULL, date_time TEXT, message TEXT, message_details TEXT,
  category TEXT, asset TEXT, asset_type TEXT, asset_owner TEXT, PRIMARY KEY(job_run_id, seq)) WITHOUT ROWID;
"""
RUN = """INSERT INTO runs VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(job_run_id) DO UPDATE SET
  job_id=excluded.job_id, status=excluded.status, start_time=excluded.start_time, end_time=excluded.end_time, exception=excluded.exception,
  custom_status_text=excluded.custom_status_text, job_summary=excluded.job_summary, status_details=excluded.status_details,
  activity_status_list=excluded.activity_status_list, message_count=excluded.message_count"""
MSG = """INSERT INTO messages VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(job_run_id, seq) DO UPDATE SET
  date_time=excluded.date_time, message=excluded.message, message_details=excluded.message_details, category=excluded.category,
  asset=excluded.asset, asset_type=excluded.asset_type, asset_owner=excluded.asset_owner"""
A = """SELECT date(start_time) AS day, job_id AS job, count(*) AS runs, sum(status=4) AS completed,
  sum(status=5) AS faulted, sum(status=7) AS aborted FROM runs GROUP BY 1,2 ORDER BY 1,2"""
B = """SELECT asset, asset_type, asset_owner, sum(category='Error') AS error, sum(category='Warning') AS warning,
  sum(category='Information') AS information, count(*) AS total FROM messages GROUP BY 1,2,3 ORDER BY 1,2,3"""


def open_db(path):
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=NORMAL"); db.execute("PRAGMA cache_size=-65536")
    return db


def sync(path):
    base, ca = os.environ["BASE"], os.environ.get("CA")
    s = requests.Session(); s.trust_env = False; s.verify = False if ca == "no" else ca or True
    if os.environ.get("JOBRUNS_PASSWORD"):
        r = s.post(f"{base}/oauth/tokens", data={"grant_type": "password", "username": os.environ["JOBRUNS_USERNAME"],
                   "password": base64.b64encode(os.environ["JOBRUNS_PASSWORD"].encode()).decode()}, timeout=60)
        r.raise_for_status(); s.headers["Authorization"] = "Bearer " + r.json()["access_token"]
    db = open_db(path); db.executescript(SCHEMA)
    for job in open(os.environ["JOBS"]).read().split():
        r = s.get(f"{base}/Jobs/{job}/jobruns", params={"count": 0, "showmessages": "true"}, timeout=600); r.raise_for_status()
        runs = json.loads(r.content)["JobStatusInfo"]
        with db:
            db.executemany(RUN, ((r["JobRunID"], job, r["Status"], r["JobStartTime"], r["JobEndTime"], r["Exception"], r["CustomStatusText"],
                                  r["JobSummary"], r.get("StatusDetails"), json.dumps(r["ActivityStatusList"]), r["MessageCount"]) for r in runs))
            db.executemany(MSG, ((r["JobRunID"], i, m["DateTime"], m["Message"], m["MessageDetails"], m["Category"], m["Asset"], m["AssetType"],
                                  m["AssetOwner"]) for r in runs for i, m in enumerate(r["JobMessages"] or [])))
            db.executemany("DELETE FROM messages WHERE job_run_id=? AND seq>=?", ((r["JobRunID"], len(r["JobMessages"] or [])) for r in runs))
    db.close()


def report(path, sql, out):
    cur = open_db(path).execute(sql)
    with open(out, "w", newline="", encoding="utf-8") as f:
        w = csv.writer(f); w.writerow([c[0] for c in cur.description]); w.writerows(cur)


if __name__ == "__main__":
    cmd, path = sys.argv[1:3]
    if cmd == "sync": sync(path)
    elif cmd == "report-a": report(path, A, sys.argv[3])
    elif cmd == "report-b": report(path, B, sys.argv[3])
    else: print(*open_db(path).execute("SELECT (SELECT count(*) FROM runs),(SELECT count(*) FROM messages)").fetchone())
