//! `If-Match` of a PATCH.

/// Whether an `If-Match` header lets a request for the entity `etag` pass (RFC 9110 section
/// 13.1.1). `etag` has its quotes and no comma in it. The WHEP draft's own example of an ICE restart
/// writes the wildcard in quotes.
pub fn if_match(header: &str, etag: &str) -> bool {
    matches!(header.trim(), "*" | "\"*\"") || header.split(',').any(|tag| tag.trim() == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_compares_strongly() {
        for (header, passes) in [
            ("\"abc\"", true),
            (" \"x\" , \"abc\"", true),
            ("*", true),
            (" * ", true),
            ("\"ab\"", false),
            ("abc", false),
            ("W/\"abc\"", false),
            ("", false),
            ("\"*\"", true),
            ("\"*\", \"x\"", false),
        ] {
            assert_eq!(if_match(header, "\"abc\""), passes, "{header}");
        }
    }
}
