//! The README and the help texts: commands in them parse and run, and what they say of the program agrees with it.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::program::Program;
use crate::common::story::Story;
use jobruns::archive::NAMES_FOR_ANALYSTS;
use jobruns::model::hex;
use rusqlite::Connection;

const CONTRIBUTING: &str = include_str!("../../CONTRIBUTING.md");
const AUDITORS: &str = include_str!("../../docs/auditors.md");
const README: &str = include_str!("../../README.md");
const EVIDENCE: &str = include_str!("../../docs/evidence.md");
const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// The code blocks of the README in this language.
fn blocks(language: &str) -> Vec<Vec<String>> {
    blocks_of(README, language)
}

/// The code blocks of a document in this language, as lines; a line that goes on in the next is one.
fn blocks_of(document: &str, language: &str) -> Vec<Vec<String>> {
    let mut blocks: Vec<Vec<String>> = Vec::new();
    let mut inside: Option<bool> = None;
    let mut goes_on = false;
    for line in document.lines() {
        let line = line.trim();
        if let Some(fence) = line.strip_prefix("```") {
            inside = match inside {
                None => Some(fence == language),
                Some(_) => None,
            };
            if inside == Some(true) {
                blocks.push(Vec::new());
            }
            continue;
        }
        if inside != Some(true) {
            continue;
        }
        let block = blocks.last_mut().unwrap();
        let text = line.trim_end_matches(['^', '\\']).trim_end();
        match block.last_mut() {
            Some(last) if goes_on => *last = format!("{last} {text}"),
            _ => block.push(text.to_owned()),
        }
        goes_on = text.len() < line.len();
    }
    assert!(inside.is_none(), "a code block is not closed");
    blocks
}

