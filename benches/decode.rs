//! How quickly the reader works, step by step, on a generated answer of 64 MB.
//!
//! `cargo bench --bench decode` prints the median of five rounds of each step in MB/s (1 MB = 1,000,000 bytes), once for
//! details that repeat and once for details of which half are unique, as scanners with ports and ids in them write them.

#![allow(clippy::print_stdout, reason = "a bench speaks to a person")]

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use jobruns::decode::{AnswerReader, DEFAULT_RUN_LIMIT, Element, End, read_run, read_run_fields, time};
use jobruns::model::NaiveZone;
use sha2::Digest;

/// Bytes of an answer.
const BYTES: usize = 64_000_000;
/// Messages of a run, as in a usual history.
const MESSAGES: u64 = 37;
/// Bytes that come at once, as from a socket.
const CHUNK: usize = 256 << 10;
/// Odd, so that the median is one of them.
const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let bytes = if std::env::args().any(|argument| argument == "--bench") {
        BYTES
    } else {
        BYTES / 64
    };
    for (name, unique) in [
        ("details that repeat", false),
        ("half of the details unique", true),
    ] {
        let body = answer(bytes, unique);
        let mut runs: Vec<Vec<u8>> = Vec::new();
        frame(&body, &mut |run| runs.push(run));
        let total: usize = runs.iter().map(Vec::len).sum();
        println!("{name}: {} runs, {} MB", runs.len(), body.len() / 1_000_000);
        step("framing", body.len(), || {
            frame(&body, &mut |run| drop(black_box(run)));
        });
        step("SHA-256 of each run", total, || {
            for run in &runs {
                black_box(sha2::Sha256::digest(run));
            }
        });
        for (zone_name, zone) in [
            ("utc", NaiveZone::Utc),
            ("Europe/Berlin", "Europe/Berlin".parse().expect("known")),
        ] {
            step(&format!("read_run, {zone_name}"), total, || {
                for run in &runs {
                    black_box(read_run(run, zone).expect("a generated run is readable"));
                }
            });
            step(&format!("without content, {zone_name}"), total, || {
                for run in &runs {
                    black_box(read_run_fields(run, zone).expect("a generated run is readable"));
                }
            });
        }
        step("of which times", total, || {
            for _ in 0..runs.len() as u64 * (MESSAGES + 2) {
                black_box(time::read(black_box("2021-10-19T17:31:14+05:30"), NaiveZone::Utc));
            }
        });
    }
}

fn step(name: &str, bytes: usize, mut work: impl FnMut()) {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds[ROUNDS / 2];
    let megabytes = bytes as f64 / 1e6;
    println!(
        "  {name:<28} {:>7.0} MB/s  {:>6.2} ms/MB",
        megabytes / median,
        median * 1e3 / megabytes
    );
}

fn frame(body: &[u8], take: &mut dyn FnMut(Vec<u8>)) {
    let mut reader = AnswerReader::new(DEFAULT_RUN_LIMIT);
    for chunk in body.chunks(CHUNK) {
        let pushed = reader.push(chunk, &mut |element| match element {
            Element::Whole { bytes, .. } => take(bytes),
            Element::Oversize { .. } => unreachable!("no generated run is that large"),
        });
        pushed.expect("a generated answer is one");
    }
    assert!(matches!(reader.finish(), End::Complete(_)));
}

/// An answer of about `bytes` bytes, always the same.
fn answer(bytes: usize, unique: bool) -> Vec<u8> {
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let texts = [
        "Windows Data Collector: query returned with message(s).",
        "The asset could not be reached within the time allowed.",
        "Evaluation finished with results that need review.",
    ];
    let mut body = String::with_capacity(bytes + 20_000);
    body.push_str(r#"{"TotalJobRuns":0,"JobID":"ff761384-4b49-40b4-97d8-0de38669075a","JobStatusInfo":["#);
    let mut run = 0_u64;
    while body.len() < bytes {
        if run > 0 {
            body.push(',');
        }
        let (day, status) = (1 + run / 24 % 28, 4 + next() % 4);
        write!(
            body,
            r#"{{"Exception":null,"ActivityStatusList":[{{"Name":"Collect","Status":4}}],"CustomStatusText":null,"JobEndTime":"2018-09-{day:02}T05:44:42","JobStartTime":"2018-09-{day:02}T11:14:34+05:30","JobSummary":"Run {run} of the nightly check","Status":{status},"StatusDetails":null,"JobRunID":"413e6d92-6de0-4a89-8752-{run:012x}","MessageCount":{MESSAGES},"JobMessages":["#
        )
        .expect("writing to a String cannot fail");
        for message in 0..MESSAGES {
            let (text, asset) = (texts[next() as usize % texts.len()], next() % 500);
            let (hour, second) = (next() % 24, next() % 60);
            let separator = if message == 0 { "" } else { "," };
            write!(
                body,
                r#"{separator}{{"DateTime":"2018-09-{day:02}T{hour:02}:31:{second:02}","Message":"{text}","MessageDetails":"The credentials for the asset have not been configured."#
            )
            .expect("writing to a String cannot fail");
            if unique && next() % 2 == 0 {
                write!(
                    body,
                    " host {asset} port {} after {} ms, id {:016x}",
                    next() % 65_536,
                    next() % 10_000,
                    next()
                )
                .expect("writing to a String cannot fail");
            } else {
                body.push_str(" Please configure credentials using the platform's own configuration.");
            }
            write!(
                body,
                r#"","Category":"Error","Asset":"EXAMPLE\\host{asset:04}","AssetType":"Windows Machine","AssetOwner":"owner{}"}}"#,
                asset % 7
            )
            .expect("writing to a String cannot fail");
        }
        body.push_str("]}");
        run += 1;
    }
    body.push_str("]}");
    body.into_bytes()
}
