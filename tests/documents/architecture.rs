//! The map of modules in `src/lib.rs` is the truth about which module may use which.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::Files;

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

/// Which command to try next is said in `src/cli/hints`; other modules name the condition.
#[test]
fn only_the_command_line_names_commands() {
    // Settings name commands in their help; a finding is data of `verify` that has its remedy.
    let exempt = [
        Path::new("cli"),
        Path::new("config"),
        Path::new("archive/verify/finding.rs"),
    ];
    let mut named = Vec::new();
    for file in rust_files(Path::new(SRC)) {
        let relative = file.strip_prefix(SRC).unwrap();
        if exempt.iter().any(|place| relative.starts_with(place)) {
            continue;
        }
        for (number, line) in (1..).zip(fs::read_to_string(&file).unwrap().lines()) {
            if line.contains("`jobruns ") && !line.trim_start().starts_with("//") {
                named.push(format!("{}:{number}: {}", relative.display(), line.trim()));
            }
        }
    }
    assert!(named.is_empty(), "say it in src/cli/hints:\n{}", named.join("\n"));
}

#[test]
fn names_after_crate_are_found_in_every_form() {
    let text =
        "use crate::model::{Guid};\nuse crate::{archive::{A, B}, sync, config::Pin};\ncrate::report::x()";
    let found: Vec<String> = used_modules(text).into_iter().collect();
    assert_eq!(found, ["archive", "config", "model", "report", "sync"]);
}

/// The files of a cycle cannot be read, tested or moved one without the others.
#[test]
fn no_file_uses_itself_by_way_of_others() {
    let texts = rust_files(Path::new(SRC)).into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(SRC).unwrap().to_path_buf(), text)
    });
    let files = Files::new(texts);
    let cycles: Vec<String> = files
        .cycles()
        .iter()
        .map(|cycle| format!("{cycle:?}:\n{}", files.uses_within(cycle)))
        .collect();
    assert!(
        cycles.is_empty(),
        "these files use one another; move what both need into a file below them:\n{}",
        cycles.join("\n")
    );
}

#[test]
fn cycles_are_found_through_doors_and_not_in_tests() {
    let cycles = |texts: &[(&str, &str)]| {
        let texts = texts
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
        Files::new(texts).cycles()
    };
    let root = ("lib.rs", "mod a; mod b;");
    let uses_b = ("a.rs", "use crate::b::{self, B as Other}; pub struct A(Other);");
    assert_eq!(
        cycles(&[root, uses_b, ("b.rs", "pub struct B; fn make() { crate::a::A; }")]),
        [["a.rs", "b.rs"]]
    );
    for harmless in [
        "pub struct B; // crate::a::A",
        "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
        "pub struct B; #[cfg(test)] use crate::a::A;",
        "pub struct B; fn at(b: B) { b.a; }",
    ] {
        assert!(
            cycles(&[root, uses_b, ("b.rs", harmless)]).is_empty(),
            "{harmless}"
        );
    }

    // A door is no use of what stands behind it, and whoever goes through it uses that.
    let door = (
        "b/mod.rs",
        "mod inner; mod outer; pub use inner::B; pub(crate) use outer::make;",
    );
    let outer = ("b/outer.rs", "use super::B; pub(crate) fn make() -> B { B }");
    let inner = "pub struct B;";
    assert!(cycles(&[root, uses_b, door, outer, ("b/inner.rs", inner)]).is_empty());
    let inner = "pub struct B; fn more() { super::make(); }";
    assert_eq!(
        cycles(&[root, uses_b, door, outer, ("b/inner.rs", inner)]),
        [["b/inner.rs", "b/outer.rs"]]
    );
}

#[test]
fn the_paths_in_documents_for_contributors_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for document in ["CONTRIBUTING.md", "docs/architecture.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let is_path = |span: &&str| {
            let first = span.split('/').next().unwrap();
            span.contains('/') && !span.contains(' ') && root.join(first).is_dir() && first != "target"
        };
        for path in text.split('`').skip(1).step_by(2).filter(is_path) {
            assert!(root.join(path).exists(), "{document}: {path}");
            found += 1;
        }
    }
    assert!(found > 40, "only {found} were found");
}
