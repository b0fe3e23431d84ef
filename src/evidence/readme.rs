//! README.html: what the package is, for readers who do not know this program.

use maud::{Markup, html};

use super::facts::{JobFacts, PackageFacts, readable};
use crate::model::{Instant, hex};
use crate::report::format::PageHeading;
use crate::report::html::text::{Breakable, Lines, Text};
use crate::report::html::{PageLayout, Sentence, fact_list, key_values, lead, section, simple_table};
use crate::report::numbers::{counted, grouped};

const TITLE: &str = "Evidence of job runs";

pub(super) fn page(facts: &PackageFacts) -> String {
    let opening = format!(
        "{} of {}, {}, as recorded until {}.",
        counted(facts.runs, "run"),
        facts.jobs_in_words(),
        facts.span(),
        readable(facts.bound.at)
    );
    let heading = PageHeading::default();
    let mut page = PageLayout::new(TITLE, &heading)
        .with(lead(&opening))
        .with(html! { div.facts { (boxes(facts)) } })
        .with(key_values(&identity(facts)))
        .with(section("What this is", &what_this_is(facts)))
        .with(section(
            "How complete it is, and how that is known",
            &completeness(facts),
        ));
    if facts.sample.is_some() {
        page = page.with(section("The sample", &sample(facts)));
    }
    page.with(section("How to check it", &checks(facts)))
        .with(section("What is in it", &files(facts)))
        .with(section("What it proves, and what it does not", &limits(facts)))
        .document()
}

fn boxes(facts: &PackageFacts) -> Markup {
    let runs = [
        Sentence::from(format!(
            "{} failed (status Faulted or Aborted)",
            grouped(facts.failed)
        )),
        Sentence::from(format!(
            "{} after a run was first recorded",
            counted(facts.changes, "change")
        )),
    ];
    let proved: u64 = facts.jobs.iter().map(JobFacts::runs_in_proved_spans).sum();
    let (big, mood, mut words) = if facts.runs == 0 {
        (
            "No run",
            "fact",
            vec![match facts.removed {
                0 => "The package was made although there is no run in this span.".to_owned(),
                removed => format!(
                    "The package was made although it holds no run of this span: a retention rule removed {}.",
                    counted(removed, "run")
                ),
            }],
        )
    } else if facts.is_proved() {
        (
            "Proved complete",
            "fact is-good",
            vec![match facts.removed {
                0 => "Every run that started in this span is here: the server itself listed all of them."
                    .to_owned(),
                removed => format!(
                    "Every run that started in this span is here, but for {} that a retention rule removed: the server itself listed all of them.",
                    counted(removed, "run")
                ),
            }],
        )
    } else {
        (
            "Not proved for all of it",
            "fact",
            vec![format!(
                "{} of the {} started in spans of which it is proved that no run is missing. The spans are listed below.",
                grouped(proved),
                counted(facts.runs, "run")
            )],
        )
    };
    if facts.assumes_purge_age() {
        words.push("That rests on an assumption: nobody said for how long the server keeps runs.".to_owned());
    }
    let words: Vec<Sentence> = words.into_iter().map(Sentence::from).collect();
    let mut found = Vec::new();
    let mut tell = |number: u64, noun: &str, what: &str| {
        if number > 0 {
            found.push(Sentence::from(format!("{} {what}", counted(number, noun))));
        }
    };
    tell(
        facts.vanished,
        "run",
        "no longer listed by the server before it was old enough to be purged",
    );
    tell(
        facts.count_mismatches(),
        "run",
        "with another number of messages than the server says",
    );
    tell(
        facts.removed,
        "run",
        "removed from the archive by a retention rule, so its content no longer exists",
    );
    tell(
        facts.pieces_open,
        "piece",
        "of the answers could not be read; the bytes are kept",
    );
    let exceptions = if found.is_empty() {
        "None"
    } else {
        "To be looked at"
    };
    html! {
        (fact_list("Runs", &grouped(facts.runs), "fact", &runs))
        (fact_list("Complete?", big, mood, &words))
        (fact_list("Exceptions", exceptions, "fact", &found))
    }
}

