//! Which source file uses which, read from the paths in their code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module's names from the root down; the root has none.
type Module = Vec<String>;

/// What a `use` brings into a file: `path` under `name`.
struct Import {
    name: String,
    path: Vec<String>,
    /// `pub use`: a door for others. The file itself uses it only where the name stands in its code.
    is_door: bool,
}

struct File {
    path: PathBuf,
    imports: Vec<Import>,
    /// Paths outside of `use`, single names too.
    paths: BTreeSet<Vec<String>>,
    /// The modules that are compiled for tests alone.
    test_modules: Vec<String>,
}

/// The source files as a graph.
pub(crate) struct Files {
    files: BTreeMap<Module, File>,
}

impl Files {
    /// Of files with their paths below `src`. Code for tests is left out.
    pub(crate) fn new(texts: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let mut files: BTreeMap<Module, File> = texts
            .into_iter()
            .filter(|(path, _)| path != Path::new("main.rs"))
            .map(|(path, text)| (module_of(&path), File::read(path, &text)))
            .collect();
        let for_tests: Vec<Module> = files
            .iter()
            .flat_map(|(module, file)| file.test_modules.iter().map(|name| below(module, name)))
            .collect();
        files.retain(|module, _| !for_tests.iter().any(|test| module.starts_with(test)));
        Self { files }
    }

    /// The files that each file uses: those that define what its paths name, whatever doors the paths go through.
    fn uses(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let uses_of = |module: &Module, file: &File| {
            let imported = file
                .imports
                .iter()
                .filter(|import| !import.is_door || file.paths.iter().any(|path| path[0] == import.name));
            let paths = imported.map(|import| &import.path).chain(&file.paths);
            let used = paths.filter_map(|path| self.defining(module, path, 0));
            used.map(|used| self.files[&used].path.as_path())
                .filter(|used| *used != file.path)
                .collect()
        };
        self.files
            .iter()
            .map(|(module, file)| (file.path.as_path(), uses_of(module, file)))
            .collect()
    }

    /// The module whose file defines what `path` names, seen from `from`. None for other crates, for local names, and for a
    /// module as such, which is a place and not a thing.
    fn defining(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        // Imports may lead to one another in a circle where one bears the name of a crate.
        if depth > 8 {
            return None;
        }
        let first = path.first()?.as_str();
        let (mut module, rest) = match first {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (from.clone(), &path[1..]),
            "super" => {
                let up = path.iter().take_while(|name| *name == "super").count();
                (from[..from.len().checked_sub(up)?].to_vec(), &path[up..])
            }
            _ if self.files.contains_key(&below(from, first)) => (from.clone(), path),
            _ => {
                let import = self.files[from]
                    .imports
                    .iter()
                    .find(|import| import.name == first)?;
                if import.path[0] == first {
                    return None;
                }
                let whole = [&import.path, &path[1..]].concat();
                return self.defining(from, &whole, depth + 1);
            }
        };
        for (index, name) in rest.iter().enumerate() {
            let inner = below(&module, name);
            if self.files.contains_key(&inner) {
                module = inner;
                continue;
            }
            let door = self.files[&module]
                .imports
                .iter()
                .find(|import| import.name == *name);
            return match door {
                Some(import) => {
                    let whole = [&import.path, &rest[index + 1..]].concat();
                    self.defining(&module, &whole, depth + 1)
                }
                None => Some(module),
            };
        }
        None
    }

    /// The groups of files in which each uses every other, be it by way of others.
    pub(crate) fn cycles(&self) -> Vec<Vec<String>> {
        let uses = self.uses();
        let reached: BTreeMap<&Path, BTreeSet<&Path>> = uses
            .keys()
            .map(|file| {
                let mut reached = BTreeSet::new();
                let mut open: Vec<&Path> = uses[file].iter().copied().collect();
                while let Some(next) = open.pop() {
                    if reached.insert(next) {
                        open.extend(&uses[next]);
                    }
                }
                (*file, reached)
            })
            .collect();
        let mut cycles = BTreeSet::new();
        for (file, files) in reached.iter().filter(|(file, files)| files.contains(*file)) {
            let others = files.iter().filter(|other| reached[*other].contains(file));
            cycles.insert(others.map(|path| shown(path)).collect::<Vec<_>>());
        }
        cycles.into_iter().collect()
    }

