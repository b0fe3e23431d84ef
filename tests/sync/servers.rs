//! Several servers in one archive: each is asked for its own jobs, and none stands in for another.

use crate::common::program::{Ended, Program};
use jobruns::model::hex;
use jobruns::simulator::{History, Options, Simulator};

/// Two look-alikes with other jobs each, and the binary with a config file that names both.
struct Site {
    london: Simulator,
    paris: Simulator,
    program: Program,
}

async fn simulator(seed: u64) -> Simulator {
    Simulator::start(Options {
        history: History {
            seed,
            jobs: 2,
            ..crate::common::small_history()
        },
        ..Options::default()
    })
    .await
    .unwrap()
}

fn entry(name: &str, server: &Simulator, more: &str) -> String {
    format!(
        "[[server]]\nname = '{name}'\nurl = '{}'\npin = '{}'\n{more}\n",
        server.base_url(),
        hex(&server.certificate_sha256())
    )
}

impl Site {
    async fn new() -> Self {
        let program = Program::new()
            .with("JOBRUNS_CONFIG", "jobruns.toml")
            .with("JOBRUNS_USERNAME", r"CORP\auditor")
            .with("JOBRUNS_PASSWORD", "simulator")
            .with("JOBRUNS_RETRIES", "0");
        let site = Self {
            london: simulator(1).await,
            paris: simulator(2).await,
            program,
        };
        site.configure("watch = 'all'", "watch = 'all'");
        site
    }

    fn configure(&self, london: &str, paris: &str) {
        let text = entry("london", &self.london, london) + &entry("paris", &self.paris, paris);
        self.program.write("jobruns.toml", text);
    }

    #[track_caller]
    fn sync(&self, arguments: &[&str], code: i32) -> Ended {
        let words = ["sync", "--format", "json"];
        self.program
            .run(&[&words[..], arguments].concat())
            .ends_with(code)
    }
}

/// Jobs of a summary with the server that they were asked of, and how they ended.
fn jobs(ended: &Ended) -> Vec<(String, String, String)> {
    let json = ended.json();
    let text = |job: &serde_json::Value, key: &str| job[key].as_str().unwrap_or_default().to_owned();
    let jobs = json["jobs"].as_array().unwrap().iter();
    jobs.map(|job| (text(job, "job_id"), text(job, "server"), text(job, "outcome")))
        .collect()
}

