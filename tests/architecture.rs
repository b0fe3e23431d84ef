//! The map of modules in `src/lib.rs` is the truth about which module may use which.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// The allowed dependencies, read from the block of `src/lib.rs` whose lines are `module -> module, module`.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let map = fs::read_to_string(Path::new(SRC).join("lib.rs")).unwrap();
    let lines = map
        .lines()
        .filter_map(|line| line.strip_prefix("//! ")?.split_once("->"));
    lines
        .map(|(module, uses)| {
            let uses = uses.split(',').map(|name| name.trim().to_owned());
            (
                module.trim().to_owned(),
                uses.filter(|name| !name.is_empty()).collect(),
            )
        })
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The names that follow `crate::` in code and comments, those in braces too (`use crate::{a, b::c}`).
fn used_modules(text: &str) -> BTreeSet<String> {
    let name = |text: &str| -> String {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let mut used = BTreeSet::new();
    for (at, found) in text.match_indices("crate::") {
        let rest = &text[at + found.len()..];
        let Some(braced) = rest.strip_prefix('{') else {
            used.insert(name(rest));
            continue;
        };
        let mut depth = 0_u32;
        let mut begins = true;
        for (index, c) in braced.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && depth == 0 && !c.is_whitespace() => {
                    used.insert(name(&braced[index..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    used.remove("");
    used
}

#[test]
fn modules_use_only_what_the_map_allows() {
    let allowed = allowed();
    let mut broken = Vec::new();
    for file in rust_files(Path::new(SRC)) {
        let relative = file.strip_prefix(SRC).unwrap();
        let first = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let module = first.trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        let may_use = allowed
            .get(module)
            .unwrap_or_else(|| panic!("{module} is missing in the map of src/lib.rs"));
        for used in used_modules(&fs::read_to_string(&file).unwrap()) {
            if used != module && !may_use.contains(&used) {
                broken.push(format!("{} uses crate::{used}", relative.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "not allowed by the map of src/lib.rs:\n{}",
        broken.join("\n")
    );
}

#[test]
fn the_map_has_no_cycle_and_names_every_module() {
    let allowed = allowed();
    let modules: BTreeSet<String> = fs::read_dir(SRC)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .filter(|name| name != "lib" && name != "main")
        .collect();
    assert_eq!(allowed.keys().cloned().collect::<BTreeSet<_>>(), modules);

    // Whatever uses only modules already placed can be placed; what is left over stands in a cycle.
    let mut placed = BTreeSet::new();
    while let Some(next) = allowed
        .iter()
        .find(|(module, uses)| !placed.contains(*module) && uses.iter().all(|name| placed.contains(name)))
    {
        placed.insert(next.0.clone());
    }
    assert_eq!(placed, modules, "the modules left over depend on one another");
}

#[test]
fn names_after_crate_are_found_in_every_form() {
    let text =
        "use crate::model::{Guid};\nuse crate::{archive::{A, B}, sync, config::Pin};\ncrate::report::x()";
    let found: Vec<String> = used_modules(text).into_iter().collect();
    assert_eq!(found, ["archive", "config", "model", "report", "sync"]);
}
