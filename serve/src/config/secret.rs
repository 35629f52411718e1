//! Secrets that stand elsewhere: in files, as service managers and containers pass them, or in the environment.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::reader::Section;

/// The largest file that can be a secret, a certificate or a list of tokens.
const MOST: u64 = 1 << 20;

/// Where paths of the configuration begin: the folder of its file.
#[derive(Clone, Debug, Default)]
pub struct Base(PathBuf);

impl Base {
    /// For the file at this path.
    pub fn of(file: &Path) -> Base {
        Base(file.parent().map(Path::to_owned).unwrap_or_default())
    }

    /// The contents of a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = self.0.join(path);
        let mut contents = Vec::new();
        let read =
            File::open(&path).and_then(|file| file.take(MOST + 1).read_to_end(&mut contents));
        match read {
            Err(error) => Err(format!("cannot read {}: {error}", path.display())),
            Ok(_) if contents.len() as u64 > MOST => {
                Err(format!("{} has more than 1 MiB", path.display()))
            }
            Ok(_) => Ok(contents),
        }
    }

    /// The contents of a file that is text.
    pub fn read_text(&self, path: &str) -> Result<String, String> {
        String::from_utf8(self.read(path)?)
            .map_err(|_| format!("{} is not UTF-8", self.0.join(path).display()))
    }
}

/// The value of a variable.
fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("the environment has no variable {name}"))
}

/// A secret, by one of three keys: itself, its file without the newline at its end, its variable.
pub fn one(
    section: &mut Section<'_, '_>,
    base: &Base,
    [key, file_key, env_key]: [&'static str; 3],
) -> Option<String> {
    let plain = section.text(key);
    let file = section.text(file_key);
    let env = section.text(env_key);
    let given = [plain.is_some(), file.is_some(), env.is_some()];
    if given.into_iter().filter(|&is| is).count() > 1 {
        section.wrong(
            key,
            format_args!("excludes {file_key} and {env_key}: one of them"),
        );
    }
    let from_file = file.map(|path| (file_key, base.read_text(&path)));
    let from_env = env.map(|name| (env_key, variable(&name)));
    match from_file.or(from_env) {
        Some((_, Ok(text))) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
        Some((key, Err(why))) => {
            section.wrong(key, format_args!("is of no use: {why}"));
            None
        }
        None => plain,
    }
}

/// Secrets, by three keys: a list of them, files with one a line, variables with one each.
pub fn all(
    section: &mut Section<'_, '_>,
    base: &Base,
    [key, files_key, envs_key]: [&'static str; 3],
) -> Vec<String> {
    let mut secrets = section.texts(key);
    for path in section.texts(files_key) {
        match base.read_text(&path) {
            Ok(text) => {
                let lines = text.lines().map(str::trim);
                secrets.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
            }
            Err(why) => section.wrong(files_key, format_args!("is of no use: {why}")),
        }
    }
    for name in section.texts(envs_key) {
        match variable(&name) {
            Ok(text) => secrets.push(text.trim().to_owned()),
            Err(why) => section.wrong(envs_key, format_args!("is of no use: {why}")),
        }
    }
    secrets
}
