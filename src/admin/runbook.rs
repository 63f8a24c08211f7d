//! The sections of the runbook, so that they can be read where the trouble is shown, without another host.

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// The section with this heading, in Markdown.
pub(super) fn section(name: &str) -> Option<&'static str> {
    let heading = format!("\n## {name}\n");
    let start = RUNBOOK.find(&heading)? + 1;
    let rest = RUNBOOK.get(start..)?;
    let end = rest.find("\n## ").unwrap_or(rest.len());
    rest.get(..end)
}

#[cfg(test)]
mod tests {
    use super::section;
    use crate::admin::TroubleKind;

    #[test]
    fn every_kind_of_trouble_has_its_section() {
        for kind in TroubleKind::ALL {
            let text = section(kind.runbook()).unwrap_or_else(|| panic!("{kind:?}: {}", kind.runbook()));
            assert!(text.starts_with(&format!("## {}\n", kind.runbook())) && text.len() > 100, "{text}");
            assert_eq!(text.matches("\n## ").count(), 0, "{text}");
        }
        assert_eq!((section(""), section("Meterline"), section("../secret")), (None, None, None));
    }
}