/// What stands between single backticks outside of code blocks.
fn spans(text: &str) -> Vec<String> {
    let mut prose = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.trim().starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The words of the `jobruns` command in a line of a shell, a crontab or a scheduled task; `None` where there is none.
fn command(line: &str) -> Option<Vec<String>> {
    let begin = line.match_indices("jobruns").map(|(at, _)| at).find(|&at| {
        let before = line[..at].chars().next_back();
        let rest = &line[at + "jobruns".len()..];
        // The account has the same name.
        let is_user = ["-u ", "-o ", "-g "]
            .iter()
            .any(|flag| line[..at].ends_with(flag));
        !is_user
            && before.is_none_or(|c| c == ' ' || c == '\\' || c == '"')
            && (rest.starts_with(' ') || rest.starts_with(".exe "))
    })?;
    let quoted = line[..begin].contains('"');
    let (_, rest) = line[begin..].split_once(' ')?;
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in rest.chars() {
        match (quote, c) {
            (None, '"') if quoted => break,
            (None, '|' | '>' | '&' | ';' | '#') => break,
            (None, ' ') => words.push(String::new()),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (_, c) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    Some(words)
}

/// The same with values in place of the words that stand for one.
fn with_values(words: &[String]) -> Vec<String> {
    let value = |word: &String| match word.as_str() {
        "HASH" | "SHA256" => "ab".repeat(32),
        "JOB_ID" | "ID" | "JOB_RUN_ID" | "RUN" => "ff761384-4b49-40b4-97d8-0de38669075a".to_owned(),
        _ => word.clone(),
    };
    words.iter().map(value).collect()
}

/// Expects that the arguments parse: with `--help` behind them, nothing runs and everything before it is read.
#[track_caller]
fn parses(program: &Program, words: &[String]) {
    let words = with_values(words);
    let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    if arguments.first() != Some(&"help") {
        arguments.push("--help");
    }
    let ended = program.run(&arguments);
    assert_eq!(ended.code, Some(0), "jobruns {}: {ended:#?}", words.join(" "));
    for option in words.iter().filter(|word| word.starts_with("--")) {
        let name = option.split('=').next().unwrap();
        assert!(
            ended.stdout.contains(name),
            "{name} is not in the help of: {words:?}"
        );
    }
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Each command of the program that does something, as its words.
fn all_commands(program: &Program) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for command in commands(&program.run(&["--help"]).ends_with(0).stdout) {
        let below = commands(&program.run(&[&command, "--help"]).ends_with(0).stdout);
        if below.is_empty() {
            all.push(vec![command]);
        } else {
            all.extend(below.into_iter().map(|name| vec![command.clone(), name]));
        }
    }
    all
}

#[test]
fn every_command_line_of_the_readme_parses() {
    let program = Program::new();
    let mut lines = 0;
    for language in ["sh", "bat", "cron"] {
        let shown = [README, OPERATIONS].map(|document| blocks_of(document, language));
        for words in shown.iter().flatten().flatten().filter_map(|line| command(line)) {
            parses(&program, &words);
            lines += 1;
        }
    }
    assert!(lines >= 16, "only {lines} were found");
    let mut spoken = 0;
    for words in [README, AUDITORS, CONTRIBUTING, EVIDENCE, OPERATIONS]
        .into_iter()
        .flat_map(spans)
        .filter(|span| span.starts_with("jobruns "))
        .filter_map(|span| command(&span))
    {
        parses(&program, &words);
        spoken += 1;
    }
    assert!(spoken >= 15, "only {spoken} were found");
}

#[test]
fn every_example_of_a_help_text_parses() {
    let program = Program::new();
    let mut examples = 0;
    for words in all_commands(&program) {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = program.run(&arguments).ends_with(0).stdout;
        for line in help.lines().filter(|line| line.starts_with("  jobruns ")) {
            parses(&program, &command(line).unwrap());
            examples += 1;
        }
    }
    assert!(examples >= 10, "only {examples} were found");
}

#[test]
fn every_command_has_a_manual_page_with_its_options() {
    let program = Program::new();
    program.run(&["man", "--output-dir", "man1"]).ends_with(0);
    for words in all_commands(&program) {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let name = format!("man1/jobruns-{}.1", arguments.join("-"));
        let page =
            std::fs::read_to_string(program.path(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Roff escapes hyphens.
        let page = page.replace('\\', "");
        arguments.push("--help");
        let help = program.run(&arguments).ends_with(0).stdout;
        let options = help
            .lines()
            .filter_map(|line| line.trim().split(' ').find(|word| word.starts_with("--")));
        for option in options.filter(|option| help.contains(&format!("  {option}"))) {
            assert!(page.contains(option), "{option} is not in {name}");
        }
    }
    let pages = std::fs::read_dir(program.path("man1")).unwrap();
    let names: BTreeSet<String> = pages
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.contains("jobruns.1") && names.contains("jobruns-report.1"));
    assert!(
        !names
            .iter()
            .any(|name| name.contains("help") || name.contains("-man")),
        "{names:?}"
    );
}

#[test]
fn every_command_is_in_the_readme_and_only_those() {
    let program = Program::new();
    let there: BTreeSet<String> = all_commands(&program)
        .iter()
        .map(|words| words[0].clone())
        .collect();
    let told: BTreeSet<String> = spans(README)
        .iter()
        .filter(|span| span.starts_with("jobruns "))
        .filter_map(|span| command(span))
        .map(|words| words[0].clone())
        .filter(|word| !word.starts_with('-') && word != "help")
        .collect();
    assert_eq!(told, there);
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_help() {
    let help = Program::new().run(&["--help"]).ends_with(0).stdout;
    let (_, help) = help.split_once("Exit codes:\n").unwrap();
    // A long line of the help is broken and goes on further in.
    let mut of_help: BTreeMap<i32, String> = BTreeMap::new();
    let mut last = None;
    for line in help.lines() {
        let line = line.trim();
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Ok(code) = first.parse::<i32>() {
            of_help.insert(code, rest.trim().to_owned());
            last = Some(code);
        } else if let Some(text) = last.and_then(|code| of_help.get_mut(&code)) {
            *text = format!("{text} {line}");
        }
    }
    let of_readme: BTreeMap<i32, String> = README
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
            Some((cells.next()?.parse().ok()?, cells.next()?.to_owned()))
        })
        .collect();
    assert_eq!(
        of_readme.keys().copied().collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 130]
    );
    assert_eq!(of_readme, of_help);
}

#[test]
fn the_tables_of_the_readme_are_those_of_an_archive() {
    let program = Program::new();
    program
        .run(&["jobs", "add", "ff761384-4b49-40b4-97d8-0de38669075a"])
        .ends_with(0);
    let archive = Connection::open(program.path("jobruns.db")).unwrap();
    let (_, tables) = README.split_once("| name | one row per |").unwrap();
    let names: Vec<&str> = tables
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .collect();
    assert_eq!(names.len(), NAMES_FOR_ANALYSTS.len());
    for name in names {
        archive
            .prepare(&format!("SELECT * FROM {name}"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// The set-up of the README, line by line, with the look-alike in place of the real server.
#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_of_the_readme_runs_as_it_is_written() {
    const URL: &str = "https://ccs.example.com:12431";
    let story = Story::new().await;
    let program = Program::new().with("JOBRUNS_PASSWORD", "simulator");
    // The exports are shown further down, and stand in the same file.
    let settings = blocks("toml")
        .concat()
        .join("\n")
        .replace(URL, &story.server.base_url())
        .replace(
            "…64 hexadecimal digits…",
            &hex(&story.server.certificate_sha256()),
        );
    program.write("jobruns.toml", settings);
    program.write(
        "jobs.txt",
        format!("{} Nightly\n{}\n", story.job(0), story.job(1)),
    );
    let mut done = BTreeSet::new();
    for line in blocks("sh").iter().flatten() {
        if let Some(sql) = line.strip_prefix("sqlite3 jobruns.db ") {
            let archive = Connection::open(program.path("jobruns.db")).unwrap();
            let mut statement = archive.prepare(sql.trim_matches('"')).unwrap();
            assert!(statement.query([]).unwrap().next().is_ok());
            done.insert("sqlite3".to_owned());
        }
        if line.starts_with("cargo ") {
            continue;
        }
        let Some(words) = command(line) else { continue };
        // They would change this machine; tests/unattended/setup.rs has schedulers of its own.
        if words[0] == "schedule" {
            continue;
        }
        let head = || {
            let archive = Connection::open(program.path("jobruns.db")).unwrap();
            let latest = "SELECT head FROM syncs ORDER BY sync_id DESC LIMIT 1";
            archive.query_row(latest, [], |row| row.get(0)).unwrap()
        };
        let words: Vec<String> = words
            .iter()
            .map(|word| {
                if word == "HASH" {
                    head()
                } else {
                    word.replace(URL, &story.server.base_url())
                }
            })
            .collect();
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        program.run(&arguments).ends_with(0).never_shows("simulator");
        done.insert(words[0].clone());
    }
    for file in ["trends.csv", "reports/runs.csv"] {
        assert!(program.path(file).exists(), "{file} was not exported");
    }
    for command in ["trust", "sync", "status", "verify", "report", "sqlite3"] {
        assert!(done.contains(command), "{command} is not shown");
    }
}