/// The requests for runs that a look-alike got since the last time.
fn asked(server: &Simulator, before: &mut usize) -> usize {
    let requests = server.requests();
    let runs = requests
        .iter()
        .filter(|request| request.path.contains("jobruns"))
        .count();
    let new = runs - *before;
    *before = runs;
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_asks_each_server_for_its_own_jobs() {
    let site = Site::new().await;
    let (mut of_london, mut of_paris) = (0, 0);
    let first = jobs(&site.sync(&["--new"], 0));
    let mut expected: Vec<(String, String, String)> = Vec::new();
    for server in [&site.london, &site.paris] {
        let mut own: Vec<_> = (0..2).map(|job| server.history().job_id(job)).collect();
        own.sort();
        expected.extend(
            own.into_iter()
                .map(|job| (job, server.base_url(), "complete".to_owned())),
        );
    }
    assert_eq!(first, expected);
    assert_eq!(
        (
            asked(&site.london, &mut of_london),
            asked(&site.paris, &mut of_paris)
        ),
        (2, 2)
    );
    // The next night, by what the archive knows of the jobs.
    site.configure("", "");
    assert_eq!(jobs(&site.sync(&[], 0)), expected);
    assert_eq!(
        (
            asked(&site.london, &mut of_london),
            asked(&site.paris, &mut of_paris)
        ),
        (2, 2)
    );
    // One server alone, and one job by its GUID alone.
    assert_eq!(jobs(&site.sync(&["--server", "paris"], 0)), expected[2..]);
    assert_eq!(
        (
            asked(&site.london, &mut of_london),
            asked(&site.paris, &mut of_paris)
        ),
        (0, 2)
    );
    let job = expected[0].0.clone();
    assert_eq!(jobs(&site.sync(&[&job], 0)), expected[..1]);
    site.program.run(&["verify"]).ends_with(0);
    // Each command that contacts a server takes one of them, and says which there are.
    site.program
        .run(&["trust"])
        .ends_with(2)
        .says("choose one by --server NAME: london, paris");
    let trust = site
        .program
        .run(&["trust", "--server", "paris", "--format", "json"])
        .ends_with(0);
    assert_eq!(trust.json()["sha256"], hex(&site.paris.certificate_sha256()));
    site.program
        .run(&["trust", "--url", &site.london.base_url()])
        .ends_with(0);
    let all = site
        .program
        .run(&["jobs", "discover", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(all.as_array().unwrap().len(), 4);
    let one = ["jobs", "discover", "--server", "london", "--format", "jobs-file"];
    let file = site.program.run(&one).ends_with(0).stdout;
    assert!(
        file.contains(&expected[0].0) && !file.contains(&expected[2].0),
        "{file}"
    );
    site.program
        .run(&["password", "forget"])
        .ends_with(2)
        .says("choose one by --server NAME");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_stops_none_of_the_others_and_is_not_forgotten() {
    let site = Site::new().await;
    site.sync(&["--new"], 0);
    // Another port, where nothing listens.
    let down = format!(
        "{}[[server]]\nname = 'paris'\nurl = 'https://127.0.0.1:9'\nwatch = 'all'\n",
        entry("london", &site.london, "")
    );
    let paris = site.paris.base_url();
    site.program.write("jobruns.toml", &down);
    site.program
        .run(&[
            "jobs",
            "move",
            "--all",
            "--from",
            &paris,
            "--to",
            "https://127.0.0.1:9",
        ])
        .ends_with(0);
    let ended = site.sync(&[], 3);
    let outcomes: Vec<_> = jobs(&ended).into_iter().map(|job| job.2).collect();
    assert_eq!(outcomes, ["complete", "complete", "failed", "failed"]);
    ended.says("127.0.0.1:9");
    // A server without any job yet is told too.
    std::fs::remove_file(site.program.path("jobruns.db")).unwrap();
    let ended = site.sync(&["--new"], 1);
    assert_eq!(ended.json()["outcome"], "failed");
    ended.says("https://127.0.0.1:9");
    site.program
        .write("jobruns.toml", down.replacen("\n\n", "\nwatch = 'all'\n", 1));
    let ended = site.sync(&["--new"], 3);
    assert_eq!(
        (jobs(&ended).len(), &ended.json()["outcome"]),
        (2, &"partial".into())
    );
    ended.says("https://127.0.0.1:9");
    site.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_looks_at_each_server_with_its_own_jobs() {
    let site = Site::new().await;
    site.sync(&["--new"], 0);
    let check = |code| {
        site.program
            .run(&["check", "--format", "json"])
            .ends_with(code)
            .json()
    };
    let of = |lines: &serde_json::Value, server: &str, check: &str| {
        let lines = lines.as_array().unwrap().iter();
        let lines = lines.filter(|line| line["server"] == server && line["check"] == check);
        let lines = lines.map(|line| {
            (
                line["state"].clone(),
                line["message"].as_str().unwrap().to_owned(),
            )
        });
        lines.collect::<Vec<_>>()
    };
    let lines = check(0);
    for server in ["london", "paris"] {
        let ok = ("ok".into(), format!("{server}: 2 watched jobs may be read"));
        assert_eq!(of(&lines, server, "jobs"), [ok]);
    }
    let text =
        entry("london", &site.london, "") + "[[server]]\nname = 'paris'\nurl = 'https://127.0.0.1:9'\n";
    site.program.write("jobruns.toml", text);
    let lines = check(3);
    assert_eq!(of(&lines, "paris", "connection")[0].0, "fault");
    assert_eq!(of(&lines, "london", "jobs")[0].0, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_stands_beside_its_original_changes_nothing() {
    let site = Site::new().await;
    // The clone lists the same jobs, a night later.
    let clone = simulator(1).await;
    clone.pass_night();
    let text = entry("london", &site.london, "watch = 'all'") + &entry("clone", &clone, "watch = 'all'");
    site.program
        .write("jobruns.toml", entry("london", &site.london, "watch = 'all'"));
    site.sync(&["--new"], 0);
    site.program.write("jobruns.toml", text);
    for _ in 0..2 {
        let ended = site.sync(&[], 0);
        assert_eq!(ended.json()["totals"]["runs_changed"], 0);
        let london = site.london.base_url();
        assert!(
            jobs(&ended).iter().all(|job| job.1 == london),
            "{:?}",
            jobs(&ended)
        );
    }
    // Where an entry claims a job of another server, it is asked, and changes nothing until the job is moved.
    let job = site.london.history().job_id(0);
    let text = entry("london", &site.london, "") + &entry("clone", &clone, &format!("jobs = ['{job}']"));
    site.program.write("jobruns.toml", text);
    for _ in 0..2 {
        let ended = site.sync(&[], 3);
        let totals = &ended.json()["totals"];
        assert_eq!(
            (&totals["runs_changed"], &totals["runs_absent"]),
            (&0.into(), &0.into())
        );
    }
    site.program
        .run(&["jobs", "move", &job, "--to", &clone.base_url()])
        .ends_with(0);
    let ended = site.sync(&[], 0);
    assert!(ended.json()["totals"]["runs_absent"].as_u64() > Some(0));
    let line = "SELECT count(*) AS n FROM ledger WHERE entry LIKE 'job-server %' AND entry NOT LIKE '% by=-'";
    site.program.run(&["query", line]).ends_with(0).shows("1");
    site.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_asked_of_the_server_that_lists_it_in_the_config_file_or_by_itself() {
    let site = Site::new().await;
    let (london, paris) = (site.london.history().job_id(0), site.paris.history().job_id(1));
    site.program
        .write("paris.txt", format!("{paris} Nightly of Paris\n"));
    site.configure(&format!("jobs = ['{london}']"), "jobs_file = 'paris.txt'");
    // They are watched before the first sync.
    let ended = site.sync(&["--new"], 0);
    assert_eq!(
        jobs(&ended)
            .into_iter()
            .map(|job| (job.0, job.1))
            .collect::<Vec<_>>(),
        [
            (london.clone(), site.london.base_url()),
            (paris.clone(), site.paris.base_url())
        ]
    );
    // What an entry no longer lists is no longer watched.
    site.configure("", "jobs_file = 'paris.txt'");
    let watched = |program: &Program| {
        let list = program
            .run(&["jobs", "list", "--format", "json"])
            .ends_with(0)
            .json();
        let jobs = list
            .as_array()
            .unwrap()
            .iter()
            .filter(|job| job["watched"] == true);
        jobs.map(|job| job["job_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(watched(&site.program), std::slice::from_ref(&paris));
    site.sync(&[], 0).says("is no longer watched");
    assert_eq!(watched(&site.program), std::slice::from_ref(&paris));
    // A job that somebody watches is asked of the server that has it.
    let other = site.london.history().job_id(1);
    site.program.run(&["jobs", "add", &other]).ends_with(0);
    assert_eq!(jobs(&site.sync(&[], 0))[0].1, site.london.base_url());
    // One that no server lists is an error of its own.
    let nobody = "00000000-0000-4000-8000-000000000001";
    site.program.run(&["jobs", "add", nobody]).ends_with(0);
    let ended = site.sync(&[], 3);
    assert_eq!(
        jobs(&ended)[2],
        (nobody.to_owned(), String::new(), "failed".to_owned())
    );
    ended.says("no server is known to have it");
    // With one server chosen, it may be another's.
    site.sync(&["--server", "london"], 0);
    site.sync(&[nobody, "--server", "london"], 1).says("404");
    site.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_contradict_each_other_are_wrong_usage() {
    let site = Site::new().await;
    let (london, paris) = (entry("london", &site.london, ""), entry("paris", &site.paris, ""));
    let job = site.london.history().job_id(0);
    let listed = format!("jobs = ['{job}']");
    site.program.write("jobs.txt", &job);
    for (text, words) in [
        (london.clone() + &london, "is also the name of the one in line 1"),
        (
            london.clone() + &london.replace("london", "paris"),
            "has the url of \"london\"",
        ),
        (
            entry("a", &site.london, &listed) + &entry("b", &site.paris, &listed),
            "is also a job of \"a\"",
        ),
        (
            entry("a", &site.london, &listed) + &entry("b", &site.paris, "jobs_file = 'jobs.txt'"),
            "is listed by the servers \"a\" and \"b\"",
        ),
        (
            format!("url = 'https://ccs'\n{london}"),
            "url cannot be set together with [[server]] entries",
        ),
        (
            format!("{london}password = 'hunter2'\n"),
            "a password does not belong in the config file",
        ),
        (format!("{london}insecure = true\n"), "contradict each other"),
        (format!("{london}timeout = 'soon'\n"), "[[server]]"),
        (
            "[server]\nname = 'a'\n".to_owned(),
            "entries begin with [[server]]",
        ),
        ("[[server]]\nname = 'a'\n".to_owned(), "has no url"),
    ] {
        site.program.write("jobruns.toml", &text);
        let ended = site.program.run(&["sync", "--new"]).ends_with(2);
        ended.says(words).never_shows("hunter2");
    }
    site.program.write("jobruns.toml", london + &paris);
    site.program
        .run(&["sync", "--new", "--server", "rome"])
        .ends_with(2)
        .says("choose one by --server NAME: london, paris");
    site.program
        .run(&["sync", "--new", "--url", "https://ccs"])
        .ends_with(2)
        .says("where each server has its own url");
    let pin = "0".repeat(64);
    site.program
        .run(&["sync", "--new", "--server", "paris", "--pin", &pin])
        .ends_with(2)
        .says("where each server has its own pin");
    site.program
        .run(&["sync", "--new", "--jobs-file", "jobs.txt"])
        .ends_with(2)
        .says("choose a server by --server NAME");
    site.program.write("jobruns.toml", "");
    site.program
        .run(&["sync", "--new", "--server", "london"])
        .ends_with(2)
        .says("no [[server]] entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_each_server_are_told_with_their_origins() {
    let site = Site::new().await;
    site.configure("timeout = '90s'", "");
    site.program
        .run(&["sync", "-v"])
        .says("server \"london\": timeout = 90s (jobruns.toml:1: [[server]])")
        .says("server \"paris\": username = CORP\\auditor (JOBRUNS_USERNAME)");
    site.program
        .run(&["check"])
        .shows("london: timeout = 90s (jobruns.toml:1: [[server]])")
        .shows("paris: url = ");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_name_are_told_apart_by_their_servers() {
    let site = Site::new().await;
    site.program.run(&["sync", "--quiet", "--new"]).ends_with(0);
    let hosts = [&site.london, &site.paris].map(|server| server.base_url().replace("https://", ""));
    let name = |server: &Simulator| {
        let sql = format!(
            "SELECT name FROM jobs WHERE job_id = '{}'",
            server.history().job_id(0)
        );
        let ended = site.program.run(&["query", &sql, "--format", "csv"]);
        ended.stdout.lines().last().unwrap().to_owned()
    };
    // The same seed of names: the first jobs of both servers are namesakes.
    let names = [name(&site.london), name(&site.paris)];
    assert_eq!(names[0], names[1]);
    for server in [&site.london, &site.paris] {
        server.set_faults(vec!["403@1".parse().unwrap()]);
    }
    let ended = site.program.run(&["sync"]).ends_with(3);
    let status = site.program.run(&["status"]).ends_with(0);
    for host in &hosts {
        let title = format!("{} ({host})", names[0]);
        assert!(
            ended.stdout.contains(&title) && ended.stderr.contains(&title),
            "{ended:?}"
        );
        assert!(
            status.stderr.contains(&format!("{title}: it has stopped")),
            "{status:?}"
        );
    }
}
