//! The pages: files that are part of the library and served as they are.
//!
//! All addresses in them are relative, so that a proxy may serve them under a prefix of its own.
//! They need no network, no inline script and no inline style.

/// A file that is served as it is.
pub struct Page {
    pub content_type: &'static str,
    pub body: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

macro_rules! page {
    ($content_type:expr, $file:literal) => {
        Page {
            content_type: $content_type,
            body: include_bytes!(concat!("pages/", $file)),
        }
    };
}

/// Pages by the names of their files.
macro_rules! pages {
    ($($content_type:ident $file:literal)*) => {
        &[$(($file, page!($content_type, $file))),*]
    };
}

/// All cameras.
pub static CAMERAS: Page = page!(HTML, "cameras.html");
/// One camera.
pub static PLAYER: Page = page!(HTML, "camera.html");
/// Figures of the gateway, its cameras and its viewers.
pub static DASHBOARD: Page = page!(HTML, "dashboard.html");

/// The WHEP client and the wall of cameras that uses it, for the pages and for hosts to copy.
static CLIENTS: &[(&str, Page)] = pages! {
    SCRIPT "player.js"
    SCRIPT "wall.js"
};

/// What the pages are made of.
static ASSETS: &[(&str, Page)] = pages! {
    IMAGE "icon.svg"
    STYLE "camera.css"
    STYLE "cameras.css"
    STYLE "common.css"
    STYLE "dashboard.css"
    STYLE "detail.css"
    STYLE "tables.css"
    SCRIPT "api.js"
    SCRIPT "attention.js"
    SCRIPT "camera.js"
    SCRIPT "camera_map.js"
    SCRIPT "camera_picker.js"
    SCRIPT "camera_table.js"
    SCRIPT "cameras.js"
    SCRIPT "charts.js"
    SCRIPT "dashboard.js"
    SCRIPT "detail.js"
    SCRIPT "dom.js"
    SCRIPT "figures.js"
    SCRIPT "filters.js"
    SCRIPT "format.js"
    SCRIPT "held_back.js"
    SCRIPT "history.js"
    SCRIPT "model.js"
    SCRIPT "split_bar.js"
    SCRIPT "table.js"
    SCRIPT "theme.js"
    SCRIPT "trouble_list.js"
    SCRIPT "tuning_table.js"
    SCRIPT "viewer_table.js"
    SCRIPT "wall_address.js"
    SCRIPT "why.js"
    SCRIPT "worker_list.js"
};

/// uPlot 1.6.32, as its makers publish it (MIT, `pages/vendor/uplot.LICENSE`).
static VENDOR: &[(&str, Page)] = &[
    ("uplot.css", page!(STYLE, "vendor/uplot.css")),
    ("uplot.js", page!(SCRIPT, "vendor/uplot.js")),
];

/// The file of a path: `/player.js`, `/wall.js` or `/assets/NAME`.
pub fn find(path: &str) -> Option<&'static Page> {
    let (mut files, name) = match path.strip_prefix("/assets/") {
        Some(name) => (ASSETS.iter().chain(VENDOR), name),
        None => (CLIENTS.iter().chain(&[]), path.strip_prefix('/')?),
    };
    files
        .find(|(known, _)| *known == name)
        .map(|(_, page)| page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const PAGES: [&Page; 3] = [&CAMERAS, &PLAYER, &DASHBOARD];

    fn text(page: &Page) -> &'static str {
        std::str::from_utf8(page.body).expect("UTF-8")
    }

    /// What stands between `before` and the next quotation mark.
    fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        let parts = text.split(before).skip(1);
        parts.map(|rest| rest.split('"').next().unwrap_or(""))
    }

    #[test]
    fn every_file_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/pages");
        for entry in folder.read_dir().expect("the folder") {
            let file = entry.expect("an entry").file_name();
            let name = file.to_str().expect("UTF-8");
            let served = match name {
                "player.js" | "wall.js" => find(&format!("/{name}")).is_some(),
                "vendor" | "cameras.html" | "camera.html" | "dashboard.html" => true,
                _ => find(&format!("/assets/{name}")).is_some(),
            };
            assert!(served, "{name}");
        }
    }

    #[test]
    fn what_pages_and_scripts_name_is_served() {
        for page in PAGES {
            for attribute in ["href=\"", "src=\""] {
                for address in quoted(text(page), attribute) {
                    let known = ["./", "dashboard"].contains(&address);
                    assert!(known || find(&format!("/{address}")).is_some(), "{address}");
                }
            }
        }
        for (name, page) in ASSETS {
            for import in quoted(text(page), " from \"") {
                let path = match import.strip_prefix("../") {
                    Some(above) => format!("/{above}"),
                    None => format!("/assets/{}", import.trim_start_matches("./")),
                };
                assert!(find(&path).is_some(), "{name} imports {import}");
            }
        }
    }

    #[test]
    fn a_strict_content_security_policy_lets_the_pages_work() {
        for page in PAGES {
            let html = text(page);
            assert!(!html.contains("<style") && !html.contains(" style="));
            assert!(!html.contains(" onclick=") && !html.contains("javascript:"));
            for script in html.split("<script").skip(1) {
                assert!(
                    script.contains("></script>"),
                    "script in the text: {script}"
                );
            }
            assert!(!html.contains("http://") && !html.contains("https://"));
        }
    }

    #[test]
    fn other_paths_are_none() {
        for path in [
            "/",
            "/assets/",
            "/assets/cameras.html",
            "/assets/../player.js",
            "/assets/wall.js",
            "player.js",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