    /// What the files of a cycle use of one another, for a person who wants to cut it.
    pub(crate) fn uses_within(&self, cycle: &[String]) -> String {
        let within = |path: &Path| cycle.contains(&shown(path));
        let mut lines = String::new();
        for (file, used) in self.uses().iter().filter(|(file, _)| within(file)) {
            for used in used.iter().filter(|used| within(used)) {
                lines += &format!("    {} uses {}\n", file.display(), used.display());
            }
        }
        lines
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string().replace('\\', "/")
}

fn below(module: &Module, name: &str) -> Module {
    let mut module = module.clone();
    module.push(name.to_owned());
    module
}

fn module_of(path: &Path) -> Module {
    let mut module: Module = path
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module.last().is_some_and(|name| name == "mod" || name == "lib") {
        module.pop();
    }
    module
}

impl File {
    fn read(path: PathBuf, text: &str) -> Self {
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut file = Self {
            path,
            imports: Vec::new(),
            paths: BTreeSet::new(),
            test_modules: Vec::new(),
        };
        file.walk(tokens);
        file
    }

    fn walk(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        let mut is_public = false;
        let mut is_for_tests = false;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Group(group) => {
                    let is_attribute = group.delimiter() == Delimiter::Bracket
                        && is_punct(tokens.get(at.wrapping_sub(1)), '#');
                    if is_attribute {
                        is_for_tests |= group.stream().to_string().replace(' ', "") == "cfg(test)";
                    }
                    // `pub(crate)` opens a door as `pub` does.
                    if !(is_public && group.delimiter() == Delimiter::Parenthesis) {
                        self.walk(group.stream());
                        is_for_tests &= is_attribute;
                    }
                    at += 1;
                }
                TokenTree::Punct(punct) if punct.as_char() == ';' => {
                    is_for_tests = false;
                    at += 1;
                }
                TokenTree::Ident(name) if name == "pub" => {
                    is_public = true;
                    at += 1;
                }
                TokenTree::Ident(name) if name == "use" && !is_punct(tokens.get(at.wrapping_sub(1)), ':') => {
                    let end = end_of_statement(&tokens, at);
                    if !is_for_tests {
                        self.import(&tokens[at + 1..end], &[], is_public);
                    }
                    (is_public, is_for_tests) = (false, false);
                    at = end;
                }
                TokenTree::Ident(name) if name == "mod" => {
                    let is_inline = matches!(tokens.get(at + 2), Some(TokenTree::Group(_)));
                    if is_for_tests && !is_inline {
                        self.test_modules.push(tokens[at + 1].to_string());
                    }
                    at += if is_for_tests && is_inline { 3 } else { 2 };
                    (is_public, is_for_tests) = (false, false);
                }
                TokenTree::Ident(_) => {
                    let (path, end) = path_at(&tokens, at);
                    // A name behind a dot is a field or a method.
                    if !is_punct(tokens.get(at.wrapping_sub(1)), '.') {
                        self.paths.insert(path);
                    }
                    is_public = false;
                    at = end;
                }
                _ => at += 1,
            }
        }
    }

    /// Adds the names of one tree of a `use`.
    fn import(&mut self, tree: &[TokenTree], before: &[String], is_door: bool) {
        let mut path = before.to_vec();
        let mut at = 0;
        while let Some(token) = tree.get(at) {
            match token {
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for tree in inner.split(|token| is_punct(Some(token), ',')) {
                        self.import(tree, &path, is_door);
                    }
                    return;
                }
                TokenTree::Ident(name) if name == "as" => break,
                TokenTree::Ident(name) => path.push(name.to_string()),
                _ => {}
            }
            at += 1;
        }
        if path.len() > 1 && path.last().is_some_and(|name| name == "self") {
            path.pop();
        }
        let alias = tree.get(at + 1).map(ToString::to_string);
        if let Some(name) = alias
            .or_else(|| path.last().cloned())
            .filter(|_| !tree.is_empty())
        {
            self.imports.push(Import { name, path, is_door });
        }
    }
}

/// The path that begins at an index, and the index behind it.
fn path_at(tokens: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let mut path = vec![tokens[at].to_string()];
    at += 1;
    while is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':') {
        let Some(TokenTree::Ident(name)) = tokens.get(at + 2) else {
            break;
        };
        path.push(name.to_string());
        at += 3;
    }
    (path, at)
}

fn end_of_statement(tokens: &[TokenTree], from: usize) -> usize {
    let length = tokens[from..].iter().position(|token| is_punct(Some(token), ';'));
    length.map_or(tokens.len(), |length| from + length)
}

fn is_punct(token: Option<&TokenTree>, c: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == c)
}
