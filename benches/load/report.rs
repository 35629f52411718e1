//! Tables, as Markdown for people and JSON for programs.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::usage::machine;

#[derive(Clone, Debug)]
pub enum Cell {
    Text(String),
    /// A number with this many decimals.
    Number(f64, usize),
    Empty,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

/// A number with this many decimals.
pub fn number(value: f64, decimals: usize) -> Cell {
    if value.is_finite() {
        Cell::Number(value, decimals)
    } else {
        Cell::Empty
    }
}

pub struct Table {
    pub title: &'static str,
    pub columns: Vec<&'static str>,
    /// Its rows, as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(title: &'static str, columns: &[&'static str]) -> Table {
        Table {
            title,
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n| {} |\n|", self.title, self.columns.join(" | "));
        for (i, _) in self.columns.iter().enumerate() {
            let numbers = self
                .rows
                .iter()
                .any(|row| matches!(row.get(i), Some(Cell::Number(..))));
            text += if numbers { "---:|" } else { "---|" };
        }
        text.push('\n');
        for row in &self.rows {
            for cell in row {
                let _ = match cell {
                    Cell::Text(words) => write!(text, "| {words} "),
                    Cell::Number(value, decimals) => write!(text, "| {value:.decimals$} "),
                    Cell::Empty => write!(text, "| - "),
                };
            }
            text += "|\n";
        }
        text
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let cells = self.columns.iter().zip(row).map(|(column, cell)| {
                let value = match cell {
                    Cell::Text(words) => json!(words),
                    Cell::Number(value, decimals) => {
                        let scale = 10f64.powi(*decimals as i32);
                        json!((value * scale).round() / scale)
                    }
                    Cell::Empty => Value::Null,
                };
                ((*column).to_owned(), value)
            });
            Value::Object(cells.collect::<Map<_, _>>())
        });
        json!({ "title": self.title, "rows": rows.collect::<Vec<_>>() })
    }
}

/// Where results go.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/results")
}

/// Writes `NAME.md` and `NAME.json`, and shows the tables.
pub fn write(name: &str, about: &str, tables: &[Table]) -> io::Result<()> {
    let mut text = format!("# {name}\n\n{about}\n\nMeasured on {}.\n", machine());
    for table in tables {
        text += "\n";
        text += &table.markdown();
    }
    println!("{text}");
    fs::create_dir_all(directory())?;
    fs::write(directory().join(format!("{name}.md")), text)?;
    let tables: Vec<Value> = tables.iter().map(Table::json).collect();
    let value = json!({ "name": name, "machine": machine(), "tables": tables });
    let text = serde_json::to_string_pretty(&value)?;
    fs::write(directory().join(format!("{name}.json")), text + "\n")
}

/// Writes `NAME.svg`.
pub fn write_plot(name: &str, svg: &str) -> io::Result<()> {
    fs::create_dir_all(directory())?;
    fs::write(directory().join(format!("{name}.svg")), svg)
}