fn identity(facts: &PackageFacts) -> Vec<(String, String)> {
    let mut identity = vec![
        ("head", hex(&facts.bound.head)),
        ("head of sync", facts.bound.sync_id.to_string()),
        ("recorded until", facts.bound.at.to_string()),
        ("archive", facts.archive_id.to_string()),
        ("made by", format!("jobruns {}", env!("CARGO_PKG_VERSION"))),
    ];
    if let Some(by) = &facts.prepared_by {
        identity.push(("prepared by", by.clone()));
    }
    identity
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text))
        .collect()
}

fn what_this_is(facts: &PackageFacts) -> Markup {
    let servers: Vec<&str> = {
        let mut servers: Vec<&str> = facts
            .jobs
            .iter()
            .filter_map(|job| job.job.server.as_deref())
            .collect();
        servers.sort_unstable();
        servers.dedup();
        servers
    };
    html! {
        p {
            "Symantec Control Compliance Suite (CCS) runs scheduled jobs. Each time a job runs, CCS records a "
            b { "run" } " with a status, a start, an end and messages, and deletes it after some months. An archive made by the program "
            b { "jobruns" } " asked "
            @if servers.is_empty() { "the server" }
            @for (number, server) in servers.iter().enumerate() {
                @if number > 0 { ", " }
                (Breakable(server))
            }
            " for its runs at every sync, kept the bytes of every run that it received, and recorded in a " b { "ledger" } " what it received and when. \
             Each line of the ledger is sealed by a hash (SHA-256) over all lines before it, so the last hash, the " b { "head" }
            ", stands for the whole history."
        }
        p {
            "This package is a part of that archive: the runs of " (Text(&facts.jobs_in_words())) ", " (Text(&facts.span()))
            ", with what the server sent for them, and the lines of the ledger that show that no run of them was left out. "
            "It can be checked without the archive, without the program, and without a network."
        }
        @if facts.redacts_owners {
            p {
                b { "Names of people were left out" } ": owners of assets and the users who acted. The bytes that the server sent hold them too, so these "
                "are not in the package either. What the runs and their messages say (status, end, texts) can therefore not be checked here; which runs there are, "
                "when they started, how often each changed, and the hash of what the server sent can."
            }
        }
        (job_table(facts))
    }
}

fn job_table(facts: &PackageFacts) -> Markup {
    let at = |at: Option<Instant>| at.map_or_else(|| "-".to_owned(), readable);
    let rows: Vec<Vec<Markup>> = facts
        .jobs
        .iter()
        .map(|job| {
            vec![
                html! { (Breakable(job.title())) },
                html! { (grouped(job.runs)) },
                html! { (grouped(job.failed)) },
                html! { (at(job.first)) },
                html! { (at(job.last)) },
                html! { span.id { (Breakable(&job.job.job_id)) } },
                html! { (Breakable(job.job.server.as_deref().unwrap_or("-"))) },
            ]
        })
        .collect();
    let columns = [
        "job",
        "runs here",
        "failed",
        "first start (UTC)",
        "last start (UTC)",
        "job id",
        "server",
    ];
    html! { div id="table" { (simple_table("Jobs", &columns, &rows)) } }
}

fn completeness(facts: &PackageFacts) -> Markup {
    html! {
        p {
            "At a sync the program asks the server for every run of a job. A server keeps a run until it is older than its purge age. "
            "So a complete answer proves that no run is missing from the time before it, as far back as the purge age. "
            "All other times are marked as one of these: "
            b { "may be missing" } " (longer than the purge age between two answers), "
            b { "disputed" } " (the server's own total contradicts its list), "
            b { "not looked" } " (nobody asked in time). The same is in " span.mono { "data/gaps.csv" } "."
        }
        @for job in &facts.jobs {
            h3 { (Breakable(job.title())) }
            p { (Lines(&of_job(job))) }
            (span_table(job))
        }
    }
}

