//! The module table in `src/lib.rs` is true: no module uses one that its row does not name, no row
//! names one that is not used, and no two modules use each other, directly or by way of others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Beside the table: the list of what tests may reach, and bugs on demand.
const NO_MODULES: [&str; 2] = ["internals", "test_panic"];

#[test]
fn the_table_says_who_uses_whom() {
    let (allowed, found) = (table(), arrows());
    for (module, uses) in &found {
        let row = allowed
            .get(module)
            .unwrap_or_else(|| panic!("{module} is not in the table of src/lib.rs"));
        let more: Vec<_> = uses.difference(row).collect();
        assert!(
            more.is_empty(),
            "{module} uses {more:?}, which its row does not name"
        );
    }
    for (module, row) in &allowed {
        let uses = found.get(module).cloned().unwrap_or_default();
        let fewer: Vec<_> = row.difference(&uses).collect();
        assert!(
            fewer.is_empty(),
            "the row of {module} names {fewer:?}, which it does not use"
        );
    }
}

#[test]
fn no_modules_use_each_other() {
    let mut arrows = arrows();
    // Removes the modules that use no others, until none are left or the rest is a cycle.
    while let Some(leaf) = table()
        .into_keys()
        .find(|module| arrows.get(module).is_some_and(BTreeSet::is_empty))
        .or_else(|| {
            let used: BTreeSet<_> = arrows.values().flatten().cloned().collect();
            used.into_iter().find(|module| !arrows.contains_key(module))
        })
    {
        arrows.remove(&leaf);
        for uses in arrows.values_mut() {
            uses.remove(&leaf);
        }
    }
    assert!(arrows.is_empty(), "circles among {arrows:?}");
}

#[test]
fn the_documents_have_the_same_table() {
    let text = read(&source().join("../docs/architecture.md"));
    let (_, section) = text.split_once("## Modules\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let found = rows(section.lines().filter(|line| line.starts_with("| `")));
    assert_eq!(found, table(), "docs/architecture.md and src/lib.rs");
}

/// The table's rows: each module, and those it may use.
fn table() -> Arrows {
    let text = read(&source().join("lib.rs"));
    let lines = text.lines().filter_map(|line| line.strip_prefix("//! "));
    let rows = rows(lines.filter(|line| line.starts_with("| ")));
    assert!(rows.len() > 10, "the table is not found");
    rows
}

fn rows<'a>(lines: impl Iterator<Item = &'a str>) -> Arrows {
    let mut rows = Arrows::new();
    for line in lines {
        let cells: Vec<_> = line.split('|').collect();
        let [_, modules, _, uses, _] = cells[..] else {
            panic!("not a row of three cells: {line}");
        };
        for module in modules.split('`').skip(1).step_by(2) {
            let uses = uses.split_whitespace().map(str::to_owned).collect();
            rows.insert(module.to_owned(), uses);
        }
    }
    rows
}

/// The part of a file before its own tests. A test module in a file of its own is not read at all.
fn without_tests(text: &str) -> &str {
    let tests = text
        .match_indices("#[cfg(test)]\nmod ")
        .find(|(at, found)| {
            let declared = text[at + found.len()..].lines().next();
            declared.is_some_and(|line| line.ends_with('{'))
        });
    tests.map_or(text, |(at, _)| &text[..at])
}

#[test]
fn a_test_module_in_another_file_hides_nothing() {
    let inline = "use a;\n#[cfg(test)]\nmod tests {\nuse b;\n}\n";
    assert_eq!(without_tests(inline), "use a;\n");
    let declared = "#[cfg(test)]\nmod testing;\nuse a;\n";
    assert_eq!(without_tests(declared), declared);
}

/// Who names whom by a path that begins with `crate::`, outside of comments and tests.
fn arrows() -> Arrows {
    let mut arrows = Arrows::new();
    for path in sources(&source()) {
        let inside = path.strip_prefix(source()).unwrap();
        let first = inside.components().next().unwrap().as_os_str();
        let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
        if module == "lib" || NO_MODULES.contains(&&*module) {
            continue;
        }
        let text = read(&path);
        let code = without_tests(&text);
        let lines = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let uses = arrows.entry(module.clone()).or_default();
        for rest in lines.flat_map(|line| line.split("crate::").skip(1)) {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
            let used = &rest[..end.unwrap_or(rest.len())];
            assert!(
                !used.is_empty(),
                "{}: name modules one by one: crate::{rest}",
                path.display()
            );
            if used != module && !NO_MODULES.contains(&used) {
                uses.insert(used.to_owned());
            }
        }
    }
    arrows
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && !["tests.rs", "testing.rs"].contains(&name) {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
