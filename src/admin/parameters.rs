//! The query of a request's address, such as `?search=pump&page=2`.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Longer values are cut; no view needs them.
const CHARS_MAX: usize = 2_500;

/// The parameters of a request, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Parses a query; what is not UTF-8 is replaced.
    pub(super) fn of(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect(),
        )
    }

    /// The value of a parameter; empty if it is not there. The first of several counts.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The same with one parameter set; an empty value removes it.
    #[must_use]
    pub(super) fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs: Vec<_> = self.0.iter().filter(|(known, _)| known != name).cloned().collect();
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Self(pairs)
    }

    /// The address of `path` with these parameters.
    pub(super) fn link(&self, path: &str) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
    }
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().chars().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_values_are_decoded_and_the_first_counts() {
        let found = Parameters::of(Some("search=heat+pump&kind=water%20cold&search=x&flag&=y"));
        assert_eq!(
            [found.get("search"), found.get("kind"), found.get("flag"), found.get("none")],
            ["heat pump", "water cold", "", ""]
        );
        assert_eq!(found.with("kind", "").with("page", "2").get("page"), "2");
        assert_eq!(Parameters::of(None).link("/"), "/");
    }

    proptest! {
        #[test]
        fn a_link_has_the_same_parameters_when_it_is_read_again(
            pairs in proptest::collection::vec(("[a-z]{1,5}", ".{1,20}"), 0..4)
        ) {
            let mut wanted = Parameters::default();
            for (name, value) in &pairs {
                wanted = wanted.with(name, value);
            }
            let link = wanted.link("/meters");
            prop_assert_eq!(Parameters::of(link.split_once('?').map(|(_, query)| query)), wanted);
        }

        #[test]
        fn any_query_is_read(query in ".{0,200}") {
            Parameters::of(Some(&query)).link("/");
        }
    }
}