/// The server's count, the archive's, and what the proof of the spans rests on.
fn of_job(job: &JobFacts) -> String {
    let known = &job.known;
    let answer = known.last_complete_answer.as_ref().map_or_else(
        || "The server never gave a complete answer.".to_owned(),
        |answer| {
            let total = answer.total_job_runs.map_or_else(
                || "and did not say how many there are".to_owned(),
                |total| format!("and said that there are {}", grouped(total.unsigned_abs())),
            );
            format!(
                "The last complete answer of the server (sync {}, {}) listed {} {total}.",
                answer.sync_id,
                answer.at,
                counted(answer.runs_listed.unsigned_abs(), "run")
            )
        },
    );
    let mismatches = match known.count_mismatches {
        0 => String::new(),
        runs => format!(
            " {} of this span with another number of messages than the server says.",
            counted(runs, "run")
        ),
    };
    format!(
        "{answer} Archived, of all times: {}, of which the server still listed {}.{mismatches} Spans rest on: {}.",
        counted(known.runs_archived, "run"),
        grouped(known.runs_listed),
        known.purge_age
    )
}

fn span_table(job: &JobFacts) -> Markup {
    let end = |end: Option<Instant>, open: &str| end.map_or_else(|| open.to_owned(), readable);
    let rows: Vec<Vec<Markup>> = job
        .spans
        .iter()
        .map(|span| {
            vec![
                html! { span.day { (end(span.from, "the beginning")) } },
                html! { span.day { (end(span.to, "the end")) } },
                html! { span.day { (span.state.text()) } },
                html! { (grouped(span.runs)) },
                html! { (Lines(&span.why)) },
            ]
        })
        .collect();
    html! {
        (simple_table("Spans", &["from (UTC)", "to before (UTC)", "known", "runs", "why"], &rows))
        @if job.more_spans > 0 { p.soft { (counted(job.more_spans as u64, "more span")) " in data/gaps.csv." } }
    }
}

fn sample(facts: &PackageFacts) -> Markup {
    let Some(sample) = &facts.sample else {
        return html! {};
    };
    let options = &sample.options;
    html! {
        p {
            (counted(options.size, "run")) " and " (grouped(options.spare)) " spare of a population of " (counted(sample.population, "run"))
            " (every run in " span.mono { "data/runs.csv" } "), by the seed " b { (Text(&options.seed)) } "."
            @if sample.population < options.size { " The population is smaller than the sample that was asked for: all of it was drawn." }
            @if facts.removed > 0 { " " (counted(facts.removed, "recorded run")) " that a retention rule removed could not be drawn." }
        }
        p {
            "The draw of a run is the SHA-256 of the seed, a colon and the run's id. The runs in the order of their draws are the sample, then come the spare ones. "
            "Anybody can draw again: " span.mono { "printf '%s' '" (Text(&options.seed.replace('\'', "'\\''"))) ":RUN' | sha256sum" } " for each run, then sort. The checks below do so."
        }
        p {
            span.mono { "data/workpaper.xlsx" } " has the sampled runs with status, times, reason of a failure and the hash of the server's bytes, and empty columns for the tester."
        }
    }
}

fn checks(facts: &PackageFacts) -> Markup {
    let head = hex(&facts.bound.head);
    html! {
        p {
            b { "First, the head." } " Ask for a head that was lodged out of reach of whoever keeps the archive (a mail, a ticket, a write-once store) when this history was recorded. It must be this one:"
        }
        p.mono { (Breakable(&head)) }
        p {
            "Without such a head a package proves only that it agrees with itself: whoever has the program can make another. "
            "A list of heads has lines of time, number of the sync, archive and head."
        }
        p { b { "Then, the package." } " Each of these checks all of it, by the rules of the program's documentation (docs/evidence-package.md):" }
        ul {
            li { "In a browser: open " a href="check.html" { "check.html" } " (get the page from somebody you trust, or compare it with a copy of the program's), and drop the ZIP file onto it. Nothing leaves the computer." }
            li { "With Python 3.9 or later, and nothing else: unpack the ZIP file, then " span.mono { "python3 check.py --head " (&head[..12]) "..." } " with the whole head." }
            li { "With the program: " span.mono { "jobruns verify --pack PACK.zip --head-file heads.txt" } "." }
            li { "The files alone, with any BagIt tool, or in the unpacked folder: " span.mono { "sha256sum -c manifest-sha256.txt" } "." }
        }
        p.soft { "A checker inside a package was made by whoever made the package. For a conclusion that matters take it from another source, or read it: each is one file of plain text." }
    }
}

