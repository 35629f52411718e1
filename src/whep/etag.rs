//! `If-Match` of a PATCH.

/// Whether the precondition of an `If-Match` header holds for the entity tag `etag` (RFC 9110 section
/// 13.1.1). `etag` includes its quotes and contains no comma. The wildcard may be in quotes, as in the
/// WHEP draft's example of an ICE restart.
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
