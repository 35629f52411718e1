//! Reads tables of TOML. What is wrong with them is collected, each with its line, so that one look at the file is
//! enough. Values are told only where they cannot be secrets.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How different a name may be from the one that was meant: Jaro-Winkler, 1 is equal.
const SIMILAR: f64 = 0.8;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1 on; 0: it belongs to no line.
    pub line: usize,
    pub text: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => f.write_str(&self.text),
            line => write!(f, "line {line}: {}", self.text),
        }
    }
}

/// A file that is read, and what is wrong with it so far.
pub struct Reader<'i> {
    text: &'i str,
    problems: RefCell<Vec<Problem>>,
}

impl<'i> Reader<'i> {
    pub fn new(text: &'i str) -> Reader<'i> {
        Reader {
            text,
            problems: RefCell::default(),
        }
    }

    /// The document; nothing if it is no TOML.
    pub fn parse(&self) -> Option<Spanned<DeTable<'i>>> {
        match DeTable::parse(self.text) {
            Ok(document) => Some(document),
            Err(error) => {
                // Its message does not quote the file; its Display would.
                let line = error.span().map_or(0, |span| self.line(span.start));
                self.problem(line, error.message().to_owned());
                None
            }
        }
    }

    pub fn problem(&self, line: usize, text: String) {
        self.problems.borrow_mut().push(Problem { line, text });
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        1 + before.filter(|&&byte| byte == b'\n').count()
    }

    /// What is wrong, in the order of lines.
    pub fn finish(self) -> Result<(), Vec<Problem>> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems),
        }
    }
}

/// A table that is read. It learns its keys as they are asked for.
pub struct Section<'a, 'i> {
    reader: &'a Reader<'i>,
    /// As in its header; empty for the whole file.
    path: String,
    pub line: usize,
    table: &'a DeTable<'i>,
    known: Vec<&'static str>,
}

impl<'a, 'i> Section<'a, 'i> {
    /// The whole file.
    pub fn root(reader: &'a Reader<'i>, table: &'a DeTable<'i>) -> Section<'a, 'i> {
        Section {
            reader,
            path: String::new(),
            line: 0,
            table,
            known: Vec::new(),
        }
    }

    fn at(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.known.push(key);
        self.table.get(key)
    }

    fn line_of(&self, value: &Spanned<DeValue<'_>>) -> usize {
        self.reader.line(value.span().start)
    }

    /// The line of a key that is there.
    pub fn line_of_key(&self, key: &str) -> usize {
        self.table
            .get(key)
            .map_or(self.line, |value| self.line_of(value))
    }

    /// Whether there is one of these keys.
    pub fn has_any(&self, keys: &[&str]) -> bool {
        keys.iter().any(|&key| self.table.contains_key(key))
    }

    /// Notes what is wrong with the value of a key.
    pub fn wrong(&self, key: &str, what: impl Display) {
        let text = format!("{} {what}", self.at(key));
        self.reader.problem(self.line_of_key(key), text);
    }

    /// A value of a type, or nothing if there is none or it has another type.
    fn value<T>(
        &mut self,
        key: &'static str,
        kind: &str,
        read: impl FnOnce(&'a DeValue<'i>) -> Option<T>,
    ) -> Option<T> {
        let value = self.find(key)?;
        let read = read(value.get_ref());
        if read.is_none() {
            let found = value.get_ref().type_str();
            self.wrong(key, format_args!("must be {kind}, not {}", article(found)));
        }
        read
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.value(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.value(key, "true or false", DeValue::as_bool)
    }

    pub fn integer(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let number = self.value(key, "an integer", |value| {
            let value = value.as_integer()?;
            // One that no i64 holds is out of range, too.
            Some(i64::from_str_radix(value.as_str(), value.radix()).unwrap_or(i64::MAX))
        })?;
        if range.contains(&number) {
            return Some(number);
        }
        let (least, most) = range.into_inner();
        self.wrong(key, format_args!("must be {least} to {most}"));
        None
    }

    /// A string that stands for something else. `what`: "an address and a port, such as ...".
    pub fn parsed<T: FromStr>(&mut self, key: &'static str, what: &str) -> Option<T> {
        let text = self.text(key)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.wrong(key, format_args!("must be {what}, not {text:?}"));
        }
        parsed
    }

    /// One of several words.
    pub fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let chosen = words.iter().find(|(word, _)| *word == text);
        if chosen.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.wrong(
                key,
                format_args!("must be one of {}, not {text:?}", words.join(", ")),
            );
        }
        chosen.map(|&(_, value)| value)
    }

    /// A list of strings; empty if there is none.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let texts = self.value(key, "a list of strings", |value| {
            let all = value.as_array()?.iter();
            all.map(|one| one.get_ref().as_str().map(str::to_owned))
                .collect()
        });
        texts.unwrap_or_default()
    }

    /// A table in this one.
    pub fn section(&mut self, key: &'static str) -> Option<Section<'a, 'i>> {
        let line = self.line_of_key(key);
        let table = self.value(key, "a table", DeValue::as_table)?;
        Some(self.inner(self.at(key), line, table))
    }

    /// The tables in a table, whose names are free: `[key.NAME]`.
    pub fn named(&mut self, key: &'static str) -> Vec<(String, Section<'a, 'i>)> {
        let Some(all) = self.section(key) else {
            return Vec::new();
        };
        let read = |(name, value): (&Spanned<_>, &'a Spanned<DeValue<'i>>)| {
            let name: &toml::de::DeString<'_> = name.get_ref();
            let Some(table) = value.get_ref().as_table() else {
                all.wrong(name, "must be a table");
                return None;
            };
            let line = all.line_of(value);
            Some((name.to_string(), all.inner(all.at(name), line, table)))
        };
        all.table.iter().filter_map(read).collect()
    }

    /// The tables of a list: `[[key]]`.
    pub fn list(&mut self, key: &'static str) -> Vec<Section<'a, 'i>> {
        let path = self.at(key);
        let tables = self.value(key, "a list of tables", |value| {
            let all = value.as_array()?.iter();
            all.map(|one| Some((one.span().start, one.get_ref().as_table()?)))
                .collect::<Option<Vec<_>>>()
        });
        let tables = tables.unwrap_or_default().into_iter();
        tables
            .map(|(start, table)| self.inner(path.clone(), self.reader.line(start), table))
            .collect()
    }

    fn inner(&self, path: String, line: usize, table: &'a DeTable<'i>) -> Section<'a, 'i> {
        Section {
            reader: self.reader,
            path,
            line,
            table,
            known: Vec::new(),
        }
    }

    /// Says which keys nobody has asked for.
    pub fn finish(self) {
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let nearest = self
                .known
                .iter()
                .map(|known| (strsim::jaro_winkler(known, name), known));
            let nearest = nearest.max_by(|(one, _), (other, _)| one.total_cmp(other));
            let hint = match nearest {
                Some((similarity, known)) if similarity >= SIMILAR => {
                    format!("did you mean {known:?}?")
                }
                _ => format!("there are: {}", self.known.join(", ")),
            };
            let place = match self.path.is_empty() {
                true => "the file".to_owned(),
                false => format!("[{}]", self.path),
            };
            let line = self.reader.line(key.span().start);
            self.reader
                .problem(line, format!("{place} has no key {name:?}: {hint}"));
        }
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
