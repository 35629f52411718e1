//! Parts of files that are generated: between marks that name where they come from.

use std::path::PathBuf;

/// `text` with the lines between the two marks of `source` replaced.
fn with_generated(text: &str, source: &str, generated: &str) -> String {
    let lines_end = |mark: &str| {
        let at = text.find(mark).unwrap_or_else(|| panic!("no mark: {mark}"));
        at + text[at..].find('\n').expect("a line ends") + 1
    };
    let begin = lines_end(&format!("generated from {source}: begin"));
    let end = lines_end(&format!("generated from {source}: end"));
    let end = text[..end - 1].rfind('\n').expect("a line before") + 1;
    format!("{}{generated}{}", &text[..begin], &text[end..])
}

/// Checks a file of the repository, or writes it with `UPDATE_DOCS`.
pub fn check(path: &str, generated: &[(&str, String)]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut expected = text.clone();
    for (source, generated) in generated {
        expected = with_generated(&expected, source, generated);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
        return;
    }
    assert!(
        text == expected,
        "{}: run UPDATE_DOCS=1 cargo test --test consistency",
        path.display()
    );
}