fn files(facts: &PackageFacts) -> Markup {
    let file = |name: &str, what: String| {
        let is_one = name.contains('.') && !name.contains(' ');
        let name = html! {
            @if is_one { a.mono href=(name) { (name) } } @else { span.mono { (name) } }
        };
        vec![name, html! { (Text(&what)) }]
    };
    let mut rows = vec![
        file(
            "data/runs.csv",
            format!(
                "{}: status, times, texts, as recorded",
                counted(facts.runs, "run")
            ),
        ),
        file(
            "data/failures.csv",
            format!(
                "{} of them failed, with what their errors say",
                grouped(facts.failed)
            ),
        ),
        file(
            "data/messages.csv",
            "each message of each run, including those that a later answer no longer had".to_owned(),
        ),
        file(
            "data/changes.csv",
            format!(
                "{} after a run was first recorded",
                counted(facts.changes, "change")
            ),
        ),
        file(
            "data/gaps.csv",
            "the spans of time, and whether all runs of each are proved to be here".to_owned(),
        ),
        file(
            "data/vanished.csv",
            format!(
                "{} that the server stopped listing too early",
                counted(facts.vanished, "run")
            ),
        ),
        file(
            "data/removals.csv",
            format!(
                "{} whose content was removed by a retention rule",
                counted(facts.removed, "run")
            ),
        ),
        file(
            "data/quarantine.csv",
            format!(
                "{} of these jobs' answers that could not be read, of all times",
                counted(facts.pieces, "piece")
            ),
        ),
    ];
    if facts.sample.is_some() {
        rows.push(file("data/sample.csv", "the sample".to_owned()));
    }
    rows.push(file(
        "data/workpaper.xlsx",
        "the same as a workpaper for the tester to fill in".to_owned(),
    ));
    if !facts.redacts_owners {
        rows.push(file(
            "data/payloads",
            format!(
                "{}: what the server sent for each run and each change of it, as received",
                counted(facts.payloads, "file")
            ),
        ));
    }
    rows.extend([
        file(
            "data/ledger.txt",
            "the lines of the ledger that prove that these are all runs".to_owned(),
        ),
        file("data/package.json", "what was asked for".to_owned()),
        file(
            "data/zones",
            "rules of the time zone by which times without offset were read, if any".to_owned(),
        ),
        file(
            "check.py, check.html",
            "programs that check the package".to_owned(),
        ),
        file(
            "manifest-sha256.txt, tagmanifest-sha256.txt, bagit.txt, bag-info.txt",
            "SHA-256 of every file, as BagIt (RFC 8493) has it".to_owned(),
        ),
    ]);
    html! {
        (simple_table("Files", &["file", "what it is"], &rows))
        p { "Times are UTC. CSV files are UTF-8 with commas; an empty field means that there is no value. Texts stand as the server sent them: a spreadsheet may take one that begins with an equals sign for a formula, so import such columns as text." }
    }
}

fn limits(facts: &PackageFacts) -> Markup {
    html! {
        p { b { "With a head that was lodged elsewhere when it was made" } ", this package proves that by then the archive had recorded exactly these runs of these jobs in this span, with these bytes, at these times; which syncs asked for them, and what they found." }
        p { b { "It does not prove" } ":" }
        ul {
            li { "that the server told the truth, or told everything before it was first asked;" }
            li { "that no run is missing in the spans that are not called complete above;" }
            li { "the times of the ledger beyond the clock of the computer that ran the program; a head in a store with a clock of its own proves that the history existed by then;" }
            li { "what this page and the workpaper say: they were made from the CSV files, and no check compares them. The CSV files are compared with the bytes that the server sent." }
            @if facts.redacts_owners {
                li { "what runs and messages say, since the bytes that the server sent were left out with the names of people." }
            }
            li { "that somebody followed up a failure." }
        }
    }
}
