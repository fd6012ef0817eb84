//! What the name of a file says that it is.

use std::path::Path;

/// Whether the name ends in one of these, in letters of either case.
pub(crate) fn is_one_of(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|said| endings.iter().any(|ending| said.eq_ignore_ascii_case(ending)))
}

/// Whether it looks like a manifest or a lock: nothing is written over one.
pub(crate) fn is_of_a_manifest(path: &Path) -> bool {
    is_one_of(path, &["yaml", "yml", "lock"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_may_be_of_either_case() {
        for path in ["a/report.pdf", "REPORT.PDF", "x.y.Pdf"] {
            assert!(is_one_of(Path::new(path), &["md", "pdf"]), "{path}");
        }
        for path in ["report.html", "pdf", ".pdf", "a.pdf/b", ""] {
            assert!(!is_one_of(Path::new(path), &["md", "pdf"]), "{path}");
        }
        assert!(is_of_a_manifest(Path::new("sweep.YAML")) && is_of_a_manifest(Path::new("sweep.yaml.lock")));
        assert!(!is_of_a_manifest(Path::new("table.csv")));
    }
}
