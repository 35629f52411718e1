//! The pages.

/// A file that is served as it is.
pub struct Page {
    pub content_type: &'static str,
    pub body: &'static [u8],
}

const fn html(body: &'static [u8]) -> Page {
    Page {
        content_type: "text/html; charset=utf-8",
        body,
    }
}

/// All cameras.
pub static GRID: Page = html(b"<!doctype html><title>cameras</title>");
/// One camera.
pub static PLAYER: Page = html(b"<!doctype html><title>camera</title>");
/// Figures.
pub static DASHBOARD: Page = html(b"<!doctype html><title>dashboard</title>");

/// What the pages are made of.
pub fn find(path: &str) -> Option<&'static Page> {
    let _ = path;
    None
}
